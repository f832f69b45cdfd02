package settings

import (
	"slices"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/quantity"
	"traction/control/quantity/document"
)

// mostSteps bounds the step rate in a release, in steps a second: a thread that
// wakes some tens of microseconds late still steps evenly at 10 kHz.
const mostSteps = 10_000

// longestLetGo bounds the time to unwind the whole travel. 12 mm/s need 20 s for
// the softest person at 450 N, 60 mm/s need 4 s; nobody shall wait for ten.
const longestLetGo = 10 * time.Second

// check compares keys with each other. A comparison in which a key has failed
// already is left out, since its value is not the file's.
func (s *Settings) check(d *document.Document) {
	ok := func(keys ...string) bool { return !slices.ContainsFunc(keys, d.Failed) }
	t, m := &s.Table.Limits, &s.Motor

	if ok("table.pull_speed", "motor.start_stop_speed") && t.PullSpeed > m.StartStopSpeed {
		d.Refuse("table.pull_speed", "above motor.start_stop_speed %s; motion towards force must be able to end within one step", quantity.Format(m.StartStopSpeed))
	}
	if ok("table.release_speed", "table.pull_speed") && t.ReleaseSpeed < t.PullSpeed {
		d.Refuse("table.release_speed", "below table.pull_speed %s; letting go must never be slower than pulling", quantity.Format(t.PullSpeed))
	}
	if ok("table.release_speed", "motor.max_speed") && t.ReleaseSpeed > m.MaxSpeed {
		d.Refuse("table.release_speed", "above motor.max_speed %s", quantity.Format(m.MaxSpeed))
	}
	if ok("motor.start_stop_speed", "motor.max_speed") && m.StartStopSpeed > m.MaxSpeed {
		d.Refuse("motor.start_stop_speed", "above motor.max_speed %s", quantity.Format(m.MaxSpeed))
	}
	if ok("table.release_speed", "motor.steps_per_mm") {
		if rate := millimetres(t.ReleaseSpeed) * m.StepsPerMM; rate > mostSteps {
			d.Refuse("table.release_speed", "%.0f steps a second at motor.steps_per_mm = %v, allowed: at most %d; use fewer microsteps", rate, m.StepsPerMM, mostSteps)
		}
	}
	if ok("table.release_speed", "table.travel") {
		if wait := seconds(float64(t.Travel) / float64(t.ReleaseSpeed)); wait > longestLetGo {
			d.Refuse("table.release_speed", "letting go of the whole table.travel %s takes %s, allowed: at most %s",
				quantity.Format(t.Travel), wait.Round(100*time.Millisecond), longestLetGo)
		}
	}
	if most := control.LargestForce(t.ReleaseSpeed); ok("table.force", "table.release_speed") && t.Force > most {
		d.Refuse("table.force", "above %s, the most that table.release_speed %s lets go of in 5 s from the softest person", quantity.Format(most), quantity.Format(t.ReleaseSpeed))
	}
	if ok("table.force", "cell.capacity") && t.Force > s.Cell.Capacity {
		d.Refuse("table.force", "above cell.capacity %s", quantity.Format(s.Cell.Capacity))
	}
	if ok("cell.rate") && s.Cell.Rate != 80*physic.Hertz {
		d.Refuse("cell.rate", `allowed: "80 Hz"; at 10 Hz a lost cell is seen too late`)
	}
	if ok("control.operator_socket", "control.gateway_socket") && s.Control.OperatorSocket == s.Control.GatewaySocket {
		d.Refuse("control.gateway_socket", "is control.operator_socket too; the socket decides who is at the table")
	}
	s.checkPins(d)
	if d.Err() == nil {
		s.checkMotor(d)
	}
}

// checkPins wants every needed line, and each only once.
func (s *Settings) checkPins(d *document.Document) {
	used := map[string]string{}
	for _, p := range s.Pins.named() {
		key := "pins." + p.key
		switch {
		case d.Failed(key):
		case p.cell && s.Cell.Interface == SPI:
			if d.Has(key) && *p.line != "" {
				d.Refuse(key, `is not used with cell.interface = "spi", allowed: ""`)
			}
			*p.line = ""
		case *p.line == "" && !p.optional:
			d.Refuse(key, "is missing; the table cannot do without this line")
		case *p.line != "" && used[*p.line] != "":
			d.Refuse(key, "is pins.%s too; each line has one use", used[*p.line])
		case *p.line != "":
			used[*p.line] = p.key
		}
	}
	if d.Failed("pad.present") || d.Failed("pins.heat") {
		return
	}
	if s.Pad.Present && s.Pins.Heat == "" {
		d.Refuse("pins.heat", "is missing, but pad.present = true")
	}
	if !s.Pad.Present && s.Pins.Heat != "" {
		d.Refuse("pins.heat", `is a heater without a pad and its thermometer, allowed: "", or pad.present = true`)
	}
}

// checkMotor asks the driver itself, which knows its own pulses best.
func (s *Settings) checkMotor(d *document.Document) {
	m := s.Motor
	m.Delay = func(time.Duration) {} // the board supplies it
	if err := m.Validate(); err != nil {
		d.Refuse("motor.max_speed", "%v", err)
	}
}

func millimetres(v physic.Speed) float64 { return float64(v) / float64(control.MilliMetrePerSecond) }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
