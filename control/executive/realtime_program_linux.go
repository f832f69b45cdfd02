package executive

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"unsafe"
)

// stretch is a part of the address space, from the first byte to the one after
// the last.
type stretch struct{ from, to uintptr }

func (s stretch) holds(at uintptr) bool { return s.from <= at && at < s.to }

// mapping is a stretch that shows a part of a file.
type mapping struct {
	stretch
	file string // device and inode
	code bool
	// changed: some of its pages differ from the file, as those that a loader or a
	// debugger wrote to, and would be lost if they were let go.
	changed bool
}

// image is what the running program shows of its own file and never writes to: its
// code and its constants.
type image []mapping

// program reads the image of this process.
func program() (image, error) {
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return nil, err
	}
	var all image
	for line := range strings.Lines(string(smaps)) {
		f := strings.Fields(line) // range, mode, offset, device, inode, name (proc_pid_maps(5))
		switch n := len(all) - 1; {
		case len(f) >= 5 && strings.Contains(f[0], "-"):
			m := mapping{file: f[3] + " " + f[4], code: f[1][2] == 'x', changed: f[1][1] == 'w'}
			if _, err := fmt.Sscanf(f[0], "%x-%x", &m.from, &m.to); err != nil {
				return nil, fmt.Errorf("/proc/self/smaps: %q: %w", f[0], err)
			}
			all = append(all, m)
		case n >= 0 && f[0] == "Anonymous:" && f[1] != "0":
			all[n].changed = true
		}
	}
	here, _, _, _ := runtime.Caller(0)
	at := slices.IndexFunc(all, func(m mapping) bool { return m.holds(here) })
	if at < 0 {
		return nil, errors.New("/proc/self/smaps does not show the program's code")
	}
	file := all[at].file
	return slices.DeleteFunc(all, func(m mapping) bool { return m.file != file }), nil
}

// look is how far apart of looks at whose code stands somewhere, in bytes. The linker
// lays the functions of a package side by side; what lies within this distance of one
// may be of the same package. Those of a tick that are smaller stand among others of
// them, at the runtime's side.
const look = 1024

// of returns the whole pages with code of these packages, and those with the
// constants of all.
func (i image) of(packages []string) (parts []stretch) {
	page := uintptr(os.Getpagesize())
	down, up := func(at uintptr) uintptr { return at &^ (page - 1) }, func(at uintptr) uintptr { return (at + page - 1) &^ (page - 1) }
	var names uintptr // where the names of functions begin
	for _, m := range i {
		for at := m.from; m.code && at < m.to; at += look {
			f := runtime.FuncForPC(at)
			if f == nil {
				continue
			}
			name := f.Name()
			if at := uintptr(unsafe.Pointer(unsafe.StringData(name))); i.constants(at) != nil && (names == 0 || at < names) {
				names = at
			}
			if !belongs(name, packages) {
				continue
			}
			part := stretch{max(down(at-look), m.from), min(up(at+look), m.to)}
			if n := len(parts); n > 0 && parts[n-1].to >= part.from {
				parts[n-1].to = part.to
			} else {
				parts = append(parts, part)
			}
		}
	}
	// The constants stand before the names, which lead the tables for stack traces.
	// Those are larger than all constants, and no tick looks at them.
	if c := i.constants(names); c != nil {
		parts = append(parts, stretch{c.from, min(up(names), c.to)})
	}
	return parts
}

// constants is the mapping of constants that holds an address, nil if none does.
func (i image) constants(at uintptr) *mapping {
	for n := range i {
		if m := &i[n]; !m.code && m.holds(at) {
			return m
		}
	}
	return nil
}

// belongs tells whether a function is of one of the packages, or of one below it.
func belongs(function string, packages []string) bool {
	for _, p := range packages {
		if rest, ok := strings.CutPrefix(function, p); ok && rest != "" && (rest[0] == '.' || rest[0] == '/') {
			return true
		}
	}
	return false
}
