package population

import (
	"slices"
	"time"

	"traction/control"
	"traction/hw/simtable"
)

// claim says of a kind of fault which promises a table with one cell cannot
// keep while it lasts. Everything else holds with every fault.
type claim uint16

const (
	// cellLies: the first cell shows another force than there is, plausibly.
	cellLies claim = 1 << iota
	// secondLies: so does the second one.
	secondLies
	// driveActs: the drive moves by itself or not the way it is told.
	driveActs
	// driveFails: the drive cannot unwind, or the process cannot let it.
	driveFails
	// powerStays: the motor keeps its power although the controller takes it away.
	powerStays
	// switchDead: the patient switch does not open.
	switchDead
	// stopDead: the emergency stop does not open.
	stopDead
	// heaterActs: the heater is on although its pin is low.
	heaterActs
	// padLies: the pad's sensor shows less than the pad has, plausibly.
	padLies
	// personPulls: the person pulls at the rope, whatever the drive does.
	personPulls
)

// profile is how a kind of fault is drawn and what it takes away.
type profile struct {
	values   func(dice) float64 // nil = the kind has no size
	shortest time.Duration      // 0 and 0: it is over in a moment, or stays
	longest  time.Duration
	claims   claim
	needs    part // of the table, without which it means nothing
	// lie is the most (N) by which the cell shows too little at a limit (N), from
	// size and time; nil = no bound, where the cell lies at all.
	lie func(value, sinceS, limit float64) float64
	// offset is what is left of it in the cell's zero for good, N; nil = nothing.
	offset func(value, sinceS float64) float64
}

// part of a table that not every table has.
type part uint8

const (
	anyTable part = iota
	withPad
	withSecond
)

// Faults last from a flicker to longer than every release and deadline.
const (
	flicker    = 20 * time.Millisecond
	lasting    = 90 * time.Second
	padLasting = 30 * time.Minute // a pad takes minutes to warm and to cool
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
	"cell-stuck":                  {shortest: flicker, longest: lasting, claims: cellLies},
	"cell-silent":                 {shortest: flicker, longest: lasting},
	"cell-missing":                {shortest: flicker, longest: lasting},
	"cell-floating":               {shortest: flicker, longest: lasting},
	"cell-saturated":              {values: oneOf(-1, 1), shortest: flicker, longest: lasting},
	"cell-unconnected":            {shortest: flicker, longest: lasting, claims: cellLies},
	"cell-rate-10":                {shortest: flicker, longest: lasting},
	"cell-drift":                  {values: either(1, 100), shortest: flicker, longest: lasting, claims: cellLies, lie: drifted, offset: driftLeft},
	"cell-gain":                   {values: oneOf(-2, -0.5, -0.2, -0.1, 0.1, 0.3), shortest: flicker, longest: lasting, claims: cellLies, lie: scaled},
	"cell-noise":                  {values: over(0.5, 30), shortest: flicker, longest: lasting, claims: cellLies, lie: noisy},
	"clock-stretch":               {values: over(0.0005, 0.5), shortest: flicker, longest: lasting},
	"clock-glitch":                {values: over(0.0001, 0.1), shortest: flicker, longest: lasting},
	"zero-jump":                   {values: either(5, 400), claims: cellLies, lie: jumped, offset: jumpLeft},
	"second-cell-stuck":           {shortest: flicker, longest: lasting, claims: secondLies, needs: withSecond},
	"second-cell-silent":          {shortest: flicker, longest: lasting, needs: withSecond},
	"second-cell-missing":         {shortest: flicker, longest: lasting, needs: withSecond},
	"second-cell-unconnected":     {shortest: flicker, longest: lasting, claims: secondLies, needs: withSecond},
	"second-cell-drift":           {values: either(1, 100), shortest: flicker, longest: lasting, claims: secondLies, needs: withSecond, lie: drifted, offset: driftLeft},
	"second-cell-gain":            {values: oneOf(-2, -0.5, -0.2, -0.1, 0.1, 0.3), shortest: flicker, longest: lasting, claims: secondLies, needs: withSecond, lie: scaled},
	"second-cell-zero-jump":       {values: either(5, 400), claims: secondLies, needs: withSecond, lie: jumped, offset: jumpLeft},
	"drive-dead":                  {shortest: flicker, longest: lasting, claims: driveFails},
	"drive-runaway":               {values: over(0.5, 60), shortest: flicker, longest: lasting, claims: driveActs | driveFails},
	"jam":                         {shortest: flicker, longest: lasting, claims: driveFails},
	"lost-steps":                  {values: over(0.02, 1), shortest: flicker, longest: lasting, claims: driveFails},
	"holding-lost":                {values: over(10, 300), shortest: flicker, longest: lasting},
	"drive-fault":                 {shortest: flicker, longest: lasting, claims: driveFails},
	"step-wire":                   {shortest: flicker, longest: lasting, claims: driveFails},
	"dir-wire":                    {values: oneOf(-1, 1), shortest: flicker, longest: lasting, claims: driveActs | driveFails},
	"enable-wire":                 {shortest: flicker, longest: lasting, claims: driveFails},
	"enable-stuck":                {shortest: flicker, longest: lasting, claims: powerStays},
	"charge-pump-lost":            {shortest: flicker, longest: lasting, claims: driveFails},
	"brown-out":                   {shortest: flicker, longest: lasting, claims: driveFails},
	"supply-low":                  {values: over(2, 80), shortest: flicker, longest: lasting, claims: driveFails},
	"supply-wire":                 {shortest: flicker, longest: lasting},
	"rope-break":                  {shortest: flicker, longest: lasting},
	"rope-slip":                   {values: over(0.1, 80), shortest: flicker, longest: lasting},
	"cord-creep":                  {values: over(0.3, 30), shortest: flicker, longest: lasting},
	"patient-switch-open":         {shortest: time.Millisecond, longest: lasting},
	"patient-switch-stuck-closed": {shortest: flicker, longest: lasting, claims: switchDead},
	"patient-switch-flicker":      {values: over(0.001, 0.8), shortest: flicker, longest: lasting},
	"emergency-stop":              {shortest: time.Millisecond, longest: lasting, claims: driveFails},
	"emergency-stop-stuck":        {shortest: flicker, longest: lasting, claims: stopDead},
	"end-switch-stuck-open":       {values: oneOf(-1, 0, 1), shortest: time.Millisecond, longest: lasting},
	"end-switch-stuck-closed":     {values: oneOf(-1, 0, 1), shortest: flicker, longest: lasting},
	"start-stuck":                 {shortest: time.Millisecond, longest: lasting},
	"pad-relay-welded":            {shortest: 10 * time.Second, longest: padLasting, claims: heaterActs, needs: withPad},
	"pad-heater-dead":             {shortest: 10 * time.Second, longest: padLasting, needs: withPad},
	"pad-folded":                  {values: between(0.05, 0.8), shortest: 10 * time.Second, longest: padLasting, claims: padLies, needs: withPad},
	"pad-sensor-missing":          {shortest: flicker, longest: lasting, needs: withPad},
	"pad-sensor-stale":            {shortest: 10 * time.Second, longest: padLasting, claims: padLies, needs: withPad},
	"pad-sensor-off":              {shortest: 10 * time.Second, longest: padLasting, claims: padLies, needs: withPad},
	"pad-sensor-reset":            {shortest: flicker, longest: lasting, needs: withPad},
	"pad-sensor-drift":            {values: between(-20, 20), shortest: 10 * time.Second, longest: padLasting, claims: padLies, needs: withPad},
	"cough":                       {values: over(20, 300), shortest: 100 * time.Millisecond, longest: 600 * time.Millisecond},
	"getting-up":                  {values: over(20, 200), shortest: 500 * time.Millisecond, longest: 20 * time.Second, claims: personPulls},
	"shift":                       {values: either(1, 40)},
	"harness-slip":                {values: over(1, 100)},
	"harness-opened":              {shortest: flicker, longest: lasting},
	"late-ticks":                  {values: over(0.2, 60), shortest: flicker, longest: lasting, claims: driveFails},
	"stall":                       {values: over(5, 10000), claims: driveFails},
	"control-killed":              {values: between(100, 10000)},
}

// How much too little a cell shows at a limit, by the size of its fault.
func jumped(v, _, _ float64) float64      { return max(0, -v) }
func drifted(v, since, _ float64) float64 { return max(0, -v/60*since) }
func noisy(v, _, _ float64) float64       { return 6 * v } // rms: one sample in 10^9 is further off
func scaled(v, _, limit float64) float64 {
	if v <= -0.9 {
		return unknown // what is left of the force may be anything, or of the wrong sign
	}
	// The drift and the zero that the case may have besides are scaled as well.
	return max(0, limit*(1/(1+v)-1)) + 5
}

func jumpLeft(v, _ float64) float64      { return v }
func driftLeft(v, since float64) float64 { return v / 60 * since }

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
		n := profileOf(k.Name).needs
		return n == withPad && c.Table.Pad.HeaterW == 0 || n == withSecond && !paired(&c.Table)
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
	if p.needs == withPad && c.Programme.Heat == 0 && d.chance(0.8) {
		c.Programme.Heat = control.CeilingTemperature
	}
	return f
}
