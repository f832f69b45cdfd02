package hx711

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// Pair reads two chips that share PD_SCK, each with a data line of its own.
//
// The chips convert by their own oscillators, several per cent apart, and the
// data sheet allows no pulses while a chip converts. So a frame is clocked when
// both are ready, both data lines bit by bit in the same pulses, and the faster
// chip now and then converts twice for one frame. A chip is waited for only as
// long as a good one can take; then the other is read without it, and the one
// that was clocked in the middle of a conversion counts for nothing until it
// was read in step twice and has settled, as after a change of gain.
//
// A restart stops both chips, so one that fails alone is not restarted: that
// would silence the good one. It may come back by itself; Reset is for the
// caller, at a time when nobody needs a number. Both are restarted when both
// have failed and when a pulse was too long, which may have switched both off.
type Pair struct {
	sck gpio.PinOut
	now Clock

	first, second member

	stage    stage
	since    time.Duration // when the stage began
	holdFor  time.Duration
	failures int // restarts since the last accepted conversion

	lastPoll time.Duration
	clocked  time.Duration // end of the last frame
	took     time.Duration // its length
}

// NewPair takes clock, which drives PD_SCK of both chips, and their data pins,
// and restarts the chips. The first conversions come about 110 ms later at 80/s
// and 0.9 s at 10/s. It returns an error that names every wrong option, or
// the pin that failed.
func NewPair(clock gpio.PinOut, first, second gpio.PinIn, opts Opts, now Clock) (*Pair, error) {
	errs := []error{opts.Validate()}
	for _, p := range []struct {
		missing bool
		what    string
	}{
		{clock == nil, "clock pin"}, {first == nil, "first data pin"},
		{second == nil, "second data pin"}, {now == nil, "clock function"},
	} {
		if p.missing {
			errs = append(errs, fmt.Errorf("hx711: %s is missing", p.what))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, data := range []gpio.PinIn{first, second} {
		// The pull-up is there for the reason given at NewGPIO.
		if err := data.In(gpio.PullUp, gpio.NoEdge); err != nil {
			return nil, fmt.Errorf("hx711: data pin %s: %w", data.Name(), err)
		}
	}
	if err := clock.Out(gpio.Low); err != nil {
		return nil, fmt.Errorf("hx711: clock pin %s: %w", clock.Name(), err)
	}
	p := &Pair{
		sck: clock, now: now,
		first:  member{judge: newJudge(opts), dout: first},
		second: member{judge: newJudge(opts), dout: second},
	}
	p.Reset(now())
	return p, nil
}

// Poll looks at both chips once; now is the monotonic time. It clocks at most
// one frame and neither waits nor allocates. Call it at least eight times in a
// conversion period. Of a conversion that was replaced by the next one before
// it could be read, only the next one is returned; then Reading.At is the
// latest time at which that can have been ready.
func (p *Pair) Poll(now time.Duration) (first, second Reading) {
	switch p.stage {
	case holding:
		p.pollHold(now)
	case settling:
		p.pollSettle(now)
	case running:
		p.pollRun(now)
	}
	p.lastPoll = now
	return p.first.take(), p.second.take()
}

// Reset restarts both chips: no conversion is accepted until they have settled.
func (p *Pair) Reset(now time.Duration) {
	p.first.last.Fault, p.second.last.Fault = Settling, Settling
	p.restart(resetHold)
}

// SampleRates are the measured conversion rates, as Reader's SampleRate. A
// faster chip than the other brings fewer readings than that.
func (p *Pair) SampleRates() (first, second physic.Frequency) {
	return p.first.marks.rate(), p.second.marks.rate()
}

// Stats counts what has happened to each chip since the start.
func (p *Pair) Stats() (first, second Stats) { return p.first.stats, p.second.stats }

// pollHold keeps PD_SCK high for the time it takes, then lets the chips start.
func (p *Pair) pollHold(now time.Duration) {
	if now-p.since < p.holdFor {
		return
	}
	if err := p.sck.Out(gpio.Low); err != nil {
		p.failBoth(IO)
		return
	}
	p.stage, p.since = settling, p.now()
	p.first.restarted(now)
	p.second.restarted(now)
}

// pollSettle watches without clocking. Both chips hold DOUT high for four
// conversions; a wire that shows anything else in that time is not connected
// to one.
func (p *Pair) pollSettle(now time.Duration) {
	elapsed := now - p.since
	if elapsed <= settleGrace {
		return
	}
	for _, m := range [...]*member{&p.first, &p.second} {
		m.look(now, p.now())
		if m.ready && !m.failed && elapsed < surelySettling {
			m.desync()
		}
	}
	if p.restartIfBothFailed() {
		return
	}
	if elapsed >= settleConversions*p.first.longest {
		p.stage, p.clocked = running, now
		p.first.start(now)
		p.second.start(now)
	}
}

func (p *Pair) pollRun(now time.Duration) {
	away := now - p.lastPoll
	for _, m := range [...]*member{&p.first, &p.second} {
		m.absent(now, away)
		m.look(now, p.now())
		m.silence(now)
	}
	if p.restartIfBothFailed() || !p.due(p.now()) {
		return
	}
	p.clock()
	f := &p.first.frame
	p.clocked, p.took = f.end, f.end-f.start
	for _, m := range [...]*member{&p.first, &p.second} {
		m.stats.LongestPulse = max(m.stats.LongestPulse, f.longest)
	}
	switch {
	case f.err != nil:
		p.failBoth(IO)
		return
	case f.longest > maxHigh:
		p.failBoth(LatePulse)
		return
	}
	if one, other := p.first.judged(), p.second.judged(); one || other {
		p.failures = 0
	}
	p.restartIfBothFailed()
}

// clock makes the pulses and reads both data lines after each, as GPIO does
// with one.
func (p *Pair) clock() {
	a, b := &p.first.frame, &p.second.frame
	*a = frame{start: p.now()}
	*b = *a
	for i := range p.first.input.pulses() {
		before := p.now()
		if a.err = p.sck.Out(gpio.High); a.err != nil {
			break
		}
		if a.err = p.sck.Out(gpio.Low); a.err != nil {
			break
		}
		a.longest = max(a.longest, p.now()-before)
		if a.longest > maxHigh {
			break
		}
		a.shift(i, bool(p.first.dout.Read()))
		b.shift(i, bool(p.second.dout.Read()))
	}
	a.end = p.now()
	b.end = a.end
}

// failBoth drops the frame of both chips and restarts them, each time after a
// longer hold while nothing is accepted: missing chips cost no time.
func (p *Pair) failBoth(f Fault) {
	p.first.fail(f)
	p.second.fail(f)
	p.restartIfBothFailed()
}

func (p *Pair) restartIfBothFailed() bool {
	if !p.first.failed || !p.second.failed {
		return false
	}
	shift := min(p.failures, holdShiftMax)
	p.failures++
	p.restart(resetHold << shift)
	return true
}

func (p *Pair) restart(holdFor time.Duration) {
	p.stage, p.holdFor = holding, holdFor
	err := p.sck.Out(gpio.High)
	p.since = p.now()
	for _, m := range [...]*member{&p.first, &p.second} {
		m.stats.Resets++
		m.check(err)
	}
}
