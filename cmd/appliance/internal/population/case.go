package population

import (
	"fmt"
	"strings"
	"time"

	"traction/control"
	"traction/hw/simtable"
)

// Case is one treatment with everything that is random about it. The same seed,
// index and number of faults give the same case.
type Case struct {
	Seed   uint64
	Index  int
	Number int // of faults asked for

	Table     simtable.Table
	Patient   simtable.Patient
	Programme *control.Programme
	Person    control.Person
	Remote    control.Permission
	// FromAfar: the start comes over the network, where that is allowed.
	FromAfar bool
	Gateway  control.GatewayPolicy
	// Proof: release must be proven before the treatment.
	Proof  bool
	Acts   []Act
	Faults []Planned

	noise uint64 // seed of what is random in the simulated table itself
}

// Moment is a time of a treatment that can be said before it runs: so long after
// the nth time that a mode and phase has begun.
type Moment struct {
	Mode  control.Mode
	Phase control.Phase // only with Treating
	Nth   int           // from 1
	After time.Duration
}

// String says the moment, such as "hold 2 + 1.5s".
func (m Moment) String() string {
	what := m.Mode.String()
	if m.Phase != control.NoPhase {
		what = m.Phase.String()
	}
	return fmt.Sprintf("%s %d + %v", what, m.Nth, m.After)
}

// Planned is a fault that waits for its moment.
type Planned struct {
	Kind  string
	Value float64
	For   time.Duration
	When  Moment
}

// String says fault, size and moment.
func (p Planned) String() string {
	return fmt.Sprintf("%s %.4g for %v at %v", p.Kind, p.Value, p.For, p.When)
}

// The sources of chance of a case, each with a stream of its own: one more act of
// an operator must not make another patient.
const (
	streamTable = iota
	streamPatient
	streamProgramme
	streamActs
	streamFaults
	streamNoise
	streams
)

// greedyShare of the programmes ask for more than the limits allow.
const greedyShare = 0.02

// Draw makes case index of a population.
func Draw(seed uint64, index, faults int) Case {
	from := func(stream uint64) dice { return newDice(seed, uint64(index)*streams+stream) }
	c := Case{Seed: seed, Index: index, Number: faults}
	c.Table = drawTable(from(streamTable))
	cervical := c.Table.Name == "screw" || from(streamProgramme).chance(0.1)
	c.Patient = drawPatient(from(streamPatient), cervical)
	d := from(streamProgramme)
	d.chance(0.1) // taken above
	c.Programme, c.Person = drawProgramme(d, &c.Table, &c.Patient, cervical)
	if d.chance(greedyShare) {
		c.Programme.Hold, c.Programme.ForceLimit = control.MaxHold, 0 // no table may pull as much
	}
	d = from(streamFaults)
	for range faults {
		c.Faults = append(c.Faults, drawFault(d, &c))
	}
	d = from(streamActs)
	c.Remote = pick(d, control.Monitor, control.StopOnly, control.Adjust, control.FullRemote)
	c.FromAfar = c.Remote == control.FullRemote && d.chance(0.5)
	c.Gateway = pick(d, control.GatewayRelease, control.GatewayPause, control.GatewayGoOn)
	c.Proof = d.chance(0.1)
	c.Acts = drawActs(d, &c)
	c.noise = from(streamNoise).Uint64()
	return c
}

// Replay is the command that plays this case again.
func (c *Case) Replay() string {
	s := fmt.Sprintf("appliance simulate --population-case %d:%d", c.Seed, c.Index)
	if c.Number != 1 {
		s += fmt.Sprintf(" --faults-each %d", c.Number)
	}
	return s
}

// String says the case in a few lines.
func (c *Case) String() string {
	var b strings.Builder
	p, prog := &c.Patient, c.Programme
	say := func(what, format string, a ...any) { fmt.Fprintf(&b, "%-12s%s\n", what, fmt.Sprintf(format, a...)) }
	say("table", "%s, %.3g mm play, rope %.3g N/mm", c.Table.Description, c.Table.Drive.BacklashMM, c.Table.Rope.StiffnessNPerMM)
	say("patient", "%s, %.0f kg, harness %.1f and body %.1f N/mm, friction %.0f N, breath %.0f N at %.2f Hz, %.2g coughs a minute of %.0f N",
		p.Name, p.BodyWeightKg, p.HarnessStiffnessNPerMM, p.BodyStiffnessNPerMM, p.FrictionN, p.BreathingN, p.BreathingHz, p.CoughsPerMinute, p.CoughN)
	say("programme", "%v, hold %.0f N for %v, rest %.0f N for %v, ramps %.0f and %.0f N/s, %d steps up, %d down, %v in all, heat %s",
		prog.Harness, inN(prog.Hold), prog.HoldTime, inN(prog.Rest), prog.RestTime, float64(prog.RampUp)*1e-9, float64(prog.RampDown)*1e-9,
		prog.Progressive, prog.Regressive, prog.Duration, heatOf(prog))
	if c.Person.BodyWeight != 0 || c.Person.MaxForce != 0 {
		say("limits", "weight %.0f N, own cap %.0f N (0 is none)", inN(c.Person.BodyWeight), inN(c.Person.MaxForce))
	}
	start := "at the table"
	if c.FromAfar {
		start = "over the network"
	}
	say("remote", "may %v; started %s; a lost gateway means %v; proof of release %t", c.Remote, start, c.Gateway, c.Proof)
	for _, a := range c.Acts {
		say("act", "%v", a)
	}
	for _, f := range c.Faults {
		say("fault", "%v", f)
	}
	return b.String()
}

func heatOf(p *control.Programme) string {
	if p.Heat == 0 {
		return "off"
	}
	return fmt.Sprintf("%.1f C", p.Heat.Celsius())
}
