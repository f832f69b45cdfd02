// Package board opens the real pins of a table on a Linux computer: lines of
// the kernel's GPIO character devices by name, and optionally an SPI port for
// the load cell.
//
// It goes through periph's gpioioctl on every computer, Raspberry Pi 0 to 5 or
// any other, because that needs no root and no knowledge of the processor, and
// because lines held that way are given back by the kernel when the process
// dies. Whether they then keep their level is the kernel's choice; see
// dtparam=strict_gpiod on a Raspberry Pi.
package board

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/spi"

	"traction/hw"
)

// Lines names the line of each pin: by the line's own name ("GPIO17"), or by
// chip and offset, where the chip is the kernel's name ("gpiochip0:17") or its
// label ("pinctrl-bcm2711:17"). Empty means not connected.
type Lines struct {
	CellClock, CellData, CellData2, Step, Dir, Enable, Heat,
	LampAlarm, LampCaution, Buzzer, ChargePump,
	PatientSwitch, EmergencyStop, StartButton, EndSlack, EndPull, DriveFault, SupplyLow string
}

// Config says where everything is connected.
type Config struct {
	Lines Lines
	// CellSPI is the SPI port with the load cell ("/dev/spidev0.0" or
	// "SPI0.0"); empty when the cell is on CellClock and CellData.
	CellSPI string
}

// Board is a set of open lines.
type Board struct {
	pins   hw.Pins
	port   *port // nil when there is none
	closed bool
}

// port is an SPI port that may be closed twice, which periph's own may not.
type port struct {
	spi.PortCloser
	closed bool
}

// Close gives the port back.
func (p *port) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	return p.PortCloser.Close()
}

// Open requests every line that is configured, outputs at low and inputs with
// a pull-up. When anything is missing, busy or forbidden it returns an error
// that names all of it with what to do, and holds nothing. On anything but
// Linux it returns an error that says so.
//
// Boards of different lines may be open at the same time, and be opened by
// different goroutines; a line belongs to one of them.
func Open(cfg Config) (*Board, error) {
	b := &Board{}
	if err := b.open(cfg); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Pins are the open lines; those that are not connected are nil.
func (b *Board) Pins() hw.Pins { return b.pins }

// CellSPI is the load cell's SPI port, nil when there is none.
func (b *Board) CellSPI() spi.Port {
	if b.port == nil {
		return nil
	}
	return b.port
}

// Close drives the outputs low and gives everything back. hw.Table.SafeOff
// does the same with the pins that it was opened on; both together do no harm,
// nor does a second Close.
func (b *Board) Close() error {
	if b.closed {
		return nil
	}
	err := b.pins.SafeOff()
	if b.port != nil {
		err = errors.Join(err, b.port.Close())
	}
	*b = Board{closed: true}
	return err
}

// want is one pin to be opened.
type want struct {
	field  string // of Lines
	line   string
	output bool
	frame  bool // read bit by bit in a frame, which is judged as a whole
	pin    *gpio.PinIO
}

// key is how people know the pin: its key in the settings, such as
// pins.cell_data_2 for CellData2.
func (w *want) key() string {
	var b strings.Builder
	b.WriteString("pins.")
	for i, r := range w.field {
		if i > 0 && !unicode.IsLower(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// wants lists the pins that are configured.
func (l Lines) wants(p *hw.Pins) []want {
	all := []want{
		{field: "CellClock", line: l.CellClock, output: true, pin: &p.CellClock},
		{field: "CellData", line: l.CellData, frame: true, pin: &p.CellData},
		{field: "CellData2", line: l.CellData2, frame: true, pin: &p.CellData2},
		{field: "Step", line: l.Step, output: true, pin: &p.Step},
		{field: "Dir", line: l.Dir, output: true, pin: &p.Dir},
		{field: "Enable", line: l.Enable, output: true, pin: &p.Enable},
		{field: "Heat", line: l.Heat, output: true, pin: &p.Heat},
		{field: "LampAlarm", line: l.LampAlarm, output: true, pin: &p.LampAlarm},
		{field: "LampCaution", line: l.LampCaution, output: true, pin: &p.LampCaution},
		{field: "Buzzer", line: l.Buzzer, output: true, pin: &p.Buzzer},
		{field: "ChargePump", line: l.ChargePump, output: true, pin: &p.ChargePump},
		{field: "PatientSwitch", line: l.PatientSwitch, pin: &p.PatientSwitch},
		{field: "EmergencyStop", line: l.EmergencyStop, pin: &p.EmergencyStop},
		{field: "StartButton", line: l.StartButton, pin: &p.StartButton},
		{field: "EndSlack", line: l.EndSlack, pin: &p.EndSlack},
		{field: "EndPull", line: l.EndPull, pin: &p.EndPull},
		{field: "DriveFault", line: l.DriveFault, pin: &p.DriveFault},
		{field: "SupplyLow", line: l.SupplyLow, pin: &p.SupplyLow},
	}
	var connected []want
	for _, w := range all {
		if w.line != "" {
			connected = append(connected, w)
		}
	}
	return connected
}

// spinLimit bounds Spin: no pulse is longer than 100 us, and reading the clock
// takes at least 20 ns.
const spinLimit = 10_000

// Spin returns a Delay for hw.Config that waits in place, which is all that a
// real-time thread can do for a few microseconds. It gives up after 10,000
// looks at the clock, whatever the clock says.
func Spin(clock func() time.Duration) func(time.Duration) {
	return func(d time.Duration) {
		end := clock() + d
		for range spinLimit {
			if clock() >= end {
				return
			}
		}
	}
}

// errAll joins what went wrong under one heading.
func errAll(errs []error) error {
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("hw/board: %w", err)
	}
	return nil
}
