package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"traction/control/quantity"
	"traction/record"
)

// mostSessions bounds a list; ten treatments a day for a century.
const mostSessions = 400_000

// sessionsListCommand lists sessions.
type sessionsListCommand struct {
	recordFlags
	Since sinceFlag `help:"Only sessions from this day or time on (\"2026-11-21\", \"2026-11-21 14:00\"), or of the last days or hours (\"7 d\", \"12 h\")." placeholder:"TIME"`
	Limit int       `help:"At most so many, 0 = all." default:"20" short:"n"`
	JSON  bool      `help:"Print the list as JSON." name:"json"`
}

func (c *sessionsListCommand) Run(context.Context) error { return c.run(os.Stdout, time.Now()) }

func (c *sessionsListCommand) run(out io.Writer, now time.Time) error {
	since, err := c.Since.time(now)
	if c.Limit < 0 || c.Limit > mostSessions {
		err = errors.Join(err, fmt.Errorf("--limit: %d is out of range, allowed: 0 (all) to %d", c.Limit, mostSessions))
	}
	if err != nil {
		return err
	}
	store, err := c.open(record.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // read only
	list, damage := store.SessionsSince(since, c.Limit)
	if damage != nil && !errors.Is(damage, record.ErrDamaged) {
		return damage
	}
	if c.JSON {
		for i := range list {
			list[i].Boot.Started = list[i].Boot.Started.UTC()
		}
		return errors.Join(record.WriteSessions(out, list), damage)
	}
	return errors.Join(listSessions(out, list, now.Location()), damage)
}

// listSessions prints one line each, in local time.
func listSessions(out io.Writer, list []record.Session, zone *time.Location) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "No session.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SESSION\tBEGAN\tTOOK\tPROGRAMME\tPEAK\tEND") //nolint:errcheck // Flush tells
	for i := range list {
		x := &list[i]
		programme, peak, end := "–", "–", "no report"
		if r := x.Report; r != nil {
			programme, peak, end = r.Programme, sayForce(r.Peak), sayEnd(r)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", x.Name(), x.Wall(x.Began).In(zone).Format("2006-01-02 15:04"), //nolint:errcheck
			sayClock(x.Ended-x.Began), programme, peak, end)
	}
	return w.Flush()
}

// sinceFlag is a time, or how long ago one was.
type sinceFlag string

var daysAgo = regexp.MustCompile(`^([0-9]{1,5}) ?d(ays?)?$`)

// time gives the time meant; zero when the flag was not given.
func (f sinceFlag) time(now time.Time) (time.Time, error) {
	text := strings.TrimSpace(string(f))
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", time.RFC3339} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at, nil
		}
	}
	if m := daysAgo.FindStringSubmatch(text); m != nil {
		days, err := strconv.Atoi(m[1])
		return now.AddDate(0, 0, -days), err
	}
	ago, err := quantity.Parse[time.Duration](text)
	if err != nil || ago < 0 {
		return time.Time{}, fmt.Errorf("--since: %.40q is no time, allowed: a day (2026-11-21), a time (2026-11-21 14:00), days (7 d) or hours (12 h)", text)
	}
	return now.Add(-ago), nil
}
