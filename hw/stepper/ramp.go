package stepper

import (
	"fmt"
	"math"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// NextEdge returns when the next step is due; ok is false when none is.
func (d *Driver) NextEdge() (t time.Duration, ok bool) { return d.next, d.pending }

// Edge takes the step that is due, at most one, and plans the next. Early or
// superfluous calls do nothing. After an error the step may be missing; the
// next one waits for a velocity.
func (d *Driver) Edge(now time.Duration) error {
	d.Watch(now)
	if !d.pending || now < d.next {
		return nil
	}
	reversed := d.dirFresh
	if d.dirFresh {
		// The time since DIR changed is only known to the caller's clock, so
		// the set-up time is spent again here, once a reversal.
		d.cfg.Delay(d.cfg.DirSetup)
		now += d.cfg.DirSetup
		d.dirFresh = false
	}
	if err := d.pulse(); err != nil {
		d.pending, d.speed = false, 0
		return err
	}
	v := d.travelled(now)
	if reversed {
		v = 0
	}
	d.begun = d.next
	if d.overdue(now) {
		d.begun = now // what was missed is not made up for
		d.lateEdges++
	}
	d.phase, d.phaseAt = 0, d.begun
	d.lastEdge = now
	d.bound(v)
	return d.plan(now)
}

// overdue reports whether the step is late by more than an interval.
func (d *Driver) overdue(now time.Duration) bool { return now-d.next > interval(d.speed) }

// travelled is the speed of the step that is taken now, for the ramp. A step
// that is a little late does not slow the rotor down, so the faster of the
// planned and the real interval counts; only when the thread was away for so
// long that the rotor must have stopped does the ramp begin anew.
func (d *Driver) travelled(now time.Duration) float64 {
	real := now - d.lastEdge
	if d.overdue(now) && real > interval(d.startStop) {
		return 0
	}
	return float64(time.Second) / float64(max(min(d.next-d.begun, real), 1))
}

// pulse raises and lowers STEP. The step counts from the rising edge on.
func (d *Driver) pulse() error {
	if err := d.pins.Step.Out(gpio.High); err != nil {
		return fmt.Errorf("stepper: STEP: %w", err)
	}
	d.position += Steps(d.dir)
	d.cfg.Delay(d.cfg.PulseWidth)
	if err := d.pins.Step.Out(gpio.Low); err != nil {
		return fmt.Errorf("stepper: STEP: %w", err)
	}
	return nil
}

// rounding forgives the nanosecond grid when a speed is compared.
const rounding = 1 + 1e-5

// bound sets the speeds that the step after one at speed v may have: any up to
// the start-stop speed, beyond it one step of the ramp up or down.
func (d *Driver) bound(v float64) {
	d.low, d.high = 0, d.startStop
	if up := math.Sqrt(v*v + d.twiceAccel); v > 0 && up > d.high {
		d.high = min(up, d.fastest)
	}
	if v > d.startStop*rounding {
		d.low = max(d.startStop, math.Sqrt(max(0, v*v-d.twiceAccel)))
	}
}

// plan decides the speed and the time of the next step from the target and
// from what has been travelled since the last one. It returns the error of the
// DIR pin, and then plans no step.
func (d *Driver) plan(now time.Duration) error {
	now = max(now, d.phaseAt)
	d.travel(now)
	if !d.pending || d.overdue(now) && now-d.lastEdge > interval(d.startStop) {
		d.low, d.high = 0, d.startStop // the rotor stands
	}
	d.pending, d.speed = false, 0
	along := d.target * float64(d.dir)
	if along < 0 && d.low == 0 {
		if err := d.point(-d.dir); err != nil {
			return err
		}
		d.high = d.startStop
		along = -along
	}
	v := min(max(along, d.low), d.high)
	if v == 0 {
		return nil
	}
	d.pending, d.speed = true, v
	d.next = now + ceil((1-d.phase*float64(d.dir))/v)
	d.next = max(d.next, d.lastEdge+interval(d.high), d.readyAt)
	return nil
}

// travel moves the phase on to now, which is not before phaseAt.
func (d *Driver) travel(now time.Duration) {
	if d.pending {
		d.phase += float64(d.dir) * d.speed * (now - d.phaseAt).Seconds()
		d.phase = min(max(d.phase, -1), 1)
	}
	d.phaseAt = now
}

// interval is the time between two steps at v steps/s, rounded up so that a
// speed is never exceeded.
func interval(v float64) time.Duration { return ceil(1 / v) }

func ceil(seconds float64) time.Duration {
	return time.Duration(math.Ceil(seconds * float64(time.Second)))
}
