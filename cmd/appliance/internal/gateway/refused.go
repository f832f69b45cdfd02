package gateway

import (
	"errors"
	"fmt"
	"slices"

	"traction/control"
	"traction/control/link"
	"traction/mqtt"
	"traction/record"
)

// refusedMost is how many items wait in memory for a record that refuses them, and as
// many more for it to note that they were acknowledged: what the control process
// holds of its events.
const refusedMost = 4096

// refused is what the record could not take, for example on a full disk or on a card
// that can only be read any more. It is published from here, and written as soon as
// the record works again.
type refused struct {
	items []pending // oldest first; the record gets them in this order
	// marks are items that the record has and the broker has acknowledged, which the
	// record could not note.
	marks []mqtt.Item
}

// pending is an item that is to be written.
type pending struct {
	mqtt.Item
	sent bool // the broker has acknowledged it
}

// kind is one of three sequences, each with numbers of its own.
type kind int

const (
	kindEvent kind = iota
	kindReport
	kindOwn
)

// key tells items apart.
type key struct {
	kind   kind
	boot   string
	number uint64
}

func keyOf(i *mqtt.Item) key {
	switch {
	case i.Own != nil:
		return key{kindOwn, i.Boot.ID, i.Own.Seq}
	case i.Report != nil:
		return key{kindReport, i.Boot.ID, uint64(i.Report.Treatment)}
	}
	return key{kindEvent, i.Boot.ID, i.Event.Seq}
}

// add takes an item in. The oldest makes room, and counts as lost unless the
// broker has it.
func (r *refused) add(i mqtt.Item) (lost int) {
	if len(r.items) >= refusedMost {
		if !r.items[0].sent {
			lost = 1
		}
		r.items = slices.Delete(r.items, 0, 1)
	}
	r.items = append(r.items, pending{Item: i})
	return lost
}

func tooMany(lost int) error {
	if lost == 0 {
		return nil
	}
	return fmt.Errorf("record: backlog: it is not written and memory is full, so the oldest %d of %d were dropped", lost, refusedMost)
}

// waiting are the items that the broker has not got, oldest first.
func (r *refused) waiting() (out []mqtt.Item) {
	for i := range r.items {
		if !r.items[i].sent {
			out = append(out, r.items[i].Item)
		}
	}
	return out
}

// done are items that the broker has and the record may say it has not.
func (r *refused) done() map[key]bool {
	out := make(map[key]bool)
	for i := range r.items {
		if r.items[i].sent {
			out[keyOf(&r.items[i].Item)] = true
		}
	}
	for i := range r.marks {
		out[keyOf(&r.marks[i])] = true
	}
	return out
}

// sent notes that the broker has an item, if it is here.
func (r *refused) sent(done mqtt.Item) bool {
	i := r.find(&done)
	if i >= 0 {
		r.items[i].sent = true
	}
	return i >= 0
}

// mark notes that the broker has an item which is in the record, if there is room.
func (r *refused) mark(done mqtt.Item) bool {
	if len(r.marks) >= refusedMost {
		return false
	}
	r.marks = append(r.marks, done)
	return true
}

func (r *refused) find(want *mqtt.Item) int {
	k := keyOf(want)
	return slices.IndexFunc(r.items, func(p pending) bool { return keyOf(&p.Item) == k })
}

// forget drops what comes again, because the record has begun anew: the control process's
// of this boot. Of an earlier one nothing comes again.
func (r *refused) forget(boot string) {
	r.items = slices.DeleteFunc(r.items, func(p pending) bool { return p.Own == nil && p.Boot.ID == boot })
	r.marks = nil // the rows are gone
}

// hold takes in what is newer than all that Add was given; b.mu is held.
func (b *Backlog) hold(boot link.Boot, events []control.Event, reports []control.Report) (lost int) {
	for _, e := range events {
		if e.Seq > b.event {
			lost += b.refused.add(mqtt.Item{Boot: boot, Event: &e})
		}
	}
	for _, r := range reports {
		if r.Treatment > b.treatment {
			lost += b.refused.add(mqtt.Item{Boot: boot, Report: &r})
		}
	}
	return lost
}

// Keep writes what the record has refused, oldest first, until it refuses again. One
// goroutine calls it, before anything newer is written.
func (b *Backlog) Keep() error {
	for {
		b.mu.Lock()
		known := b.damage
		var first *pending
		if len(b.refused.items) > 0 {
			first = new(b.refused.items[0])
		}
		b.mu.Unlock()
		if first == nil {
			return b.markRefused()
		}
		err := b.write(known, first.Item)
		if errors.Is(err, record.ErrReplaced) {
			return nil // Add sees to that
		}
		if err == nil && first.sent {
			err = b.mark(first.Item)
		}
		if err != nil {
			return err
		}
		b.written(first)
	}
}

// written drops an item that the record has, unless the broker got it meanwhile: then
// the record has yet to be told.
func (b *Backlog) written(done *pending) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := b.refused.find(&done.Item); i >= 0 && b.refused.items[i].sent == done.sent {
		b.writes++ // it waits in the record now
		b.refused.items = slices.Delete(b.refused.items, i, i+1)
	}
}

// markRefused notes in the record what could not be noted before.
func (b *Backlog) markRefused() error {
	for {
		b.mu.Lock()
		var first *mqtt.Item
		if len(b.refused.marks) > 0 {
			first = new(b.refused.marks[0])
		}
		b.mu.Unlock()
		if first == nil {
			return nil
		}
		if err := b.mark(*first); err != nil {
			return err
		}
		b.mu.Lock()
		b.refused.marks = slices.DeleteFunc(b.refused.marks, func(i mqtt.Item) bool { return keyOf(&i) == keyOf(first) })
		b.mu.Unlock()
	}
}

// write puts one item into the record.
func (b *Backlog) write(known *record.Damage, i mqtt.Item) error {
	boot := recordBoot(i.Boot)
	switch {
	case i.Own != nil:
		return b.store.AppendOwn(boot, i.Own.Seq, i.Own.At, string(i.Own.Kind), i.Own.Text)
	case i.Report != nil:
		return b.store.AppendTo(known, boot, nil, []control.Report{*i.Report})
	}
	return b.store.AppendTo(known, boot, []control.Event{*i.Event}, nil)
}

// mark notes in the record that the broker has an item.
func (b *Backlog) mark(i mqtt.Item) error {
	switch {
	case i.Own != nil:
		return b.store.MarkOwnSent(i.Boot.ID, i.Own.Seq)
	case i.Report != nil:
		return b.store.MarkReportSent(i.Boot.ID, i.Report.Treatment)
	}
	return b.store.MarkSent(i.Boot.ID, i.Event.Seq)
}
