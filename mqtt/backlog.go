package mqtt

import (
	"fmt"
	"sync"

	"traction/control"
	"traction/control/link"
)

// Item is an event or a report that waits until the broker has acknowledged it.
type Item struct {
	// Boot is the run of the control process that it is from, or of the gateway.
	Boot link.Boot
	// Event, Report or Own: exactly one of them is set.
	Event  *control.Event
	Report *control.Report
	Own    *OwnEvent
}

// key tells items apart.
type key struct {
	boot   string
	report bool
	number uint64
}

func (i *Item) key() key {
	switch {
	case i.Report != nil:
		return key{i.Boot.ID, true, uint64(i.Report.Treatment)}
	case i.Own != nil:
		return key{i.Boot.ID, false, i.Own.Seq} // the boot is the gateway's
	}
	return key{i.Boot.ID, false, i.Event.Seq}
}

// Backlog keeps events and reports until the broker has acknowledged them. The
// gateway fills it from the control process. Calls come from more than one
// goroutine; none may block for long.
type Backlog interface {
	// Last tells the last event and treatment of this boot that Add was given, 0 =
	// none: the gateway asks the control process for what comes after.
	Last(boot string) (event uint64, treatment uint32, err error)
	// Add takes in what happened, oldest first. What it already had it ignores.
	Add(boot link.Boot, events []control.Event, reports []control.Report) error
	// AddOwn takes in an event of the gateway itself; boot is that of the gateway.
	AddOwn(boot link.Boot, e OwnEvent) error
	// Next gives at most so many items that are not acknowledged, oldest first,
	// and the same again until they are.
	Next(most int) ([]Item, error)
	// Acknowledge ends an item's wait.
	Acknowledge(Item) error
}

// The most that Memory holds: a treatment makes about ten events a minute, so
// this is a working day without a broker.
const (
	maxEvents  = 4096
	maxReports = 64
)

// Memory is a Backlog that is lost with the process. What the control process
// still holds is then published once more.
type Memory struct {
	mu              sync.Mutex
	items           []Item
	events, reports int // in items
	boot            string
	event           uint64
	treatment       uint32
}

// Last implements Backlog; it knows the newest boot only.
func (m *Memory) Last(boot string) (uint64, uint32, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if boot != m.boot {
		return 0, 0, nil
	}
	return m.event, m.treatment, nil
}

// Add implements Backlog. When it is full the oldest of a kind make room, which
// is an error that says how many; the new ones are in.
func (m *Memory) Add(boot link.Boot, events []control.Event, reports []control.Report) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if boot.ID != m.boot {
		m.boot, m.event, m.treatment = boot.ID, 0, 0
	}
	for _, e := range events {
		if e.Seq > m.event {
			m.event = e.Seq
			m.items = append(m.items, Item{Boot: boot, Event: &e})
			m.events++
		}
	}
	for _, r := range reports {
		if r.Treatment > m.treatment {
			m.treatment = r.Treatment
			m.items = append(m.items, Item{Boot: boot, Report: &r})
			m.reports++
		}
	}
	if lost := m.makeRoom(); lost > 0 {
		return fmt.Errorf("mqtt: backlog: full, the oldest %d were dropped; it holds %d events and %d reports", lost, maxEvents, maxReports)
	}
	return nil
}

// AddOwn implements Backlog.
func (m *Memory) AddOwn(boot link.Boot, e OwnEvent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.items = append(m.items, Item{Boot: boot, Own: &e})
	m.events++
	if m.makeRoom() > 0 {
		return fmt.Errorf("mqtt: backlog: full, the oldest event was dropped; it holds %d events", maxEvents)
	}
	return nil
}

// Waiting tells how many items wait.
func (m *Memory) Waiting() (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.items), nil
}

// makeRoom drops the oldest items of a kind that has too many.
func (m *Memory) makeRoom() (lost int) {
	if m.events <= maxEvents && m.reports <= maxReports {
		return 0
	}
	kept := m.items[:0]
	for _, item := range m.items {
		switch {
		case item.Report == nil && m.events > maxEvents:
			m.events--
			lost++
		case item.Report != nil && m.reports > maxReports:
			m.reports--
			lost++
		default:
			kept = append(kept, item)
		}
	}
	clear(m.items[len(kept):])
	m.items = kept
	return lost
}

// Next implements Backlog.
func (m *Memory) Next(most int) ([]Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Item(nil), m.items[:min(most, len(m.items))]...), nil
}

// Acknowledge implements Backlog; an item that has made room meanwhile is no error.
func (m *Memory) Acknowledge(done Item) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	want := done.key()
	for i := range m.items {
		if m.items[i].key() != want {
			continue
		}
		if m.items[i].Report != nil {
			m.reports--
		} else {
			m.events--
		}
		m.items = append(m.items[:i], m.items[i+1:]...)
		return nil
	}
	return nil
}
