package gateway

import (
	"sort"

	"traction/control"
	"traction/control/link"
	"traction/mqtt"
	"traction/record"
)

// Backlog is mqtt's backlog kept in the record: what the broker has not
// acknowledged survives a restart of the gateway.
type Backlog struct {
	Store *record.Store
	// Own keeps the gateway's own events.
	Own *mqtt.Memory
}

var _ mqtt.Backlog = Backlog{}

// Last implements mqtt.Backlog.
func (b Backlog) Last(boot string) (event uint64, treatment uint32, err error) {
	_, next, report, err := b.Store.Next(boot)
	return max(next, 1) - 1, max(report, 1) - 1, err
}

// Add implements mqtt.Backlog. The recorder writes the same rows; whoever comes
// second changes nothing.
func (b Backlog) Add(boot link.Boot, events []control.Event, reports []control.Report) error {
	if err := b.Store.Boot(record.Boot{ID: boot.ID, Started: boot.Started, Table: boot.Table, Version: boot.Version}); err != nil {
		return err
	}
	return b.Store.Append(boot.ID, nil, events, reports)
}

// AddOwn implements mqtt.Backlog.
func (b Backlog) AddOwn(boot link.Boot, e mqtt.OwnEvent) error { return b.Own.AddOwn(boot, e) }

// Next implements mqtt.Backlog: events and reports in the order they happened.
func (b Backlog) Next(most int) ([]mqtt.Item, error) {
	events, err := b.Store.UnsentEvents(most)
	if err != nil {
		return nil, err
	}
	reports, err := b.Store.UnsentReports(most)
	if err != nil {
		return nil, err
	}
	items, err := b.Own.Next(most)
	if err != nil {
		return nil, err
	}
	for i := range events {
		items = append(items, mqtt.Item{Boot: boot(events[i].Boot), Event: &events[i].Event})
	}
	for i := range reports {
		items = append(items, mqtt.Item{Boot: boot(reports[i].Boot), Report: &reports[i].Report})
	}
	sort.SliceStable(items, func(i, j int) bool { return happened(&items[i]) < happened(&items[j]) })
	return items[:min(most, len(items))], nil
}

// happened orders items of one boot by their time, and boots by theirs.
func happened(i *mqtt.Item) int64 {
	if i.Own != nil {
		return i.Own.At.UnixNano()
	}
	at := i.Boot.Started.UnixNano()
	if i.Report != nil {
		return at + int64(i.Report.Ended)
	}
	return at + int64(i.Event.At)
}

// Acknowledge implements mqtt.Backlog.
func (b Backlog) Acknowledge(done mqtt.Item) error {
	if done.Own != nil {
		return b.Own.Acknowledge(done)
	}
	if done.Report != nil {
		return b.Store.MarkReportSent(done.Boot.ID, done.Report.Treatment)
	}
	return b.Store.MarkSent(done.Boot.ID, done.Event.Seq)
}

func boot(b record.Boot) link.Boot {
	return link.Boot{ID: b.ID, Started: b.Started, Table: b.Table, Version: b.Version}
}
