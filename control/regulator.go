package control

import "math"

// regulator turns force error into rope velocity, once per sample:
//
//	v = (g*(e + lead*de/dt) + h*integral(e) + set-point rate) / stiffness
//
// The plant is an integrator (velocity -> force), so g is the loop's crossover
// in rad/s whatever the stiffness, as long as that is known.
//
// R-ANTI-WINDUP: what it remembers is bounded, and stops where the drive cannot
// follow.
type regulator struct {
	integral float64 // N*s
	last     float64 // N, the error before this one
	velocity float64 // mm/s, the last answer, kept between samples
}

// The gains were chosen on all shipped patients, on tables with 0.2 and 0.4 mm
// of dead band, at 400 N, as the worst mean error with breathing and without:
//
//	g 14, h g2/6,  no dead zone:           0.49 N, 0.60 N (swings in the dead band)
//	g 14, h g2/50, no dead zone:           0.77 N, 0.23 N
//	g 15, h g2/14, dead zone, lead:        0.53 N, 0.13 N
const (
	// gain g in 1/s. With one sample and a half of delay at 80 Hz it leaves 60
	// degrees of phase margin at the right stiffness and 25 at a quarter of it.
	gain = 15.0
	// integralGain h in 1/s2.
	integralGain = gain * gain / 14
	// lead in s takes the blow out of the moment when a dead band ends.
	lead = 0.015
	// deadZone (N) is about what one motor step makes; inside it the drive rests
	// and the integral lets go at integralDecay (1/s), or it would hunt from one
	// side of the dead band to the other.
	deadZone      = 0.12
	integralDecay = 20.0
	// integralBand: the integral runs only within this error (N); beyond it a
	// cough, a slip or a ramp is at work, which it must not remember.
	integralBand = 15.0
	// integralMost bounds what the integral may ask for, as N/s of force rate:
	// breathing of 25 N at 0.35 Hz needs 55.
	integralMost = 60.0
)

// start clears the memory.
func (r *regulator) start() { *r = regulator{} }

// step takes error e = set-point - force (N), the set-point's rate (N/s), the
// stiffness (N/mm), the sample interval (s) and the velocity bounds (mm/s,
// away < 0 < towards). It returns the rope velocity in mm/s.
func (r *regulator) step(e, rate, k, dt, away, towards float64) float64 {
	dt = max(dt, 1e-3)
	de := (e - r.last) / dt
	r.last = e
	integral := r.integral
	switch size := math.Abs(e); {
	case size <= deadZone:
		e = 0
		integral *= 1 - min(1, integralDecay*dt)
	case size < integralBand:
		e -= math.Copysign(deadZone, e)
		integral += e * dt
	default:
		integral *= 1 - min(1, 2*dt) // let go of the past in half a second
	}
	most := integralMost / integralGain
	integral = min(max(integral, -most), most)

	v := (gain*(e+lead*de) + integralGain*integral + rate) / k
	// Anti-wind-up: keep the integral only where the drive can follow it, or
	// where it leads back.
	switch {
	case v > towards:
		v = towards
		integral = min(integral, r.integral)
	case v < away:
		v = away
		integral = max(integral, r.integral)
	}
	r.integral, r.velocity = integral, v
	return v
}
