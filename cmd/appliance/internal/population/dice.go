package population

import (
	"math"
	"math/rand/v2"
	"time"

	"periph.io/x/conn/v3/physic"
)

// dice are a stream of chance with the draws that cases need.
type dice struct{ *rand.Rand }

func newDice(seed, stream uint64) dice { return dice{rand.New(rand.NewPCG(seed, stream))} }

// chance is true with probability p.
func (d dice) chance(p float64) bool { return d.Float64() < p }

// between is even from lo to hi.
func (d dice) between(lo, hi float64) float64 { return lo + d.Float64()*(hi-lo) }

// over is even in the logarithm from lo to hi, both above 0: for sizes of which
// each decade matters as much as the next.
func (d dice) over(lo, hi float64) float64 { return lo * math.Pow(hi/lo, d.Float64()) }

// time is even from lo to hi, in milliseconds.
func (d dice) time(lo, hi time.Duration) time.Duration {
	return seconds(d.between(lo.Seconds(), hi.Seconds())).Round(time.Millisecond)
}

// long is a time even in the logarithm, in milliseconds.
func (d dice) long(lo, hi time.Duration) time.Duration {
	return seconds(d.over(lo.Seconds(), hi.Seconds())).Round(time.Millisecond)
}

// pick takes one of several.
func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

// seconds converts to a duration.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// inN converts to newtons.
func inN(f physic.Force) float64 { return float64(f) * 1e-9 }

// newtons converts to a force of whole millinewtons.
func newtons(f float64) physic.Force { return physic.Force(math.Round(f*1e3)) * physic.MilliNewton }

// inMM converts to millimetres.
func inMM(x physic.Distance) float64 { return float64(x) * 1e-6 }
