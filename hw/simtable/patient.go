package simtable

import (
	"errors"
	"fmt"
)

// Patient describes the person on the table as the rope feels them: a harness spring, a pelvis that rubs on the
// table, a body spring to the trunk that creeps, breath, and what people do when they lie there.
type Patient struct {
	Name         string  `toml:"name"`           // short, words joined by hyphens
	Description  string  `toml:"description"`    // who this is and what the case is good for
	Source       string  `toml:"source"`         // where the figures come from
	Sex          string  `toml:"sex"`            // "female", "male" or empty
	BodyWeightKg float64 `toml:"body_weight_kg"` // 2 to 300 kg

	HarnessStiffnessNPerMM float64 `toml:"harness_stiffness_n_per_mm"` // 0.2 to 1000 N/mm
	BodyStiffnessNPerMM    float64 `toml:"body_stiffness_n_per_mm"`    // 0.2 to 1000 N/mm
	FrictionN              float64 `toml:"friction_n"`                 // kinetic friction of the moved part on the table, 0 to 1000 N
	FrictionStaticRatio    float64 `toml:"friction_static_ratio"`      // static to kinetic, 1 to 2
	CreepMM                float64 `toml:"creep_mm"`                   // extra displacement at creep_reference_n after long, 0 to 50 mm
	CreepTimeConstantS     float64 `toml:"creep_time_constant_s"`      // 1 to 7200 s
	CreepReferenceN        float64 `toml:"creep_reference_n"`          // 10 to 2000 N
	HarnessSlackMM         float64 `toml:"harness_slack_mm"`           // rope to wind from the park position until it is taut, 0 to 300 mm

	BreathingN  float64 `toml:"breathing_n"`  // amplitude at the rope with the rope held still, 0 to 100 N
	BreathingHz float64 `toml:"breathing_hz"` // 0.05 to 1 Hz

	CoughsPerMinute float64 `toml:"coughs_per_minute"` // at random times, 0 to 20
	CoughN          float64 `toml:"cough_n"`           // force of such a cough, 0 to 1000 N

	Coughs    []Cough `toml:"coughs"`     // coughs at known times
	GettingUp []Rise  `toml:"getting_up"` // the person gets up
	Slips     []Slip  `toml:"slip"`       // the harness slips
	Shifts    []Shift `toml:"shifts"`     // the person moves on the table
}

// Cough is one cough: half a sine of extra pull.
type Cough struct {
	AtS       float64 `toml:"at_s"`       // after the start of the simulation, 0 to 86400 s
	ForceN    float64 `toml:"force_n"`    // peak with the rope held still, 0 to 1000 N
	DurationS float64 `toml:"duration_s"` // 0.02 to 5 s
}

// Rise is one attempt to get up: a jerk at the rope of 0.3 s, then the harness comes 150 mm nearer to the table, so that
// the rope is slack, until the person lies back.
type Rise struct {
	AtS    float64 `toml:"at_s"`    // after the start of the simulation, 0 to 86400 s
	ForceN float64 `toml:"force_n"` // peak of the jerk, 0 to 1000 N
	SlackS float64 `toml:"slack_s"` // how long the person stays up, 0.5 to 3600 s
}

// Slip is one slip of the harness on the person, at a time or the first time that the force is reached.
type Slip struct {
	AtS    float64 `toml:"at_s"`    // after the start of the simulation, 0 to 86400 s; 0 when above_n decides
	AboveN float64 `toml:"above_n"` // rope force that sets it off, 0 to 2000 N; 0 when at_s decides
	MM     float64 `toml:"mm"`      // rope set free, 0 to 300 mm
}

// Shift is one movement of the person along the table within half a second, for good.
type Shift struct {
	AtS float64 `toml:"at_s"` // after the start of the simulation, 0 to 86400 s
	MM  float64 `toml:"mm"`   // positive sets rope free, negative tightens it, -100 to 100 mm
}

// maxEvents bounds the list of each kind of event of a patient.
const maxEvents = 1000

func defaultPatient() Patient {
	return Patient{FrictionStaticRatio: 1.08, CreepTimeConstantS: 400, CreepReferenceN: 250, BreathingHz: 0.25}
}

// WithoutBreathing returns the same person holding the breath.
func (p Patient) WithoutBreathing() Patient {
	p.BreathingN = 0
	return p
}

// Validate reports every value that is out of range, all at once, each with its key, value and allowed range. It
// changes nothing.
func (p Patient) Validate() error {
	var r ranges
	r.filled("name", p.Name)
	if p.Sex != "" && p.Sex != "female" && p.Sex != "male" {
		r.fail("sex = %q: allowed is female, male or nothing", p.Sex)
	}
	r.within("body_weight_kg", p.BodyWeightKg, 2, 300)
	r.within("harness_stiffness_n_per_mm", p.HarnessStiffnessNPerMM, 0.2, 1000)
	r.within("body_stiffness_n_per_mm", p.BodyStiffnessNPerMM, 0.2, 1000)
	r.within("friction_n", p.FrictionN, 0, 1000)
	r.within("friction_static_ratio", p.FrictionStaticRatio, 1, 2)
	r.within("creep_mm", p.CreepMM, 0, 50)
	r.within("creep_time_constant_s", p.CreepTimeConstantS, 1, 7200)
	r.within("creep_reference_n", p.CreepReferenceN, 10, 2000)
	r.within("harness_slack_mm", p.HarnessSlackMM, 0, 300)
	r.within("breathing_n", p.BreathingN, 0, 100)
	r.within("breathing_hz", p.BreathingHz, 0.05, 1)
	r.within("coughs_per_minute", p.CoughsPerMinute, 0, 20)
	r.within("cough_n", p.CoughN, 0, 1000)
	p.validateEvents(&r)
	return errors.Join(r.errs...)
}

func (p Patient) validateEvents(r *ranges) {
	for _, list := range []struct {
		key string
		n   int
	}{{"coughs", len(p.Coughs)}, {"getting_up", len(p.GettingUp)}, {"slip", len(p.Slips)}, {"shifts", len(p.Shifts)}} {
		if list.n > maxEvents {
			r.fail("%s has %d entries: allowed is 0 to %d", list.key, list.n, maxEvents)
			return
		}
	}
	at := func(list string, i int, key string) string { return fmt.Sprintf("%s[%d].%s", list, i, key) }
	for i, c := range p.Coughs {
		r.within(at("coughs", i, "at_s"), c.AtS, 0, maxTimeS)
		r.within(at("coughs", i, "force_n"), c.ForceN, 0, 1000)
		r.within(at("coughs", i, "duration_s"), c.DurationS, 0.02, 5)
	}
	for i, g := range p.GettingUp {
		r.within(at("getting_up", i, "at_s"), g.AtS, 0, maxTimeS)
		r.within(at("getting_up", i, "force_n"), g.ForceN, 0, 1000)
		r.within(at("getting_up", i, "slack_s"), g.SlackS, 0.5, 3600)
	}
	for i, s := range p.Slips {
		r.within(at("slip", i, "at_s"), s.AtS, 0, maxTimeS)
		r.within(at("slip", i, "above_n"), s.AboveN, 0, 2000)
		r.within(at("slip", i, "mm"), s.MM, 0, 300)
		if (s.AtS > 0) == (s.AboveN > 0) {
			r.fail("slip[%d] has at_s = %v and above_n = %v: exactly one of them is above 0", i, s.AtS, s.AboveN)
		}
	}
	for i, s := range p.Shifts {
		r.within(at("shifts", i, "at_s"), s.AtS, 0, maxTimeS)
		r.within(at("shifts", i, "mm"), s.MM, -100, 100)
	}
}
