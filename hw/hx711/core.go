package hx711

import (
	"time"

	"periph.io/x/conn/v3/physic"
)

type stage uint8

const (
	holding  stage = iota // PD_SCK is held high: power-down
	settling              // PD_SCK is low, conversions do not count yet
	running
)

// wire is the one thing in which the two wirings differ.
type wire interface {
	// low reports whether DOUT is low.
	low() (bool, error)
	// clock clocks one frame out of the chip.
	clock(f *frame)
	// hold drives PD_SCK high; repeated while it has to stay there.
	hold() error
	// release drives PD_SCK low.
	release() error
}

// core judges frames: the state of the chip as far as it can be known.
type core struct {
	wire  wire
	now   Clock
	input Input

	period, shortest, longest time.Duration // configured, and its tolerance

	stage    stage
	since    time.Duration // when the stage began
	holdFor  time.Duration
	failures int  // restarts since the last accepted conversion
	strict   bool // DOUT has to stay high while settling: after a restart
	selected bool // the chip is at its input, not at the default of a restart
	trusted  bool // a conversion has been accepted since the restart

	lastPoll time.Duration
	lastHigh time.Duration // DOUT was last seen high
	alive    time.Duration // last complete frame
	marks    marks
	repeated repetition

	frame frame
	last  Reading
	stats Stats
}

func newCore(w wire, opts Opts, now Clock) core {
	period := time.Duration(int64(time.Second) * int64(physic.Hertz) / int64(opts.Rate))
	return core{
		wire: w, now: now, input: opts.Input, period: period,
		shortest: time.Duration(float64(period) / fastest),
		longest:  time.Duration(float64(period) / slowest),
		last:     Reading{Fault: Settling},
	}
}

func (c *core) poll(now time.Duration) Reading {
	switch c.stage {
	case holding:
		c.pollHold(now)
	case settling:
		c.pollSettle(now)
	case running:
		c.pollRun(now)
	}
	r := c.last
	c.last.Ready = false
	if r.Ready {
		c.last.Fault = NotReady
	}
	return r
}

// pollHold keeps PD_SCK high for the time it takes, then lets the chip start.
// A wiring that cannot hold the level by itself is asked again in the last
// 10 ms, which is the restart proper; what comes before is back-off.
func (c *core) pollHold(now time.Duration) {
	left := c.holdFor - (now - c.since)
	if left > 0 {
		if left <= resetHold {
			c.check(c.wire.hold())
		}
		return
	}
	if err := c.wire.release(); err != nil {
		c.fail(IO)
		return
	}
	c.settle(true)
}

// settle starts the wait for valid output.
func (c *core) settle(strict bool) {
	c.stage, c.since, c.strict = settling, c.now(), strict
	c.trusted = false
	c.marks.clear()
}

// pollSettle watches DOUT without clocking. After a restart the chip holds it
// high for four conversions; a wire that shows anything else in that time is
// not connected to one.
func (c *core) pollSettle(now time.Duration) {
	low, err := c.wire.low()
	if err != nil {
		c.fail(IO)
		return
	}
	elapsed := now - c.since
	if !low {
		c.lastHigh = now
	} else if c.strict && elapsed > settleGrace && elapsed < surelySettling {
		c.fail(Desync)
		return
	}
	if elapsed >= settleConversions*c.longest {
		c.stage, c.alive, c.lastPoll = running, now, now
	}
}

func (c *core) pollRun(now time.Duration) {
	low, err := c.wire.low()
	if err != nil {
		c.fail(IO)
		return
	}
	if now-c.lastPoll > 2*c.period {
		c.alive = now // nobody looked: the silence is not the chip's
	}
	c.lastPoll = now
	if !low {
		c.lastHigh = now
		if now-c.alive > c.patience() {
			c.fail(Silent)
		}
		return
	}
	at := mark{high: c.lastHigh, low: c.now()}
	if c.marks.n > 0 && at.low-c.marks.back(0).high < tooEarly {
		c.fail(Desync)
		return
	}
	c.wire.clock(&c.frame)
	c.alive = c.frame.end
	c.stats.LongestPulse = max(c.stats.LongestPulse, c.frame.longest)
	switch fault := c.judge(at); fault {
	case None:
		c.accept(at.low)
	case Settling:
		// Why it had to settle is still the reason.
	case LateFrame, Saturated, WrongRate:
		c.reject(fault)
	case Truncated:
		if c.input != ChannelA128 {
			c.fail(fault) // a restarted chip would be at the wrong gain
			return
		}
		c.reject(fault)
	default:
		c.fail(fault)
	}
}

// patience is how long DOUT may stay high.
func (c *core) patience() time.Duration {
	if c.trusted {
		return silentPeriods * c.period
	}
	return firstReady
}

// judge decides about the frame just clocked. The order matters: first whether
// the chip is in step at all, then whether the data were whole, then the code.
func (c *core) judge(at mark) Fault {
	f := &c.frame
	switch {
	case f.err != nil:
		return IO
	case f.longest > maxHigh:
		return LatePulse
	case !f.trailing:
		return Desync
	case !c.selected:
		c.selected = true // by this frame, so the gain has just changed
		c.settle(false)
		return Settling
	case f.end-f.start > c.period/3, f.end-at.high >= c.shortest:
		c.marks.clear() // a conversion may be missing between two marks
		if !c.trusted {
			return Settling // it was waiting for the end of the settling time
		}
		return LateFrame
	}
	c.marks.add(at)
	if fault := c.judgeRate(); fault != None {
		return fault
	}
	if fault := codeFault(f.bits); fault != None {
		return fault
	}
	if c.repeated.see(f.bits) >= stuckAfter(c.input) {
		return Stuck
	}
	if !c.trusted && c.marks.n < 2 {
		return Settling // one more, to know the period and that it is in step
	}
	return None
}

// judgeRate looks at the last period and at the whole window. One period alone
// can prove the chip too fast; it proves it too slow only before the chip is
// trusted, because later a single conversion may have been disturbed.
func (c *core) judgeRate() Fault {
	if c.marks.n < 2 {
		return None
	}
	shortest, longest := c.marks.bounds(1)
	if longest < c.shortest || !c.trusted && shortest > c.longest {
		return WrongRate
	}
	if c.marks.n > rateWindow {
		shortest, longest = c.marks.bounds(rateWindow)
		if longest < c.shortest || shortest > c.longest {
			return WrongRate
		}
	}
	return None
}

func (c *core) accept(at time.Duration) {
	c.trusted, c.failures = true, 0
	c.stats.Accepted++
	c.last = Reading{Counts: c.frame.counts(), At: at, Fault: None, Seq: c.last.Seq + 1, Ready: true}
}

// reject drops a frame of a chip that is in step.
func (c *core) reject(f Fault) {
	c.stats.Rejected[f]++
	c.last.Fault = f
}

// check counts an I/O error that changes nothing else.
func (c *core) check(err error) {
	if err != nil {
		c.reject(IO)
	}
}

// fail drops the frame and restarts the chip, each time after a longer hold
// while nothing is accepted: a missing chip costs no time.
func (c *core) fail(f Fault) {
	c.reject(f)
	shift := min(c.failures, holdShiftMax)
	c.failures++
	c.restart(resetHold << shift)
}

func (c *core) restart(holdFor time.Duration) {
	c.stats.Resets++
	c.stage, c.holdFor, c.selected = holding, holdFor, c.input == ChannelA128
	c.check(c.wire.hold())
	c.since = c.now()
}

func (c *core) reset() {
	c.last.Fault = Settling
	c.restart(resetHold)
}
