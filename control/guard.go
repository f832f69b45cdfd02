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
// and the strongest action wins, so the order of rows does not matter
// (R-STRONGEST-ACTION-WINS).
var interlocks = [...]interlock{
	// R-START-LATCHED: a restart never goes on by itself, somebody must acknowledge first.
	{ILStartUp, 0, Warn, ByAcknowledgement, Low, never},
	{ILEmergencyStop, always, Disable, ByAcknowledgement, High, emergencyStop},
	{ILPatientSwitch, modes(Treating, Paused, Releasing), Release, ByAcknowledgement, Medium, patientSwitch},
	{ILForceLimit, modes(Armed, Treating, Paused, Releasing), Release, ByAcknowledgement, High, forceLimit},
	{ILCellLate, underway, Freeze, ByItself, Low, cellLate},
	{ILCellLost, modes(Treating, Paused, Releasing, Recovering), Release, ByAcknowledgement, High, cellLost},
	{ILCellImplausible, modes(Armed, Treating, Paused), Release, ByAcknowledgement, High, cellImplausible},
	{ILZeroDrift, modes(Idle, Armed), Warn, ByItself, Low, zeroDrifted},
	{ILCellsDisagree, modes(Armed, Treating, Paused), Release, ByAcknowledgement, High, cellsDisagree},
	{ILSecondCellLost, modes(Armed, Treating, Paused), Release, ByAcknowledgement, Medium, secondCellLost},
	{ILRateOfRise, underway, Freeze, ByItself, Low, rateOfRise},
	{ILPatientMoves, underway, Freeze, ByItself, Low, patientMoves},
	{ILHarnessSlip, underway, Release, ByAcknowledgement, Medium, harnessSlip},
	{ILForceTime, underway, Release, ByAcknowledgement, Medium, forceTime},
	{ILSuddenDrop, underway, Release, ByAcknowledgement, High, suddenDrop},
	{ILForceWithoutMotion, underway, Release, ByAcknowledgement, High, forceWithoutMotion},
	{ILMotionWithoutForce, underway, Release, ByAcknowledgement, High, motionWithoutForce},
	{ILEndPull, modes(Armed, Treating, Paused), Release, ByAcknowledgement, Medium, endPull},
	{ILEndSlack, underway, Release, ByAcknowledgement, Medium, endSlack},
	{ILEndMismatch, modes(Treating, Paused, Releasing, Recovering), Release, ByAcknowledgement, Medium, endMismatch},
	{ILTravel, underway, Freeze, ByItself, Medium, travel},
	{ILStartStuck, always, Warn, ByItself, Low, startStuck},
	{ILTickLate, underway, Freeze, ByItself, Low, tickLate},
	{ILTickMissed, modes(Armed, Treating, Paused), Release, ByAcknowledgement, Medium, tickMissed},
	{ILOverrun, always, Warn, ByItself, Low, overrun},
	{ILGatewayLost, underway, Release, ByAcknowledgement, Medium, gatewayLost},
	{ILDriveDead, energised, Release, ByAcknowledgement, High, driveDead},
	{ILSupplyLow, energised, Release, ByAcknowledgement, High, supplyLow},
	{ILReleaseStalled, modes(Releasing, Recovering), Release, ByAcknowledgement, High, releaseStalled},
	{ILReleaseBackwards, modes(Releasing, Recovering), Disable, ByRestart, High, releaseBackwards},
	{ILSlackUnconfirmed, modes(Idle, Releasing, Tripped, Recovering), Warn, ByItself, Low, slackUnconfirmed},
	{ILTensionLeft, modes(Idle, Tripped), Warn, ByItself, High, tensionIsLeft},
	{ILPadTemperature, always, Warn, ByItself, Low, padTemperature},
	{ILPadHot, always, Warn, ByItself, Medium, padHot},
	{ILPadNoRise, always, Warn, ByItself, Low, padNoRise},
	{ILPadTime, always, Warn, ByItself, Low, padTime},
	{ILPadRunaway, always, Release, ByAcknowledgement, High, padRunaway},
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
	moves       watch
	pair        pair
	ends        ends
	slack       slackWatch
	over        time.Duration // since when force has been far above the set-point, 0 = not
	badForce    int           // implausible samples in a row
	drifted     time.Duration // since when the slack rope's force has not been zero, 0 = it is
	alarming    bool          // an alarm with a sound has begun in this tick
	started     time.Duration // since when the start button has been down, 0 = it is not
	overrun     time.Duration // until when a loss of rows or commands is told
}

func (g *guard) start() {
	g.latched = g.latched.With(ILStartUp)
	g.slack = slackWatch{unconfirmed: true, harnessed: true} // nobody knows what was before
}

// startTreatment clears the memories of the last treatment.
func (g *guard) startTreatment(c *Controller) {
	g.drop, g.mark = dropWatch{}, motionMark{x: c.x, force: c.cell.force, heldX: c.x, outX: c.x, outForce: c.cell.force}
	g.over, g.badForce = 0, 0
	g.moves.start()
	g.pair, g.ends = pair{}, ends{}
	g.slack.pulls()
}

// evaluate runs the table and returns the strongest action.
func (g *guard) evaluate(c *Controller, in *Input, out *Output) Action {
	if in.Late > lateTick {
		g.freezeUntil = in.Now + lateTickFreeze
	}
	g.look(c, in)
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

// look lets everything with a memory see the tick.
func (g *guard) look(c *Controller, in *Input) {
	if c.cell.fresh {
		g.drop.sample(c)
		g.mark.sample(c)
		if underway.has(c.mode) {
			g.moves.sample(c)
			c.treat.impulse += max(c.most(), 0) * min(max(c.cell.dt, 0), 0.1)
		}
	}
	if c.paired() {
		g.pair.compare(c)
	}
	if in.Now-c.bootedAt >= settleAtBoot {
		g.ends.update(c, in)
	}
	g.slack.update(c)
	if in.Overrun {
		g.overrun = c.now + overrunTold
	}
	lasts(&g.started, in.Switches.Start, c.now, 0)
}

// change notes the beginning or the end of a condition.
func (g *guard) change(c *Controller, row *interlock, holds bool, out *Output) {
	if !holds {
		g.active = g.active.Without(row.id)
		if c.clearOf(row) == ByItself {
			c.emit(out, Event{Kind: EventCleared, Interlock: row.id})
		}
		return
	}
	g.active = g.active.With(row.id)
	g.alarming = g.alarming || row.priority >= Medium
	kind := EventWarning
	if c.clearOf(row) != ByItself {
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
// unwinding goes on (R-KEEP-UNWINDING).
func (c *Controller) actionOf(row *interlock) Action {
	switch {
	case (row.id == ILReleaseStalled || row.id == ILDriveDead) && c.cfg.Table.BackDrivable:
		return Disable
	case row.id == ILGatewayLost:
		return c.cfg.GatewayLost.action()
	}
	return row.action
}

// clearOf is how the row ends: what only freezes or warns ends by itself.
func (c *Controller) clearOf(row *interlock) Clear {
	if row.id == ILGatewayLost && c.actionOf(row) < Release {
		return ByItself
	}
	return row.clear
}

// action that the policy comes to.
func (g GatewayPolicy) action() Action {
	switch g {
	case GatewayGoOn:
		return Warn
	case GatewayPause:
		return Freeze
	}
	return Release
}

// trip latches an interlock from where its condition was found.
func (g *guard) trip(c *Controller, id InterlockID, out *Output) {
	if !g.latched.Has(id) {
		g.latched, g.alarming = g.latched.With(id), true
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
	case c.treat.remote && c.cfg.GatewayLost == GatewayPause && c.guard.active.Has(ILGatewayLost):
		if c.mode == Treating {
			c.pause(out)
		}
		c.treat.held = false // nobody is there to end the hold
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
