package population

import (
	"math"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/cmd/appliance/internal/simulation"
	"traction/control"
	"traction/hw/simtable"
)

// Links of the limits chain, as documented in docs/safety.md: what a prescription
// has to keep below to be taken.
const (
	cervicalMost  = 230.0 // N
	lumbarShare   = 0.60  // of body weight
	cervicalShare = 0.25
)

// drawProgramme writes a valid programme of 5 to 15 minutes that this table may
// run on this person.
func drawProgramme(d dice, t *simtable.Table, who *simtable.Patient, cervical bool) (*control.Programme, control.Person) {
	limits := simulation.Commission(t)
	most := inN(limits.Force)
	share := lumbarShare
	p := &control.Programme{Name: "random", Title: "Random", Source: "drawn by chance", PauseRests: d.chance(0.5)}
	if cervical {
		p.Harness, share = control.Cervical, cervicalShare
		most = math.Min(most, cervicalMost)
	}
	var person control.Person
	if d.chance(0.5) {
		person = simulation.PatientPerson(*who)
		most = math.Min(most, share*inN(person.BodyWeight))
	}
	if d.chance(0.1) {
		person.MaxForce = newtons(d.between(120, 400))
		most = math.Min(most, inN(person.MaxForce))
	}
	most = math.Min(math.Floor(most-math.Max(10, most/25)), inN(control.MaxHold))
	hold := d.between(inN(control.MinHold)+10, most)
	p.Hold = newtons(hold)
	if d.chance(0.15) {
		p.ForceLimit = newtons(hold + math.Max(12, hold/20) + d.between(5, 80))
	}
	rampMost := math.Min(80, float64(limits.Rise)*1e-9)
	p.RampUp, p.RampDown = rate(d.over(5, rampMost)), rate(d.over(10, rampMost))
	drawTimes(d, p, hold)
	if t.Pad.HeaterW > 0 && d.chance(0.5) {
		p.Heat = physic.ZeroCelsius + physic.Temperature(d.between(30, 40)*float64(physic.Celsius))
	}
	return p, person
}

// drawTimes makes the programme static or intermittent, with or without steps.
func drawTimes(d dice, p *control.Programme, hold float64) {
	p.Duration = d.time(5*time.Minute, 15*time.Minute)
	p.Rest = newtons(d.between(inN(control.MinRest), math.Max(inN(control.MinRest), 0.6*hold)))
	p.HoldTime = d.long(5*time.Second, 90*time.Second)
	if static := d.chance(0.25); static {
		p.HoldTime = d.time(20*time.Second, 60*time.Second)
	} else {
		p.RestTime = d.long(2*time.Second, 30*time.Second)
	}
	steps := int(hold/inN(control.MinHold)) - 1 // the first step stays above the least hold
	if steps = min(steps, 5); steps < 1 || d.chance(0.5) {
		return
	}
	p.StepCycles, p.StepRest = 1+d.IntN(2), 10+d.IntN(91)
	switch d.IntN(3) {
	case 0:
		p.Progressive = 1 + d.IntN(steps)
	case 1:
		p.Regressive = 1 + d.IntN(steps)
	default:
		p.Progressive, p.Regressive = 1+d.IntN(steps), 1+d.IntN(steps)
	}
}

func rate(nPerS float64) control.ForceRate {
	return control.ForceRate(math.Round(nPerS*1e3)) * control.NewtonPerSecond / 1e3
}
