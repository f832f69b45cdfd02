// Package health tells whether a system that was started does its work: for a while,
// not just for a moment. An update is kept only after that.
package health

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// every is the time between two looks.
const every = time.Second

// mostLook bounds one look; control and systemd answer within milliseconds.
const mostLook = 5 * time.Second

// ErrUnwell: the system did not stay well for long enough. The text says what was
// the matter when it was looked at last.
var ErrUnwell = errors.New("this system has not proven itself")

// Seen is what one look finds of the control process.
type Seen struct {
	// Boot is another one after each start of the process.
	Boot string
	// Version of the process.
	Version string
	// At is the process's own time: that of its newest tick.
	At time.Duration
}

// Watch looks again and again.
type Watch struct {
	// For is how long all has to be well without a break.
	For time.Duration
	// Within is when that must be done.
	Within time.Duration
	// Version that the control process must have; another one is left from before.
	Version string
	// Control looks at the control process.
	Control func(context.Context) (Seen, error)
	// Units gives each service's invocation, which is another one after each start;
	// one that does not run is an error.
	Units func(context.Context) (map[string]string, error)
}

// look is what was found at one time.
type look struct {
	when  time.Time
	seen  Seen
	units map[string]string
}

// Run returns nil once all has been well for long enough, or ErrUnwell.
func (w *Watch) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.Within)
	defer cancel()
	var first *look
	reason := fmt.Errorf("there was no time for %s", w.For)
	for {
		now, err := w.look(ctx)
		if err == nil && first != nil {
			err = w.compare(first, now)
		}
		switch {
		case ctx.Err() != nil: // what was not seen in time says nothing about the reason
		case err != nil:
			first, reason = nil, err
		case first == nil:
			first = now
		case now.when.Sub(first.when) >= w.For:
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w within %s; at last: %w", ErrUnwell, w.Within, reason)
		case <-time.After(every):
		}
	}
}

func (w *Watch) look(ctx context.Context) (*look, error) {
	ctx, cancel := context.WithTimeout(ctx, mostLook)
	defer cancel()
	units, err := w.Units(ctx)
	if err != nil {
		return nil, err
	}
	seen, err := w.Control(ctx)
	if err != nil {
		return nil, err
	}
	if seen.Version != w.Version {
		return nil, fmt.Errorf("the control process is version %s, this is %s", seen.Version, w.Version)
	}
	return &look{time.Now(), seen, units}, nil
}

// compare finds what happened since the first look.
func (w *Watch) compare(first, now *look) error {
	for unit, invocation := range first.units {
		if now.units[unit] != invocation {
			return fmt.Errorf("%s was started again", unit)
		}
	}
	if now.seen.Boot != first.seen.Boot {
		return errors.New("the control process was started again")
	}
	// Ticks follow the clock. Half of it leaves room for the time that looking takes
	// on a busy computer.
	if passed, ticked := now.when.Sub(first.when), now.seen.At-first.seen.At; ticked < passed/2 {
		return fmt.Errorf("the control process made ticks for %s of %s", ticked.Round(time.Millisecond), passed.Round(time.Millisecond))
	}
	return nil
}
