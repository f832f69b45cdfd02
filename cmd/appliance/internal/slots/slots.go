// Package slots decides which of two systems a Raspberry Pi 4 or 5 starts. It is the
// part of an update that RAUC leaves to the boot loader ("custom bootloader backend"
// in RAUC's manual).
//
// The firmware looks for autoboot.txt on the first partition, which says what
// partition to go on from. One flag, given with the restart itself and gone after it,
// makes it take the other one, once (tryboot). So a new system is first started on
// trial: only when it has proven itself is autoboot.txt changed. Whatever goes wrong
// before, a hang, a panic, a power cut, the next start is that of the old one, without
// any software having to decide it.
package slots

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"traction/cmd/appliance/internal/durable"
)

// The systems, by the names that RAUC and the kernel's command line give them.
const (
	A = "A"
	B = "B"
)

var (
	// ErrName: there is no such system.
	ErrName = errors.New("slots: no such system, allowed: A, B")
	// ErrInUse: the system that starts by default cannot be given up, since the other
	// one has not proven itself.
	ErrInUse = errors.New("slots: this system starts by default, and the other one is not known to be good")
	// ErrNotRunning: only a system that runs can prove that it is good.
	ErrNotRunning = errors.New("slots: only the system that runs can be marked good")
)

// tryboot is what the restart has to carry: partition 0 (as autoboot.txt says) and
// the flag. systemd hands the kernel what this file holds.
const tryboot = "0 tryboot\n"

// Slots is where the boot loader's files are.
type Slots struct {
	// Dir is the mounted first partition.
	Dir string
	// CommandLine is the kernel's own command line, /proc/cmdline.
	CommandLine string
	// RebootParam is systemd's file with the argument of the next restart,
	// /run/systemd/reboot-param.
	RebootParam string
	// Log is told what is done, one line each.
	Log io.Writer
}

// Current is the system that runs.
func (s *Slots) Current() (string, error) {
	data, err := os.ReadFile(s.CommandLine)
	if err != nil {
		return "", fmt.Errorf("slots: %w", err)
	}
	for _, word := range strings.Fields(string(data)) {
		if name, ok := strings.CutPrefix(word, "rauc.slot="); ok {
			return name, known(name)
		}
	}
	return "", fmt.Errorf("slots: %s names no rauc.slot", s.CommandLine)
}

// Primary is the system that the next orderly restart takes: the one on trial, if
// there is one, else the default.
func (s *Slots) Primary() (string, error) {
	b, err := s.load()
	if err != nil {
		return "", err
	}
	if other := otherThan(b.byDefault); b.states[other] == trial {
		return other, nil
	}
	return b.byDefault, nil
}

// SetPrimary lets the next orderly restart try the named system, once. The default
// stays as it is until the tried one is marked good.
func (s *Slots) SetPrimary(name string) error {
	if err := known(name); err != nil {
		return err
	}
	b, err := s.load()
	if err != nil {
		return err
	}
	other := otherThan(b.byDefault)
	if name == b.byDefault {
		if b.states[other] == trial {
			b.states[other] = bad
		}
		s.say("%s starts next, as it does by default", name)
		return errors.Join(s.store(b), s.forgetTrial())
	}
	b.states[name] = trial
	if err := s.store(b); err != nil {
		return err
	}
	s.say("%s will be tried at the next restart; without one, or if it does not prove itself, %s goes on", name, b.byDefault)
	if err := os.WriteFile(s.RebootParam, []byte(tryboot), 0o644); err != nil {
		return fmt.Errorf("slots: %w", err)
	}
	return nil
}

// Good tells whether the last start of the named system proved it.
func (s *Slots) Good(name string) (bool, error) {
	if err := known(name); err != nil {
		return false, err
	}
	b, err := s.load()
	if err != nil {
		return false, err
	}
	return b.states[name] == good, nil
}

// SetGood keeps the system that runs: if it ran on trial, it is the default from now
// on. If it is the default and another one waits for a trial since an earlier start,
// that trial has failed or was lost in a power cut, and is over.
func (s *Slots) SetGood(name string) error {
	if err := known(name); err != nil {
		return err
	}
	if current, err := s.Current(); err != nil {
		return err
	} else if current != name {
		return fmt.Errorf("%w: %s runs", ErrNotRunning, current)
	}
	b, err := s.load()
	if errors.Is(err, errAutoboot) { // what runs has proven that it can be started: it mends the file
		s.say("%v; written anew for %s", err, name)
		b, err = boot{byDefault: name, states: map[string]state{name: good, otherThan(name): bad}, stale: true}, nil
	}
	if err != nil {
		return err
	}
	other := otherThan(name)
	switch {
	case b.byDefault != name && b.states[name] == trial:
		s.say("%s is kept, it starts by default from now on", name)
		b.byDefault, b.stale = name, true
	case b.byDefault == name && b.states[other] == trial && !s.trialAhead():
		s.say("%s was to be tried and does not run: it has not proven itself, or there was no orderly restart; install it again", other)
		b.states[other] = bad
	}
	b.states[name] = good
	return s.store(b)
}

// SetBad takes a system out of use, before it is written anew or because it has
// failed. The default one is given up only for one that is good.
func (s *Slots) SetBad(name string) error {
	if err := known(name); err != nil {
		return err
	}
	b, err := s.load()
	if err != nil {
		return err
	}
	if name == b.byDefault {
		other := otherThan(name)
		if b.states[other] != good {
			return fmt.Errorf("%w: %s", ErrInUse, name)
		}
		s.say("%s starts by default from now on", other)
		b.byDefault, b.stale = other, true
	}
	b.states[name] = bad
	return errors.Join(s.store(b), s.forgetTrial())
}

// trialAhead tells whether a trial was asked for since this start.
func (s *Slots) trialAhead() bool {
	data, err := os.ReadFile(s.RebootParam)
	return err == nil && strings.TrimSpace(string(data)) == strings.TrimSpace(tryboot)
}

// forgetTrial makes the next restart an ordinary one.
func (s *Slots) forgetTrial() error {
	if !s.trialAhead() {
		return nil
	}
	if err := os.Remove(s.RebootParam); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("slots: %w", err)
	}
	return nil
}

// store writes what changed. The firmware's file goes first: a power cut between
// the two leaves at worst a good system that is not called so yet.
func (s *Slots) store(b boot) error {
	if b.stale {
		if err := durable.Replace(filepath.Join(s.Dir, autobootFile), autoboot(b.byDefault), fileMode); err != nil {
			return fmt.Errorf("slots: %w", err)
		}
	}
	if err := durable.Replace(filepath.Join(s.Dir, stateFile), b.text(), fileMode); err != nil {
		return fmt.Errorf("slots: %w", err)
	}
	return nil
}

func (s *Slots) say(format string, args ...any) {
	fmt.Fprintf(s.Log, format+"\n", args...)
}

func known(name string) error {
	if name != A && name != B {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	return nil
}

func otherThan(name string) string {
	if name == A {
		return B
	}
	return A
}
