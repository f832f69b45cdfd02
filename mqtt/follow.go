package mqtt

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
)

// errStale: the control process is there and says nothing.
var errStale = errors.New("mqtt: the control process sends no snapshots; its values are out of date")

// snapshots is how often the state is asked for: twice the rate of telemetry, so
// that no message shows a value older than 100 ms.
const snapshots = 10 * physic.Hertz

// view is what is known of the control process.
type view struct {
	mu       sync.Mutex
	link     Link // nil while there is none
	hello    *link.Hello
	snapshot *control.Snapshot // nil until there is one of this link
	seen     time.Time         // when it came
	late     time.Duration     // the worst since diagnosed was called
	stale    time.Duration     // after which a snapshot is out of date
}

// now returns the newest snapshot, or false while values would be out of date:
// whoever follows the control process may itself be held up, by a disk that hangs.
func (v *view) now() (*link.Hello, *control.Snapshot, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.hello, v.snapshot, v.live()
}

// live is for a holder of the lock.
func (v *view) live() bool { return v.snapshot != nil && time.Since(v.seen) <= v.stale }

// diagnosed returns the newest snapshot and the worst lateness since the last call.
func (v *view) diagnosed() (time.Duration, *control.Snapshot, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	late := v.late
	v.late = 0
	return late, v.snapshot, v.live()
}

// may tells what remote users may do; while there is no control process, look.
func (v *view) may() control.Permission {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.link == nil {
		return control.Monitor
	}
	return v.hello.Remote
}

// reach returns the link or nil.
func (v *view) reach() Link {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.link
}

func (v *view) begin(l Link) {
	v.mu.Lock()
	defer v.mu.Unlock()
	hello := l.Hello()
	v.link, v.hello, v.snapshot = l, &hello, nil
}

// see takes a snapshot in and tells whether it is the link's first.
func (v *view) see(s *control.Snapshot) (first bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	first = v.snapshot == nil
	v.snapshot, v.seen, v.late = s, time.Now(), max(v.late, s.Late)
	return first
}

// end forgets the link and tells whether it had shown anything.
func (v *view) end() (was bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	was = v.snapshot != nil
	v.link, v.snapshot = nil, nil
	return was
}

// follow keeps a link to the control process and takes in what it tells.
func (g *Gateway) follow(ctx context.Context) {
	failures := 0
	lost := false // a link that had worked
	for ctx.Err() == nil {
		worked, err := g.followOnce(ctx, lost)
		if ctx.Err() != nil {
			return
		}
		switch {
		case errors.Is(err, errUnkept): // it is there
			failures, lost = 0, false
		case worked:
			failures, lost = 0, true
			g.Tell(ControlLost, "The control process is gone; the values here are out of date. Look at the table.")
		}
		failures++
		if g.linkTrouble.worth(err.Error(), time.Now()) {
			g.log.Error("mqtt: no control process; trying again", "error", err)
		}
		pause(ctx, g.pace.redial.wait(failures))
	}
}

// followOnce is the life of one link; worked tells whether it showed the state.
func (g *Gateway) followOnce(ctx context.Context, again bool) (worked bool, err error) {
	l, err := g.dial(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = l.Close() }() // why it ended is known better here
	boot := l.Hello().Boot
	if boot.Table != g.config.TableID {
		return false, fmt.Errorf("mqtt: the control process is of table %q and this gateway of %q; correct the gateway's table",
			boot.Table, g.config.TableID)
	}
	wanted := g.subscription(boot)
	if err := l.Subscribe(wanted); err != nil {
		return false, err
	}
	var waiting unkept
	waiting.begin(wanted)
	g.view.begin(l)
	defer func() {
		worked = g.view.end()
		signal(g.changed)
	}()
	fresh := time.Now()
	for {
		until, cancel := context.WithDeadline(ctx, fresh.Add(g.pace.stale))
		u, err := l.Next(until)
		late := until.Err() != nil && ctx.Err() == nil
		cancel()
		if err != nil {
			if late {
				err = errStale
			}
			return false, err
		}
		if u.Snapshot != nil {
			fresh = time.Now()
			g.see(u.Snapshot, again)
		}
		g.tellGap(u.Gap)
		began := time.Now()
		if err := g.keep(boot, &waiting, &u); err != nil {
			return false, err
		}
		fresh = fresh.Add(time.Since(began)) // a slow disk is no silence of the control process
	}
}

// subscription asks for what the backlog does not have yet.
func (g *Gateway) subscription(boot link.Boot) link.Subscription {
	event, treatment, err := g.backlog.Last(boot.ID)
	if err != nil {
		g.backlogFailed(err) // then from the oldest held; the backlog ignores what it has
	}
	event++
	treatment++
	return link.Subscription{EventsFrom: &event, ReportsFrom: &treatment, Snapshots: snapshots}
}

// see takes a snapshot in.
func (g *Gateway) see(s *control.Snapshot, again bool) {
	if g.view.see(s) {
		if g.linkTrouble.settle() {
			g.log.Info("mqtt: the control process answers")
		}
		if again {
			g.Tell(ControlBack, "The control process answers again.")
		}
	}
	signal(g.changed)
}

// tellGap tells of events that are lost.
func (g *Gateway) tellGap(gap *link.Gap) {
	if gap != nil && gap.Of == link.Events {
		g.Tell(JournalGap, fmt.Sprintf("The events %d to %d were lost: nobody fetched them for too long.", gap.From, gap.To))
	}
}

func (g *Gateway) backlogFailed(err error) {
	if g.backlogTrouble.worth("backlog", time.Now()) { // each error may have a number of its own
		g.log.Error("mqtt: events or reports may be missing on the broker", "error", err)
	}
}
