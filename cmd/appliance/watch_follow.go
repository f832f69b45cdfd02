package main

import (
	"context"
	"time"

	"traction/control/link"
)

// news is one thing that the view learns: a new connection, its loss, or what it
// has told.
type news struct {
	client *link.Client
	lost   error
	update link.Update
}

// redialEvery is how long to wait before connecting again; a restarted control
// process is there within a second or two.
const redialEvery = 500 * time.Millisecond

// follow tells the news of the control process until ctx ends, and connects again
// whenever it has restarted. It closes every connection, first too.
func follow(ctx context.Context, socket string, first *link.Client, out chan<- news) {
	tell := func(n news) {
		select {
		case out <- n:
		case <-ctx.Done():
		}
	}
	boot, next := "", uint64(0)
	for c := first; ; c = redial(ctx, socket, tell) {
		if ctx.Err() != nil && c == nil {
			return
		}
		if c == nil {
			continue
		}
		if id := c.Hello().ID; id != boot {
			boot, next = id, 0
		}
		tell(news{client: c})
		err := c.Subscribe(link.Subscription{Snapshots: watchRate, EventsFrom: &next})
		for err == nil {
			var u link.Update
			if u, err = c.Next(ctx); err == nil {
				for _, e := range u.Events {
					next = e.Seq + 1
				}
				tell(news{update: u})
			}
		}
		tell(news{lost: err})
		_ = c.Close() // it has ended
	}
}

// redial waits a moment and connects; nil = not yet.
func redial(ctx context.Context, socket string, tell func(news)) *link.Client {
	select {
	case <-time.After(redialEvery):
	case <-ctx.Done():
		return nil
	}
	c, err := link.Dial(ctx, socket)
	if err != nil {
		tell(news{lost: err})
		return nil
	}
	return c
}
