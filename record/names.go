package record

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"traction/control"
)

// Last is the name that stands for the newest session.
const Last = "last"

var (
	// ErrName: the text is not a session's name.
	ErrName = errors.New("not a session's name, allowed: boot id, dash and number of the treatment, such as 94d74cc8fbbff80d-2")
	// ErrAmbiguous: the beginning of a name fits several sessions.
	ErrAmbiguous = errors.New("fits several sessions")
)

// SessionName is a session's name everywhere: the boot id and the number of the
// treatment in that boot with a dash between.
func SessionName(boot string, treatment uint32) string { return fmt.Sprintf("%s-%d", boot, treatment) }

// Name is the session's name.
func (s *Session) Name() string { return SessionName(s.Boot.ID, s.Treatment) }

// name is a boot id in hexadecimal, as the control process makes it, and a number
// without leading zeros: each session has one name only.
var name = regexp.MustCompile(`^([0-9a-f]{1,64})-([1-9][0-9]{0,9})$`)

// ParseName takes a name apart; everything that SessionName does not write is
// ErrName.
func ParseName(text string) (boot string, treatment uint32, err error) {
	m := name.FindStringSubmatch(text)
	if m == nil {
		return "", 0, fmt.Errorf("record: %.80q: %w", text, ErrName)
	}
	n, err := strconv.ParseUint(m[2], 10, 32)
	if err != nil {
		return "", 0, fmt.Errorf("record: %.80q: %w", text, ErrName)
	}
	return m[1], uint32(n), nil
}

// Report returns the report of the session with this name; "" or Last is that of
// the newest session that has one. Errors: ErrName, ErrNotFound, also for a session
// without a report, ErrDamaged.
func (s *Store) Report(name string) (Boot, control.Report, error) {
	where, args := "EXISTS (SELECT 1 FROM reports r WHERE r.boot = t.boot AND r.treatment = t.number)", []any(nil)
	if name != "" && name != Last {
		boot, treatment, err := ParseName(name)
		if err != nil {
			return Boot{}, control.Report{}, err
		}
		where, args = "b.id = ? AND t.number = ?", []any{boot, treatment}
	}
	list, err := s.sessions(where, 1, args...)
	if err == nil && (len(list) == 0 || list[0].Report == nil) {
		err = ErrNotFound
	}
	if err != nil {
		return Boot{}, control.Report{}, fmt.Errorf("record: report %s: %w", name, classify(err))
	}
	return list[0].Boot, *list[0].Report, nil
}

// findMost is how many of several fitting sessions an error names.
const findMost = 4

// Find returns the session that a person means: by its name, by Last, by the
// beginning of the boot id with the number, or by the beginning of the boot id
// where that boot has one session only. Errors: ErrName; ErrNotFound; ErrAmbiguous,
// which names some; ErrDamaged, with what could be read.
func (s *Store) Find(text string) (Session, error) {
	where, args := "", []any(nil)
	if text == Last {
		where = "true"
	} else {
		boot, number, numbered := strings.Cut(text, "-")
		if !hexadecimal.MatchString(boot) {
			return Session{}, fmt.Errorf("record: %.80q: %w, or its beginning, or %q", text, ErrName, Last)
		}
		where, args = "substr(b.id, 1, ?) = ?", []any{len(boot), boot}
		if numbered {
			_, n, err := ParseName("0-" + number)
			if err != nil {
				return Session{}, fmt.Errorf("record: %.80q: %w, or its beginning, or %q", text, ErrName, Last)
			}
			where, args = where+" AND t.number = ?", append(args, n)
		}
	}
	most := findMost + 1
	if text == Last {
		most = 1
	}
	list, err := s.sessions(where, most, args...)
	if len(list) > 1 {
		return exactly(text, list, err)
	}
	return only(text, list, err)
}

var hexadecimal = regexp.MustCompile(`^[0-9a-f]{1,64}$`)

// exactly takes the session with this very name from several that it is the
// beginning of.
func exactly(text string, list []Session, err error) (Session, error) {
	var names []string
	for i := range list {
		if list[i].Name() == text {
			return only(text, list[i:i+1], err)
		}
		if i < findMost {
			names = append(names, list[i].Name())
		}
	}
	if len(list) > findMost {
		names = append(names, "...")
	}
	return Session{}, fmt.Errorf("record: session %s: %w: %s", text, ErrAmbiguous, strings.Join(names, ", "))
}
