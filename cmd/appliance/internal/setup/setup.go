// Package setup configures a computer that has no screen and no keyboard: somebody
// writes one file on the boot partition, on a PC, and at the next start the computer
// becomes what the file says.
//
// All of the file is checked before anything is changed, and everything that is wrong
// is written into a file beside it. What is right is applied as a whole: every file is
// on the disk beside its place before the first one takes its place. Passwords do not
// stay on the boot partition, which any PC can read: once they are safely where only
// root and the services read them, they are blanked out there.
package setup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"traction/cmd/appliance/internal/durable"
)

// The files on the boot partition, beside the setup file.
const (
	// Name of the setup file.
	Name = "traction-setup.toml"
	// SettingsName is a whole file of settings that replaces the table's.
	SettingsName = "traction.toml"
	logName      = "traction-setup.log"
	errorsName   = "traction-setup.errors.txt"
)

// ErrRefused: something is wrong, and nothing was changed. What it is stands in the
// error and in a file on the boot partition.
var ErrRefused = errors.New("nothing was changed")

// Setup applies the files of one folder to one computer.
type Setup struct {
	// Folder is the mounted boot partition.
	Folder string
	// Root is the computer's root, "/" but for tests and images.
	Root string
	// Out is told what was done, or what is wrong.
	Out io.Writer
	// Now is the time that is written down.
	Now func() time.Time
	// SetHostname gives the kernel a name at once; nil leaves that to the next start.
	SetHostname func(string) error
}

// noDataFile is written by an image's first process where the data partition cannot be
// used: then /etc and /var are in memory, and so would be what is taken over.
const noDataFile = "/run/traction-no-data"

// errNoData: passwords that were moved now would be gone with the power.
var errNoData = errors.New("the card's data partition cannot be used, so nothing would be kept; " +
	"if the next start says the same, write the image to a new card: what this one has kept is then lost")

// Run applies what is new. An error wraps ErrRefused, unless something broke while it
// was applied; then the next Run does it again.
func (s *Setup) Run() error {
	if _, err := os.Lstat(s.at(noDataFile)); !errors.Is(err, fs.ErrNotExist) {
		return s.refuse(errors.Join(errNoData, err))
	}
	m := s.remember()
	if err := s.finishBlanking(&m); err != nil {
		return s.refuse(fmt.Errorf("passwords in %s: %w", Name, err))
	}
	in, err := s.read()
	if err != nil {
		return s.refuse(err)
	}
	if in.setup == nil && in.settings == nil {
		return s.nothing("no %s in %s: nothing to do", Name, s.Folder)
	}
	newSetup, newSettings := hash(in.setup) != m.Setup, hash(in.settings) != m.Settings
	if in.settings == nil {
		newSettings = false // one that was taken away has been applied, and is the table's now
	}
	if !newSettings && (!newSetup || in.setup == nil) {
		return s.nothing("%s is as it was when it was applied: nothing to do", Name)
	}
	if !newSettings {
		in.settings = nil
	}
	p, err := s.plan(in)
	if err != nil {
		return s.refuse(err)
	}
	return s.apply(p, &m)
}

// apply changes the computer.
func (s *Setup) apply(p *plan, m *memory) error {
	// Whoever cannot write the log cannot blank out passwords either.
	log, err := durable.Stage(filepath.Join(s.Folder, logName), s.report(p), bootMode)
	if err != nil {
		return s.refuse(fmt.Errorf("the boot partition cannot be written: %w", err))
	}
	defer log.Discard() //nolint:errcheck // it only tidies up
	if err := s.write(p.changes); err != nil {
		return err
	}
	if err := s.blank(p, m); err != nil {
		return err
	}
	if err := errors.Join(log.Commit(), durable.Remove(filepath.Join(s.Folder, errorsName))); err != nil {
		return fmt.Errorf("setup: all was applied, but the boot partition does not say so: %w", err)
	}
	_, err = s.Out.Write(s.report(p))
	if s.SetHostname != nil && p.hostname != "" {
		err = errors.Join(err, s.SetHostname(p.hostname))
	}
	return err
}

// bootMode is that of files on the boot partition, where the file system has modes.
const bootMode = 0o644

// report is what the log says.
func (s *Setup) report(p *plan) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Applied %s.\n", s.date())
	for _, c := range p.changes {
		if c.say != "" {
			fmt.Fprintf(&b, "- %s\n", c.say)
		}
	}
	for _, w := range p.warnings {
		fmt.Fprintf(&b, "- NOTE: %s\n", w)
	}
	if p.blanking != nil {
		b.WriteString("- passwords were moved from this partition to the computer\n")
	}
	return []byte(b.String())
}

// refuse tells what is wrong, on the console and on the boot partition.
func (s *Setup) refuse(err error) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Nothing was changed %s. Mend this, and start the computer again:\n\n", s.date())
	for _, one := range all(err) {
		fmt.Fprintf(&b, "%v\n", one)
	}
	told := durable.Replace(filepath.Join(s.Folder, errorsName), []byte(b.String()), bootMode)
	_, said := io.WriteString(s.Out, b.String())
	return errors.Join(fmt.Errorf("setup: %w: %w", ErrRefused, err), told, said)
}

// all takes joined errors apart.
func all(err error) (out []error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			out = append(out, all(e)...)
		}
		return out
	}
	return []error{err}
}

// firstYear is one in which nothing here existed: a clock that says less is not set.
const firstYear = 2025

// date is when this happens, as far as the computer knows.
func (s *Setup) date() string {
	if now := s.Now().UTC(); now.Year() >= firstYear {
		return now.Format("2006-01-02 15:04:05 UTC")
	}
	return "(when is not known, the clock is not set yet)"
}

// nothing says that there is nothing to do, and takes away what an earlier start found
// wrong: it is wrong no more.
func (s *Setup) nothing(format string, args ...any) error {
	_, err := fmt.Fprintf(s.Out, format+"\n", args...)
	stale := filepath.Join(s.Folder, errorsName)
	if _, none := os.Lstat(stale); none == nil { // a partition that cannot be written has none to take away
		err = errors.Join(err, durable.Remove(stale))
	}
	return err
}

// at is a path of the computer.
func (s *Setup) at(path string) string { return filepath.Join(s.Root, path) }
