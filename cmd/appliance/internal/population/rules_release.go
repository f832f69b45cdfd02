package population

import (
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// releaseRules remember what the rules of letting go need.
type releaseRules struct {
	falling bool    // since a stop or a trip, until the next arming
	lowest  float64 // mm, the least rope on the drum since
	since   time.Duration
	armX    physic.Distance // where the rope was when the table was armed
	let     bool            // less than 25 N has been seen since
	by      time.Duration
	owed    bool          // the drive has pulled, and not let go yet
	failed  bool          // the drive could not unwind, or nobody could know, at some time of this release
	tenseAt time.Duration // more than 25 N since then, 0 = not
	idleAt  time.Duration // the same in idle and tripped
	stayed  time.Duration // since when in this mode
	mode    control.Mode
	counted time.Duration // of treating, as far as each tick may count
	longest time.Duration // the longest duration that was set
	slack   time.Duration // of taking up slack, on the clock
}

const (
	// tense is tension that is no drift of the zero, N.
	tense = 25.0
	// releaseLeast is the shortest deadline of a release.
	releaseLeast = 5 * time.Second
	// motorRamps are added to what the rope needs at the release speed.
	motorRamps = 1500 * time.Millisecond
	// recoverSpeed of a release after a restart, mm/s.
	recoverSpeed = 10.0
	// grace after a deadline until the alarm must be there.
	grace = time.Second
	// tensionGrace in idle and tripped: a back-drivable rope runs out meanwhile.
	tensionGrace = 5 * time.Second
	// unwindBeyond a missed deadline goes on for so long on a self-locking table.
	unwindBeyond = 30 * time.Second
)

// begins tells whether a stop or a trip happened in this tick.
func begins(t *tick) bool {
	if t.in.Stop || t.in.Command.Kind == control.CommandStop {
		return true
	}
	for i := range t.out.Events[:t.out.NEvents] {
		if t.out.Events[i].Kind == control.EventTrip {
			return true
		}
	}
	return false
}

// checkFall: nothing winds from a stop, a trip or the end of a treatment on.
func (k *checker) checkFall(t *tick) {
	r := &k.release
	m := t.state.Mode
	switch {
	case m == control.Armed:
		r.falling, r.armX = false, t.in.Motion.Position
	case pulling(m):
		r.falling = false
	case !r.falling && (lettingGo(m) || m == control.Tripped):
		r.falling, r.lowest, r.since, r.let = true, t.truth.ReelMM, t.in.Now, false
	}
	if !r.falling {
		return
	}
	r.lowest = min(r.lowest, t.truth.ReelMM)
	if t.claims&driveActs != 0 {
		r.lowest = t.truth.ReelMM
	}
	if t.truth.ReelMM > r.lowest+k.f.fullStep {
		k.add(t.in.Now, InvFall, "the drum has wound %.2f mm in mode %v", t.truth.ReelMM-r.lowest, m)
		r.lowest = t.truth.ReelMM
	}
	if !r.let && t.truth.ForceN < tense {
		r.let = true
		k.worst.LetGoS = max(k.worst.LetGoS, (t.in.Now - r.since).Seconds())
	}
}

// checkReleased holds a release against its deadline: one that is under way, and
// one that was owed and given up.
func (k *checker) checkReleased(t *tick) {
	r := &k.release
	now, m := t.in.Now, t.state.Mode
	if t.truth.ForceN <= tense {
		r.tenseAt = 0
	} else if r.tenseAt == 0 {
		r.tenseAt = now
	}
	r.owed = pulling(m) || r.owed && m != control.Armed && (lettingGo(m) || r.tenseAt != 0)
	switch {
	case pulling(m) || !lettingGo(m) && !r.owed:
		r.by, r.failed = 0, false
		return
	case m == control.Recovering && k.was.mode != m:
		r.by, r.failed = now+seconds(k.f.travel/recoverSpeed), false
	case m == control.Recovering:
	case r.by == 0 && !begins(t) && t.state.Trips == 0:
		r.by = now + k.quick(t) + 2*time.Second + 2*seconds(max(0, t.truth.ForceN)/k.f.rampDown)
	case r.by == 0:
		r.by = now + k.quick(t)
	case begins(t):
		r.by = min(r.by, now+k.quick(t))
	}
	// Who was deceived may have let go by position, and a drive that pulls out of step
	// then is not seen: the alarm must tell.
	r.failed = r.failed || t.claims&(driveFails|personPulls) != 0 || t.deceived()
	late := now > r.by+grace && r.tenseAt != 0 && now-r.tenseAt > grace && !t.deceived()
	if late && (t.state.Alarm < control.High || !r.failed) {
		k.add(now, InvReleased, "%.0f N are left in mode %v %v after the deadline of the release, with the alarm %v and a drive that could let go %t",
			t.truth.ForceN, m, now-r.by, t.state.Alarm, !r.failed)
	}
}

// quick is how long a quick release may take from here.
func (k *checker) quick(t *tick) time.Duration {
	travel := inMM(t.in.Motion.Position - k.release.armX)
	return max(releaseLeast, motorRamps+seconds(max(0, travel)/k.f.release))
}

// checkTension: tension on a rope that nothing unwinds calls for help.
func (k *checker) checkTension(t *tick) {
	r := &k.release
	m := t.state.Mode
	if t.truth.ForceN <= tense || !t.truth.HarnessWorn || m != control.Idle && m != control.Tripped {
		r.idleAt = 0
		return
	}
	if r.idleAt == 0 {
		r.idleAt = t.in.Now
	}
	if t.in.Now-r.idleAt > tensionGrace && t.state.Alarm < control.High && !t.deceived() {
		k.add(t.in.Now, InvTension, "%.0f N on the rope in mode %v for %v, and the alarm is %v", t.truth.ForceN, m, t.in.Now-r.idleAt, t.state.Alarm)
	}
}

const (
	// armedMost and pausedMost are what docs/safety.md promises.
	armedMost  = 10 * time.Minute
	pausedMost = 10 * time.Minute
	// slackMost: 150 mm at 10 mm/s take 15 s; twice that is allowed, and a tick.
	slackMost = 30*time.Second + modeSlack
	// tickMost is what one tick may count as treatment time, however late it is.
	tickMost = 20 * time.Millisecond
	// modeSlack allows for the tick that ends a mode.
	modeSlack = 100 * time.Millisecond
)

// checkBounds: no mode and no treatment lasts longer than it may.
func (k *checker) checkBounds(t *tick) {
	r := &k.release
	now, m := t.in.Now, t.state.Mode
	if m != r.mode || k.first {
		if m == control.Treating && r.mode != control.Paused {
			r.counted, r.longest, r.slack = 0, 0, 0
		}
		r.mode, r.stayed = m, now
	}
	most := time.Duration(0)
	switch m {
	case control.Armed:
		most = armedMost
	case control.Paused:
		most = pausedMost
	case control.Releasing, control.Recovering:
		most = max(r.by-r.stayed, 0) + unwindBeyond + grace
	case control.Treating:
		k.checkTreating(t)
	}
	if most != 0 && now-r.stayed > most+modeSlack {
		k.add(now, InvBound, "in mode %v for %v, allowed %v", m, now-r.stayed, most)
	}
}

// checkTreating counts slack on the clock, and treatment as the controller must.
func (k *checker) checkTreating(t *tick) {
	r := &k.release
	passed := t.in.Now - k.was.now
	r.longest = max(r.longest, t.state.Settings.Duration)
	if t.state.Phase == control.Slack {
		if r.slack += passed; r.slack > slackMost {
			k.add(t.in.Now, InvBound, "slack has been taken up for %v, allowed %v", r.slack, slackMost)
		}
		return
	}
	if r.counted += min(passed, tickMost); r.counted > r.longest+modeSlack {
		k.add(t.in.Now, InvBound, "treating for %v, allowed %v", r.counted, r.longest)
	}
}
