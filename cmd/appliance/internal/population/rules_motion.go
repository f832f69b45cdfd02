package population

import (
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// motionRules remember what the rules of motion need.
type motionRules struct {
	over      [2]excess
	ending    physic.Distance // towards force since an action of freeze or more began
	overReel  float64         // mm, the rope on the drum when the true force went above the limit; 0 = it is not
	openTicks int             // for which the patient switch has been open
	cutTicks  int             // for which the emergency stop has been
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
	if up && w.action >= control.Freeze {
		k.motion.ending += moved
	} else if w.action < control.Freeze {
		k.motion.ending = 0
	}
	switch {
	case moved != 0 && quiet(w.mode):
		k.add(now, InvStill, "%.3f mm in mode %v", inMM(moved), w.mode)
	case up && w.action >= control.Freeze && k.motion.ending <= k.f.step+k.f.step/2:
		// Full steps of a coarse drive at its start-stop speed: one may be under way.
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

// excess is a true force above the limit, as one cell must show it.
type excess struct {
	since    time.Duration // 0 = there is none
	shown    bool          // a good sample has had all its time above the limit
	prevGood time.Duration // the good sample before the last one
	lastGood time.Duration
}

// checkLimit holds the true force against the limit in force.
func (k *checker) checkLimit(t *tick) {
	m := &k.motion
	limit := inN(t.state.Limits.Force.Value)
	if t.claims&driveActs != 0 {
		k.worst.RunawayN = max(k.worst.RunawayN, t.truth.ForceN-limit)
	}
	if !pulling(t.state.Mode) && !pulling(k.was.mode) {
		m.over, m.overReel = [2]excess{}, 0
		return
	}
	shown := m.over[0].shown || m.over[1].shown
	if shown && t.in.Motion.Position > k.was.position && pulling(k.was.mode) {
		k.add(t.in.Now, InvLimit, "towards force although the true force of %.1f N has been above the limit of %.1f N for %v",
			t.truth.ForceN, limit, t.in.Now-max(m.over[0].since, m.over[1].since))
	}
	m.over[0].look(t, &t.in.Load, &k.f.cells[0], limit+t.lie[0])
	if t.cells() == 2 {
		m.over[1].look(t, &t.in.Second, &k.f.cells[1], limit+t.lie[1])
	}
	if t.deceived() || t.claims&driveActs != 0 || t.truth.ForceN <= limit {
		m.overReel = 0
		return
	}
	if m.overReel == 0 {
		m.overReel = t.truth.ReelMM
	}
	k.worst.OverN = max(k.worst.OverN, t.truth.ForceN-limit)
	k.worst.DrivenN = max(k.worst.DrivenN, k.f.line*(t.truth.ReelMM-m.overReel))
}

// look takes over a tick of one cell.
func (e *excess) look(t *tick, load *control.Load, f *cellFigures, limit float64) {
	if load.At != e.lastGood {
		e.prevGood, e.lastGood = e.lastGood, load.At
	}
	if t.truth.ForceN <= limit+f.errs+f.driftPerMin*t.in.Now.Minutes() {
		e.since, e.shown = 0, false
		return
	}
	if e.since == 0 {
		e.since = t.in.Now
	}
	// A sample shows the mean force over its conversions, so it must be above the
	// limit once all of them lie behind the beginning of the excess. Where frames were
	// lost, a conversion is taken to be as long as the samples lie apart.
	took := max(f.period, e.lastGood-e.prevGood)
	if e.lastGood-time.Duration(f.filter*float64(took))-tickSlack > e.since {
		e.shown = true
	}
}

// tickSlack is how much earlier than its tick a conversion may have ended, and
// the step of the physics.
const tickSlack = 2*time.Millisecond + 500*time.Microsecond

// checkSwitch counts ticks, not time: a contact is read once in each, and the
// second read counts.
func (k *checker) checkSwitch(t *tick) {
	m := &k.motion
	now := t.in.Now
	if m.cutTicks++; !t.cut || t.claims&stopDead != 0 {
		m.cutTicks = 0
	}
	if m.cutTicks >= 2 && t.state.Action < control.Disable {
		k.add(now, InvSwitch, "action %v in tick %d of an open emergency stop", t.state.Action, m.cutTicks)
	}
	if m.openTicks++; !t.open || t.claims&switchDead != 0 {
		m.openTicks = 0
	}
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
