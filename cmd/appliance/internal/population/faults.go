package population

import (
	"slices"
	"time"

	"traction/control"
	"traction/hw/simtable"
)

// claim says of a kind of fault which promises a table with one cell cannot
// keep while it lasts. Everything else holds with every fault.
type claim uint8

const (
	// cellLies: the cell shows another force than there is, plausibly, and nothing
	// else on the table measures one.
	cellLies claim = 1 << iota
	// driveActs: the drive moves by itself or not the way it is told.
	driveActs
	// powerStays: the motor keeps its power although the controller takes it away.
	powerStays
	// switchDead: the patient switch does not open.
	switchDead
	// heaterActs: the heater is on although its pin is low.
	heaterActs
	// padLies: the pad's sensor shows another temperature than the pad has.
	padLies
)

// profile is how a kind of fault is drawn and what it takes away.
type profile struct {
	values   func(dice) float64 // nil = from the kind's range
	shortest time.Duration      // 0 and 0: it is over in a moment, or stays
	longest  time.Duration
	claims   claim
	pad      bool // means something only with a heat pad
	// lie is the most (N) by which the cell shows too little, from size and
	// time; nil = no bound.
	lie func(value, sinceS float64) float64
}

// Faults last from a flicker to longer than every release and deadline.
const (
	flicker = 20 * time.Millisecond
	lasting = 90 * time.Second
)

func either(lo, hi float64) func(dice) float64 {
	return func(d dice) float64 { return d.over(lo, hi) * float64(1-2*d.IntN(2)) }
}
func over(lo, hi float64) func(dice) float64 { return func(d dice) float64 { return d.over(lo, hi) } }
func between(lo, hi float64) func(dice) float64 {
	return func(d dice) float64 { return d.between(lo, hi) }
}
func oneOf(v ...float64) func(dice) float64 { return func(d dice) float64 { return pick(d, v...) } }

// profiles has every kind of fault that the simulated table knows; a test holds
// the two together.
var profiles = map[string]profile{
	"cell-stuck":                  {nil, flicker, lasting, cellLies, false, nil},
	"cell-silent":                 {nil, flicker, lasting, 0, false, nil},
	"cell-missing":                {nil, flicker, lasting, 0, false, nil},
	"cell-floating":               {nil, flicker, lasting, 0, false, nil},
	"cell-saturated":              {oneOf(-1, 1), flicker, lasting, 0, false, nil},
	"cell-unconnected":            {nil, flicker, lasting, cellLies, false, nil},
	"cell-rate-10":                {nil, flicker, lasting, 0, false, nil},
	"clock-stretch":               {over(0.0005, 0.5), flicker, lasting, 0, false, nil},
	"zero-jump":                   {either(5, 400), 0, 0, cellLies, false, func(v, _ float64) float64 { return max(0, -v) }},
	"rope-break":                  {nil, flicker, lasting, 0, false, nil},
	"harness-slip":                {over(1, 100), 0, 0, 0, false, nil},
	"shift":                       {either(1, 40), 0, 0, 0, false, nil},
	"lost-steps":                  {over(0.02, 1), flicker, lasting, 0, false, nil},
	"drive-dead":                  {nil, flicker, lasting, 0, false, nil},
	"jam":                         {nil, flicker, lasting, 0, false, nil},
	"drive-fault":                 {nil, flicker, lasting, 0, false, nil},
	"brown-out":                   {nil, flicker, lasting, 0, false, nil},
	"patient-switch-open":         {nil, time.Millisecond, lasting, 0, false, nil},
	"patient-switch-stuck-closed": {nil, flicker, lasting, switchDead, false, nil},
	"emergency-stop":              {nil, time.Millisecond, lasting, 0, false, nil},
	"end-switch-stuck-open":       {oneOf(-1, 0, 1), time.Millisecond, lasting, 0, false, nil},
	"end-switch-stuck-closed":     {oneOf(-1, 0, 1), flicker, lasting, 0, false, nil},
	"start-stuck":                 {nil, time.Millisecond, lasting, 0, false, nil},
	"pad-relay-welded":            {nil, 10 * time.Second, 20 * lasting, heaterActs, true, nil},
	"pad-sensor-missing":          {nil, flicker, lasting, 0, true, nil},
	"pad-sensor-stale":            {nil, 10 * time.Second, 20 * lasting, padLies, true, nil},
	"pad-sensor-off":              {nil, 10 * time.Second, 20 * lasting, padLies, true, nil},
	"pad-sensor-reset":            {nil, flicker, lasting, 0, true, nil},
	"cough":                       {over(20, 300), 100 * time.Millisecond, 600 * time.Millisecond, 0, false, nil},
	"getting-up":                  {over(20, 200), 500 * time.Millisecond, 20 * time.Second, 0, false, nil},
}

// profileOf is the profile of a kind; one that is not listed here is drawn from
// its own range and takes nothing away.
func profileOf(kind string) profile {
	p, ok := profiles[kind]
	if !ok {
		p = profile{shortest: flicker, longest: lasting}
	}
	return p
}

// drawFault takes a kind that means something on this table, each as often as any
// other, with size, length and moment.
func drawFault(d dice, c *Case) Planned {
	kinds := slices.DeleteFunc(simtable.FaultKinds(), func(k simtable.FaultKind) bool {
		return profileOf(k.Name).pad && c.Table.Pad.HeaterW == 0
	})
	k := pick(d, kinds...)
	p := profileOf(k.Name)
	f := Planned{Kind: k.Name}
	switch {
	case p.values != nil:
		f.Value = p.values(d)
	case k.High > k.Low:
		f.Value = d.between(k.Low, k.High)
	}
	if p.longest > 0 {
		f.For = d.long(p.shortest, p.longest)
	}
	f.When = drawMoment(d, c)
	if d.chance(0.3) {
		f.When = Moment{Mode: pick(d, control.Idle, control.Armed, control.Paused, control.Releasing, control.Releasing), Nth: 1, After: d.time(0, 2*time.Second)}
	}
	if p.pad && c.Programme.Heat == 0 && d.chance(0.8) {
		c.Programme.Heat = control.CeilingTemperature
	}
	return f
}
