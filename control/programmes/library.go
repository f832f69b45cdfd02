package programmes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"traction/control"
)

// maxFiles bounds how many of the user's own programmes are looked at.
const maxFiles = 500

// Library is the built-in programmes and those of one folder. It reads a file
// when it is asked for it, so an edited programme counts from its next selection.
// The zero value has the built-in ones only.
type Library struct {
	// Dir holds the user's own programmes; empty, or a folder that does not exist,
	// means none.
	Dir string
}

// Programme gives the programme of that name, freshly read and checked. An
// unknown name is ErrUnknown.
func (l Library) Programme(name string) (*control.Programme, error) {
	if slices.Contains(names, name) {
		return loadBuiltin(name)
	}
	own, err := l.own()
	if err != nil {
		return nil, err
	}
	// Only names that the folder itself lists are opened: a name from outside never
	// becomes a path.
	if !slices.Contains(own, name) {
		return nil, fmt.Errorf("%w: %q, known: %s", ErrUnknown, name, strings.Join(append(Builtin(), own...), ", "))
	}
	return Load(filepath.Join(l.Dir, name+Extension))
}

// Programmes lists all names, the built-in ones first.
func (l Library) Programmes() []string {
	own, err := l.own()
	if err != nil {
		return Builtin() // Check and Programme say why
	}
	return append(Builtin(), own...)
}

// Check reads every file of the folder and reports all that is wrong in any of
// them, so that a mistake is found at start-up and not with a person on the table.
func (l Library) Check() error {
	own, err := l.own()
	errs := []error{err}
	for _, name := range own {
		_, err := Load(filepath.Join(l.Dir, name+Extension))
		errs = append(errs, err)
	}
	for _, name := range names {
		path := filepath.Join(l.Dir, name+Extension)
		if _, err := os.Stat(path); l.Dir != "" && err == nil {
			errs = append(errs, fmt.Errorf("%s: %s is a built-in programme and cannot be replaced, give the file another name", path, name))
		}
	}
	return errors.Join(errs...)
}

// own lists the names in the folder, sorted, without those that are built in: a
// known name always means the published numbers.
func (l Library) own() ([]string, error) {
	if l.Dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(l.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("programmes: %w", err)
	}
	var out []string
	for _, e := range entries {
		name := stem(e.Name())
		if e.IsDir() || filepath.Ext(e.Name()) != Extension || strings.HasPrefix(name, ".") || slices.Contains(names, name) {
			continue
		}
		if len(out) == maxFiles {
			return out, fmt.Errorf("programmes: %s holds more than %d programmes, take some away", l.Dir, maxFiles)
		}
		out = append(out, name)
	}
	return out, nil
}
