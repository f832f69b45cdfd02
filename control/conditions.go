package control

import (
	"math"
	"time"
)

// The conditions of the interlock table, one function a row. They only look.

// start-up: it has no condition. It is latched at the start, by guard.start.
func never(*Controller, *Input) bool { return false }

// emergency-stop: pressed, unplugged or a broken wire.
func emergencyStop(_ *Controller, in *Input) bool { return in.Switches.EmergencyStop }

// patient-switch: pressed, unplugged or a broken wire.
func patientSwitch(_ *Controller, in *Input) bool { return in.Switches.Patient }

// force-limit: above the limit in force, against the calibration's zero. One
// sample is enough: the driver lets no bad frame through.
func forceLimit(c *Controller, _ *Input) bool {
	limit := inNewtons(c.limits.Force.Value)
	return c.cell.ever && c.cell.force > limit || c.paired() && c.second.ever && c.second.force > limit
}

// cell-late: the last good sample is too old to move towards force.
func cellLate(c *Controller, _ *Input) bool { return c.cell.late(c.now) || c.cell.bad }

// cell-lost: given up, so the rope is unwound by position.
func cellLost(c *Controller, _ *Input) bool { return c.cell.lost(c.now) }

const (
	// pushMost: a rope cannot push. Below this (N) the cell, its wires or its
	// calibration are wrong; zero may drift by zeroDrift before a treatment, and by
	// some newtons more while the cell warms.
	pushMost = -20.0
	// capacityShare: beyond this share of its capacity the cell's reading means nothing.
	capacityShare = 1.1
	// badForceMost: this many implausible samples in a row end the treatment.
	badForceMost = 3
)

// cell-implausible: what no rope can pull and no cell can read.
func cellImplausible(c *Controller, _ *Input) bool {
	if c.cell.fresh {
		if f := c.cell.force; f < pushMost || f > capacityShare*inNewtons(c.cell.cal.Capacity) {
			c.guard.badForce++
		} else {
			c.guard.badForce = 0
		}
	}
	return c.guard.badForce >= badForceMost
}

// dropWatch looks for tension that goes away faster than the drive lets it go:
// a broken cord, a slipped harness, a drive that lost its hold.
type dropWatch struct {
	force, x [dropSamples]float64
	n        int
	dropped  bool
}

const (
	// dropSamples is the window: 50 ms at 80 Hz.
	dropSamples = 5
	// dropLeast (N) and dropShare: friction slips of some 12 N and the end of a
	// cough stay below, a harness that slips 20 mm at 400 N does not.
	dropLeast = 50.0
	dropShare = 0.3
)

func (d *dropWatch) sample(c *Controller) {
	d.force[d.n%dropSamples], d.x[d.n%dropSamples] = c.cell.force, c.x
	d.n++
	d.dropped = false
	if d.n < dropSamples {
		return
	}
	for i := range d.force {
		unwound := math.Max(d.x[i]-c.x, 0)
		most := math.Max(dropLeast, dropShare*d.force[i]) + 1.5*unwound*c.stiff.value()
		if d.force[i]-c.cell.force > most {
			d.dropped = true
		}
	}
}

// sudden-drop: tension that goes away faster than the drive lets it go.
func suddenDrop(c *Controller, _ *Input) bool { return c.guard.drop.dropped }

const (
	// overLeast (N) and overShare of the set-point: a force this far above it for
	// overTime, although the drive yields, does not follow the motion.
	overLeast = 40.0
	overShare = 0.2
	overTime  = time.Second
)

// force-without-motion: the drive yields, and the force stays. On an ease the
// set-point waits for the force, so the way counts too: a treatment would wait for
// ever, and its release begin with a count of rope that is wrong by any length.
func forceWithoutMotion(c *Controller, _ *Input) bool {
	g := &c.guard
	if g.mark.outX-c.x > outMost {
		return true
	}
	sp := c.treat.setPoint
	if c.treat.phase == Slack || c.cell.force <= sp+math.Max(overLeast, overShare*sp) {
		g.over = 0
		return false
	}
	if g.over == 0 {
		g.over = c.now
	}
	return c.now-g.over > overTime
}

// motionMark remembers where force last rose with motion.
type motionMark struct {
	x, force float64
	heldX    float64 // mm, where the force was last near its set-point; to yield does not change it
	// outX (mm) and outForce (N): where unwinding last lowered the force, or began.
	outX, outForce float64
}

const (
	// markForce (N): force that rose this much since the mark followed the motion.
	markForce = 5.0
	// markTravel (mm) towards force without that rise: the softest person would
	// have answered with 57 N.
	markTravel = 30.0
	// markAnswer (N) is what that travel means on the person's own stiffness. The
	// drive follows breathing of 25 N by 50 N worth of way, at constant force.
	markAnswer = 57.0
	// markLeast (mm) at any stiffness: play, friction and breathing at a stiffness
	// that is overestimated stay below.
	markLeast = 10.0
	// markFades (N/s): the peak of a cough is not what the rope has to reach again.
	markFades = 10.0
	// creepRate (mm/s) is way that relaxation may take without an answer: 9 mm with
	// a time constant of 5 minutes begin with 0.03.
	creepRate = 0.05
	// goneLeast (N) and goneShare of the set-point below it, the tension is gone:
	// the person has moved, or something gives way.
	goneLeast = 25.0
	goneShare = 0.3
	// chaseMost (N) is what may be wound in after tension that is gone: as much
	// more there is when the person lies back.
	chaseMost = 40.0
	// outMost (mm) away from force, and the force did not fall by what the softest
	// person must give in a third of it: the motor is told and does not turn. To
	// follow 25 N of that person's breath takes 26 mm.
	outMost = 40.0
	// slackTravel (mm) of take-up without tension: nobody is in the harness, the
	// rope is off, or the motor does not turn.
	slackTravel = 150.0
)

func (m *motionMark) sample(c *Controller) {
	f, dt := c.cell.force, math.Min(math.Max(c.cell.dt, 0), 0.1)
	switch {
	case c.guard.moves.restless:
		m.x, m.force = c.x, f // the person's doing; nothing is wound in meanwhile
	case c.x < m.x:
		m.x, m.force = c.x, math.Min(m.force, f)
	case f > m.force+markForce:
		m.x, m.force = c.x, f
	}
	m.force = math.Max(m.force-markFades*dt, math.Min(f, m.force))
	if c.x > m.x {
		m.x = math.Min(m.x+creepRate*dt, c.x)
	}
	if c.guard.moves.restless || c.x >= m.outX || f <= m.outForce-fallLeast*fallTravel {
		m.outX, m.outForce = c.x, f
	}
	sp := c.treat.setPoint
	if c.treat.phase == Slack || !c.guard.moves.restless && math.Abs(f-sp) <= math.Max(goneLeast, goneShare*sp) {
		m.heldX = c.x
	}
}

// motion-without-force: the rope comes in, and nothing holds against it.
func motionWithoutForce(c *Controller, _ *Input) bool {
	most := slackTravel
	if c.treat.phase != Slack {
		most = min(markTravel, max(markLeast, markAnswer/c.stiff.ramped()))
	}
	return c.x-c.guard.mark.x > most || (c.x-c.guard.mark.heldX)*c.stiff.ramped() > chaseMost
}

// zero-drift: the rope is not under tension, and the force is not zero.
func zeroDrifted(c *Controller, _ *Input) bool {
	off := func(l *cell) bool {
		return l.good(c.now) && c.drifts(l)
	}
	return lasts(&c.guard.drifted, off(&c.cell) || c.paired() && off(&c.second), c.now, driftAfter)
}

// driftAfter is longer than somebody's hand on the rope.
const driftAfter = 5 * time.Second

// cells-disagree: one of two is wrong, and nobody knows which.
func cellsDisagree(c *Controller, _ *Input) bool { return c.guard.pair.apart >= disagreeMost }

// second-cell-lost: what one of two said cannot be checked any more.
func secondCellLost(c *Controller, _ *Input) bool { return c.paired() && c.second.lost(c.now) }

// rate-of-rise: faster than the limits allow.
func rateOfRise(c *Controller, _ *Input) bool { return c.guard.moves.rising }

// patient-moves: neither a cough nor who gets up is followed.
func patientMoves(c *Controller, _ *Input) bool { return c.guard.moves.restless }

// harness-slip: the free length has grown for good.
func harnessSlip(c *Controller, _ *Input) bool { return c.guard.moves.slipped > slipMost }

// force-time: as much force times time as the programme means, and a margin.
func forceTime(c *Controller, _ *Input) bool {
	return c.treat.impulse > inNewtonSeconds(c.limits.Impulse.Value)
}

// end-mismatch: an end switch and the count of steps cannot both be right.
func endMismatch(c *Controller, _ *Input) bool { return c.guard.ends.mismatch }

// startMost is how long anybody presses the start button.
const startMost = 10 * time.Second

// start-stuck: nobody presses for so long.
func startStuck(c *Controller, _ *Input) bool {
	return c.guard.started != 0 && c.now-c.guard.started > startMost
}

// tickMissedAfter: a person's reaction to what was not controlled meanwhile.
const tickMissedAfter = 300 * time.Millisecond

// tick-missed: the process stood still, and nobody watched the force.
func tickMissed(_ *Controller, in *Input) bool { return in.Late > tickMissedAfter }

// overrunTold is how long a loss is shown.
const overrunTold = 5 * time.Second

// overrun: rows of the journal or commands were lost.
func overrun(c *Controller, _ *Input) bool { return c.now < c.guard.overrun }

// gateway-lost: who started the treatment can neither see nor stop it.
func gatewayLost(c *Controller, in *Input) bool { return c.treat.remote && in.GatewayLost }

// supply-low: the supervisor says so, or its wire is broken.
func supplyLow(_ *Controller, in *Input) bool { return in.Switches.SupplyLow }

// slack-unconfirmed: the harness must not be opened yet.
func slackUnconfirmed(c *Controller, _ *Input) bool { return c.guard.slack.unconfirmed }

// tension-left: the rope pulls at somebody although nothing runs.
func tensionIsLeft(c *Controller, _ *Input) bool { return c.guard.slack.tense }

// end-pull: the end of travel towards force, or its wire is broken.
func endPull(_ *Controller, in *Input) bool { return in.Switches.EndPull }

// slackEndBand (mm) beyond the position where the rope was slack, the switch at
// the slack end cannot rightly be open.
const slackEndBand = 25.0

// end-slack: open far from the slack end, so the switch is stuck or unplugged.
func endSlack(c *Controller, in *Input) bool {
	return in.Switches.EndSlack && c.treat.phase != Slack && c.farFromSlack()
}

// slackEndAfter is how long the rope must have been slack before a switch that
// is open far from the slack end is believed after all: the count of position
// may be wrong, when the drive has lost power or steps.
const slackEndAfter = 500 * time.Millisecond

// slackEnd tells whether the rope is at the slack end: the switch says so, and
// neither position nor tension says that it cannot be. With tension it counts once
// unwinding has not helped.
func (c *Controller) slackEnd() bool {
	if c.tension() && c.rel.stalls == 0 {
		return false // whatever the switch says: it may be its wire, and unwinding still helps
	}
	lasting := c.mode == Releasing && c.rel.slackSince != 0 && c.now-c.rel.slackSince > slackEndAfter
	return c.switches.EndSlack && (!c.farFromSlack() || lasting)
}

// farFromSlack: the count says that the slack end cannot be here.
func (c *Controller) farFromSlack() bool {
	return c.mode != Recovering && c.x > c.treat.armX+slackEndBand
}

// travel: as far from where the rope was slack as the limits allow.
func travel(c *Controller, _ *Input) bool {
	return c.x-c.treat.armX > inMillimetres(c.limits.Travel.Value)
}

const (
	// lateTick: the drive's own dead-man acts at 20 ms.
	lateTick = 20 * time.Millisecond
	// lateTickFreeze is how long ticks must be punctual again.
	lateTickFreeze = 50 * time.Millisecond
)

// tick-late: a tick was, a moment ago.
func tickLate(c *Controller, _ *Input) bool { return c.now < c.guard.freezeUntil }

// drive-dead: the driver's fault line, or an output that could not be written.
func driveDead(_ *Controller, in *Input) bool { return in.Motion.Fault }

// release-stalled: the deadline is over, or the force does not fall as the
// motion says it must.
func releaseStalled(c *Controller, _ *Input) bool { return c.now > c.rel.deadline || c.rel.stuck }

// release-backwards: the force has risen with unwinding, risesMost times.
func releaseBackwards(c *Controller, _ *Input) bool { return c.rel.rises >= risesMost }

// pad-temperature, pad-hot, pad-no-rise, pad-time and pad-runaway: heat judges.
func padTemperature(c *Controller, _ *Input) bool { return c.heat.active.Has(ILPadTemperature) }
func padHot(c *Controller, _ *Input) bool         { return c.heat.active.Has(ILPadHot) }
func padNoRise(c *Controller, _ *Input) bool      { return c.heat.active.Has(ILPadNoRise) }
func padTime(c *Controller, _ *Input) bool        { return c.heat.active.Has(ILPadTime) }
func padRunaway(c *Controller, _ *Input) bool     { return c.heat.runaway }
