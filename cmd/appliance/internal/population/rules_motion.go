package population

import (
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// motionRules remember what the rules of motion need.
type motionRules struct {
	overSince time.Duration // the true force has been above the limit since then, 0 = is not
	overReel  float64       // mm, the rope on the drum then
	shown     bool          // a good sample has had all its time above the limit
	prevGood  time.Duration // the good sample before the last one
	lastGood  time.Duration
	openTicks int // for which the patient switch has been open
}

// blindMost is the age of the newest good sample beyond which nothing pulls.
const blindMost = 40 * time.Millisecond

// checkMotion judges the steps since the last tick by what that tick has left:
// they are its doing.
func (k *checker) checkMotion(t *tick) {
	w := &k.was
	moved := t.in.Motion.Position - w.position
	up := moved > 0
	now := t.in.Now
	switch {
	case moved != 0 && quiet(w.mode):
		k.add(now, InvStill, "%.3f mm in mode %v", inMM(moved), w.mode)
	case up && w.action >= control.Freeze:
		k.add(now, InvFreeze, "%.3f mm towards force although the action was %v in mode %v", inMM(moved), w.action, w.mode)
	case up && !pulling(w.mode):
		k.add(now, InvFall, "%.3f mm towards force in mode %v", inMM(moved), w.mode)
	}
	if up && w.now-w.goodAt > blindMost {
		k.add(now, InvBlind, "%.3f mm towards force, %v after the last good sample", inMM(moved), w.now-w.goodAt)
	}
	if up && pulling(w.mode) && w.force > w.limit {
		k.add(now, InvMeasured, "%.3f mm towards force with %.1f N measured above %.1f N", inMM(moved), inN(w.force), inN(w.limit))
	}
	k.checkSpeed(t, moved)
}

func (k *checker) checkSpeed(t *tick, moved physic.Distance) {
	w := &k.was
	passed := (t.in.Now - w.now).Seconds()
	up := physic.Distance(float64(w.speed)*passed) + 2*k.f.step
	down := physic.Distance(k.f.release*1e6*passed) + 2*k.f.step
	if moved > up || moved < -down {
		k.add(t.in.Now, InvSpeed, "%.4f mm in %.2f ms, allowed %.4f towards force and %.4f away", inMM(moved), 1e3*passed, inMM(up), inMM(down))
	}
}

// checkLimit holds the true force against the limit in force.
func (k *checker) checkLimit(t *tick) {
	m := &k.motion
	now := t.in.Now
	if t.in.Load.At != m.lastGood {
		m.prevGood, m.lastGood = m.lastGood, t.in.Load.At
	}
	limit := inN(t.state.Limits.Force.Value)
	over := t.truth.ForceN - limit - k.f.cellError - k.f.driftPerMin*now.Minutes() - t.lie
	if over <= 0 || !pulling(t.state.Mode) && !pulling(k.was.mode) {
		m.overSince, m.shown = 0, false
		return
	}
	if m.overSince == 0 {
		m.overSince, m.overReel = now, t.truth.ReelMM
	}
	k.worst.OverN = max(k.worst.OverN, t.truth.ForceN-limit)
	k.worst.DrivenN = max(k.worst.DrivenN, k.f.line*(t.truth.ReelMM-m.overReel))
	if m.shown && t.in.Motion.Position > k.was.position && pulling(k.was.mode) {
		k.add(now, InvLimit, "towards force %v after the true force of %.1f N was above the limit of %.1f N", now-m.overSince, t.truth.ForceN, limit)
	}
	// A sample shows the mean force over its conversions, so it must be above the
	// limit once all of them lie behind the beginning of the excess. Where frames were
	// lost, a conversion is taken to be as long as the samples lie apart.
	took := max(k.f.period, m.lastGood-m.prevGood)
	if m.lastGood-time.Duration(k.f.filter*float64(took))-tickSlack > m.overSince {
		m.shown = true
	}
}

// tickSlack is how much earlier than its tick a conversion may have ended, and
// the step of the physics.
const tickSlack = 2*time.Millisecond + 500*time.Microsecond

// checkSwitch counts ticks, not time: the contact is read once in each.
func (k *checker) checkSwitch(t *tick) {
	m := &k.motion
	if !t.open || t.claims&switchDead != 0 {
		m.openTicks = 0
		return
	}
	m.openTicks++
	now := t.in.Now
	if m.openTicks >= 2 && pulling(t.state.Mode) {
		k.add(now, InvSwitch, "mode %v in tick %d of an open patient switch", t.state.Mode, m.openTicks)
	}
	if m.openTicks >= 3 && t.in.Motion.Position > k.was.position {
		k.add(now, InvSwitch, "towards force before tick %d of an open patient switch", m.openTicks)
	}
}

// checkPower looks at the motor's power in truth, after the tick was applied.
func (k *checker) checkPower(t *tick) {
	if !t.truth.Energised || t.claims&powerStays != 0 {
		return
	}
	m := t.state.Mode
	if m == control.Idle || m == control.Tripped || t.state.Action >= control.Disable {
		k.add(t.in.Now, InvPower, "the motor has power in mode %v with action %v", m, t.state.Action)
	}
}
