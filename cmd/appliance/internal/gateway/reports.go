package gateway

import (
	"errors"
	"fmt"

	"traction/control"
	"traction/control/link"
	"traction/mqtt"
	"traction/record"
)

// Reports finds past reports in the record, for those who ask over the network.
type Reports struct{ Store *record.Store }

var _ mqtt.Reports = Reports{}

// Report implements mqtt.Reports. Only whole names are good: who may look things up
// by parts of a name can list what there is.
func (r Reports) Report(name string) (link.Boot, control.Report, error) {
	boot, report, err := r.Store.Report(name)
	if errors.Is(err, record.ErrNotFound) || errors.Is(err, record.ErrName) {
		err = fmt.Errorf("%w: %w", mqtt.ErrNoReport, err)
	}
	return linkBoot(boot), report, err
}
