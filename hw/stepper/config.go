package stepper

import (
	"errors"
	"fmt"
	"math"
	"time"

	"periph.io/x/conn/v3/physic"
)

// Steps counts motor steps; positive is towards force (the rope shortens).
type Steps int64

// Config describes the drive.
type Config struct {
	// StepsPerMM is steps (micro-steps) per millimetre of rope, 0.1 to 10,000.
	StepsPerMM float64
	// MaxSpeed is the highest speed in either direction, above 0 to 1 m/s. A
	// faster velocity is cut to it.
	MaxSpeed physic.Speed
	// StartStopSpeed is the motor's pull-in rate: up to it the motor starts,
	// stops and reverses at once, under load, without losing a step. Above 0
	// to MaxSpeed.
	StartStopSpeed physic.Speed
	// Acceleration beyond StartStopSpeed in mm/s2, 1 to 100,000.
	Acceleration float64
	// Reverse is for a motor wired the other way round: DIR low, not high,
	// then means towards force.
	Reverse bool
	// DirSetup is how long DIR has to be valid before STEP rises, 0 to 100 us.
	DirSetup time.Duration
	// PulseWidth is how long STEP is high, and at least how long it is low, 0
	// to 20 us. The thread spends it waiting, once a step.
	PulseWidth time.Duration
	// EnableSettle is the time from ENABLE to the first step, 0 to 1 s: the
	// driver's own start-up and the rotor's snap to the nearest full step.
	EnableSettle time.Duration
	// DeadMan is how long a velocity stays valid, 5 to 100 ms; 0 means 20 ms.
	DeadMan time.Duration
	// Delay spends a few microseconds: a bounded spin on the real clock, an
	// advance of a virtual one. Needed with DirSetup or PulseWidth.
	Delay func(time.Duration)
}

// defaultDeadMan is twenty ticks of the 1 kHz executive: longer than its worst
// measured lateness, shorter than 1 mm of rope at any pulling speed.
const defaultDeadMan = 20 * time.Millisecond

// maxStepRate is what a thread that also reads the cell can step evenly; above
// it the time between edges drowns in wake-up jitter.
const maxStepRate = 20_000

// Validate reports everything that is wrong with the configuration at once.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("stepper: "+format, args...)) }
	if !(c.StepsPerMM >= 0.1 && c.StepsPerMM <= 10_000) {
		bad("StepsPerMM is %g, allowed are 0.1 to 10000", c.StepsPerMM)
	}
	if c.MaxSpeed <= 0 || c.MaxSpeed > physic.MetrePerSecond {
		bad("MaxSpeed is %s, allowed are above 0 to 1m/s", c.MaxSpeed)
	}
	if c.StartStopSpeed <= 0 || c.StartStopSpeed > c.MaxSpeed {
		bad("StartStopSpeed is %s, allowed are above 0 to MaxSpeed (%s)", c.StartStopSpeed, c.MaxSpeed)
	}
	if !(c.Acceleration >= 1 && c.Acceleration <= 100_000) {
		bad("Acceleration is %g mm/s2, allowed are 1 to 100000", c.Acceleration)
	}
	duration := func(name string, d, low, high time.Duration) {
		if d < low || d > high {
			bad("%s is %s, allowed are %s to %s", name, d, low, high)
		}
	}
	duration("DirSetup", c.DirSetup, 0, 100*time.Microsecond)
	duration("PulseWidth", c.PulseWidth, 0, 20*time.Microsecond)
	duration("EnableSettle", c.EnableSettle, 0, time.Second)
	if c.DeadMan != 0 {
		duration("DeadMan", c.DeadMan, 5*time.Millisecond, 100*time.Millisecond)
	}
	if c.Delay == nil && (c.DirSetup > 0 || c.PulseWidth > 0) {
		bad("Delay is missing, but DirSetup (%s) or PulseWidth (%s) needs it", c.DirSetup, c.PulseWidth)
	}
	if len(errs) == 0 {
		if rate, most := c.stepRate(c.MaxSpeed), c.maxRate(); rate > most {
			bad("MaxSpeed of %s is %.0f steps/s at %g steps/mm, allowed are up to %.0f", c.MaxSpeed, rate, c.StepsPerMM, most)
		}
	}
	return errors.Join(errs...)
}

// maxRate is the step rate that leaves STEP low as long as it is high.
func (c Config) maxRate() float64 {
	if c.PulseWidth > 0 {
		return min(maxStepRate, float64(time.Second)/float64(2*c.PulseWidth))
	}
	return maxStepRate
}

// Distance is the rope travel of so many steps, exact to the nanometre.
func (c Config) Distance(s Steps) physic.Distance {
	return physic.Distance(math.Round(float64(s) / c.StepsPerMM * float64(physic.MilliMetre)))
}

// Steps is the whole number of steps nearest to a rope travel, so that
// Steps(Distance(s)) is s.
func (c Config) Steps(d physic.Distance) Steps {
	return Steps(math.Round(float64(d) / float64(physic.MilliMetre) * c.StepsPerMM))
}

// stepRate converts a speed to steps/s, speed converts it back.
func (c Config) stepRate(v physic.Speed) float64 {
	return float64(v) / float64(physic.MilliMetrePerSecond) * c.StepsPerMM
}

func (c Config) speed(rate float64) physic.Speed {
	return physic.Speed(math.Round(rate / c.StepsPerMM * float64(physic.MilliMetrePerSecond)))
}
