package simulation

import (
	"errors"
	"io"

	"periph.io/x/conn/v3/gpio"

	"traction/hw"
	"traction/hw/simtable"
)

// bench joins a simulated table and the lines of a computer without one. Outputs
// go to the line and to the simulation, the line first. Switches are those of the
// lines; an end switch, the drive's fault and the supply's monitor are open as well
// when the simulated one is. The cells are simulated only. A line that is nil is
// left to the simulation.
func bench(sim *simtable.Sim, lines hw.Pins) hw.Pins {
	p := hw.Pins(sim.Pins())
	for _, o := range []struct {
		pin  *gpio.PinIO
		line gpio.PinIO
	}{
		{&p.Step, lines.Step}, {&p.Dir, lines.Dir}, {&p.Enable, lines.Enable}, {&p.Heat, lines.Heat},
		{&p.LampAlarm, lines.LampAlarm}, {&p.LampCaution, lines.LampCaution}, {&p.Buzzer, lines.Buzzer}, {&p.ChargePump, lines.ChargePump},
	} {
		if o.line != nil {
			*o.pin = &twofold{PinIO: *o.pin, line: o.line}
		}
	}
	for _, c := range []struct {
		pin  *gpio.PinIO
		line gpio.PinIO
		tell func(open bool)
	}{
		{pin: &p.PatientSwitch, line: lines.PatientSwitch},
		// Its second contact is in the motor's supply, here the simulated one.
		{pin: &p.EmergencyStop, line: lines.EmergencyStop, tell: sim.PressEmergencyStop},
		{pin: &p.EndSlack, line: lines.EndSlack}, {pin: &p.EndPull, line: lines.EndPull},
		{pin: &p.DriveFault, line: lines.DriveFault}, {pin: &p.SupplyLow, line: lines.SupplyLow},
	} {
		switch {
		case c.line == nil:
		case *c.pin == nil: // the simulated table has none
			*c.pin = c.line
		default:
			*c.pin = &contacts{PinIO: c.line, simulated: *c.pin, tell: c.tell}
		}
	}
	if lines.StartButton != nil {
		p.StartButton = lines.StartButton
	}
	return p
}

// twofold is an output to a line and to the simulation.
type twofold struct {
	gpio.PinIO // the simulated one
	line       gpio.PinIO
}

// Out writes both, whichever fails.
func (t *twofold) Out(l gpio.Level) error { return errors.Join(t.line.Out(l), t.PinIO.Out(l)) }

// Close gives the line back.
func (t *twofold) Close() error { return closed(t.line) }

// contacts are a switch at a line and a simulated one, both normally closed, in
// series.
type contacts struct {
	gpio.PinIO // the line
	simulated  gpio.PinIO
	tell       func(open bool) // of the line's; may be nil
}

// Read returns High when one of the two is open.
func (c *contacts) Read() gpio.Level {
	l := c.PinIO.Read()
	if c.tell != nil {
		c.tell(bool(l))
	}
	return c.simulated.Read() || l
}

// Close gives the line back.
func (c *contacts) Close() error { return closed(c.PinIO) }

func closed(p gpio.PinIO) error {
	if c, ok := p.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
