package commission

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/cmd/appliance/internal/settings"
	"traction/control"
	"traction/hw"
	"traction/hw/heatpad"
)

// The switches in the order of interlock.State.
const (
	patient = iota
	emergency
	endSlack
	endPull
	driveFault
	supplyLow
	start
	switchCount
)

var switchNames = [switchCount]string{"patient switch", "emergency stop", "slack end", "pull end", "drive fault", "supply monitor", "start button"}

// SwitchFigures are what was seen of one switch. Open is pressed, reached, unplugged
// or a broken wire; for the start button it is pressed.
type SwitchFigures struct {
	Switch  string `json:"switch"`
	Open    bool   `json:"open"`
	Changes int    `json:"changes"`
}

// Change is a switch that changed while it was looked at.
type Change struct {
	After  time.Duration // since the check began
	Switch string
	Open   bool
}

// String is the change for people who press switches to see whether they work.
func (c Change) String() string {
	state := "closed"
	if c.Switch == switchNames[start] {
		state = "let go"
	}
	if c.Open {
		state = "open: pressed, reached or unplugged"
		if c.Switch == switchNames[start] {
			state = "pressed"
		}
	}
	return fmt.Sprintf("%6.1f s  %s %s", c.After.Seconds(), c.Switch, state)
}

// switchWatch follows the switches.
type switchWatch struct {
	open    [switchCount]bool
	changes [switchCount]int
	seen    bool
	// live takes changes; those that do not fit are only counted.
	live chan Change
}

// debounced is when all switches that are closed have counted as closed.
const debounced = 100 * time.Millisecond

func (w *switchWatch) see(r *hw.Reading, since time.Duration) {
	if since < debounced {
		return
	}
	s := &r.Switches
	now := [switchCount]bool{patient: s.Patient, emergency: s.EmergencyStop, endSlack: s.EndSlack, endPull: s.EndPull, driveFault: s.DriveFault, supplyLow: s.SupplyLow, start: s.Start}
	for i := range now {
		if !w.seen || now[i] == w.open[i] {
			continue
		}
		w.changes[i]++
		select {
		case w.live <- Change{After: since, Switch: switchNames[i], Open: now[i]}:
		default: // nobody reads that fast; the count is right all the same
		}
	}
	w.open, w.seen = now, true
}

// judge goes through the switches. A switch that is closed now has at least a
// whole wire; one that changed has shown that it works.
func (w *switchWatch) judge(r *Report, wired *settings.Pins) {
	if !w.seen {
		r.add("switches", Skip, "", "not looked at for long enough")
		return
	}
	for i, name := range switchNames {
		if i == driveFault && wired.DriveFault == "" || i == supplyLow && wired.SupplyLow == "" {
			continue
		}
		r.Switches = append(r.Switches, SwitchFigures{Switch: name, Open: w.open[i], Changes: w.changes[i]})
		w.judgeOne(r, i, name, wired.ChargePump != "")
	}
}

func (w *switchWatch) judgeOne(r *Report, i int, name string, hasPump bool) {
	worked := ""
	if n := w.changes[i]; n > 0 {
		worked = fmt.Sprintf(", changed %d times", n)
	}
	if !w.open[i] {
		found := "closed"
		if i == start {
			found = "not pressed"
		}
		if worked == "" && (i == patient || i == emergency) {
			worked = "; press it during a check to see it work"
		}
		r.add(name, Pass, "", "%s%s", found, worked)
		return
	}
	switch i {
	case patient:
		r.add(name, Fail, "plug it in and let go of it; then look for a broken wire", "open: pressed, unplugged or a broken wire%s", worked)
	case emergency:
		r.add(name, Fail, "unlock it; then look for a broken wire", "open: pressed or a broken wire%s", worked)
	case endSlack, endPull:
		v := Warn
		if w.open[endSlack] && w.open[endPull] {
			v = Fail // a drive is at one end at most
		}
		r.add(name, v, "unless the drive stands there, look for a broken wire", "open: reached or a broken wire%s", worked)
	case driveFault:
		if hasPump {
			r.add(name, Warn, "look at the driver's lamps and the wire; a driver that opens it without motor power, which the charge pump keeps off until arming, needs the relay of docs/retrofit.md, or nothing can be armed",
				"open: fault, no motor power, or a broken wire%s", worked)
			return
		}
		r.add(name, Fail, "look at the motor driver's own lamps and supply; then for a broken wire", "open: fault or a broken wire%s", worked)
	case supplyLow:
		r.add(name, Fail, "look at the motor's supply, then at the monitor; then for a broken wire", "open: supply low, or a broken wire%s", worked)
	case start:
		r.add(name, Fail, "let go of it; then look for a short circuit", "pressed%s", worked)
	}
}

// pad judges the pad's thermometer. The heat is off, so a hot pad has a relay that
// does not let go.
func padFinding(r *Report, p heatpad.Reading) {
	celsius := p.Temperature.Celsius()
	switch {
	case p.Status == heatpad.Missing:
		r.add("pad sensor", Fail, "check the one-wire bus (dtoverlay=w1-gpio), the plug, and pad.sensor", "%s", p.Status)
	case p.Status == heatpad.Ambiguous:
		r.add("pad sensor", Fail, "name one in pad.sensor: ls /sys/bus/w1/devices", "%s", p.Status)
	case p.Status != heatpad.OK:
		r.add("pad sensor", Fail, "check plug, cable and supply of the thermometer", "%s", p.Status)
	case p.Temperature >= control.PadTrip:
		r.add("pad sensor", Fail, "unplug the pad: its relay may be welded", "%.1f C with the heat off", celsius)
	case p.Temperature > physic.ZeroCelsius+35*physic.Kelvin:
		r.add("pad sensor", Warn, "if nobody used it within the hour, unplug the pad: its relay may be welded", "%.1f C with the heat off", celsius)
	default:
		r.add("pad sensor", Pass, "", "%.1f C", celsius)
	}
}

// outputWatch makes sure of what this package promises.
type outputWatch struct{ driven, heated bool }

func (w *outputWatch) see(r *hw.Reading) {
	w.driven = w.driven || r.Motion.Enabled || r.Motion.Speed != 0
	w.heated = w.heated || r.HeaterOn
}

func (w *outputWatch) judge(r *Report) {
	if w.driven || w.heated {
		r.add("outputs", Fail, "switch the table off at the mains and report this", "drive enabled: %t, heat on: %t", w.driven, w.heated)
		return
	}
	r.add("outputs", Pass, "", "drive disabled and heat off all the time")
}
