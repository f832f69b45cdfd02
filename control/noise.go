package control

import "math"

// noise estimates the standard deviation of one sample by second differences:
// for samples x with independent errors of variance v, x[n] - 2 x[n-1] + x[n-2] has
// 6 v, and neither a constant force nor a ramp nor a breath is in it.
type noise struct {
	a, b float64 // the two samples before
	n    int
	v    float64 // N2
}

const (
	// noiseSamples is the memory: 5 s at 80 samples a second.
	noiseSamples = 400
	// noiseLeast samples make a first estimate, good to a fifth.
	noiseLeast = 40
)

// see takes one good sample in newtons.
func (e *noise) see(x float64) {
	d := x - 2*e.b + e.a
	e.a, e.b = e.b, x
	if e.n++; e.n <= 2 {
		return
	}
	e.v += (d*d/6 - e.v) / float64(min(e.n-2, noiseSamples))
	e.n = min(e.n, noiseSamples+2)
}

// value in newtons, 0 = not known yet.
func (e *noise) value() float64 {
	if e.n < noiseLeast {
		return 0
	}
	return math.Sqrt(e.v)
}
