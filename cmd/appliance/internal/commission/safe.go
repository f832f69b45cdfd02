package commission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"traction/cmd/appliance/internal/settings"
	"traction/control/quantity/document"
	"traction/hw"
	"traction/hw/board"
)

// ErrNotSafe: not every output is known to be at its safe level.
var ErrNotSafe = errors.New("not every output could be made safe; press the emergency stop, and switch the table off at the mains")

// safeWithin bounds Safe: systemd waits for it between a crash and the restart.
const safeWithin = 2 * time.Second

// OpenLines opens the lines that are named, outputs at low.
type OpenLines func(board.Lines) (hw.Pins, error)

// BoardLines opens the lines of this computer.
func BoardLines(l board.Lines) (hw.Pins, error) {
	b, err := board.Open(board.Config{Lines: l})
	if err != nil {
		return hw.Pins{}, err
	}
	return b.Pins(), nil
}

// output is one line that can do harm, or noise.
type output struct {
	key string // in the settings
	of  func(*board.Lines) *string
}

// outputs in the order in which they are made safe: the most dangerous first.
var outputs = [...]output{
	{"enable", func(l *board.Lines) *string { return &l.Enable }},
	{"heat", func(l *board.Lines) *string { return &l.Heat }},
	{"charge_pump", func(l *board.Lines) *string { return &l.ChargePump }},
	{"step", func(l *board.Lines) *string { return &l.Step }},
	{"dir", func(l *board.Lines) *string { return &l.Dir }},
	{"buzzer", func(l *board.Lines) *string { return &l.Buzzer }},
	{"lamp_alarm", func(l *board.Lines) *string { return &l.LampAlarm }},
	{"lamp_caution", func(l *board.Lines) *string { return &l.LampCaution }},
	{"cell_clock", func(l *board.Lines) *string { return &l.CellClock }},
}

// Safe drives every output that the settings at path name to its safe level, each
// line on its own, so that one that is missing, busy or hangs keeps no other from
// being written. It takes 2 s at most. What it did and could not do goes to out;
// it returns nil only when the settings load and every line was written
// (R-SAFE-LAST).
//
// Settings that do not load do not stop it: their lines are taken as far as they
// can be read, and else those of the settings at their usual place; that is no success.
func Safe(out io.Writer, path, usual string, open OpenLines) error {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(out, "safe: "+format+"\n", args...) } // a closed log stops nothing
	for _, p := range slices.Compact([]string{path, usual}) {
		lines, sure, err := wiring(p)
		if err != nil {
			say("%s: %v", p, err)
			continue
		}
		if !sure {
			say("%s has mistakes (appliance check lists them); its lines are written all the same", p)
		}
		if p != path {
			say("using the lines of %s instead, which may not be this table's", p)
			sure = false
		}
		if err := writeSafe(say, lines, open); err != nil {
			return err
		}
		if !sure {
			return fmt.Errorf("the lines may be the wrong ones: %w", ErrNotSafe)
		}
		return nil
	}
	say("no settings could be read, so no line was written: nobody knows where the motor and the heater are wired")
	return ErrNotSafe
}

// wiring reads which lines are connected; sure is false when they had to be picked
// out of settings that do not load.
func wiring(path string) (lines board.Lines, sure bool, err error) {
	s, err := settings.Load(path)
	if err == nil {
		return board.Lines(s.Pins), true, nil
	}
	d, readErr := document.Read(path)
	if readErr != nil {
		return board.Lines{}, false, readErr
	}
	lines = board.Lines(settings.Default().Pins)
	lines.CellClock = "" // unused with an SPI port, and no danger
	named := false
	for _, o := range outputs {
		d.String("pins."+o.key, o.of(&lines), nil)
		named = named || d.Has("pins."+o.key)
	}
	if !named {
		return board.Lines{}, false, fmt.Errorf("names no output lines: %w", err)
	}
	return lines, false, nil
}

// writeSafe writes all lines at once and waits for them, but not for ever.
func writeSafe(say func(string, ...any), lines board.Lines, open OpenLines) error {
	results := make([]chan error, len(outputs))
	for i, o := range outputs {
		name := *o.of(&lines)
		if name == "" {
			continue
		}
		var one board.Lines
		*o.of(&one) = name
		results[i] = make(chan error, 1)
		go func() { results[i] <- safeLine(one, open) }()
	}
	ctx, cancel := context.WithTimeout(context.Background(), safeWithin)
	defer cancel()
	failed := false
	for i, o := range outputs {
		if results[i] == nil {
			continue
		}
		err := wait(ctx, results[i])
		if failed = failed || err != nil; err != nil {
			say("%s (%s): FAILED: %v", o.key, *o.of(&lines), err)
		} else {
			say("%s (%s): low", o.key, *o.of(&lines))
		}
	}
	if failed {
		return ErrNotSafe
	}
	return nil
}

// wait takes the result that comes in time, or has come.
func wait(ctx context.Context, result <-chan error) error {
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-result:
		return err
	default:
		return fmt.Errorf("no answer within %s", safeWithin)
	}
}

// safeLine writes one line and gives it back.
func safeLine(one board.Lines, open OpenLines) error {
	pins, err := open(one)
	if err != nil {
		return err
	}
	return pins.SafeOff()
}
