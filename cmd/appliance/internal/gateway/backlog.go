package gateway

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"traction/control"
	"traction/control/link"
	"traction/mqtt"
	"traction/record"
)

// Backlog is mqtt's backlog kept in the record: what the broker has not
// acknowledged survives a restart of the gateway.
type Backlog struct {
	store *record.Store
	log   *slog.Logger
	told  sync.Once // of damaged rows
	// damage that Add knows of; only its caller's goroutine uses it.
	damage *record.Damage
	// refused are own events that the store could not take, for example on a full
	// disk, after all that it has taken.
	mu      sync.Mutex
	refused mqtt.Memory
}

// NewBacklog keeps a backlog in a store.
func NewBacklog(store *record.Store, log *slog.Logger) *Backlog {
	return &Backlog{store: store, log: log, damage: store.Damage()}
}

var _ mqtt.Backlog = (*Backlog)(nil)

// errAnew: what the record had is gone, and is to be asked for again.
var errAnew = errors.New("record: the file was damaged and a new one has begun; asking for everything again")

// Last implements mqtt.Backlog.
func (b *Backlog) Last(boot string) (event uint64, treatment uint32, err error) {
	_, next, report, err := b.store.Next(boot)
	return max(next, 1) - 1, max(report, 1) - 1, err
}

// Add implements mqtt.Backlog. The recorder writes the same rows; whoever comes
// second changes nothing.
// A record that has begun anew takes nothing before everything was asked for again:
// with a later number in it, nobody would ask for the earlier ones any more.
func (b *Backlog) Add(boot link.Boot, events []control.Event, reports []control.Report) error {
	if d := b.store.Damage(); d != b.damage {
		b.damage = d
		return errAnew
	}
	if err := b.store.Boot(recordBoot(boot)); err != nil {
		return err
	}
	return b.store.Append(boot.ID, nil, events, reports)
}

// AddOwn implements mqtt.Backlog. What the store does not take waits in memory and
// is offered from there, so that no number is left out.
func (b *Backlog) AddOwn(boot link.Boot, e mqtt.OwnEvent) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.refused.AddOwn(boot, e); err != nil {
		return err
	}
	return b.keepRefused()
}

// keepRefused stores own events in their order.
func (b *Backlog) keepRefused() error {
	for {
		items, err := b.refused.Next(1)
		if err != nil || len(items) == 0 {
			return err
		}
		e := items[0].Own
		if err := b.store.AppendOwn(recordBoot(items[0].Boot), e.Seq, e.At, string(e.Kind), e.Text); err != nil {
			return err
		}
		if err := b.refused.Acknowledge(items[0]); err != nil {
			return err
		}
	}
}

// Next implements mqtt.Backlog: events, reports and own events in the order they
// happened.
func (b *Backlog) Next(most int) ([]mqtt.Item, error) {
	events, err := b.store.UnsentEvents(most)
	if err = b.readable(err); err != nil {
		return nil, err
	}
	reports, err := b.store.UnsentReports(most)
	if err = b.readable(err); err != nil {
		return nil, err
	}
	own, err := b.nextOwn(most)
	if err != nil {
		return nil, err
	}
	queues := [3][]mqtt.Item{2: own}
	for i := range events {
		queues[0] = append(queues[0], mqtt.Item{Boot: linkBoot(events[i].Boot), Event: &events[i].Event})
	}
	for i := range reports {
		queues[1] = append(queues[1], mqtt.Item{Boot: linkBoot(reports[i].Boot), Report: &reports[i].Report})
	}
	return merge(queues[:], most), nil
}

// readable lets what could be read be published although other rows are damaged;
// those never are.
func (b *Backlog) readable(err error) error {
	if !errors.Is(err, record.ErrDamaged) {
		return err
	}
	b.told.Do(func() { b.log.Error("record: what is damaged is not published", "error", err) })
	return nil
}

// nextOwn gives own events, those in memory last.
func (b *Backlog) nextOwn(most int) ([]mqtt.Item, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.keepRefused() // told when they came
	own, err := b.store.UnsentOwn(most)
	if err = b.readable(err); err != nil {
		return nil, err
	}
	var items []mqtt.Item
	for _, e := range own {
		items = append(items, mqtt.Item{Boot: linkBoot(e.Boot), Own: &mqtt.OwnEvent{Seq: e.Seq, At: e.At, Kind: mqtt.Kind(e.Kind), Text: e.Text}})
	}
	refused, err := b.refused.Next(most)
	return append(items, refused...), err
}

// merge joins queues by time. It never changes the order within one, whatever the
// wall clock did meanwhile: who follows the numbers takes a later one for a gap.
func merge(queues [][]mqtt.Item, most int) (out []mqtt.Item) {
	for len(out) < most {
		first := -1
		for i, q := range queues {
			if len(q) > 0 && (first < 0 || happened(&q[0]).Before(happened(&queues[first][0]))) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		out = append(out, queues[first][0])
		queues[first] = queues[first][1:]
	}
	return out
}

// happened is the wall clock at which something happened.
func happened(i *mqtt.Item) time.Time {
	switch {
	case i.Own != nil:
		return i.Own.At
	case i.Report != nil:
		return i.Boot.Started.Add(i.Report.Ended)
	}
	return i.Boot.Started.Add(i.Event.At)
}

// Acknowledge implements mqtt.Backlog.
func (b *Backlog) Acknowledge(done mqtt.Item) error {
	switch {
	case done.Own != nil:
		b.mu.Lock()
		defer b.mu.Unlock()
		if err := b.refused.Acknowledge(done); err != nil {
			return err
		}
		return b.store.MarkOwnSent(done.Boot.ID, done.Own.Seq)
	case done.Report != nil:
		return b.store.MarkReportSent(done.Boot.ID, done.Report.Treatment)
	}
	return b.store.MarkSent(done.Boot.ID, done.Event.Seq)
}

// Waiting tells how many items wait for the broker.
func (b *Backlog) Waiting() (int, error) {
	stored, err := b.store.Waiting()
	if err != nil {
		return 0, err
	}
	refused, err := b.refused.Waiting()
	return stored + refused, err
}

func linkBoot(b record.Boot) link.Boot {
	return link.Boot{ID: b.ID, Started: b.Started, Table: b.Table, Version: b.Version}
}

func recordBoot(b link.Boot) record.Boot {
	return record.Boot{ID: b.ID, Started: b.Started, Table: b.Table, Version: b.Version}
}
