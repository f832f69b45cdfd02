package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"traction/control"
)

// screen is a terminal that shows frames on its alternate screen.
type screen struct {
	out, in       *os.File
	raw           *term.State // of in before, nil = in is no terminal
	palette       palette
	width, height int
	shown         []string // lines of the last frame
	last          string   // what to leave behind
	closed        bool
}

// frameEvery is ten frames a second, as often as the state is told.
const frameEvery = 100 * time.Millisecond

// The control sequences (ECMA-48, and xterm's private modes 25 and 1049).
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[2J"
	leaveScreen = "\x1b[0m\x1b[?25h\x1b[?1049l"
	clearScreen = "\x1b[0m\x1b[2J"
)

// openScreen takes the terminal over; close gives it back.
func openScreen(out, in *os.File) (*screen, error) {
	s := &screen{out: out, in: in, palette: colours}
	if os.Getenv("NO_COLOR") != "" {
		s.palette = monochrome
	}
	if in != nil && term.IsTerminal(int(in.Fd())) {
		var err error
		if s.raw, err = term.MakeRaw(int(in.Fd())); err != nil {
			return nil, err
		}
	}
	if _, err := io.WriteString(out, enterScreen); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// close gives the terminal back as it was and leaves a line about the state.
func (s *screen) close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	_, err := io.WriteString(s.out, leaveScreen)
	if s.raw != nil {
		err = errors.Join(err, term.Restore(int(s.in.Fd()), s.raw))
	}
	if s.last != "" {
		fmt.Fprintln(s.out, s.last) //nolint:errcheck // the terminal is back, which is what matters
	}
	return err
}

func (s *screen) every() time.Duration { return frameEvery }

// show writes the lines that differ from the last frame.
func (s *screen) show(v *view) error {
	width, height, err := term.GetSize(int(s.out.Fd()))
	if err != nil || width < 1 || height < 1 {
		width, height = 80, 24
	}
	var b bytes.Buffer
	if width != s.width || height != s.height {
		b.WriteString(clearScreen)
		s.width, s.height, s.shown = width, height, nil
	}
	lines := v.lines(width, height)
	for i, line := range lines {
		if i >= len(s.shown) || s.shown[i] != line {
			fmt.Fprintf(&b, "\x1b[%d;1H%s\x1b[0m\x1b[K", i+1, line)
		}
	}
	s.shown, s.last = lines, farewell(v)
	if b.Len() == 0 {
		return nil
	}
	_, err = s.out.Write(b.Bytes())
	return err
}

// farewell tells what goes on when nobody watches any more.
func farewell(v *view) string {
	if !v.known {
		return ""
	}
	switch s := &v.state; s.Mode {
	case control.Treating, control.Paused:
		return fmt.Sprintf("The table is %s, force %s, %s left; the treatment goes on.", s.Mode, sayForce(s.Force), sayLeft(s.Remaining))
	case control.Releasing, control.Recovering:
		return fmt.Sprintf("The table is %s, force %s.", s.Mode, sayForce(s.Force))
	default:
		return ""
	}
}

// lineLog shows a line a second, for pipes and files.
type lineLog struct{ out io.Writer }

func (l *lineLog) every() time.Duration { return time.Second }

func (l *lineLog) show(v *view) error {
	_, err := fmt.Fprintln(l.out, v.oneLine())
	return err
}
