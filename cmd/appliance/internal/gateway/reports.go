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

// Reports finds past reports in the record, for those who ask over the network, and
// before them those that the record has refused.
type Reports struct {
	Store   *record.Store
	Backlog *Backlog // nil = nothing is refused
}

var _ mqtt.Reports = Reports{}

// Report implements mqtt.Reports. Only whole names are good: who may look things up
// by parts of a name can list what there is.
func (r Reports) Report(name string) (link.Boot, control.Report, error) {
	if i := r.Backlog.refusedReport(name); i != nil {
		return i.Boot, *i.Report, nil
	}
	boot, report, err := r.Store.Report(name)
	if errors.Is(err, record.ErrNotFound) || errors.Is(err, record.ErrName) {
		err = fmt.Errorf("%w: %w", mqtt.ErrNoReport, err)
	}
	return linkBoot(boot), report, err
}

// refusedReport is the one of this name, or the newest, among what was refused.
func (b *Backlog) refusedReport(name string) *mqtt.Item {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range slices.Backward(b.refused.items) {
		if p.Report != nil && (name == "" || name == mqtt.SessionName(p.Boot.ID, p.Report.Treatment)) {
			return &p.Item
		}
	}
	return nil
}
