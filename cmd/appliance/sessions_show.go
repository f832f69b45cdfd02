package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
	"traction/record"
)

// sessionsShowCommand shows one session.
type sessionsShowCommand struct {
	sessionFlags
	All  bool `help:"Show every event, each change of phase and mode too."`
	JSON bool `help:"Print report and events as JSON." name:"json"`
}

func (c *sessionsShowCommand) Run(context.Context) error { return c.run(os.Stdout, time.Local) }

func (c *sessionsShowCommand) run(out io.Writer, zone *time.Location) error {
	store, x, damage, err := c.find(record.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // read only
	events, err := store.Events(x.Boot.ID, x.Treatment)
	if err != nil && !errors.Is(err, record.ErrDamaged) {
		return err
	}
	damage = errors.Join(damage, err)
	if c.JSON {
		return errors.Join(record.WriteJSON(out, x, events, nil), damage)
	}
	s, err := readSamples(store, &x)
	if err != nil {
		return err
	}
	x.Boot.Started = x.Boot.Started.In(zone)
	text := sessionText(&x, &s) + eventsText(&x, events, c.All)
	if _, err := io.WriteString(out, text); err != nil {
		return err
	}
	return errors.Join(damage, s.damage)
}

// samples is what is stored of a session's samples.
type samples struct {
	stored, missing uint64
	damage          error
}

// readSamples reads all of them, so that what it says holds.
func readSamples(store *record.Store, x *record.Session) (s samples, err error) {
	last := uint64(0)
	for e, err := range store.Entries(x.Boot.ID, x.Treatment) {
		switch {
		case errors.Is(err, record.ErrDamaged):
			s.damage = errors.Join(s.damage, err)
		case err != nil:
			return s, err
		default:
			if last != 0 && e.Seq > last {
				s.missing += e.Seq - last - 1
			}
			last = e.Seq
			s.stored++
		}
	}
	return s, nil
}

func (s *samples) text() string {
	switch {
	case s.stored == 0 && s.damage == nil:
		return "none are kept"
	case s.missing == 0:
		return fmt.Sprintf("%d, none is missing", s.stored)
	}
	return fmt.Sprintf("%d, %d are missing", s.stored, s.missing)
}

// sessionText is the report of a session.
func sessionText(x *record.Session, s *samples) string {
	var p sheet
	const day = "2006-01-02 15:04:05 MST"
	p.row("Session", fmt.Sprintf("%s, table %s, control process %s", x.Name(), x.Boot.Table, x.Boot.Version))
	r := x.Report
	if r == nil {
		p.row("Began", x.Wall(x.Began).Format(day))
		p.row("Last sample", fmt.Sprintf("%s, %s later", x.Wall(x.Ended).Format("15:04:05"), sayClock(x.Ended-x.Began)))
		p.row("Result", "no report: it still runs, or was cut off by a loss of power")
		p.row("Samples", s.text())
		return p.String()
	}
	p.row("Programme", r.Programme)
	p.row("Began", x.Wall(r.Started).Format(day))
	p.row("Ended", fmt.Sprintf("%s, %s later: %s", x.Wall(r.Ended).Format("15:04:05"), sayClock(r.Ended-r.Started), sayEnd(r)))
	p.row("Treatment", fmt.Sprintf("%s in %d %s", sayClock(r.Elapsed), r.Cycles, map[bool]string{true: "cycle", false: "cycles"}[r.Cycles == 1]))
	p.row("Force", fmt.Sprintf("peak %s, limit %s (%s)", sayForce(r.Peak), sayForce(r.Limit.Value), r.Limit.Reason))
	hold := "was not reached"
	if r.Holds > 0 {
		hold = fmt.Sprintf("mean %s, mean error %s, %s %% of %d samples within 5 %%",
			sayForce(r.MeanHold), sayForce(r.MeanHoldError), tenths(100*r.HoldWithin5), r.Holds)
	}
	p.row("Hold", hold)
	p.row("Travel", fmt.Sprintf("%s at most", sayPosition(r.MaxTravel)))
	release := "the cell never showed slack"
	if r.TimeToSlack > 0 {
		release = fmt.Sprintf("slack after %s s", tenths(r.TimeToSlack.Seconds()))
	}
	p.row("Release", release)
	p.row("Samples", s.text())
	var trips []string
	for _, id := range r.Trips.IDs() {
		trips = append(trips, fmt.Sprintf("%v: %s", id, tripText(id)))
	}
	p.row("Trips", trips...)
	return p.String()
}

// eventsText lists the events; those that the phases of a programme make by
// themselves only when all are asked for.
func eventsText(x *record.Session, events []control.Event, all bool) string {
	var out strings.Builder
	hidden := 0
	for i := range events {
		e := &events[i]
		if !all && (e.Kind == control.EventPhase || e.Kind == control.EventMode) {
			hidden++
			continue
		}
		const indent = 20
		for j, line := range wrapText(link.Text(*e), statusWidth-indent) {
			when := ""
			if j == 0 {
				when = fmt.Sprintf("%s  %7s", x.Wall(e.At).Format("15:04:05"), sayEventForce(e.Force))
			}
			fmt.Fprintf(&out, "%-*s%s\n", indent, when, line)
		}
	}
	if hidden > 0 {
		fmt.Fprintf(&out, "(without changes of phase and mode, %d; --all shows them)\n", hidden)
	}
	if out.Len() == 0 {
		return ""
	}
	return "\n" + out.String()
}

func sayEventForce(f physic.Force) string {
	return fmt.Sprintf("%.0f N", max(0, float64(f)/float64(physic.Newton)))
}

// sayEnd says why a treatment ended.
func sayEnd(r *control.Report) string {
	if r.End != control.EndTripped || r.Trips == 0 {
		return strings.ReplaceAll(r.End.String(), "-", " ")
	}
	var names []string
	for _, id := range r.Trips.IDs() {
		names = append(names, id.String())
	}
	return "tripped by " + strings.Join(names, ", ")
}
