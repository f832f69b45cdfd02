package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"traction/record"
)

// sessionsDeleteCommand deletes sessions, after asking.
type sessionsDeleteCommand struct {
	recordFlags
	Sessions []string `arg:"" help:"The sessions' names, as listed."`
	Yes      bool     `help:"Do not ask."`
}

func (c *sessionsDeleteCommand) Run(ctx context.Context) error {
	return c.run(ctx, os.Stdin, os.Stdout, term.IsTerminal(int(os.Stdin.Fd())))
}

// run deletes what is confirmed. Without somebody to ask, --yes has to say it.
func (c *sessionsDeleteCommand) run(ctx context.Context, in io.Reader, out io.Writer, asks bool) error {
	if !c.Yes && !asks {
		return errors.New("delete: there is nobody to ask, so nothing is deleted; use --yes")
	}
	store, err := c.open(record.Options{Beside: true})
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // what was deleted is deleted
	var found []record.Session
	var errs []error
	for _, name := range c.Sessions {
		x, err := store.Find(name)
		if err != nil && (!errors.Is(err, record.ErrDamaged) || x.Treatment == 0) {
			errs = append(errs, adviseSession(name, err))
			continue
		}
		found = append(found, x)
	}
	if err := errors.Join(errs...); err != nil {
		return err // all or none, when one is misspelt
	}
	answers := bufio.NewReader(in)
	for i := range found {
		if err := c.deleteOne(ctx, store, &found[i], answers, out); err != nil {
			return err
		}
	}
	return nil
}

func (c *sessionsDeleteCommand) deleteOne(ctx context.Context, store *record.Store, x *record.Session, in *bufio.Reader, out io.Writer) error {
	text, err := deletionText(store, x)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, text); err != nil {
		return err
	}
	if !c.Yes {
		yes, err := confirmed(in, out)
		if err != nil {
			return err
		}
		if !yes {
			_, err := fmt.Fprintln(out, "kept")
			return err
		}
	}
	err = store.Delete(ctx, x.Boot.ID, x.Treatment)
	if errors.Is(err, record.ErrRunning) {
		return fmt.Errorf("session %s: %w", x.Name(), record.ErrRunning)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "deleted")
	return err
}

// deletionText says what is about to be deleted, and what has reached nobody yet.
func deletionText(store *record.Store, x *record.Session) (string, error) {
	what := "without a report"
	if r := x.Report; r != nil {
		what = fmt.Sprintf("%s, %s", r.Programme, sayEnd(r))
	}
	text := fmt.Sprintf("Session %s, %s, %s: its samples, events and report go for good.",
		x.Name(), x.Wall(x.Began).In(time.Local).Format("2006-01-02 15:04"), what)
	events, report, err := store.Unsent(x.Boot.ID, x.Treatment)
	if err != nil {
		return "", err
	}
	var waits []string
	if report {
		waits = append(waits, "its report")
	}
	if events > 0 {
		waits = append(waits, fmt.Sprintf("%d of its events", events))
	}
	if len(waits) > 0 {
		text += " No broker has acknowledged " + strings.Join(waits, " and ") + " yet; they go too."
	}
	return text, nil
}

// confirmed asks until it is answered; nothing is no.
func confirmed(in *bufio.Reader, out io.Writer) (bool, error) {
	for range 3 {
		if _, err := fmt.Fprint(out, "Delete it? [y/N] "); err != nil {
			return false, err
		}
		line, err := in.ReadString('\n')
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return true, nil
		case "", "n", "no":
			return false, nil
		}
		if err != nil {
			return false, nil
		}
	}
	return false, nil
}
