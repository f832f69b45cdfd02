package control

import "math"

// regulator turns force error into rope velocity, once per sample:
//
//	v = (g*e + h*integral(e) + set-point rate) / stiffness
//
// The plant is an integrator (velocity -> force), so g is the loop's crossover
// in rad/s whatever the stiffness, as long as that is known.
type regulator struct {
	integral float64 // N*s
	velocity float64 // mm/s, the last answer, kept between samples
}

const (
	// gain g in 1/s. With one sample and a half of delay at 80 Hz it leaves 60
	// degrees of phase margin at the right stiffness and 25 at a quarter of it.
	gain = 14.0
	// integralGain h in 1/s2.
	integralGain = gain * gain / 6
	// integralBand: the integral runs only within this error (N); beyond it a
	// cough, a slip or a ramp is at work, which it must not remember.
	integralBand = 15.0
	// integralMost bounds what the integral may ask for, as N/s of force rate:
	// breathing of 25 N at 0.35 Hz needs 55.
	integralMost = 60.0
)

// start clears the memory; force then continues from velocity v.
func (r *regulator) start() { *r = regulator{} }

// step takes error e = set-point - force (N), the set-point's rate (N/s), the
// stiffness (N/mm), the sample interval (s) and the velocity bounds (mm/s,
// away < 0 < towards). It returns the rope velocity in mm/s.
func (r *regulator) step(e, rate, k, dt, away, towards float64) float64 {
	integral := r.integral
	if math.Abs(e) < integralBand {
		integral += e * dt
	} else {
		integral *= 1 - min(1, 2*dt) // let go of the past in half a second
	}
	most := integralMost / integralGain
	integral = min(max(integral, -most), most)

	v := (gain*e + integralGain*integral + rate) / k
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
