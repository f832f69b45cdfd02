package hx711

import (
	"time"

	"periph.io/x/conn/v3/physic"
)

// judge decides whether the frames of one chip are numbers: what it knows of
// the chip, whoever drives its clock.
type judge struct {
	input Input

	period, shortest, longest time.Duration // configured, and its tolerance

	trusted  bool // a conversion has been accepted since the restart
	marks    marks
	repeated repetition

	frame frame
	last  Reading
	stats Stats
}

func newJudge(opts Opts) judge {
	period := time.Duration(int64(time.Second) * int64(physic.Hertz) / int64(opts.Rate))
	return judge{
		input: opts.Input, period: period,
		shortest: time.Duration(float64(period) / fastest),
		longest:  time.Duration(float64(period) / slowest),
		last:     Reading{Fault: Settling},
	}
}

// take is what a poll returns: a conversion is new once.
func (j *judge) take() Reading {
	r := j.last
	j.last.Ready = false
	if r.Ready {
		j.last.Fault = NotReady
	}
	return r
}

// patience is how long DOUT may stay high.
func (j *judge) patience() time.Duration {
	if j.trusted {
		return silentPeriods * j.period
	}
	return firstReady
}

// late drops a frame whose data may have been replaced while it was read.
func (j *judge) late() Fault {
	j.marks.clear() // a conversion may be missing between two marks
	if !j.trusted {
		return Settling // it was waiting for the end of the settling time
	}
	return LateFrame
}

// whole judges a frame that was in step and in time: the rate first, then the
// code. at is when a conversion became ready, so many periods after the mark
// before.
func (j *judge) whole(at mark, periods int) Fault {
	j.marks.add(at, periods)
	if fault := j.judgeRate(); fault != None {
		return fault
	}
	if fault := codeFault(j.frame.bits); fault != None {
		return fault
	}
	if j.repeated.see(j.frame.bits) >= stuckAfter(j.input) {
		return Stuck
	}
	if !j.trusted && j.marks.n < 2 {
		return Settling // one more, to know the period and that it is in step
	}
	return None
}

// judgeRate looks at the last period and at the whole window. One period alone
// can prove the chip too fast; it proves it too slow only before the chip is
// trusted, because later a single conversion may have been disturbed.
func (j *judge) judgeRate() Fault {
	if j.marks.n < 2 {
		return None
	}
	shortest, longest := j.marks.bounds(1)
	if longest < j.shortest || !j.trusted && shortest > j.longest {
		return WrongRate
	}
	if j.marks.n > rateWindow {
		shortest, longest = j.marks.bounds(rateWindow)
		if longest < j.shortest || shortest > j.longest {
			return WrongRate
		}
	}
	return None
}

func (j *judge) accept(at time.Duration) {
	j.trusted = true
	j.stats.Accepted++
	j.last = Reading{Counts: j.frame.counts(), At: at, Fault: None, Seq: j.last.Seq + 1, Ready: true}
}

// reject drops a frame of a chip that is in step.
func (j *judge) reject(f Fault) {
	j.stats.Rejected[f]++
	j.last.Fault = f
}

// check counts an I/O error that changes nothing else.
func (j *judge) check(err error) {
	if err != nil {
		j.reject(IO)
	}
}
