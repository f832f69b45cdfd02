package population

import (
	"slices"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// provocation is how an interlock is raised: on which tables, in which phases,
// and by what. A provocation is meant to raise it always; what came instead is
// counted.
type provocation struct {
	id     control.InterlockID
	answer answer
	tables []string // nil = any
	when   []Moment
	// make adds what happens at a moment to a calm case.
	make func(d dice, c *Case, when Moment)
	// danger tells when the danger begins, where that is later than the fault.
	danger func(*tick) bool
}

// answer is what the table does about it, and so what is timed.
type answer uint8

const (
	tells  answer = iota // an event, nothing else
	stands               // no further step towards force
	letsGo               // the same, and motion away from force or no power
	later                // the same, after another trip has ended the treatment
	cools                // the heater off
)

// The phases that provocations choose from.
var (
	phases = []Moment{phase(control.Slack), phase(control.Pull), phase(control.Hold), phase(control.Ease), phase(control.Rest)}
	loaded = []Moment{phase(control.Pull), phase(control.Hold), phase(control.Ease), phase(control.Rest)}
	holds  = []Moment{phase(control.Hold)}
	pulls  = []Moment{phase(control.Pull)}
	rests  = []Moment{phase(control.Rest)}
)

func phase(p control.Phase) Moment { return Moment{Mode: control.Treating, Phase: p, Nth: 1} }

// fault makes a provocation of one of several kinds of fault, each with a size.
func fault(kinds ...Planned) func(dice, *Case, Moment) {
	return func(d dice, c *Case, when Moment) {
		f := pick(d, kinds...)
		f.When, f.For = when, lengthOf(f.Kind)
		c.Faults = append(c.Faults, f)
	}
}

// sized draws the size as well.
func sized(kind string, lo, hi float64) func(dice, *Case, Moment) {
	return func(d dice, c *Case, when Moment) {
		c.Faults = append(c.Faults, Planned{Kind: kind, Value: d.between(lo, hi), For: lengthOf(kind), When: when})
	}
}

// lengthOf is for good, where a fault can last; a cough is a cough.
func lengthOf(kind string) time.Duration {
	switch p := profileOf(kind); {
	case p.longest >= lasting:
		return time.Hour
	case p.longest > 0:
		return 300 * time.Millisecond
	}
	return 0
}

// several does more than one thing, each a while after the one before.
func several(after time.Duration, all ...func(dice, *Case, Moment)) func(dice, *Case, Moment) {
	return func(d dice, c *Case, when Moment) {
		for _, do := range all {
			do(d, c, when)
			when.After += after
		}
	}
}

// someone does an act.
func someone(kind ActKind) func(dice, *Case, Moment) {
	return func(_ dice, c *Case, when Moment) {
		c.Acts = append(c.Acts, Act{Kind: kind, When: when, For: time.Hour})
	}
}

// warmed is a case with heat.
func warmed(do func(dice, *Case, Moment)) func(dice, *Case, Moment) {
	return func(d dice, c *Case, when Moment) {
		c.Programme.Heat, c.Programme.Duration = control.CeilingTemperature, control.CeilingDuration
		do(d, c, when)
	}
}

// afar is a case that was started over the network.
func afar(do func(dice, *Case, Moment)) func(dice, *Case, Moment) {
	return func(d dice, c *Case, when Moment) {
		c.Remote, c.FromAfar, c.Gateway = control.FullRemote, true, control.GatewayRelease
		do(d, c, when)
	}
}

// slipping is a soft harness that slips by some millimetres again and again, each
// time too little for a sudden drop.
func slipping(d dice, c *Case, when Moment) {
	c.Patient.HarnessStiffnessNPerMM, c.Patient.BodyStiffnessNPerMM = d.between(4, 5), d.between(12, 20)
	c.Patient.FrictionN = 0
	c.Programme.Hold, c.Programme.HoldTime = max(c.Programme.Hold, 150*physic.Newton), time.Minute
	for range 4 {
		c.Faults = append(c.Faults, Planned{Kind: "harness-slip", Value: d.between(10, 12), When: when})
		when.After += 2 * time.Second
	}
}

// pushing is a person who moves against a drive that does not yield, at rest: by
// more than the set-point allows and less than the limit.
func pushing(d dice, c *Case, when Moment) {
	c.Patient.FrictionN, c.Patient.BreathingN = 0, min(c.Patient.BreathingN, 5)
	line := 1 / (1/c.Table.Rope.StiffnessNPerMM + 1/c.Patient.HarnessStiffnessNPerMM)
	stiffness := 1 / (1/line + 1/c.Patient.BodyStiffnessNPerMM)
	rise := max(50, 0.25*inN(c.Programme.Rest)) + d.between(10, 20)
	c.Faults = append(c.Faults, Planned{Kind: "drive-dead", For: time.Hour, When: when})
	when.After += 100 * time.Millisecond
	c.Faults = append(c.Faults, Planned{Kind: "shift", Value: -rise / stiffness, When: when})
}

// tooWarm: the pad is at 41 C, where the heat must end.
func tooWarm(t *tick) bool { return t.truth.SensorC >= skinMost }

var (
	selfLocking = []string{"worm", "screw"}
	doubled     = []string{"double"}
	heated      = []string{"winch", "worm", "tired", "double"}
	before      = []Moment{{Mode: control.Idle, Nth: 1}}
	slacks      = []Moment{phase(control.Slack)}
)

// provocations has every interlock that a fault or a hand can raise within
// minutes; unprovoked has the others, and why.
var provocations = []provocation{
	{control.ILEmergencyStop, letsGo, nil, phases, fault(Planned{Kind: "emergency-stop"}), nil},
	{control.ILPatientSwitch, letsGo, nil, phases, fault(Planned{Kind: "patient-switch-open"}), nil},
	{control.ILForceLimit, letsGo, nil, loaded, sized("cough", 500, 900), nil},
	{control.ILCellLate, stands, nil, phases, fault(Planned{Kind: "cell-silent"}), nil},
	{control.ILCellLost, letsGo, nil, phases, fault(Planned{Kind: "cell-silent"}, Planned{Kind: "cell-missing"}, Planned{Kind: "cell-rate-10"},
		Planned{Kind: "cell-stuck"}, Planned{Kind: "cell-saturated", Value: -1}, Planned{Kind: "cell-saturated", Value: 1}), nil},
	{control.ILCellImplausible, letsGo, nil, slacks, sized("zero-jump", -45, -25), nil},
	{control.ILZeroDrift, tells, nil, before, fault(Planned{Kind: "zero-jump", Value: -13}, Planned{Kind: "zero-jump", Value: 13}), nil},
	{control.ILCellsDisagree, letsGo, doubled, loaded, fault(Planned{Kind: "zero-jump", Value: -40}, Planned{Kind: "second-cell-zero-jump", Value: -40},
		Planned{Kind: "second-cell-zero-jump", Value: 40}, Planned{Kind: "cell-gain", Value: -0.5}, Planned{Kind: "second-cell-unconnected"}), nil},
	{control.ILSecondCellLost, letsGo, doubled, phases, fault(Planned{Kind: "second-cell-silent"}, Planned{Kind: "second-cell-missing"}, Planned{Kind: "second-cell-stuck"}), nil},
	{control.ILRateOfRise, stands, nil, loaded, sized("cough", 120, 250), nil},
	{control.ILPatientMoves, stands, nil, loaded, sized("cough", 60, 150), nil},
	{control.ILHarnessSlip, letsGo, []string{"winch", "worm", "double"}, holds, slipping, nil},
	{control.ILSuddenDrop, letsGo, nil, holds, fault(Planned{Kind: "rope-break"}, Planned{Kind: "harness-slip", Value: 100}, Planned{Kind: "harness-opened"}), nil},
	{control.ILForceWithoutMotion, letsGo, nil, rests, pushing, nil},
	{control.ILMotionWithoutForce, letsGo, nil, pulls, fault(Planned{Kind: "drive-dead"}, Planned{Kind: "lost-steps", Value: 1}, Planned{Kind: "jam"}, Planned{Kind: "step-wire"}), nil},
	{control.ILEndPull, letsGo, nil, phases, fault(Planned{Kind: "end-switch-stuck-open", Value: 1}), nil},
	{control.ILEndSlack, letsGo, nil, holds, fault(Planned{Kind: "end-switch-stuck-open", Value: -1}), nil},
	{control.ILStartStuck, tells, nil, phases, fault(Planned{Kind: "start-stuck"}), nil},
	{control.ILTickLate, stands, nil, phases, sized("stall", 25, 250), nil},
	{control.ILTickMissed, letsGo, nil, phases, sized("stall", 310, 3000), nil},
	{control.ILOverrun, tells, nil, phases, someone(ActFlood), nil},
	{control.ILGatewayLost, letsGo, nil, phases, afar(someone(ActGatewayGone)), nil},
	{control.ILDriveDead, letsGo, nil, phases, fault(Planned{Kind: "drive-fault"}), nil},
	{control.ILSupplyLow, letsGo, doubled, phases, fault(Planned{Kind: "brown-out"}, Planned{Kind: "supply-low", Value: 10}, Planned{Kind: "supply-wire"}), nil},
	{control.ILReleaseStalled, letsGo, nil, holds, several(time.Millisecond, fault(Planned{Kind: "jam"}, Planned{Kind: "drive-dead"}), someone(ActStop)), nil},
	{control.ILReleaseBackwards, later, nil, holds, several(time.Millisecond, fault(Planned{Kind: "dir-wire", Value: 1}), someone(ActStop)), nil},
	{control.ILSlackUnconfirmed, tells, selfLocking, holds, fault(Planned{Kind: "emergency-stop"}), nil},
	{control.ILTensionLeft, later, selfLocking, holds, fault(Planned{Kind: "emergency-stop"}), nil},
	{control.ILPadTemperature, cools, heated, phases, warmed(fault(Planned{Kind: "pad-sensor-missing"}, Planned{Kind: "pad-sensor-reset"})), nil},
	{control.ILPadHot, cools, heated, phases, warmed(fault(Planned{Kind: "pad-relay-welded"})), tooWarm},
	{control.ILPadNoRise, cools, heated, slacks, warmed(fault(Planned{Kind: "pad-sensor-off"}, Planned{Kind: "pad-heater-dead"})), nil},
	{control.ILPadRunaway, cools, heated, phases, warmed(fault(Planned{Kind: "pad-relay-welded"})), tooWarm},
}

// unprovoked are the interlocks that nothing raises within a short treatment.
var unprovoked = map[control.InterlockID]string{
	control.ILStartUp:     "holds from the start of the control process",
	control.ILForceTime:   "sums force and time up; there is nothing to be late for",
	control.ILEndMismatch: "compares one end of travel with the next, minutes later",
	control.ILTravel:      "compares the count with a bound in the same tick",
	control.ILPadTime:     "compares the clock with a bound in the same tick",
}

// provoke makes the case of one injection: a random person on a random table
// with a short programme in which every phase comes soon, and what raises p.
func provoke(p *provocation, seed uint64, index int) Case {
	d := newDice(seed, uint64(p.id)<<32+uint64(index))
	c := Case{Seed: seed, Index: index, Table: drawTable(d), noise: d.Uint64()}
	for p.tables != nil && !slices.Contains(p.tables, c.Table.Name) {
		c.Table = drawTable(d)
	}
	cervical := c.Table.Name == "screw"
	c.Patient = drawPatient(d, cervical)
	c.Patient.CoughsPerMinute, c.Patient.Coughs, c.Patient.GettingUp, c.Patient.Slips, c.Patient.Shifts = 0, nil, nil, nil, nil
	c.Programme, c.Person = drawProgramme(d, &c.Table, &c.Patient, cervical)
	g := c.Programme
	g.Progressive, g.Regressive, g.StepCycles, g.StepRest, g.ForceLimit, g.Heat = 0, 0, 0, 0, 0, 0
	g.HoldTime, g.RestTime, g.Duration = d.time(8*time.Second, 15*time.Second), d.time(4*time.Second, 8*time.Second), 5*time.Minute
	g.Hold = max(g.Hold, 80*physic.Newton)
	g.Rest = g.Hold * 4 / 10
	g.RampUp, g.RampDown = rate(d.between(20, 60)), rate(d.between(20, 60))
	c.Person = control.Person{}
	when := pick(d, p.when...)
	when.After = d.time(0, 1500*time.Millisecond)
	if when.Mode == control.Idle {
		when.After /= 5 // before the table is armed
	}
	p.make(d, &c, when)
	return c
}
