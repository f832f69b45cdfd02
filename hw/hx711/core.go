package hx711

import "time"

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

// core drives one chip: its state as far as it can be known.
type core struct {
	judge
	wire wire
	now  Clock

	stage    stage
	since    time.Duration // when the stage began
	holdFor  time.Duration
	failures int  // restarts since the last accepted conversion
	strict   bool // DOUT has to stay high while settling: after a restart
	selected bool // the chip is at its input, not at the default of a restart

	lastPoll time.Duration
	lastHigh time.Duration // DOUT was last seen high
	alive    time.Duration // last complete frame
}

func newCore(w wire, opts Opts, now Clock) core {
	return core{judge: newJudge(opts), wire: w, now: now}
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
	return c.take()
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
	switch fault := c.verdict(at); fault {
	case None:
		c.failures = 0
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

// verdict decides about the frame just clocked. The order matters: first whether
// the chip is in step at all, then whether the data were whole, then the code.
func (c *core) verdict(at mark) Fault {
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
		return c.late()
	}
	return c.whole(at, 1)
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
