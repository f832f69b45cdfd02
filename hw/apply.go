package hw

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// DriveMode is what the motor driver is to do.
type DriveMode uint8

// Disabled is not the same as Stopped: a disabled motor is limp, and on a
// back-drivable table lets the rope run out; a stopped one holds.
const (
	Disabled DriveMode = iota
	Stopped
	Moving
)

// String names the mode.
func (m DriveMode) String() string {
	switch m {
	case Disabled:
		return "disabled"
	case Stopped:
		return "stopped"
	case Moving:
		return "moving"
	}
	return fmt.Sprintf("drive-%d", uint8(m))
}

// Actuation is everything that one tick drives. The zero value is safe:
// everything off, the drive disabled.
type Actuation struct {
	Drive DriveMode
	// Velocity counts when Drive is Moving; + towards force.
	Velocity physic.Speed
	// HeatDuty is the share of time that the heater is on, 0 to 1.
	HeatDuty                       float64
	LampAlarm, LampCaution, Buzzer bool
	// ChargePump toggles the charge pump's pin. An external monostable keeps
	// the motor's power on only while it is toggled tick by tick.
	ChargePump bool
}

// Apply drives every output. It goes on when one fails and returns the first
// error; an output that failed is written again at the next Apply. It does not
// allocate unless something fails. After SafeOff it returns ErrOff.
func (t *Table) Apply(now time.Duration, a Actuation) error {
	if t.off.Load() {
		return ErrOff
	}
	first := t.drive(now, a)
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	keep(t.heatErr)
	if t.heater != nil {
		t.heater.Set(now, a.HeatDuty)
		keep(t.heater.Update(now))
	}
	if a.ChargePump { // R-PUMP: one edge a tick that got this far
		keep(t.pump.set(!t.pump.level))
	}
	keep(t.buzzer.set(gpio.Level(a.Buzzer)))
	keep(t.lampAlarm.set(gpio.Level(a.LampAlarm)))
	keep(t.lampCaution.set(gpio.Level(a.LampCaution)))
	return first
}

// drive brings the motor to the mode. A mode that does not exist disables it.
func (t *Table) drive(now time.Duration, a Actuation) error {
	switch a.Drive {
	case Stopped, Moving:
		if err := t.motor.Enable(now); err != nil {
			return err
		}
		v := a.Velocity
		if a.Drive == Stopped {
			v = 0
		}
		return t.motor.SetVelocity(now, v)
	case Disabled:
		return t.motor.Disable(now)
	}
	return errors.Join(fmt.Errorf("hw: unknown drive mode %s", a.Drive), t.motor.Disable(now))
}

// SafeOff is the last resort: motor disabled, heater, charge pump, buzzer and
// lamps off, every line given back. It writes each safe level itself instead
// of asking a driver, so it works from any state, from a panic and twice; it
// goes on when a pin fails and returns every error. Afterwards the table is
// done: nothing drives a pin again. Call it from the thread that owns the
// table, or after that thread has ended.
//
// A back-drivable drive lets go of the rope now. A self-locking one keeps the
// tension that is on it, to be released by hand; whoever can still control the
// motor should have released it first (R-SAFE-LAST).
func (t *Table) SafeOff() error {
	t.off.Store(true)
	err := t.pins.SafeOff()
	if t.port != nil {
		if cerr := release(t.port); cerr != nil {
			err = errors.Join(err, fmt.Errorf("hw: SPI port: %w", cerr))
		}
		t.port = nil
	}
	return err
}

// output is a pin that is written when its level changes. Output pins are
// never read back: that would turn a character device line into an input.
type output struct {
	pin    gpio.PinIO // nil when the table has none
	name   string
	level  gpio.Level
	unsure bool // the last write failed
}

func (o *output) set(l gpio.Level) error {
	if o.pin == nil || o.level == l && !o.unsure {
		return nil
	}
	o.unsure = true
	if err := o.pin.Out(l); err != nil {
		return fmt.Errorf("hw: pin %s: %w", o.name, err)
	}
	o.level, o.unsure = l, false
	return nil
}
