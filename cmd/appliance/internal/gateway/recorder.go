// Package gateway is what the gateway process does besides MQTT: it records
// everything that the control process journals, and keeps the backlog of events
// and reports in that same record.
package gateway

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"traction/control"
	"traction/control/link"
	"traction/mqtt"
	"traction/record"
)

// Recorder copies the control process's journal into a store. After a restart of
// either process it continues with the first row it does not have.
type Recorder struct {
	Socket string
	Store  *record.Store
	Log    *slog.Logger
	// Tell tells what happened to the record as an event of the gateway; nil = only
	// the log is told.
	Tell func(kind mqtt.Kind, text string)
	// Earlier writes what the record has refused to others, which comes before all that
	// arrives now; nil = there is no such thing.
	Earlier func() error

	damage *record.Damage // that was told of
	full   bool           // so was this
	lost   bool           // and this
	since  time.Time      // it refuses, for another reason than a full disk; zero = it does not
	after  time.Duration  // of which that is told, 0 = refusedFor
}

const (
	// flushEvery bounds what a crash of the gateway has to fetch again.
	flushEvery = 200 * time.Millisecond
	// redialFirst and redialMost are the waits between attempts to connect.
	redialFirst = 100 * time.Millisecond
	redialMost  = 2 * time.Second
	// silence is how long nothing may arrive: the control process journals at least
	// forty rows a second. Then it has not heard the subscription, which is one line
	// among all that a flood of lines may cost, and has to be asked again.
	silence = 3 * time.Second
	// retryAppend is the wait after the store refused rows, such as on a full disk.
	retryAppend = time.Second
)

// refusal is an error of the record, and not of the way to the control process.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// errSilent ends a connection on which nothing arrives.
var errSilent = errors.New("record: the control process sends no rows")

// Run records until ctx ends.
func (r *Recorder) Run(ctx context.Context) {
	wait, told := redialFirst, ""
	r.tellDamage()
	for ctx.Err() == nil {
		err := r.once(ctx)
		r.tellDamage()
		r.tellRefused(err, time.Now())
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, link.ErrClosed) {
			wait = redialFirst // it had worked
		}
		if err != nil && err.Error() != told {
			told = err.Error()
			r.Log.Warn("record: nothing is recorded at present", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, redialMost)
	}
}

// once records over one connection.
func (r *Recorder) once(ctx context.Context) error {
	r.earlier()
	c, err := link.Dial(ctx, r.Socket)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // why it ended is known better from Next
	boot := c.Hello().Boot
	if err := r.Store.Boot(recordBoot(boot)); err != nil {
		return refusal{err}
	}
	entry, event, report, err := r.Store.Next(boot.ID)
	if err != nil {
		return refusal{err}
	}
	if err := c.Subscribe(link.Subscription{EntriesFrom: &entry, EventsFrom: &event, ReportsFrom: &report}); err != nil {
		return err
	}
	return r.copy(ctx, c, boot.ID)
}

func (r *Recorder) earlier() {
	if r.Earlier != nil {
		_ = r.Earlier() // a record that refuses this refuses what follows, which tells
	}
}

// batch is what waits to be written in one transaction.
type batch struct {
	entries []control.Entry
	events  []control.Event
	reports []control.Report
}

func (b *batch) empty() bool { return len(b.entries)+len(b.events)+len(b.reports) == 0 }

func (b *batch) add(u *link.Update) {
	b.entries = append(b.entries, u.Entries...)
	b.events = append(b.events, u.Events...)
	if u.Report != nil {
		b.reports = append(b.reports, *u.Report)
	}
}

// copy writes what arrives, every flushEvery. When the store refuses, the
// connection is given up: the journal keeps the rows for a quarter of an hour.
func (r *Recorder) copy(ctx context.Context, c *link.Client, boot string) error {
	var b batch
	heard := time.Now()
	for {
		until, cancel := context.WithTimeout(ctx, flushEvery)
		var err error
		for err == nil {
			var u link.Update
			if u, err = c.Next(until); err == nil {
				if u.Gap != nil {
					r.tellGap(u.Gap)
				}
				b.add(&u)
				heard = time.Now()
			}
		}
		timeout := until.Err() != nil
		cancel()
		if r.tellDamage() { // that somebody else has met
			return errAnew
		}
		if werr := r.write(boot, &b); werr != nil {
			r.pause(ctx)
			return werr
		}
		if !timeout || ctx.Err() != nil {
			return err
		}
		if time.Since(heard) > silence {
			return errSilent
		}
	}
}

// write writes a batch after all that comes before it, and empties it.
func (r *Recorder) write(boot string, b *batch) error {
	if r.earlier(); b.empty() {
		return nil
	}
	if err := r.Store.Append(boot, b.entries, b.events, b.reports); err != nil {
		return refusal{err}
	}
	b.entries, b.events, b.reports = b.entries[:0], b.events[:0], b.reports[:0]
	r.tellWorks()
	return nil
}

func (r *Recorder) pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(retryAppend):
	}
}
