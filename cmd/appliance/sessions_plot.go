package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"traction/record"
)

// sessionsPlotCommand draws one session.
type sessionsPlotCommand struct {
	sessionFlags
	Output string `help:"File to write, .png or .svg; without it the session's name with .png." short:"o" type:"path" placeholder:"FILE"`
}

func (c *sessionsPlotCommand) Run(ctx context.Context) error {
	return c.run(ctx, os.Stdout, time.Local)
}

func (c *sessionsPlotCommand) run(ctx context.Context, out io.Writer, zone *time.Location) error {
	if c.Output != "" && plotFormat(c.Output) == "" {
		return fmt.Errorf("-o: %q has an unknown ending, allowed: .png, .svg", c.Output)
	}
	store, x, _, err := c.find(record.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // read only
	trace, damage := store.Trace(x.Boot.ID, x.Treatment)
	if damage != nil && !errors.Is(damage, record.ErrDamaged) {
		return damage
	}
	trace.Started = trace.Started.In(zone)
	path := c.Output
	if path == "" {
		path = x.Name() + ".png"
	}
	err = whole(ctx, path, func(f *os.File) error {
		return errors.Join(damage, record.Plot(&interruptible{ctx, f}, plotFormat(path), trace))
	})
	if err != nil {
		return fmt.Errorf("plot of %s: %w", x.Name(), err)
	}
	_, err = fmt.Fprintf(out, "Plot of %s: %s\n", x.Name(), path)
	return err
}
