package hw

import (
	"errors"
	"fmt"
	"io"

	"periph.io/x/conn/v3/gpio"

	"traction/hw/interlock"
)

// Pins are the table's lines. Outputs are active high, so that a line that
// nobody drives, with a pull-down on the table's side, is off. LampAlarm,
// LampCaution, Buzzer, ChargePump, Heat, CellData2, DriveFault and SupplyLow may
// be nil; CellClock and CellData may be nil when the cell is on an SPI port.
// CellData2 is the second cell's converter, whose PD_SCK is on CellClock, too.
type Pins struct {
	CellClock, CellData, CellData2, Step, Dir, Enable, Heat,
	LampAlarm, LampCaution, Buzzer, ChargePump,
	PatientSwitch, EmergencyStop, StartButton, EndSlack, EndPull, DriveFault, SupplyLow gpio.PinIO
}

// line is one of the pins with what has to be known about it.
type line struct {
	name     string
	pin      gpio.PinIO
	output   bool
	optional bool
	cell     bool
}

// all lists the pins, outputs first, the most dangerous of them first: that is
// the order in which they are made safe.
func (p Pins) all() [18]line {
	return [...]line{
		{name: "Enable", pin: p.Enable, output: true},
		{name: "Heat", pin: p.Heat, output: true, optional: true},
		{name: "ChargePump", pin: p.ChargePump, output: true, optional: true},
		{name: "Step", pin: p.Step, output: true},
		{name: "Dir", pin: p.Dir, output: true},
		{name: "Buzzer", pin: p.Buzzer, output: true, optional: true},
		{name: "LampAlarm", pin: p.LampAlarm, output: true, optional: true},
		{name: "LampCaution", pin: p.LampCaution, output: true, optional: true},
		{name: "CellClock", pin: p.CellClock, output: true, cell: true},
		{name: "CellData", pin: p.CellData, cell: true},
		{name: "CellData2", pin: p.CellData2, optional: true},
		{name: "PatientSwitch", pin: p.PatientSwitch},
		{name: "EmergencyStop", pin: p.EmergencyStop},
		{name: "StartButton", pin: p.StartButton},
		{name: "EndSlack", pin: p.EndSlack},
		{name: "EndPull", pin: p.EndPull},
		{name: "DriveFault", pin: p.DriveFault, optional: true},
		{name: "SupplyLow", pin: p.SupplyLow, optional: true},
	}
}

// quiet drives every output low, whatever it was before and whatever fails on
// the way.
func (p Pins) quiet() error {
	var errs []error
	for _, l := range p.all() {
		if !l.output || l.pin == nil {
			continue
		}
		if err := l.pin.Out(gpio.Low); err != nil {
			errs = append(errs, fmt.Errorf("hw: pin %s: %w", l.name, err))
		}
	}
	return errors.Join(errs...)
}

// SafeOff drives every output low and then gives every line back. It needs
// nothing but the pins, so it also serves a process that never opened the
// table, such as the one that cleans up after a crash.
func (p Pins) SafeOff() error {
	errs := []error{p.quiet()}
	for _, l := range p.all() {
		if l.pin == nil {
			continue
		}
		if err := release(l.pin); err != nil {
			errs = append(errs, fmt.Errorf("hw: pin %s: %w", l.name, err))
		}
	}
	return errors.Join(errs...)
}

// release closes what can be closed. gpio.PinIO has no Close, io.Closer's
// returns an error and that of periph's character device lines does not.
func release(v any) error {
	switch c := v.(type) {
	case io.Closer:
		return c.Close()
	case interface{ Close() }:
		c.Close()
	}
	return nil
}

// switches picks the inputs that package interlock reads.
func (p Pins) switches() interlock.Pins {
	return interlock.Pins{
		PatientSwitch: p.PatientSwitch, EmergencyStop: p.EmergencyStop, StartButton: p.StartButton,
		EndSlack: p.EndSlack, EndPull: p.EndPull, DriveFault: p.DriveFault, SupplyLow: p.SupplyLow,
	}
}
