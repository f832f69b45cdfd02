package control

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestNoiseIsOfTheCellAndNotOfTheForce: a ramp of 40 N/s and a breath of 25 N do
// not count, the error of the samples does.
func TestNoiseIsOfTheCellAndNotOfTheForce(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	var e noise
	for i := range 38 {
		e.see(float64(i))
	}
	assert.Zero(t, e.value(), "too few samples")
	for i := range 2000 {
		s := float64(i) / 80
		e.see(40*s + 25*math.Sin(2*math.Pi*0.35*s) + 0.4*dice.NormFloat64())
	}
	assert.InDelta(t, 0.4, e.value(), 0.05)
	for range 3000 {
		e.see(e.b)
	}
	assert.Less(t, e.value(), 0.05, "it forgets")
}
