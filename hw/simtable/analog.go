package simtable

import (
	"math"
	"math/rand/v2"
	"time"
)

// Figures of the HX711 data sheet and of the load cells it is used with.
const (
	noiseSlowV = 50e-9 // rms at the input, gain 128, 10/s
	noiseFastV = 90e-9 // rms at the input, gain 128, 80/s

	// maxFilter is the longest filter: the data sheet's output settling time is four conversions.
	maxFilter = 4

	// warmUpTime is how fast a load cell beside warm electronics drifts to its own temperature.
	warmUpTime = 10 * time.Minute

	// An unconnected input wanders: figures made to look like a reading, which is what makes it dangerous.
	wanderMVPerV = 0.01
	wanderPull   = 0.002
)

// cellFault is what has become of the load cell or the converter behind DOUT.
type cellFault uint8

const (
	cellGood cellFault = iota
	cellStuck
	cellSaturatedHigh
	cellSaturatedLow
	cellUnconnected
)

// analog is the analogue side of the chip: load cell, amplifier, noise and the filter over a conversion.
type analog struct {
	cell  Cell
	noise *rand.Rand

	sum    float64 // of the force since the last conversion, N
	count  float64
	recent [maxFilter]float64 // mean force of the last conversions, N
	next   int

	rate     float64 // nominal, per second
	noiseV   float64
	warm     float64 // how far the cell has warmed, C
	zeroN    float64 // drift and jumps of zero, N
	wander   float64 // of an unconnected input, mV/V
	lastCode int32
	fault    cellFault
	drift    float64 // of a failing cell, N/min
	gain     float64 // its sensitivity against that of a good one, 1
	noiseN   float64 // of a cable without a shield, N rms
}

// load takes the force at the rope, N, once in each step of the physics.
func (a *analog) load(force float64) {
	a.sum += force
	a.count++
}

// restart forgets the samples that the filter holds.
func (a *analog) restart() { a.sum, a.count = 0, 0 }

// setRate changes the RATE strap and returns the true time of a conversion.
func (a *analog) setRate(perS float64) time.Duration {
	a.rate = perS
	a.noiseV = noiseFastV
	if perS < 80 {
		a.noiseV = noiseSlowV
	}
	return seconds(1 / (perS * a.cell.TrueRateFactor))
}

// collect closes one conversion: the mean of the force over it goes into the filter. A conversion without a step of
// the physics repeats the last one.
func (a *analog) collect() {
	mean := a.recent[a.next]
	if a.count > 0 {
		mean = a.sum / a.count
	}
	a.sum, a.count = 0, 0
	a.next = (a.next + 1) % a.cell.FilterConversions
	a.recent[a.next] = mean

	took := 1 / (a.rate * a.cell.TrueRateFactor)
	before := a.warm
	a.warm += (a.cell.WarmUpC - a.warm) * min(1, took/warmUpTime.Seconds())
	a.zeroN += (a.cell.ZeroDriftNPerMin+a.drift)*took/60 + (a.warm-before)*a.cell.ZeroDriftNPerC
}

// code is the conversion result, saturated at 24 bits.
func (a *analog) code(from channel) int32 {
	if a.fault == cellStuck {
		return a.lastCode
	}
	gain := 128.0
	signal := a.signal()
	switch from {
	case channelB32: // nothing is connected there: the inputs are tied to ground
		gain, signal = 32, 0
	case channelA64:
		gain = 64
	}
	const fullScale = 1 << wordBits // codes for an input of AVDD/gain
	code := fullScale * gain * (signal/1000 + a.noise.NormFloat64()*a.noiseV/a.cell.SupplyV)
	a.lastCode = int32(min(max(math.Round(code), codeMin), codeMax))
	return a.lastCode
}

// signal is the output of the bridge in mV/V.
func (a *analog) signal() float64 {
	switch a.fault {
	case cellSaturatedHigh:
		return 1000
	case cellSaturatedLow:
		return -1000
	case cellUnconnected:
		a.wander += a.noise.NormFloat64()*wanderMVPerV - a.wander*wanderPull
		return a.wander
	}
	force := a.zeroN
	for _, f := range a.recent[:a.cell.FilterConversions] {
		force += f / float64(a.cell.FilterConversions)
	}
	if a.noiseN > 0 {
		force += a.noise.NormFloat64() * a.noiseN
	}
	share := force * a.gain / a.cell.CapacityN
	share += 4 * a.cell.NonlinearityShare * share * (1 - share)
	return a.cell.ZeroMVPerV + a.cell.SensitivityMVPerV*share
}

// seconds converts to a Duration, rounding to the nanosecond.
func seconds(s float64) time.Duration {
	return time.Duration(math.Round(s * float64(time.Second)))
}
