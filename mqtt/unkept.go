package mqtt

import (
	"errors"
	"time"

	"traction/control"
	"traction/control/link"
)

// errUnkept ends a link because the backlog has to be told again from its beginning.
var errUnkept = errors.New("mqtt: the backlog lacks events or reports; asking the control process for them again")

// unkept are events and reports on their way into the backlog. What it refuses,
// for example on a full disk, is offered again before anything newer: with a later
// number in it, nobody would ask for the earlier ones any more.
type unkept struct {
	updates []link.Update // oldest first
	again   time.Time     // not before this
	// What the backlog has taken, or had when the link began.
	event     uint64
	treatment uint32
	refused   bool // the last try was
}

// maxUnkept bounds unkept: as many as the control process holds. Who has refused
// more asks for them again.
const maxUnkept = maxEvents

// begin notes where the link's subscription began.
func (w *unkept) begin(s link.Subscription) { w.event, w.treatment = *s.EventsFrom-1, *s.ReportsFrom-1 }

// keep puts what happened into the backlog. The error is errUnkept.
func (g *Gateway) keep(boot link.Boot, w *unkept, u *link.Update) error {
	if len(u.Events) > 0 || u.Report != nil {
		w.updates = append(w.updates, *u)
	}
	if len(w.updates) == 0 || w.refused && time.Now().Before(w.again) {
		if len(w.updates) > maxUnkept {
			return errUnkept
		}
		return nil
	}
	if w.refused { // a file that was damaged begins anew
		event, treatment, err := g.backlog.Last(boot.ID)
		if err == nil && (event < w.event || treatment < w.treatment) {
			return errUnkept
		}
	}
	for len(w.updates) > 0 {
		if err := g.keepOne(boot, w, &w.updates[0]); err != nil {
			g.backlogFailed(err)
			w.refused, w.again = true, time.Now().Add(g.pace.keepAgain)
			break
		}
		w.refused = false
		w.updates = w.updates[1:]
	}
	signal(g.filled)
	return nil
}

func (g *Gateway) keepOne(boot link.Boot, w *unkept, u *link.Update) error {
	var reports []control.Report
	if u.Report != nil {
		reports = []control.Report{*u.Report}
	}
	if err := g.backlog.Add(boot, u.Events, reports); err != nil {
		return err
	}
	for i := range u.Events {
		w.event = max(w.event, u.Events[i].Seq)
	}
	for i := range reports {
		w.treatment = max(w.treatment, reports[i].Treatment)
	}
	return nil
}
