package control

import (
	"time"

	"periph.io/x/conn/v3/physic"
)

// Plan is a treatment worked out beforehand.
type Plan struct {
	Steps []StepPlan
	// Cycles that fit into the treatment time.
	Cycles int
	// Treatment is the time of pull, hold, ease and rest.
	Treatment time.Duration
	// Total adds slack take-up and release.
	Total time.Duration
	// SoftestFull is the stiffness in N/mm below which the table cannot follow
	// the programme's ramp; softer persons get a slower one.
	SoftestFull float64
}

// StepPlan is one step of the plan.
type StepPlan struct {
	Hold, Rest         physic.Force
	HoldTime, RestTime time.Duration
	Cycles             int // 0 = as many as fit
	Cycle              time.Duration
}

// slackEstimate is the time slack take-up is planned with: 60 mm at 10 mm/s.
const slackEstimate = 6 * time.Second

// NewPlan works out steps, cycles and times of p on a table.
func NewPlan(p *Programme, t *TableLimits) Plan {
	var plan Plan
	s := settingsOf(p)
	n := stepCount(p)
	used := time.Duration(0)
	for i := 1; i <= n; i++ {
		sp := stepAt(p, &s, i)
		plan.Steps = append(plan.Steps, sp)
		if sp.Cycles > 0 {
			used += sp.Cycle * time.Duration(sp.Cycles)
			plan.Cycles += sp.Cycles
		}
	}
	main := plan.Steps[p.Progressive]
	if left := s.Duration - used; left > 0 && main.Cycle > 0 {
		plan.Cycles += int((left + main.Cycle - 1) / main.Cycle)
	}
	plan.Treatment = s.Duration
	plan.Total = slackEstimate + s.Duration + rampTime(p.Hold, p.RampDown) + 5*time.Second
	if v := inMillimetresPerSecond(t.PullSpeed); v > 0 {
		plan.SoftestFull = inNewtons(physic.Force(p.RampUp)) / (v * rampShare)
	}
	return plan
}

// settingsOf is what an operator may change, as the programme has it.
func settingsOf(p *Programme) Settings {
	return Settings{Fields: allFields, Hold: p.Hold, Rest: p.Rest, HoldTime: p.HoldTime, RestTime: p.RestTime, Duration: p.Duration}
}

// stepCount is the number of steps: progressive, the main one, regressive.
func stepCount(p *Programme) int { return p.Progressive + 1 + p.Regressive }

// stepAt works out step i, 1 to stepCount. Progressive step i of n pulls to
// i/(n+1) of the hold force; regressive steps mirror it; their rest level is
// StepRest percent of their own hold (Chattanooga Triton: 50).
func stepAt(p *Programme, s *Settings, i int) StepPlan {
	sp := StepPlan{Hold: s.Hold, Rest: s.Rest, HoldTime: s.HoldTime, RestTime: s.RestTime}
	num, den := 0, 1
	switch {
	case i <= p.Progressive:
		num, den = i, p.Progressive+1
	case i > p.Progressive+1:
		num, den = stepCount(p)-i+1, p.Regressive+1
	}
	if num > 0 {
		sp.Hold = max(s.Hold*physic.Force(num)/physic.Force(den), MinHold)
		sp.Rest = min(max(sp.Hold*physic.Force(p.StepRest)/100, MinRest), sp.Hold)
		sp.Cycles = p.StepCycles
	}
	sp.Cycle = sp.HoldTime + sp.RestTime
	if !p.Static() {
		sp.Cycle += rampTime(sp.Hold-sp.Rest, p.RampUp) + rampTime(sp.Hold-sp.Rest, p.RampDown)
	}
	return sp
}

// rampTime is how long a ramp over f takes.
func rampTime(f physic.Force, r ForceRate) time.Duration {
	if r <= 0 {
		return 0
	}
	return time.Duration(float64(f) / float64(r) * float64(time.Second))
}
