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
// acknowledged survives a restart of the gateway. What the record refuses waits in
// memory (refused.go), so that it is published all the same.
type Backlog struct {
	store *record.Store
	log   *slog.Logger
	told  sync.Once // of damaged rows
	blind sync.Once // and of a record that cannot be read

	mu sync.Mutex
	// damage that Add knows of.
	damage *record.Damage
	// What Add was given last, of the newest boot.
	boot      string
	event     uint64
	treatment uint32
	refused   refused
	// writes counts what the record was given, and empty is how many there were when
	// it was last seen to have nothing that waits.
	writes, empty uint64
}

// NewBacklog keeps a backlog in a store.
func NewBacklog(store *record.Store, log *slog.Logger) *Backlog {
	return &Backlog{store: store, log: log, damage: store.Damage(), writes: 1}
}

var _ mqtt.Backlog = (*Backlog)(nil)

// errAnew: what the record had is gone, and is to be asked for again.
var errAnew = errors.New("record: the file was damaged and a new one has begun; asking for everything again")

// Last implements mqtt.Backlog.
func (b *Backlog) Last(boot string) (event uint64, treatment uint32, err error) {
	damage := b.store.Damage() // before Next, which may meet some more
	_, next, report, err := b.store.Next(boot)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writes++ // Add will not be given what the recorder has written by now
	event, treatment = max(next, 1)-1, max(report, 1)-1
	if boot == b.boot && damage == b.damage {
		event, treatment, err = max(event, b.event), max(treatment, b.treatment), nil
	}
	return event, treatment, err
}

// Add implements mqtt.Backlog. The recorder writes the same rows; whoever comes
// second changes nothing.
// A record that has begun anew takes nothing before everything was asked for again:
// with a later number in it, nobody would ask for the earlier ones any more.
func (b *Backlog) Add(boot link.Boot, events []control.Event, reports []control.Report) error {
	known, behind, err := b.begin(boot)
	if err != nil {
		return err
	}
	if !behind {
		err = b.store.AppendTo(known, recordBoot(boot), events, reports)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if errors.Is(err, record.ErrReplaced) {
		return b.anew(boot.ID)
	}
	lost := 0
	if behind || err != nil {
		lost = b.hold(boot, events, reports)
	} else {
		b.writes++
	}
	for i := range events {
		b.event = max(b.event, events[i].Seq)
	}
	for i := range reports {
		b.treatment = max(b.treatment, reports[i].Treatment)
	}
	return tooMany(lost)
}

// begin tells which file the record has for Add, and whether something that it has
// refused comes first. The error is errAnew.
func (b *Backlog) begin(boot link.Boot) (known *record.Damage, behind bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.store.Damage() != b.damage {
		return nil, false, b.anew(boot.ID)
	}
	if boot.ID != b.boot {
		b.boot, b.event, b.treatment = boot.ID, 0, 0
	}
	return b.damage, len(b.refused.items) > 0, nil
}

// anew forgets what was given of a boot, all of which comes again; b.mu is held.
func (b *Backlog) anew(boot string) error {
	b.damage, b.event, b.treatment = b.store.Damage(), 0, 0
	b.refused.forget(boot)
	return errAnew
}

// AddOwn implements mqtt.Backlog.
func (b *Backlog) AddOwn(boot link.Boot, e mqtt.OwnEvent) error {
	b.mu.Lock()
	behind := len(b.refused.items) > 0
	b.mu.Unlock()
	item := mqtt.Item{Boot: boot, Own: &e}
	kept := !behind && b.write(nil, item) == nil
	b.mu.Lock()
	defer b.mu.Unlock()
	if kept {
		b.writes++
		return nil
	}
	return tooMany(b.refused.add(item))
}

// Next implements mqtt.Backlog: events, reports and own events in the order they
// happened. Of each kind, what the record has comes before what it has refused.
func (b *Backlog) Next(most int) ([]mqtt.Item, error) {
	b.mu.Lock()
	held, done := b.refused.waiting(), b.refused.done()
	writes, empty := b.writes, b.empty
	b.mu.Unlock()
	queues, err := b.stored(most, done)
	switch {
	case err != nil && (empty != writes || len(held) == 0):
		return nil, err
	case err != nil: // it had nothing that comes before these
		b.blind.Do(func() { b.log.Error("record: it cannot be read; what is newer is published from memory", "error", err) })
	case len(queues[0])+len(queues[1])+len(queues[2]) == 0:
		b.mu.Lock()
		b.empty = writes
		b.mu.Unlock()
	}
	known := make(map[key]bool)
	for _, q := range queues {
		for i := range q {
			known[keyOf(&q[i])] = true
		}
	}
	for i := range held {
		k := keyOf(&held[i])
		if !known[k] { // else the recorder was able to write it meanwhile
			queues[k.kind] = append(queues[k.kind], held[i])
		}
	}
	return merge(queues[:], most), nil
}

// stored reads what the record has, without what is done.
func (b *Backlog) stored(most int, done map[key]bool) (queues [3][]mqtt.Item, err error) {
	events, err := b.store.UnsentEvents(most + len(done))
	if err = b.readable(err); err != nil {
		return queues, err
	}
	reports, err := b.store.UnsentReports(most + len(done))
	if err = b.readable(err); err != nil {
		return queues, err
	}
	own, err := b.store.UnsentOwn(most + len(done))
	if err = b.readable(err); err != nil {
		return queues, err
	}
	add := func(i mqtt.Item) {
		if k := keyOf(&i); !done[k] {
			queues[k.kind] = append(queues[k.kind], i)
		}
	}
	for i := range events {
		add(mqtt.Item{Boot: linkBoot(events[i].Boot), Event: &events[i].Event})
	}
	for i := range reports {
		add(mqtt.Item{Boot: linkBoot(reports[i].Boot), Report: &reports[i].Report})
	}
	for _, e := range own {
		add(mqtt.Item{Boot: linkBoot(e.Boot), Own: &mqtt.OwnEvent{Seq: e.Seq, At: e.At, Kind: mqtt.Kind(e.Kind), Text: e.Text}})
	}
	return queues, nil
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

// Acknowledge implements mqtt.Backlog. What the record cannot note is noted in
// memory, and there only, so that the next ones can follow.
func (b *Backlog) Acknowledge(done mqtt.Item) error {
	b.mu.Lock()
	held := b.refused.sent(done)
	b.mu.Unlock()
	if held {
		return nil
	}
	err := b.mark(done)
	if err == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refused.mark(done) {
		return nil
	}
	return err
}

// Waiting tells how many items wait for the broker.
func (b *Backlog) Waiting() (int, error) {
	n, err := b.store.Waiting()
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(n-len(b.refused.marks), 0) + len(b.refused.waiting()), err
}

func linkBoot(b record.Boot) link.Boot {
	return link.Boot{ID: b.ID, Started: b.Started, Table: b.Table, Version: b.Version}
}

func recordBoot(b link.Boot) record.Boot {
	return record.Boot{ID: b.ID, Started: b.Started, Table: b.Table, Version: b.Version}
}
