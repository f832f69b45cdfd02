package control

import "time"

// modeSet is a set of modes.
type modeSet uint8

func modes(ms ...Mode) (s modeSet) {
	for _, m := range ms {
		s |= 1 << m
	}
	return s
}

func (s modeSet) has(m Mode) bool { return s&(1<<m) != 0 }

var (
	always    = modes(Idle, Armed, Treating, Paused, Releasing, Tripped, Recovering)
	underway  = modes(Treating, Paused)
	energised = modes(Armed, Treating, Paused, Releasing, Recovering)
)

// interlock is one row of the table: while its condition holds in one of its
// modes, its action is taken.
type interlock struct {
	id       InterlockID
	in       modeSet
	action   Action
	clear    Clear
	priority Priority
	// holds is the condition. It runs in every tick of the row's modes.
	holds func(*Controller, *Input) bool
}

// interlocks is the table. It is evaluated before anything else in every tick
// and the strongest action wins, so the order of rows does not matter.
var interlocks = [...]interlock{
	// A restart never goes on by itself: somebody must acknowledge first.
	{ILStartUp, 0, Warn, ByAcknowledgement, Low, never},
	{ILEmergencyStop, always, Disable, ByAcknowledgement, High, emergencyStop},
	{ILPatientSwitch, modes(Treating, Paused, Releasing), Release, ByAcknowledgement, Medium, patientSwitch},
	{ILForceLimit, modes(Armed, Treating, Paused, Releasing), Release, ByAcknowledgement, High, forceLimit},
	{ILCellLate, underway, Freeze, ByItself, Low, cellLate},
	{ILCellLost, modes(Treating, Paused, Releasing, Recovering), Release, ByAcknowledgement, High, cellLost},
	{ILCellImplausible, modes(Armed, Treating, Paused), Release, ByAcknowledgement, High, cellImplausible},
	{ILSuddenDrop, underway, Release, ByAcknowledgement, High, suddenDrop},
	{ILForceWithoutMotion, underway, Release, ByAcknowledgement, High, forceWithoutMotion},
	{ILMotionWithoutForce, underway, Release, ByAcknowledgement, High, motionWithoutForce},
	{ILEndPull, modes(Armed, Treating, Paused), Release, ByAcknowledgement, Medium, endPull},
	{ILEndSlack, underway, Release, ByAcknowledgement, Medium, endSlack},
	{ILTravel, underway, Freeze, ByItself, Medium, travel},
	{ILTickLate, underway, Freeze, ByItself, Low, tickLate},
	{ILDriveDead, energised, Release, ByAcknowledgement, High, driveDead},
	{ILReleaseStalled, modes(Releasing, Recovering), Release, ByAcknowledgement, High, releaseStalled},
	{ILReleaseBackwards, modes(Releasing, Recovering), Disable, ByRestart, High, releaseBackwards},
	{ILPadTemperature, always, Warn, ByItself, Low, padTemperature},
	{ILPadHot, always, Warn, ByItself, Medium, padHot},
	{ILPadNoRise, always, Warn, ByItself, Low, padNoRise},
	{ILPadTime, always, Warn, ByItself, Low, padTime},
}

// settleAtBoot is how long switches count as pressed after a start, until their
// debouncing has settled: nothing is judged by them, and the drive is disabled.
const settleAtBoot = 100 * time.Millisecond

// guard holds the state of the interlocks.
type guard struct {
	latched InterlockSet
	active  InterlockSet
	action  Action // strongest in this tick

	// freezeUntil keeps a freeze for a moment after a late tick.
	freezeUntil time.Duration
	drop        dropWatch
	mark        motionMark
	over        time.Duration // since when force has been far above the set-point, 0 = not
	badForce    int           // implausible samples in a row
}

func (g *guard) start(*Config) { g.latched = g.latched.With(ILStartUp) }

// startTreatment clears the memories of the last treatment.
func (g *guard) startTreatment(c *Controller) {
	g.drop, g.mark = dropWatch{}, motionMark{x: c.x, force: c.cell.force}
	g.over, g.badForce = 0, 0
}

// evaluate runs the table and returns the strongest action.
func (g *guard) evaluate(c *Controller, in *Input, out *Output) Action {
	if in.Late > lateTick {
		g.freezeUntil = in.Now + lateTickFreeze
	}
	if c.cell.fresh {
		g.drop.sample(c)
		g.mark.sample(c)
	}
	if in.Now-c.bootedAt < settleAtBoot {
		g.action = Disable
		return Disable
	}
	strongest := None
	for i := range interlocks {
		row := &interlocks[i]
		bit := InterlockSet(1) << row.id
		holds := row.in.has(c.mode) && row.holds(c, in)
		if holds != (g.active&bit != 0) {
			g.change(c, row, holds, out)
		}
		if holds || g.latched&bit != 0 {
			strongest = max(strongest, c.actionOf(row))
		}
	}
	g.action = strongest
	return strongest
}

// change notes the beginning or the end of a condition.
func (g *guard) change(c *Controller, row *interlock, holds bool, out *Output) {
	if !holds {
		g.active = g.active.Without(row.id)
		if row.clear == ByItself {
			c.emit(out, Event{Kind: EventCleared, Interlock: row.id})
		}
		return
	}
	g.active = g.active.With(row.id)
	kind := EventWarning
	if row.clear != ByItself {
		if g.latched.Has(row.id) {
			return // told already
		}
		g.latched = g.latched.With(row.id)
		kind = EventTrip
	}
	c.emit(out, Event{Kind: kind, Interlock: row.id})
}

// actionOf is the row's action, on this kind of drive. A back-drivable drive
// lets go when it is disabled, which is the answer to a release that does not
// come and to a dead driver. A self-locking one would freeze the tension, so
// unwinding goes on.
func (c *Controller) actionOf(row *interlock) Action {
	if (row.id == ILReleaseStalled || row.id == ILDriveDead) && c.cfg.Table.BackDrivable {
		return Disable
	}
	return row.action
}

// trip latches an interlock from where its condition was found.
func (g *guard) trip(c *Controller, id InterlockID, out *Output) {
	if !g.latched.Has(id) {
		g.latched = g.latched.With(id)
		c.emit(out, Event{Kind: EventTrip, Interlock: id})
	}
}

// acknowledge clears the latched interlocks whose condition is gone and tells
// whether any are left.
func (g *guard) acknowledge(c *Controller, out *Output) (left InterlockSet) {
	for i := range interlocks {
		row := &interlocks[i]
		if !g.latched.Has(row.id) || row.clear == ByRestart {
			continue
		}
		if g.active.Has(row.id) {
			continue
		}
		g.latched = g.latched.Without(row.id)
		c.emit(out, Event{Kind: EventAcknowledged, Interlock: row.id})
	}
	return g.latched
}

// tripped tells whether anything latched asks for more than a warning.
func (g *guard) tripped() bool { return g.latched.Without(ILStartUp) != 0 }

// activeSet is what holds now.
func (g *guard) activeSet(*Controller) InterlockSet { return g.active }

// priority of the alarm: the highest of all that holds or is latched.
func (g *guard) priority() Priority {
	set := g.active | g.latched
	if set == 0 {
		return NoAlarm
	}
	p := NoAlarm
	for i := range interlocks {
		if set.Has(interlocks[i].id) {
			p = max(p, interlocks[i].priority)
		}
	}
	return p
}

// apply turns the strongest action into a change of mode.
func (c *Controller) apply(action Action, out *Output) {
	switch {
	case action >= Disable:
		c.disable(out)
	case action == Release:
		switch c.mode {
		case Treating, Paused:
			c.endTreatment(EndTripped, quick, out)
		case Releasing:
			c.hurry()
		case Armed:
			c.setMode(Tripped, out)
		}
	}
}

// disable ends everything at once: the drive is de-energised by limit.
func (c *Controller) disable(out *Output) {
	if c.mode == Treating || c.mode == Paused {
		c.rel = release{treatment: true, end: EndTripped, asked: c.now}
	}
	if c.rel.treatment {
		c.setMode(Tripped, out)
		c.closeReport(out)
		c.proof.reset()
		return
	}
	if c.guard.tripped() {
		c.setMode(Tripped, out)
	}
}
