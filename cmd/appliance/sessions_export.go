package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"traction/record"
)

// sessionsExportCommand writes one session for other programs.
type sessionsExportCommand struct {
	sessionFlags
	Format string `help:"csv (samples), jsonl (report, events and samples, one a line) or json (the same as one object); without it by the file's ending, or csv."`
	Output string `help:"File to write; without it to the terminal, or into the pipe." short:"o" type:"path" placeholder:"FILE"`
}

func (c *sessionsExportCommand) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

// exportFormats in the order of their names.
var exportFormats = []string{"csv", "json", "jsonl"}

// format is what was asked for, or the file's ending.
func (c *sessionsExportCommand) format() (string, error) {
	format, from := c.Format, "--format"
	if format == "" && c.Output != "" {
		format, from = strings.TrimPrefix(strings.ToLower(filepath.Ext(c.Output)), "."), "-o: the ending of "+c.Output+":"
	} else if format == "" {
		format = "csv"
	}
	for _, f := range exportFormats {
		if f == format {
			return f, nil
		}
	}
	return "", fmt.Errorf("%s %q is no format, allowed: %s", from, format, strings.Join(exportFormats, ", "))
}

func (c *sessionsExportCommand) run(ctx context.Context, out io.Writer) error {
	format, err := c.format()
	if err != nil {
		return err
	}
	store, x, damage, err := c.find(record.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // read only
	write := func(w io.Writer) error {
		return errors.Join(damage, exportSession(&interruptible{ctx, w}, store, x, format))
	}
	if c.Output == "" {
		return write(out)
	}
	if err := whole(ctx, c.Output, func(f *os.File) error { return write(f) }); err != nil {
		return fmt.Errorf("export of %s: %w", x.Name(), err)
	}
	_, err = fmt.Fprintf(out, "Export of %s: %s\n", x.Name(), c.Output)
	return err
}

// exportSession writes a session in one of the formats.
func exportSession(w io.Writer, store *record.Store, x record.Session, format string) error {
	entries := store.Entries(x.Boot.ID, x.Treatment)
	if format == "csv" {
		return record.WriteCSV(w, x, entries)
	}
	events, damage := store.Events(x.Boot.ID, x.Treatment)
	if damage != nil && !errors.Is(damage, record.ErrDamaged) {
		return damage
	}
	if format == "jsonl" {
		return errors.Join(damage, record.WriteJSONL(w, x, events, entries))
	}
	return errors.Join(damage, record.WriteJSON(w, x, events, entries))
}

// interruptible ends writing once ctx has ended.
type interruptible struct {
	ctx context.Context
	w   io.Writer
}

func (i *interruptible) Write(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.w.Write(p)
}
