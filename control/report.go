package control

import (
	"math"
	"time"

	"periph.io/x/conn/v3/physic"
)

// tally gathers the report of the treatment that runs.
type tally struct {
	started          time.Duration
	holds, within    uint32
	sumForce, sumErr float64
	peak, travel     float64
	cycles           int
	elapsed          time.Duration
	trips            InterlockSet
	limit            Bound[physic.Force] // in force at the peak
	running          bool
}

func (t *tally) start(c *Controller) {
	*t = tally{started: c.now, running: true, limit: c.limits.Force}
}

// sample counts one tick of the treatment.
func (t *tally) sample(c *Controller) {
	if !t.running {
		return
	}
	t.trips |= c.guard.latched
	if c.mode == Treating || c.mode == Paused {
		t.cycles, t.elapsed = c.treat.cycle, c.treat.elapsed
		t.travel = max(t.travel, c.x-c.treat.armX)
	}
	if !c.cell.fresh {
		return
	}
	if c.cell.force > t.peak {
		t.peak, t.limit = c.cell.force, c.limits.Force
	}
	if c.mode == Treating && c.treat.phase == Hold && c.treat.reached {
		e := math.Abs(c.cell.force - c.treat.setPoint)
		t.holds++
		t.sumForce += c.cell.force
		t.sumErr += e
		if e <= 0.05*c.treat.setPoint {
			t.within++
		}
	}
}

// close turns the tally into the report.
func (t *tally) close(c *Controller) {
	r := Report{
		Treatment: c.treat.number, Programme: c.programme.Name,
		Started: t.started, Ended: c.now, Elapsed: t.elapsed, Cycles: uint16(t.cycles),
		End: c.rel.end, Trips: t.trips | c.guard.latched, Peak: newtons(t.peak), Limit: t.limit,
		Holds: t.holds, MaxTravel: physic.Distance(t.travel * 1e6),
	}
	if c.rel.slackAt != 0 {
		r.TimeToSlack = max(c.rel.slackAt-c.rel.asked, c.cfg.Tick)
	}
	if t.holds > 0 {
		n := float64(t.holds)
		r.MeanHold, r.MeanHoldError = newtons(t.sumForce/n), newtons(t.sumErr/n)
		r.HoldWithin5 = float64(t.within) / n
	}
	c.report = r
	t.running = false
}
