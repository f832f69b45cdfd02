package control

import "math"

// stiffness learns how many newtons one millimetre of rope makes, between
// harness, person and rope. The regulator divides by it, so an estimate that is
// too high makes the table slow and one that is too low makes it swing: every
// doubt goes upwards.
type stiffness struct {
	// Secant over the last seconds of one direction of motion.
	df, dx    float64
	direction float64
	rf, rx    float64 // N and mm over the whole ramp
	slope     float64 // N/mm from ramps, 0 = not known

	// High-frequency slope in hold: second differences of force against second
	// differences of position. Breathing is smooth, so what is left is the
	// answer of the rope to the drive itself. It catches friction that has made
	// the chain stiffer than it was while sliding.
	fx, xx   float64
	pf, px   float64
	df1, dx1 float64
	seen     int
}

const (
	// priorStiffness is used until the rope has told: the stiffest of the
	// published range (1.9 to 20 N/mm).
	priorStiffness = 20.0
	minStiffness   = 1.0
	maxStiffness   = 80.0
	// secantMemory is the weight left of the secant after one sample: two seconds
	// to 1/e, which evens out most of a breath.
	secantMemory = 0.9938
	// secantLeast is the travel a direction needs before its slope counts.
	secantLeast = 1.0
	// rampLeast (N) of a whole ramp are more than a breath. Its slope, less the
	// share that a breath may add to the way, is the least that is believed: a rope
	// that follows a deep breath moves without force.
	rampLeast      = 20.0
	rampShareLeast = 0.6
	// waveMemory is the weight left of the high-frequency sums after one sample:
	// about a second.
	waveMemory = 0.985
)

// start forgets what another person's treatment has shown.
func (s *stiffness) start() { *s = stiffness{} }

// sample takes one fresh force (N) and the rope's position (mm). ramping tells
// that the set-point moves, so that force changes because of motion.
func (s *stiffness) sample(force, x float64, ramping bool) {
	df, dx := force-s.pf, x-s.px
	s.pf, s.px = force, x
	if s.seen++; s.seen < 3 { // the first difference is to nothing, the second has none before it
		s.df1, s.dx1 = df, dx
		return
	}
	ddf, ddx := df-s.df1, dx-s.dx1
	s.df1, s.dx1 = df, dx
	s.fx = s.fx*waveMemory + ddf*ddx
	s.xx = s.xx*waveMemory + ddx*ddx
	if ramping {
		s.secant(df, dx)
	} else {
		s.df, s.dx, s.direction, s.rf, s.rx = 0, 0, 0, 0, 0
	}
}

// secant follows the slope of the present direction of motion.
func (s *stiffness) secant(df, dx float64) {
	s.rf += df
	s.rx += dx
	if dx == 0 {
		return
	}
	if d := math.Copysign(1, dx); d != s.direction {
		s.df, s.dx, s.direction = 0, 0, d
	}
	s.df = s.df*secantMemory + df
	s.dx = s.dx*secantMemory + dx
	if math.Abs(s.dx) < secantLeast {
		return
	}
	k := s.df / s.dx
	if math.Abs(s.rf) > rampLeast && math.Abs(s.rx) > secantLeast {
		k = math.Max(k, rampShareLeast*s.rf/s.rx)
	}
	if k > minStiffness/2 {
		s.slope = k
	}
}

// waveLeast is the sum of squared second differences (mm2) from which the
// high-frequency slope means something: about ten times what half a motor step
// of quantisation leaves.
const waveLeast = 0.004

// ramped is the slope that the last ramp has shown, N/mm, without the doubt that
// value adds.
func (s *stiffness) ramped() float64 {
	if s.slope == 0 {
		return priorStiffness
	}
	return min(max(s.slope, minStiffness), maxStiffness)
}

// value is the estimate to regulate with, N/mm.
func (s *stiffness) value() float64 {
	k := s.ramped()
	if s.xx > waveLeast {
		k = max(k, s.fx/s.xx)
	}
	return min(max(k, minStiffness), maxStiffness)
}
