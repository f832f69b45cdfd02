package control

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
)

// Stories of an assessor who looked for ways to leave a person under tension:
// releases that stop too early, run on for too long, or never begin.

// selfLockingPair is a table that keeps its tension, with two cells.
func selfLockingPair(t *testing.T) *rig {
	cfg := selfLocking()
	cfg.Second = cfg.Calibration
	r := newRig(t, cfg)
	r.pair = true
	return r
}

// tickSecond is a tick in which the second cell reads force, whatever there is.
func (r *rig) tickSecond(force float64) {
	r.pairGone = true
	if r.now >= r.nextSample {
		r.in.Second = r.reading(r.in.Second.Seq+1, force)
	}
	r.tick()
}

// strong holds 400 N on a soft person.
func (r *rig) strong() {
	r.t.Helper()
	r.k = 3
	p := long()
	p.Hold, p.RampUp = 400*physic.Newton, 80*NewtonPerSecond
	r.holding(p)
	r.run(time.Second)
}

// TestOneCellThatBreaksUpwards: a bridge wire lets go in one of two cells. The
// release that this begins must not take the broken cell's rise for a drive that
// winds up, or the person stays at almost full force until a restart.
func TestOneCellThatBreaksUpwards(t *testing.T) {
	for _, which := range []string{"first", "second"} {
		for _, rate := range []float64{200, 400} { // N/s
			r := selfLockingPair(t)
			r.strong()
			from := r.now
			r.until("end", time.Minute, func() bool {
				off := min(rate*(r.now-from).Seconds(), 1000)
				if which == "first" {
					r.zero, off = off, 0
				}
				r.tickSecond(r.force + off)
				return r.c.mode == Tripped
			})
			assert.Less(t, r.force, slackForce, "%s cell, %v N/s: %v", which, rate, r.c.guard.latched.IDs())
			assert.False(t, r.has(EventTrip, ILReleaseBackwards), "%s cell, %v N/s", which, rate)
		}
	}
}

// TestSecondCellBreaksInARelease: the patient switch is pressed, and meanwhile
// the second cell breaks upwards. The first one is good and sees the force fall.
func TestSecondCellBreaksInARelease(t *testing.T) {
	for _, rate := range []float64{300, 1200} { // N/s
		r := selfLockingPair(t)
		r.strong()
		r.in.Switches.Patient = true
		from := r.now
		r.until("end", 2*time.Minute, func() bool {
			r.tickSecond(r.force + 30 + rate*(r.now-from).Seconds())
			return r.c.mode == Tripped
		})
		assert.Less(t, r.force, slackForce, "%v N/s: %v", rate, r.c.guard.latched.IDs())
	}
}

// TestReleaseEndsWhereTheRopeWasSlack: a reading that never comes down to slack
// must not run out the whole rope: on a drum it is wound up again from the other
// side, and pulls.
func TestReleaseEndsWhereTheRopeWasSlack(t *testing.T) {
	for _, back := range []bool{true, false} {
		for _, what := range []string{"second cell stuck at 100 N", "zero of the only cell off by 18 N"} {
			cfg := testConfig()
			cfg.Table.BackDrivable = back
			stuck := what[0] == 's'
			if stuck {
				cfg.Second = cfg.Calibration
			}
			r := newRig(t, cfg)
			r.pair = stuck
			r.holding(long())
			if !stuck {
				r.zero = 18
				r.run(time.Second)
				r.must(Command{Kind: CommandStop})
			}
			least := 0.0
			r.until("end", 2*time.Minute, func() bool {
				r.tickSecond(100)
				least = min(least, r.x)
				return r.c.mode == Tripped || r.c.mode == Idle
			})
			r.run(time.Second) // a back-drivable table that was disabled runs out by itself
			assert.Greater(t, least, -50.0, "mm, back-drivable %v: %s", back, what)
			assert.Zero(t, r.force, "back-drivable %v: %s", back, what)
		}
	}
}

// TestAcknowledgingRunsOutNoRope: each acknowledgement tries another release as
// long as one cell says tension; together they must end at the rope's length.
func TestAcknowledgingRunsOutNoRope(t *testing.T) {
	r := selfLockingPair(t)
	r.holding(long())
	r.run(time.Second)
	feed := func(until func() bool) {
		r.until("end", time.Minute, func() bool { r.tickSecond(40); return until() })
	}
	feed(r.mode(Tripped))
	for i := range 12 {
		x := r.x
		r.must(Command{Kind: CommandAcknowledge})
		feed(func() bool { return r.c.mode != Recovering })
		require.Greater(t, r.x, x-50, "mm, acknowledgement %d", i)
	}
	assert.Greater(t, r.x, -inMillimetres(r.c.cfg.Table.Travel)-1)
}

// TestAcknowledgingLetsGoWithoutTheFirstCell: after an emergency stop on a table
// that keeps its tension the first cell is dead. Whether the second one sees the
// tension or nothing does, the person on the rope must be told of and let go of.
func TestAcknowledgingLetsGoWithoutTheFirstCell(t *testing.T) {
	for _, cells := range []int{1, 2} {
		what := fmt.Sprintf("%d cells fitted", cells)
		r := newRig(t, selfLocking())
		if cells == 2 {
			r = selfLockingPair(t)
		}
		r.holding(long())
		r.in.Switches.EmergencyStop = true
		r.run(100 * time.Millisecond)
		r.firstGone = true
		r.run(5 * time.Second)
		r.in.Switches.EmergencyStop = false
		r.run(100 * time.Millisecond)
		require.InDelta(t, 200, r.force, 10, what)
		assert.True(t, r.c.guard.active.Has(ILTensionLeft), what)
		assert.Equal(t, High, r.c.alarm.priority, what)
		r.must(Command{Kind: CommandAcknowledge})
		assert.Equal(t, Recovering, r.c.mode, what)
		r.until("end", time.Minute, func() bool { return r.c.mode != Recovering })
		assert.Zero(t, r.force, what)
	}
}

// TestRecoversAtBootByTheSecondCell: tension from before a restart that only the
// second cell can see.
func TestRecoversAtBootByTheSecondCell(t *testing.T) {
	r := selfLockingPair(t)
	r.x = 60 // 201 N
	r.firstGone = true
	r.until("recovering", 3*time.Second, r.mode(Recovering))
	r.until("slack", time.Minute, func() bool { return r.force == 0 })
}

// TestLostCellIsNotSlack: whoever asks whether the harness may be opened, or the
// process may end, must not hear yes because nobody can tell any more.
func TestLostCellIsNotSlack(t *testing.T) {
	for what, lose := range map[string]func(*rig){
		"first":  func(r *rig) { r.firstGone = true },
		"second": func(r *rig) { r.pairGone = true },
		"both":   func(r *rig) { r.cellGone = true },
	} {
		r := selfLockingPair(t)
		r.holding(long())
		r.in.Switches.EmergencyStop = true
		r.run(time.Second)
		lose(r)
		r.run(2 * time.Second)
		var s Snapshot
		r.c.Snapshot(&s)
		assert.True(t, s.Active.Has(ILSlackUnconfirmed), what)
		assert.NotZero(t, s.Missing&(MissingSlack|MissingCell), what)
		if what != "both" {
			assert.NotZero(t, s.Missing&MissingSlack, "the other cell sees 200 N: %s", what)
		}
	}
}

// TestTensionWhileArmed: the person, already in the harness, slides up the table
// before the start. Stop at the table lets go, and once the table has disarmed
// itself the tension is an alarm.
func TestTensionWhileArmed(t *testing.T) {
	tense := func() *rig {
		r := newRig(t, selfLocking())
		r.run(2 * time.Second) // slack since boot
		r.armed(testProgramme())
		r.slackX = r.x - 80/r.k
		r.run(time.Second)
		require.Equal(t, Armed, r.c.mode)
		return r
	}
	r := tense()
	r.must(Command{Kind: CommandStop})
	r.until("slack", 20*time.Second, func() bool { return r.force == 0 })

	r = tense()
	r.c.armedAt -= armedMost
	r.run(2 * time.Second)
	assert.Equal(t, Idle, r.c.mode)
	assert.True(t, r.c.guard.active.Has(ILTensionLeft))
	r.must(Command{Kind: CommandStop})
	r.until("slack", 20*time.Second, func() bool { return r.force == 0 })
}

// TestStopHurriesARecovery: who presses stop while tension from before is being
// let go of slowly is in a hurry.
func TestStopHurriesARecovery(t *testing.T) {
	for what, press := range map[string]func(*rig){
		"stop":           func(r *rig) { r.must(Command{Kind: CommandStop}) },
		"patient switch": func(r *rig) { r.in.Switches.Patient = true },
	} {
		r := newRig(t, selfLocking())
		r.x = 100 // 469 N: 7 s at the slow speed
		r.until("recovering", 2*time.Second, r.mode(Recovering))
		press(r)
		d := r.until("slack", time.Minute, func() bool { return r.force < slackForce })
		assert.Less(t, d, 3*time.Second, what)
	}
}

// TestSlackSwitchOpenUnderTension: the wire of the slack end switch breaks in a
// hold close to where the rope was slack, which on a stiff person is all of a
// treatment. A switch is no reason to leave the tension on a self-locking table.
func TestSlackSwitchOpenUnderTension(t *testing.T) {
	for _, back := range []bool{true, false} {
		cfg := testConfig()
		cfg.Table.BackDrivable = back
		r := newRig(t, cfg)
		r.k, r.slackX = 20, 5
		r.holding(long())
		r.in.Switches.EndSlack = true
		r.run(time.Second)
		r.must(Command{Kind: CommandStop})
		r.until("end", 10*time.Second, func() bool { return r.c.mode == Idle || r.c.mode == Tripped })
		assert.Less(t, r.force, slackForce, "back-drivable %v: %v", back, r.c.guard.latched.IDs())
		assert.False(t, r.c.guard.latched.Has(ILReleaseStalled))
	}
}

// A quick release asks for slack and says so; at the end of a treatment the
// set-point goes down the ramp.
func TestSetPointOfARelease(t *testing.T) {
	setPoint := func(r *rig) physic.Force {
		var s Snapshot
		r.c.Snapshot(&s)
		assert.Equal(t, s.SetPoint, newtons(r.c.setPoint()))
		return s.SetPoint
	}
	r := newRig(t, testConfig())
	r.holding(long())
	assert.Equal(t, 200*physic.Newton, setPoint(r))
	r.must(Command{Kind: CommandStop})
	r.until("release", time.Second, r.mode(Releasing))
	assert.Zero(t, setPoint(r), "stopped")

	r = newRig(t, testConfig())
	r.holding(long())
	r.c.treat.elapsed = r.c.settings.Duration
	r.until("release", time.Second, r.mode(Releasing))
	r.run(time.Second)
	require.Equal(t, Releasing, r.c.mode)
	assert.Greater(t, setPoint(r), 20*physic.Newton, "completed")
	assert.Less(t, setPoint(r), 200*physic.Newton, "completed")
	r.must(Command{Kind: CommandStop})
	r.run(10 * time.Millisecond)
	assert.Zero(t, setPoint(r), "hurried")
}
