package control

import (
	"math"
	"time"

	"periph.io/x/conn/v3/physic"
)

// cell is what the load cell says, calibrated. Force is always measured against
// the calibration's zero: there is no live tare, so taring again and again can
// never let the force creep up (R-NO-LIVE-TARE). What is no number is no sample
// (R-NO-NUMBER).
type cell struct {
	cal Calibration

	seq   uint32
	at    time.Duration // when the last good sample was read
	ever  bool
	fresh bool // this tick brought a good sample
	fault CellFault
	rate  physic.Frequency

	force float64 // newtons, of the last good sample
	last  float64 // newtons, of the one before
	dt    float64 // seconds between the two
	count int32
	noise noise

	// waited is how long ticks have run without a good sample. A stall of this
	// very process is no silence of the cell, so it counts a tick's bound only.
	waited   time.Duration
	badSince time.Duration // when the present fault began
	bad      bool
}

// lateAfter is how old the last good sample may be before motion towards force
// ends: two lost frames at 80 Hz and a slow converter, and still below 40 ms.
const lateAfter = 36 * time.Millisecond

// lostAfter is how long ticks may run without one before the treatment ends by position. A reset
// of the converter takes 10 ms and settling 50 ms (data sheet), with the frames
// around them under 100 ms.
const lostAfter = 200 * time.Millisecond

// faultyAfter is how long the driver may report a lasting fault.
const faultyAfter = 100 * time.Millisecond

// update takes over a tick's reading; dt is the time that the tick may count.
func (c *cell) update(l *Load, now, dt time.Duration) {
	c.waited += dt
	c.fresh = l.Seq != c.seq && l.Seq != 0
	c.fault, c.rate = l.Fault, l.Rate
	if c.fresh {
		force := c.cal.force(l.Counts)
		if math.IsNaN(force) || math.IsInf(force, 0) {
			c.fresh = false // an unusable calibration never yields a force
		} else {
			c.waited = 0
			c.dt = (l.At - c.at).Seconds()
			c.seq, c.at, c.count, c.ever = l.Seq, l.At, l.Counts, true
			c.last, c.force = c.force, force
			c.noise.see(force)
		}
	}
	bad := l.Fault.lasting()
	if bad && !c.bad {
		c.badSince = now
	}
	c.bad = bad
}

// late: too old to move towards force.
func (c *cell) late(now time.Duration) bool { return !c.ever || now-c.at > lateAfter }

// lost: to be given up, the rope must be unwound by position.
func (c *cell) lost(now time.Duration) bool {
	return !c.ever || c.waited > lostAfter || c.bad && now-c.badSince > faultyAfter
}

// good: fit to be believed now.
func (c *cell) good(now time.Duration) bool { return !c.late(now) && !c.bad && c.cal.Valid() }

// newtons converts to the exported type.
func newtons(f float64) physic.Force { return physic.Force(math.Round(f * 1e9)) }

// inNewtons converts from the exported type.
func inNewtons(f physic.Force) float64 { return float64(f) * 1e-9 }

// inMillimetres converts from the exported type.
func inMillimetres(d physic.Distance) float64 { return float64(d) * 1e-6 }

// inMillimetresPerSecond converts from the exported type.
func inMillimetresPerSecond(s physic.Speed) float64 { return float64(s) * 1e-6 }

// millimetresPerSecond converts to the exported type.
func millimetresPerSecond(v float64) physic.Speed { return physic.Speed(math.Round(v * 1e6)) }
