package simtable

import (
	"math"
	"math/rand/v2"
)

// breathJitter is how much one breath differs in length from the next, rms. Resting breath varies by some per cent.
const breathJitter = 0.04

// breath is a sine whose every period is a little longer or shorter than the last. It turns a pointer by a fixed
// angle in each step of the physics, which costs four multiplications and no sine.
type breath struct {
	hz       float64
	jitter   *rand.Rand
	sin, cos float64
	ds, dc   float64
	left     int // steps of the physics in this breath
}

// step returns the next value, -1 to 1.
func (b *breath) step() float64 {
	if b.left == 0 {
		b.inhale()
	}
	b.left--
	b.sin, b.cos = b.sin*b.dc+b.cos*b.ds, b.cos*b.dc-b.sin*b.ds
	return b.sin
}

// inhale starts a breath at 0, so that rounding never adds up.
func (b *breath) inhale() {
	factor := 1 + breathJitter*min(max(b.jitter.NormFloat64(), -3), 3)
	b.left = max(1, int(factor/(b.hz*gridS)))
	angle := 2 * math.Pi / float64(b.left)
	b.sin, b.cos = 0, 1
	b.ds, b.dc = math.Sincos(angle)
}
