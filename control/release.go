package control

import "time"

// releaseKind says how a release goes.
type releaseKind uint8

const (
	gentle releaseKind = iota // end of treatment: down the programme's ramp
	quick                     // a switch, a stop, an interlock
	slow                      // start-up found tension
)

// release is the motor-driven return to slack.
type release struct {
	kind      releaseKind
	treatment bool // it ends a treatment
	end       EndReason
	asked     time.Duration // when the release was first asked for
	began     time.Duration // of this kind of release
	deadline  time.Duration // absolute, known at the beginning
	targetX   float64       // mm, where the rope is slack for sure
	setPoint  float64       // N, gentle only
	slackAt   time.Duration // when the force was seen below slackForce, 0 = not yet
	// slackSince is since when the rope has been slack without a break, 0 = it is not.
	slackSince time.Duration
	speed      float64 // mm/s of a quick release, chosen when it begins

	// The mark moves on as long as force falls with motion.
	markX, markForce float64
	stuck            bool          // the force does not follow the motion
	stalls           int           // how often in a row
	hurried          bool          // slow only: somebody asks for more speed
	rises            int           // times that the force rose with unwinding
	undone           float64       // N, the force before the last rise: back there, it was the person's
	late             bool          // the deadline was missed, and told
	restart          time.Duration // a motor that may have lost its step stands still until then
}

const (
	// fallRate is the force rate (N/s) a quick release aims at: fast, but not
	// the blow of a cord that breaks.
	fallRate = 600.0
	// releaseLeast is the speed (mm/s) no release goes below.
	releaseLeast = 20.0
	// recoverSpeed (mm/s) of the slow release after a restart.
	recoverSpeed = 10.0
	// recoverTravel: without a known slack position the rope is unwound this far (mm)
	// beyond the point where the force went away.
	recoverTravel = 20.0
	// blindTravel: without a cell the rope is unwound this far (mm) beyond the
	// position where it was slack.
	blindTravel = 15.0
	// fallLeast is the fall of force (N/mm) that unwinding must bring: the softest
	// person gives 1.9.
	fallLeast = 0.5
	// fallTravel (mm) is the unwinding over which it is judged.
	fallTravel = 12.0
	// riseMost is the rise of force (N) above the mark, while unwinding, that a
	// breath does not make. A cough may: so the drive stands still for risePause and
	// tries again; after risesMost times it is the drive that goes the wrong way.
	riseMost  = 40.0
	riseLeast = 1.0 // mm of unwinding
	risesMost = 3
	risePause = 400 * time.Millisecond
	// restartPause lets a stalled rotor come to rest; it then starts again slowly.
	restartPause = 200 * time.Millisecond
	// giveUpAfter a missed deadline a self-locking table stops unwinding.
	giveUpAfter = 30 * time.Second
	// releaseDeadline is what every table must keep for its largest force.
	releaseDeadline = 5 * time.Second
	// releaseSettle is added for the ramps of the motor.
	releaseSettle = 1500 * time.Millisecond
)

// endTreatment starts the release that ends a treatment, and with it the heat
// (R-HEAT-ENDS).
func (c *Controller) endTreatment(why EndReason, kind releaseKind, out *Output) {
	c.rel = release{kind: kind, treatment: true, end: why}
	if c.mode == Treating || c.mode == Paused {
		c.heat.off(HeatEnded)
		c.treat.endX = c.x
	}
	c.beginRelease(out)
}

// beginRelease fills in what the release needs; c.rel.kind is set.
func (c *Controller) beginRelease(out *Output) {
	r := &c.rel
	r.asked = c.now
	r.mark(c)
	r.targetX = c.treat.armX
	r.setPoint = max(c.most(), 0)
	speed := inMillimetresPerSecond(c.cfg.Table.ReleaseSpeed)
	travel := max(c.x-r.targetX, 0)
	d := releaseSettle + seconds(travel/speed)
	switch r.kind {
	case gentle:
		d += 2*seconds(r.setPoint/(c.rampRate(false)+1e-9)) + 2*time.Second
	case slow:
		r.targetX = c.x // moved on once slack is seen
		d = seconds(inMillimetres(c.cfg.Table.Travel) / recoverSpeed)
	}
	r.deadline = c.now + max(d, releaseDeadline)
	c.reg.start()
	if r.kind == slow {
		c.guard.slack.pulls()
		c.setMode(Recovering, out)
		return
	}
	c.setMode(Releasing, out)
}

// hurry turns a gentle release into a quick one, and a slow one into a fast one as
// long as a cell sees that it helps.
func (c *Controller) hurry() {
	c.rel.hurried = true
	if c.rel.kind == gentle {
		c.rel.kind = quick
		c.rel.mark(c)
		travel := max(c.x-c.rel.targetX, 0)
		d := releaseSettle + seconds(travel/inMillimetresPerSecond(c.cfg.Table.ReleaseSpeed))
		c.rel.deadline = c.now + max(d, releaseDeadline)
	}
}

// releaseStep is one tick of a release, without a force by position
// (R-RELEASE-BY-POSITION).
func (c *Controller) releaseStep(out *Output) wish {
	r := &c.rel
	// A rope cannot push: a cell that says so by more than its zero may be off says
	// nothing about slack.
	blind := c.blind() || c.most() < pushMost
	slack := !blind && c.most() < slackForce
	switch {
	case !slack:
		r.slackSince = 0
	case r.slackSince == 0:
		r.slackSince = c.now
	}
	if slack && r.slackAt == 0 {
		r.slackAt = c.now
		if r.kind == slow {
			r.targetX = c.x - recoverTravel
		}
	}
	switch {
	case slack && c.x <= r.targetX, slack && c.slackEnd():
		c.guard.slack.unconfirmed = false
		c.emit(out, Event{Kind: EventSlackConfirmed})
		c.finishRelease(out)
		return wish{}
	case blind && r.kind == slow && r.slackAt == 0 && !c.slackEnd() && c.now <= r.deadline:
		// Where the rope is slack is not known: unwind on, up to the deadline.
	case blind && (c.x <= r.targetX-blindTravel || c.slackEnd()):
		c.guard.slack.unwound = true
		c.finishRelease(out) // by position; what lost the cell has tripped already
		return wish{}
	case c.guard.latched.Has(ILCellsDisagree) && c.least() < slackForce && c.x <= r.targetX-blindTravel:
		c.finishRelease(out) // one cell says slack, and so does the position
		return wish{}
	case !slack && c.slackEnd(), c.now > r.deadline+giveUpAfter, c.runsOut():
		// No motion helps any more, and the force is still there.
		c.guard.trip(c, ILReleaseStalled, out)
		c.finishRelease(out)
		return wish{}
	}
	if c.now > r.deadline && !r.late {
		r.late = true
		c.emit(out, Event{Kind: EventReleaseLate})
	}
	r.follow(c, blind || slack)
	return wish{energised: true, velocity: c.releaseVelocity(blind, slack)}
}

// stallsMost: a rotor that lost its step is started anew so often.
const stallsMost = 3

// runsOut: more rope has gone out than was ever taken in, and it does not help. On
// a drum it would come in again from the other side. What was counted before the
// treatment ended, while perhaps the motor did not turn, is no rope.
func (c *Controller) runsOut() bool {
	past := min(c.treat.armX, c.treat.endX) - c.x
	return past > blindTravel && c.rel.stalls >= stallsMost || past > inMillimetres(c.cfg.Table.Travel)
}

// mark begins to watch the force from here, and chooses the quick speed: fast
// where the rope is soft, slower where it is stiff.
func (r *release) mark(c *Controller) {
	r.markX, r.markForce, r.stuck, r.restart, r.rises, r.stalls = c.x, c.least(), false, 0, 0, 0
	r.speed = max(fallRate/c.stiff.ramped(), releaseLeast)
	r.began = c.now
}

// follow judges whether the force falls as the motion says it must. A motor that
// lost its step is stopped and started again slowly; what a back-drivable table
// does is the interlock's matter.
func (r *release) follow(c *Controller, nothingToSee bool) {
	// A drive that winds up raises what both cells read; one that breaks, its own.
	force := c.least()
	switch {
	case nothingToSee:
		r.stuck = false
	case c.now < r.restart:
		// What happens at a standstill is the person's doing, not the drive's.
		r.markX, r.markForce = c.x, max(r.markForce, force)
	case force >= r.markForce+riseMost && r.markX-c.x > riseLeast:
		r.rises++
		r.undone = r.markForce
		r.markX, r.markForce = c.x, force
		r.restart = c.now + risePause
	case force <= r.markForce-fallLeast*fallTravel:
		r.markX, r.markForce, r.stuck, r.stalls = c.x, force, false, 0
		if force <= r.undone {
			r.rises = 0
		}
	case r.kind == gentle && c.x > r.targetX && force <= r.setPoint+overLeast:
		// The regulator has answered a cough or a breath; it has the force.
		if r.markX-c.x > fallTravel {
			r.markX, r.markForce = c.x, force
		}
	case r.markX-c.x > fallTravel && c.mostFresh():
		r.stuck = true
		r.stalls++
		if force > r.markForce+fallLeast*fallTravel {
			r.rises++
			r.undone = r.markForce
		}
		r.markX, r.markForce = c.x, force
		r.restart = c.now + restartPause
	}
}

// releaseVelocity in mm/s, always away from force.
func (c *Controller) releaseVelocity(blind, slack bool) float64 {
	r := &c.rel
	speed := inMillimetresPerSecond(c.cfg.Table.ReleaseSpeed)
	switch {
	case c.now < r.restart:
		return 0
	case r.kind == slow && (!r.hurried || r.stuck || !c.seen()):
		return -recoverSpeed
	case blind || slack:
		return -speed
	case r.kind == gentle:
		if c.cell.fresh {
			dt := min(max(c.cell.dt, 0), 0.05)
			rate := c.rampRate(false)
			if c.cell.force-r.setPoint < max(leadLeast, rate*leadTime) {
				r.setPoint = max(r.setPoint-rate*dt, 0)
			}
			c.reg.step(r.setPoint-c.cell.force, -rate, c.stiff.value(), dt, -speed, 0)
		}
		return c.reg.velocity
	case r.restart != 0:
		// The pull speed is one that the motor can start with.
		return -inMillimetresPerSecond(c.cfg.Table.PullSpeed)
	case c.now-r.began > 500*time.Millisecond:
		return -speed
	}
	return -min(r.speed, speed)
}

// finishRelease ends the mode.
func (c *Controller) finishRelease(out *Output) {
	r := &c.rel
	if r.treatment {
		c.closeReport(out)
	}
	if c.guard.tripped() {
		c.setMode(Tripped, out)
	} else {
		c.setMode(Idle, out)
	}
	c.proof.reset()
}

// closeReport completes the treatment's report and hands it out.
func (c *Controller) closeReport(out *Output) {
	c.tally.close(c)
	if c.release.running {
		c.judgeProof(&c.report, out)
	} else {
		// R-SETTINGS-END: what was set in this treatment must not meet the next person.
		c.settings = settingsOf(c.programme)
	}
	c.limits = chain(&c.cfg.Table, c.programme, &c.person, c.settings.Hold, c.settings.Duration)
	out.Report, out.HasReport = c.report, true
	c.emit(out, Event{Kind: EventTreatmentEnded, End: c.report.End})
	c.rel.treatment = false
	if c.rel.end == EndCompleted || c.rel.end == EndPauseOver {
		c.alarm.signalEnd(c.now)
	}
}

// seconds converts to a duration.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

const (
	// recoverForce (N) at start-up is tension, not drift of the zero.
	recoverForce = 25.0
	// recoverSamples in a row, half a second, before anything moves.
	recoverSamples = 40
	// recoverWithin is how long after boot tension still counts as left over.
	recoverWithin = 5 * time.Second
)

// recoverAtBoot looks, once after a start, for tension that a power cut or a
// crash has left on the rope, and releases it slowly. It never resumes
// (R-NO-RESUME).
func (c *Controller) recoverAtBoot(out *Output) {
	if c.tense < 0 {
		return
	}
	if c.mode != Idle || c.now-c.bootedAt > recoverWithin {
		c.tense = -1
		return
	}
	if !c.mostFresh() || !c.seen() {
		return
	}
	if c.most() < recoverForce {
		c.tense = 0
		return
	}
	if c.tense++; c.tense >= recoverSamples && c.guard.action < Disable {
		c.tense = -1
		c.rel = release{kind: slow}
		c.beginRelease(out)
	}
}
