package control

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"
)

// Programme is what a clinician writes: one treatment with all its numbers.
type Programme struct {
	Name    string // lower case, digits and dashes
	Title   string
	Source  string // where the numbers come from
	Harness Harness

	Hold     physic.Force  // force in hold
	HoldTime time.Duration // counted once the force is there
	Rest     physic.Force  // force in rest; the rope is never slack in a treatment
	RestTime time.Duration // 0 = static: one hold for the whole duration
	RampUp   ForceRate
	RampDown ForceRate
	Duration time.Duration // pull, hold, ease and rest; no pause, no release

	// Progressive is how many steps lead up to Hold, 0 = none. Step i of n pulls
	// to Hold*i/(n+1) for StepCycles cycles.
	Progressive int
	// Regressive is the same downwards, at the end.
	Regressive int
	StepCycles int // cycles in each step, at least 1 when there are steps
	// StepRest is the rest level of the steps as a share of their hold, in
	// percent. 50 after the Chattanooga Triton's rule.
	StepRest int

	// PauseRests: a pause brings the force to the rest level; otherwise it keeps it.
	PauseRests bool
	// ForceLimit trips the treatment; 0 = from Hold and a margin.
	ForceLimit physic.Force
	// Heat is the pad's set-point; 0 = no heat.
	Heat physic.Temperature
}

// The ranges that every programme must keep.
const (
	MinHold     = 20 * physic.Newton // the cord is slack under about 15 N (Eltrac 471)
	MaxHold     = 500 * physic.Newton
	MinRest     = 15 * physic.Newton // Eltrac 471: cord never below 15 N
	MinHoldTime = 1 * time.Second
	MaxHoldTime = 60 * time.Minute
	MaxRestTime = 5 * time.Minute
	MinRamp     = 1 * NewtonPerSecond
	MinDuration = 30 * time.Second
	MaxSteps    = 20
	MaxCycles   = 20 // of one step
	MinHeat     = 25*physic.Celsius + physic.ZeroCelsius
)

// Static tells whether the programme is one long hold.
func (p *Programme) Static() bool { return p.RestTime == 0 }

// Validate reports every value out of its range, each with field, value and
// range, joined into one error. It changes nothing.
func (p *Programme) Validate() error {
	var errs []error
	bad := func(field string, value, lo, hi any) {
		errs = append(errs, fmt.Errorf("%s: %v is out of range, allowed: %v to %v", field, value, lo, hi))
	}
	if !validName(p.Name) {
		errs = append(errs, fmt.Errorf("name: %q is not allowed: 1 to 40 lower-case letters, digits and dashes", p.Name))
	}
	if p.Hold < MinHold || p.Hold > MaxHold {
		bad("hold", p.Hold, MinHold, MaxHold)
	}
	if p.HoldTime < MinHoldTime || p.HoldTime > MaxHoldTime {
		bad("hold_time", p.HoldTime, MinHoldTime, MaxHoldTime)
	}
	if p.RestTime < 0 || p.RestTime > MaxRestTime {
		bad("rest_time", p.RestTime, time.Duration(0), MaxRestTime)
	}
	if p.Rest < MinRest || p.Rest > p.Hold {
		bad("rest", p.Rest, MinRest, p.Hold)
	}
	if p.RampUp < MinRamp || p.RampUp > CeilingRise {
		bad("ramp_up", physic.Force(p.RampUp), physic.Force(MinRamp), fmt.Sprintf("%v per second", physic.Force(CeilingRise)))
	}
	if p.RampDown < MinRamp || p.RampDown > CeilingRise {
		bad("ramp_down", physic.Force(p.RampDown), physic.Force(MinRamp), fmt.Sprintf("%v per second", physic.Force(CeilingRise)))
	}
	if p.Duration < MinDuration || p.Duration > CeilingDuration {
		bad("duration", p.Duration, MinDuration, CeilingDuration)
	}
	if p.ForceLimit != 0 && (p.ForceLimit < p.Hold || p.ForceLimit > CeilingForce) {
		bad("force_limit", p.ForceLimit, p.Hold, CeilingForce)
	}
	if p.Heat != 0 && (p.Heat < MinHeat || p.Heat > CeilingTemperature) {
		bad("heat", p.Heat, MinHeat, CeilingTemperature)
	}
	errs = append(errs, p.validateSteps()...)
	return errors.Join(errs...)
}

// validateSteps checks the progressive and regressive part.
func (p *Programme) validateSteps() (errs []error) {
	bad := func(field string, value, lo, hi any) {
		errs = append(errs, fmt.Errorf("%s: %v is out of range, allowed: %v to %v", field, value, lo, hi))
	}
	if p.Progressive < 0 || p.Progressive > MaxSteps {
		bad("progressive", p.Progressive, 0, MaxSteps)
	}
	if p.Regressive < 0 || p.Regressive > MaxSteps {
		bad("regressive", p.Regressive, 0, MaxSteps)
	}
	if p.Progressive+p.Regressive == 0 {
		return errs
	}
	if p.StepCycles < 1 || p.StepCycles > MaxCycles {
		bad("step_cycles", p.StepCycles, 1, MaxCycles)
	}
	if p.StepRest < 10 || p.StepRest > 100 {
		bad("step_rest_percent", p.StepRest, 10, 100)
	}
	most := max(p.Progressive, p.Regressive)
	if first := p.Hold / physic.Force(most+1); first < MinHold {
		errs = append(errs, fmt.Errorf("progressive/regressive: %d steps start at %v, allowed: at least %v; take fewer steps", most, first, MinHold))
	}
	return errs
}

// validName accepts what is safe as a topic level and as a file name.
func validName(s string) bool {
	if len(s) == 0 || len(s) > 40 {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return true
}
