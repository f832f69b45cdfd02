package homeassistant

import (
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// setting is a value in force that can be set.
type setting struct {
	key, name, icon string
	field           string // of the request and of the state's settings
	force           bool
	unit            string  // of a time
	per, step       float64 // seconds in one unit of a time, and its step in that unit
}

// settable are the settings of a programme.
var settable = []setting{
	{key: "hold_force", name: "Hold force", icon: "mdi:arrow-expand-horizontal", field: "hold_n", force: true},
	{key: "rest_force", name: "Rest force", icon: "mdi:arrow-collapse-horizontal", field: "rest_n", force: true},
	{key: "hold_time", name: "Hold time", icon: "mdi:timer-outline", field: "hold_s", unit: "s", per: 1, step: 1},
	{key: "rest_time", name: "Rest time", icon: "mdi:timer-pause-outline", field: "rest_s", unit: "s", per: 1, step: 1},
	{key: "duration", name: "Duration", icon: "mdi:timer-settings-outline", field: "duration_s", unit: "min", per: 60, step: 1},
}

// numbers are the settings where they can be set, within the limits in force.
func (b *builder) numbers() {
	for _, n := range settable {
		if !b.allowed(control.Adjust) || n.field == "rest_s" && b.static() {
			b.remove(n.key, platformNumber)
			continue
		}
		if n.force {
			n.unit, n.per, n.step = string(b.unit.unit), b.unit.newton, b.unit.step
		}
		lo, hi, now := b.bounds(n)
		r := inwards(lo, hi, n.step, now)
		c := &number{common: b.common(platformNumber, n.key, n.name, n.icon), Unit: n.unit,
			Min: r.lo, Max: r.hi, Step: n.step, Mode: "box", // a slider moves by accident
			StateTopic: b.table.Topics.State, ValueTemplate: within("settings."+n.field, n.per, r),
			CommandTopic: b.table.Topics.Request, CommandTemplate: request(n.key, "set", argument{n.field, set(n.per)})}
		if !n.force {
			c.DeviceClass = "duration"
		}
		b.revision(&c.common)
		b.add(n.key, c)
	}
}

// static tells that the selected programme is one hold, which has no rest.
func (b *builder) static() bool { return b.table.Programme != "" && b.table.Settings.RestTime == 0 }

// bounds are the range of a setting by the limits in force, and its value, in its
// own unit. Hold and rest bound each other, as the table judges them.
func (b *builder) bounds(n setting) (lo, hi, now float64) {
	s, l := &b.table.Settings, &b.table.Limits
	most := control.MaxHold
	if l.Force.Reason != control.ReasonNone {
		most = min(most, l.MaxSetPoint())
	}
	longest := control.CeilingDuration
	if l.Duration.Reason != control.ReasonNone {
		longest = min(longest, l.Duration.Value)
	}
	switch n.field {
	case "hold_n":
		if own := b.table.RemoteHold; own.Reason != control.ReasonNone {
			most = min(most, own.Value)
		}
		return b.forces(max(control.MinHold, s.Rest), most, s.Hold)
	case "rest_n":
		if s.Hold > 0 {
			most = min(most, s.Hold)
		}
		return b.forces(control.MinRest, most, s.Rest)
	case "hold_s":
		return times(n.per, control.MinHoldTime, control.MaxHoldTime, s.HoldTime)
	case "rest_s":
		return times(n.per, time.Second, control.MaxRestTime, s.RestTime)
	}
	return times(n.per, control.MinDuration, longest, s.Duration)
}

func (b *builder) forces(lo, hi, now physic.Force) (float64, float64, float64) {
	// Not rounded: to round a limit up would let something above it in.
	exact := func(f physic.Force) float64 { return float64(f) / float64(physic.Newton) / b.unit.newton }
	return exact(lo), exact(hi), b.unit.in(now)
}

func times(per float64, lo, hi, now time.Duration) (float64, float64, float64) {
	return lo.Seconds() / per, hi.Seconds() / per, rounded(rounded(now.Seconds()) / per)
}
