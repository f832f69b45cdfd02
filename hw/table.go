// Package hw is the table as typed devices on pins: read everything, apply
// everything, and leave everything safe.
//
// It knows nothing of treatments. One real-time thread reads the table at each
// tick, applies what the controller decided, and between ticks takes the motor
// steps when they are due. The pins are gpio.PinIO values, so the real board
// and a simulated table look the same from here.
package hw

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"traction/hw/heatpad"
	"traction/hw/hx711"
	"traction/hw/interlock"
	"traction/hw/stepper"
)

// ErrOff is returned by everything that would drive a pin after SafeOff.
var ErrOff = errors.New("hw: the table has been switched off")

// Config is the table's wiring and the figures of its parts.
type Config struct {
	Pins
	// CellSPI reads the load cell through an SPI port instead of CellClock and
	// CellData; nil means the pins. It cannot serve a second cell.
	CellSPI spi.Port
	Cell    hx711.Opts
	// Motor's Delay may be left nil: Delay below is used.
	Motor stepper.Config
	Heat  heatpad.Opts
	// PadSource reads the pad's temperature. Needed with a Heat pin: there is
	// no heating without a thermometer.
	PadSource heatpad.Source
	// Clock is the monotonic time since the start, Delay spends microseconds
	// in it (a bounded spin, or a virtual clock's advance).
	Clock func() time.Duration
	Delay func(time.Duration)
}

// Reading is everything that one tick reads.
type Reading struct {
	At       time.Duration    // the tick's time
	Cell     hx711.Reading    // the load cell; Cell.Ready marks a new conversion
	CellRate physic.Frequency // measured conversion rate, 0 while unknown
	// Second is the second load cell with its rate; zero without one, see HasSecond.
	Second     hx711.Reading
	SecondRate physic.Frequency
	Motion     stepper.Motion
	Switches   interlock.State
	Pad        heatpad.Reading // Status Unread when there is no probe
	HeaterOn   bool
}

// Table is the opened hardware. Read, Apply, NextEdge and Edge belong to one
// thread.
type Table struct {
	pins     Pins
	port     spi.Port
	cell     hx711.Reader // nil with two cells
	pair     *hx711.Pair  // nil with one cell
	motor    *stepper.Driver
	heater   *heatpad.Heater // nil without a Heat pin
	pad      *heatpad.Sensor // nil without a PadSource
	switches *interlock.Inputs

	lampAlarm, lampCaution, buzzer, pump output

	heatErr error // of Read's Update, for the next Apply
	off     atomic.Bool
}

// Open drives every output to its safe level, before anything else (R-SAFE-FIRST),
// and then takes the devices into use. It returns an error that names everything that
// is missing, wrong or failed at once; the outputs are safe then, too.
func Open(cfg Config) (*Table, error) {
	errs := []error{cfg.Pins.quiet(), cfg.validate()}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	t := &Table{
		pins: cfg.Pins, port: cfg.CellSPI,
		lampAlarm:   output{pin: cfg.LampAlarm, name: "LampAlarm"},
		lampCaution: output{pin: cfg.LampCaution, name: "LampCaution"},
		buzzer:      output{pin: cfg.Buzzer, name: "Buzzer"},
		pump:        output{pin: cfg.ChargePump, name: "ChargePump"},
	}
	if err := t.open(cfg); err != nil {
		return nil, errors.Join(err, cfg.Pins.quiet())
	}
	return t, nil
}

func (t *Table) open(cfg Config) error {
	var errs [5]error
	switch {
	case cfg.CellSPI != nil:
		t.cell, errs[0] = hx711.NewSPI(cfg.CellSPI, cfg.Cell, cfg.Clock)
	case cfg.CellData2 != nil:
		t.pair, errs[0] = hx711.NewPair(cfg.CellClock, cfg.CellData, cfg.CellData2, cfg.Cell, cfg.Clock)
	default:
		t.cell, errs[0] = hx711.NewGPIO(cfg.CellClock, cfg.CellData, cfg.Cell, cfg.Clock)
	}
	t.motor, errs[1] = stepper.New(stepper.Pins{Step: cfg.Step, Dir: cfg.Dir, Enable: cfg.Enable}, cfg.motor())
	t.switches, errs[2] = interlock.New(cfg.switches())
	if cfg.Pins.Heat != nil {
		t.heater, errs[3] = heatpad.NewHeater(cfg.Pins.Heat, cfg.Heat)
	}
	if cfg.PadSource != nil {
		t.pad, errs[4] = heatpad.NewSensor(cfg.PadSource)
	}
	return errors.Join(errs[:]...)
}

// Read reads every input once. It does not allocate. After SafeOff, when the
// lines have been given back, it touches none of them: every safety switch
// counts as open and the cells bring nothing.
func (t *Table) Read(now time.Duration) Reading {
	r := Reading{At: now, Motion: t.motor.Motion()}
	if t.off.Load() {
		r.Switches = interlock.Unknown()
		r.Motion.Enabled, r.Motion.Speed = false, 0
		r.Cell.Fault = hx711.IO
		if t.HasSecond() {
			r.Second.Fault = hx711.IO
		}
		return r
	}
	r.Switches = t.switches.Read(now)
	if t.pair != nil {
		r.Cell, r.Second = t.pair.Poll(now)
		r.CellRate, r.SecondRate = t.pair.SampleRates()
	} else {
		r.Cell, r.CellRate = t.cell.Poll(now), t.cell.SampleRate()
	}
	t.motor.Watch(now)
	r.Motion = t.motor.Motion()
	if t.heater != nil {
		// Here as well as in Apply, so that the heater's dead-man works when
		// nothing is applied any more.
		t.heatErr = t.heater.Update(now)
		r.HeaterOn = t.heater.On()
	}
	if t.pad != nil {
		r.Pad = t.pad.Last()
	}
	return r
}

// ResetCell restarts the load cell's converter, with two cells both; conversions
// come again when it has settled, 80 to 110 ms later at 80/s and 600 to 900 ms
// at 10/s.
func (t *Table) ResetCell(now time.Duration) {
	switch {
	case t.off.Load():
	case t.pair != nil:
		t.pair.Reset(now)
	default:
		t.cell.Reset(now)
	}
}

// CellStats counts what the load cell's converter has done since the start.
func (t *Table) CellStats() hx711.Stats {
	if t.pair != nil {
		first, _ := t.pair.Stats()
		return first
	}
	return t.cell.Stats()
}

// HasSecond reports whether a second load cell is wired.
func (t *Table) HasSecond() bool { return t.pair != nil }

// SecondStats counts what the second cell's converter has done since the start;
// zero without one.
func (t *Table) SecondStats() (s hx711.Stats) {
	if t.pair != nil {
		_, s = t.pair.Stats()
	}
	return s
}

// Pad is the pad's thermometer, nil when there is none. On the real clock its
// Run belongs into a goroutine of ordinary priority; a virtual executive calls
// its Sample once a second.
func (t *Table) Pad() *heatpad.Sensor { return t.pad }

// NextEdge returns when the next motor step is due; ok is false when none is.
func (t *Table) NextEdge() (at time.Duration, ok bool) {
	if t.off.Load() {
		return 0, false
	}
	return t.motor.NextEdge()
}

// Edge takes the motor step that is due, at most one.
func (t *Table) Edge(now time.Duration) error {
	if t.off.Load() {
		return ErrOff
	}
	return t.motor.Edge(now)
}

// validate reports everything that is wrong with the configuration at once.
func (c Config) validate() error {
	errs := []error{c.Cell.Validate(), c.motor().Validate(), c.missing()}
	if c.Pins.Heat != nil {
		errs = append(errs, c.Heat.Validate())
		if c.PadSource == nil {
			errs = append(errs, errors.New("hw: pin Heat is configured without a PadSource: no heating without a thermometer"))
		}
	}
	if c.CellSPI != nil && c.CellData2 != nil {
		errs = append(errs, errors.New("hw: pin CellData2 is configured with CellSPI: two converters share the clock of pins only"))
	}
	if c.Clock == nil {
		errs = append(errs, errors.New("hw: Clock is missing"))
	}
	return errors.Join(errs...)
}

func (c Config) motor() stepper.Config {
	m := c.Motor
	if m.Delay == nil {
		m.Delay = c.Delay
	}
	return m
}

// missing names every pin that the table cannot do without.
func (c Config) missing() error {
	var errs []error
	for _, p := range c.Pins.all() {
		if p.pin != nil || p.optional || c.CellSPI != nil && p.cell {
			continue
		}
		errs = append(errs, fmt.Errorf("hw: pin %s is missing", p.name))
	}
	return errors.Join(errs...)
}
