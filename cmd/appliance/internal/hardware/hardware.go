// Package hardware opens the table that the settings describe, on the pins of
// this computer.
package hardware

import (
	"errors"
	"time"

	"traction/cmd/appliance/internal/settings"
	"traction/hw"
	"traction/hw/board"
)

// Open requests the lines and opens the table on them, its outputs safe. clock
// is the monotonic time since the start. The error names every line that is
// missing, busy or forbidden; nothing is held then.
func Open(s *settings.Settings, clock func() time.Duration) (*hw.Table, error) {
	b, err := board.Open(s.Lines())
	if err != nil {
		return nil, err
	}
	t, err := hw.Open(s.Hardware(b.Pins(), b.CellSPI(), clock, board.Spin(clock)))
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return t, nil
}
