package board

import (
	"fmt"
	"strconv"
	"strings"
)

// line is one line of one chip, as the kernel describes it.
type line struct {
	chip, label string
	offset      int
	name        string
	consumer    string // who held it when the chips were read
}

// where says which line it is, in the kernel's terms.
func (l line) where() string { return fmt.Sprintf("%s:%d (%s)", l.chip, l.offset, l.label) }

// answersTo reports whether the line has the name. gpioioctl puts the chip's
// name before one that was taken already.
func (l line) answersTo(name string) bool {
	return l.name == name || l.name == l.chip+"-"+name
}

// resolve finds the line that is meant by a name or by chip:offset. It returns
// its index.
func resolve(text string, all []line) (int, error) {
	var found []int
	for i, l := range all {
		if l.answersTo(text) {
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		found = resolveOffset(text, all)
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return 0, fmt.Errorf("no line %q; gpioinfo lists the lines that there are, %s", text, chips(all))
	}
	var where []string
	for _, i := range found {
		where = append(where, all[i].where())
	}
	return 0, fmt.Errorf("line %q is ambiguous: %s; name one as chip:offset", text, strings.Join(where, ", "))
}

// resolveOffset takes the text as chip:offset. A chip's label may have colons.
func resolveOffset(text string, all []line) (found []int) {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return nil
	}
	offset, err := strconv.Atoi(text[colon+1:])
	if err != nil {
		return nil
	}
	chip := text[:colon]
	for i, l := range all {
		if l.offset == offset && (l.chip == chip || l.label == chip) {
			found = append(found, i)
		}
	}
	return found
}

// chips lists the chips in the order of their lines.
func chips(all []line) string {
	var names []string
	last := ""
	for _, l := range all {
		if l.chip != last {
			names = append(names, fmt.Sprintf("%s (%s)", l.chip, l.label))
			last = l.chip
		}
	}
	if names == nil {
		return "but no chip could be read"
	}
	return "the chips are " + strings.Join(names, ", ")
}

// twice finds the line that two pins share.
func twice(key string, i int, taken map[int]string) error {
	if other, ok := taken[i]; ok {
		return fmt.Errorf("the same line as %s", other)
	}
	taken[i] = key
	return nil
}
