package control

import (
	"math"
	"time"
)

// treatment is one run of a programme.
type treatment struct {
	number uint32
	step   int // 1 to stepCount
	inStep int // cycles finished in this step
	cycle  int // cycles begun
	phase  Phase

	phaseElapsed time.Duration
	elapsed      time.Duration // pull, hold, ease and rest only
	carry        time.Duration // of a hold that a pause interrupted

	setPoint float64 // N
	rate     float64 // N/s, of the set-point in this tick
	reached  bool    // the level of this phase has been reached

	armX     float64 // mm, where the rope was slack when the table was armed
	endX     float64 // mm, where the rope was when the release that ended it began
	pausal   time.Duration
	held     bool          // this pause keeps its force, whatever the programme says
	restless time.Duration // the person has moved without a break

	impulse float64 // N*s so far, pauses included
	remote  bool    // started over the network, and nobody at the table has taken over
}

const (
	// slackSpeed: slow enough that the stiffest person is not jerked before two
	// samples have shown the tension (10 mm/s * 20 N/mm * 25 ms = 5 N).
	slackSpeed = 10.0
	// slackForce is the tension that ends slack take-up and, from above, a
	// release: commercial cords count as slack under 15 N (Eltrac 471).
	slackForce = 15.0
	// slackMost bounds the take-up, twice the time of its longest way (slackTravel).
	slackMost = 2 * slackTravel / slackSpeed * time.Second
	// restlessMost: who moves for so long without a break is asked how it goes.
	restlessMost = 30 * time.Second
	// rampShare of the speed the table has may be used by a ramp; the rest is
	// for breathing.
	rampShare = 0.6
	// leadTime: a ramp waits once the force is this far (s of ramp) behind it.
	leadTime = 0.2
	// leadLeast in N.
	leadLeast = 6.0
	// breathRate is the rate of force (N/s) the drive may always answer with:
	// 25 N at 0.35 Hz make 55.
	breathRate = 60.0
	// pauseMost is how long a pause may last before the force is released.
	pauseMost = 10 * time.Minute
	// holdMost is the moment that a hold may keep the force for hands-on work: the
	// longest hold of the built-in programmes. After it, it is a pause like others.
	holdMost = 60 * time.Second
)

// reachedBand is how near (N) the force must be to count as there: 1 %, at least 2 N.
func reachedBand(level float64) float64 { return max(2, 0.01*level) }

// startTreatment begins the selected programme from a slack rope.
func (c *Controller) startTreatment(from Origin, out *Output) {
	c.number++
	armX := c.treat.armX
	c.treat = treatment{number: c.number, step: 1, phase: Slack, armX: armX, endX: armX, remote: from == Remote}
	c.stiff.start()
	c.tally.start(c)
	c.guard.startTreatment(c)
	c.rel = release{}
	if c.programme.Heat != 0 && (c.heat.target == 0 || c.heat.target > c.limits.Temperature.Value) {
		c.heat.want(c.now, min(c.programme.Heat, c.limits.Temperature.Value))
	}
	c.setMode(Treating, out)
	c.emit(out, Event{Kind: EventTreatmentStarted})
}

// levels of the present step in N.
func (c *Controller) levels() (hold, rest float64) {
	sp := stepAt(c.programme, &c.settings, c.treat.step)
	return inNewtons(sp.Hold), inNewtons(sp.Rest)
}

// treatStep is one tick of a running programme.
func (c *Controller) treatStep(in *Input, out *Output) wish {
	t := &c.treat
	d := time.Duration(c.dt * float64(time.Second))
	t.rate = 0
	if t.phase == Slack {
		t.phaseElapsed += d
		return c.takeUpSlack(out)
	}
	t.elapsed += d
	if t.elapsed >= c.settings.Duration {
		c.endTreatment(EndCompleted, gentle, out)
		return wish{energised: true}
	}
	if c.guard.moves.restless {
		// Neither hold nor rest, and no set-point to run after. Who does not lie still
		// for long needs to be looked at.
		if t.restless += d; t.restless > restlessMost {
			c.pause(out)
		}
		return wish{energised: true, velocity: c.regulate()}
	}
	t.restless = 0
	c.tighten()
	hold, rest := c.levels()
	switch t.phase {
	case Pull:
		t.phaseElapsed += d
		if c.track(hold) {
			c.enter(Hold, out)
			t.phaseElapsed, t.carry = t.carry, 0
		}
	case Hold:
		if c.track(hold) {
			t.phaseElapsed += d
		}
		if t.phaseElapsed >= c.holdTime() {
			c.endHold(out)
		}
	case Ease:
		t.phaseElapsed += d
		if c.track(rest) {
			c.enter(Rest, out)
		}
	case Rest:
		if c.track(rest) {
			t.phaseElapsed += d
		}
		if t.phaseElapsed >= c.settings.RestTime {
			c.nextCycle(out)
		}
	}
	if c.mode != Treating {
		return wish{energised: true}
	}
	return wish{energised: true, velocity: c.regulate()}
}

// tighten takes over the lower limit of a lowered hold once the force is well below it.
func (c *Controller) tighten() {
	if !c.cell.fresh {
		return
	}
	l := chain(&c.cfg.Table, c.programme, &c.person, c.settings.Hold, c.settings.Duration).Force
	if l.Value < c.limits.Force.Value && max(c.cell.force, c.treat.setPoint) < inNewtons(l.Value-forceHeadroom(l.Value)) {
		c.limits.Force = l
	}
}

// takeUpSlack shortens the rope until there is tension.
func (c *Controller) takeUpSlack(out *Output) wish {
	t := &c.treat
	if c.cell.force < slackForce {
		if t.phaseElapsed > slackMost {
			c.guard.trip(c, ILMotionWithoutForce, out)
			c.endTreatment(EndTripped, quick, out)
		}
		return wish{energised: true, velocity: slackSpeed}
	}
	t.setPoint = c.cell.force
	c.reg.start()
	t.cycle = 1
	c.enter(Pull, out)
	return wish{energised: true}
}

// enter begins a phase.
func (c *Controller) enter(p Phase, out *Output) {
	t := &c.treat
	t.phase, t.phaseElapsed, t.reached = p, 0, p == Hold || p == Rest
	c.release.pulled = c.release.pulled || p == Hold
	c.emit(out, Event{Kind: EventPhase})
}

// holdTime of the present step. The main step of a static programme holds for
// the whole duration, less what the regressive steps need.
func (c *Controller) holdTime() time.Duration {
	if c.programme.Static() {
		if c.treat.step == c.programme.Progressive+1 {
			return max(c.settings.Duration-c.regressiveTime()-c.treat.elapsed+c.treat.phaseElapsed, 0)
		}
		return c.settings.HoldTime * time.Duration(c.programme.StepCycles)
	}
	return c.settings.HoldTime
}

// endHold eases to rest, or, in a static programme, goes on to the next step.
func (c *Controller) endHold(out *Output) {
	if !c.programme.Static() {
		c.enter(Ease, out)
		return
	}
	c.nextStep(out)
}

// nextCycle begins another cycle of the present step or goes on to the next one.
func (c *Controller) nextCycle(out *Output) {
	t := &c.treat
	t.inStep++
	t.cycle++
	sp := stepAt(c.programme, &c.settings, t.step)
	if sp.Cycles == 0 { // the main step: as many cycles as leave time for what follows
		if r := c.regressiveTime(); r == 0 || t.elapsed+sp.Cycle+r <= c.settings.Duration {
			c.enter(Pull, out)
			return
		}
	} else if t.inStep < sp.Cycles {
		c.enter(Pull, out)
		return
	}
	c.nextStep(out)
}

// nextStep pulls or eases to the next step's hold level, or ends the treatment.
func (c *Controller) nextStep(out *Output) {
	t := &c.treat
	if t.step >= stepCount(c.programme) {
		c.endTreatment(EndCompleted, gentle, out)
		return
	}
	t.step++
	t.inStep = 0
	if c.programme.Static() {
		t.cycle++
	}
	c.enter(Pull, out)
}

// regressiveTime is what the steps after the main one are planned to take.
func (c *Controller) regressiveTime() time.Duration {
	var sum time.Duration
	for i := c.programme.Progressive + 2; i <= stepCount(c.programme); i++ {
		sp := stepAt(c.programme, &c.settings, i)
		sum += sp.Cycle * time.Duration(sp.Cycles)
	}
	return sum
}

// phaseTotal is how long the present phase lasts, 0 where that is not a matter of time.
func (t *treatment) phaseTotal(c *Controller) time.Duration {
	switch t.phase {
	case Hold:
		return c.holdTime()
	case Rest:
		return c.settings.RestTime
	}
	return 0
}

// track moves the set-point towards level with the ramp in force, at a fresh
// sample, and tells whether level has been reached. It never runs away from
// what the table or the person can follow.
// R-ANTI-WINDUP: or the regulator would do later what it could not do now.
func (c *Controller) track(level float64) bool {
	t := &c.treat
	if c.cell.fresh && t.setPoint != level {
		dt := min(max(c.cell.dt, 0), 0.05)
		rate := c.rampRate(level > t.setPoint)
		lead := max(leadLeast, rate*leadTime)
		behind := math.Abs(t.setPoint-c.cell.force) > lead && (level > t.setPoint) == (t.setPoint > c.cell.force)
		if !behind {
			was := t.setPoint
			if level > was {
				t.setPoint = min(was+rate*dt, level)
			} else {
				t.setPoint = max(was-rate*dt, level)
			}
			t.rate = (t.setPoint - was) / max(dt, 1e-6)
		}
		t.reached = false
	}
	if t.setPoint == level && !t.reached {
		t.reached = math.Abs(c.cell.force-level) <= reachedBand(level)
	}
	return t.setPoint == level && t.reached
}

// rampRate in N/s: the programme's, no faster than the limits and than rope
// speed and stiffness allow (control.md: a set-point that runs ahead winds up).
func (c *Controller) rampRate(up bool) float64 {
	p := c.programme
	r := float64(p.RampDown)
	if up {
		r = float64(min(p.RampUp, c.limits.Rise.Value))
	}
	follow := rampShare * inMillimetresPerSecond(c.limits.Speed.Value) * c.stiff.value()
	return min(r*1e-9, follow)
}

// regulate answers with the rope velocity in mm/s; a new one at each sample.
// R-NO-CHASE: towards force no faster than breathing and the ramp need.
func (c *Controller) regulate() float64 {
	t := &c.treat
	if !c.cell.fresh {
		return c.reg.velocity
	}
	k := c.stiff.value()
	dt := min(max(c.cell.dt, 0), 0.05)
	speed := inMillimetresPerSecond(c.limits.Speed.Value)
	towards := min(speed, max(breathRate, 1.5*inNewtonsPerSecond(c.programme.RampUp))/k)
	if c.guard.action >= Freeze {
		towards = 0 // or the integral winds up for what limit does not let through
	}
	return c.reg.step(t.setPoint-c.cell.force, t.rate, k, dt, -speed, towards)
}

// inNewtonSeconds converts from the exported type.
func inNewtonSeconds(i Impulse) float64 { return float64(i) * 1e-9 }

// inNewtonsPerSecond converts from the exported type.
func inNewtonsPerSecond(r ForceRate) float64 { return float64(r) * 1e-9 }

// pause stops the treatment timer.
func (c *Controller) pause(out *Output) {
	t := &c.treat
	t.pausal, t.held = 0, false
	if t.phase == Hold {
		t.carry = t.phaseElapsed
	}
	c.setMode(Paused, out)
}

// resume goes on where the pause began, over a ramp.
func (c *Controller) resume(out *Output) {
	t := &c.treat
	t.held = false
	c.setMode(Treating, out)
	if t.phase == Hold {
		c.enter(Pull, out)
	}
}

// pauseStep keeps the force, or brings it to rest, while the timer stands.
// R-PAUSE-STOPS-TIMER, R-PAUSE-ENDS, R-HOLD-ENDS.
func (c *Controller) pauseStep(_ *Input, out *Output) wish {
	t := &c.treat
	t.rate = 0
	t.pausal += time.Duration(c.dt * float64(time.Second))
	if t.pausal > pauseMost {
		c.endTreatment(EndPauseOver, gentle, out)
		return wish{energised: true}
	}
	if t.phase == Slack {
		return wish{energised: true}
	}
	t.held = t.held && t.pausal <= holdMost
	if _, rest := c.levels(); c.programme.PauseRests && !t.held && t.setPoint > rest {
		c.track(rest)
	}
	return wish{energised: true, velocity: c.regulate()}
}
