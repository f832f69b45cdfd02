package gateway

import (
	"context"
	"time"

	"traction/control"
	"traction/control/link"
)

const (
	// lingerMost bounds how long the gateway stays behind for a release. systemd waits
	// 20 s (traction-gateway.service); 5 s let go of the softest person.
	lingerMost = 15 * time.Second
	// lingerBegin is how long a control process that is asked to end may take to begin
	// its release. Where none begins, only the gateway is to end.
	lingerBegin = time.Second
	// lingerEnd is what comes after the release: control shows its journal for half a
	// second more, the record is written every flushEvery, and the broker answers.
	lingerEnd = time.Second
)

// lingering bounds it; tests have shorter times.
type lingering struct{ most, begin, end time.Duration }

// Linger returns a context that outlives ctx for as long as a treatment is ended.
// When a computer is shut down, both processes are asked to end in the same moment,
// and control then lets go of the rope: whoever watches, and the record, shall not
// miss that.
func Linger(ctx context.Context, socket string) context.Context {
	return lingering{lingerMost, lingerBegin, lingerEnd}.from(ctx, socket)
}

func (l lingering) from(ctx context.Context, socket string) context.Context {
	longer, end := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer end()
		<-ctx.Done()
		most, cancel := context.WithTimeout(longer, l.most)
		defer cancel()
		if l.released(most, socket) {
			select {
			case <-most.Done():
			case <-time.After(l.end):
			}
		}
	}()
	return longer
}

// released follows a release to its end, and tells whether there was one.
func (l lingering) released(ctx context.Context, socket string) bool {
	begin, cancel := context.WithTimeout(ctx, l.begin)
	defer cancel()
	c, err := link.Dial(begin, socket)
	if err != nil {
		return false
	}
	defer c.Close() //nolint:errcheck // nothing is left to say to it
	if err := c.Subscribe(link.Subscription{Snapshots: link.MaxSnapshots}); err != nil {
		return false
	}
	until, releasing := begin, false
	for {
		u, err := c.Next(until)
		if err != nil {
			return releasing // none has begun, the control process has ended, or it takes too long
		}
		if u.Snapshot == nil {
			continue
		}
		switch u.Snapshot.Mode {
		case control.Treating, control.Paused:
		case control.Releasing, control.Recovering:
			until, releasing = ctx, true
		default:
			return releasing
		}
	}
}
