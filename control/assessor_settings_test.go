package control

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
)

// Stories of an assessor about what may be set, how a release is proven, and who
// hears of it.

// TestProofCannotBeSetToAnyForce: the proof of release may pull at an assistant's
// hands. Neither force nor heat can be set while it runs, by nobody.
func TestProofCannotBeSetToAnyForce(t *testing.T) {
	for _, from := range []Origin{Table, Remote} {
		r := proving(t)
		r.in.Pad = Pad{Present: true, At: r.now, Temperature: 30*celsius + physic.ZeroCelsius}
		r.must(Command{Kind: CommandProve})
		reply := r.say(Command{Kind: CommandSet, Origin: from, Set: Settings{Fields: FieldHold | FieldDuration | FieldHoldTime,
			Hold: 400 * physic.Newton, HoldTime: 10 * time.Minute, Duration: 10 * time.Minute}})
		assert.Equal(t, WrongMode, reply.Code, "%v", from)
		reply = r.say(Command{Kind: CommandHeat, Origin: from, Heat: 40*celsius + physic.ZeroCelsius})
		assert.Equal(t, WrongMode, reply.Code, "%v", from)
		peak := 0.0
		for range 15_000 {
			r.tick()
			peak = max(peak, r.force)
		}
		assert.Less(t, peak, 55.0, "%v", from)
	}
}

// TestProofIsTheSwitchesRelease: a release that something else began proves
// nothing of the patient switch, though it is pressed before the rope is slack.
func TestProofIsTheSwitchesRelease(t *testing.T) {
	for what, end := range map[string]func(*rig){
		"stop": func(r *rig) { r.must(Command{Kind: CommandStop}) },
		"minute over": func(r *rig) {
			r.c.treat.elapsed = r.c.settings.Duration
			r.until("gentle release", time.Second, r.mode(Releasing))
		},
	} {
		r := proving(t)
		r.must(Command{Kind: CommandProve})
		r.until("hold", 20*time.Second, r.phase(Hold))
		r.run(time.Second)
		end(r)
		r.until("almost slack", 10*time.Second, func() bool { return r.force < 14 })
		require.Equal(t, Releasing, r.c.mode, what)
		r.in.Switches.Patient = true
		r.until("end", time.Minute, func() bool { return r.c.mode == Idle || r.c.mode == Tripped })
		assert.False(t, r.c.release.proven, what)
		assert.NotEqual(t, EndProven, r.reports[0].End, what)
	}
}

// TestProofKeepsThePersonsCap: a person who may have less than the proof's force,
// as in many a cervical harness, must neither get it nor go without treatment.
func TestProofKeepsThePersonsCap(t *testing.T) {
	for _, most := range []physic.Force{40 * physic.Newton, 50 * physic.Newton, 55 * physic.Newton} {
		cfg := testConfig()
		cfg.ProofOfRelease = 16 * time.Hour
		r := newRig(t, cfg)
		r.run(100 * time.Millisecond)
		r.must(Command{Kind: CommandAcknowledge})
		p := testProgramme()
		p.Hold, p.Rest = 25*physic.Newton, 20*physic.Newton
		r.must(Command{Kind: CommandSelect, Programme: p, Person: Person{MaxForce: most}})
		r.armedAgain()
		r.must(Command{Kind: CommandProve})
		r.until("hold", 20*time.Second, r.phase(Hold))
		r.run(time.Second)
		assert.Less(t, r.force, inNewtons(most))
		r.in.Switches.Patient = true
		r.until("end", 10*time.Second, r.mode(Idle))
		assert.True(t, r.c.release.proven, "%v", most)
	}
}

// TestLessForceDoesNotTrip: a person in pain is given less force, or a shorter
// treatment, late in it. What was given at the old hold must not count against
// the new one's share and throw the person into a quick release.
func TestLessForceDoesNotTrip(t *testing.T) {
	for what, set := range map[string]Settings{
		"hold":     {Fields: FieldHold | FieldRest, Hold: MinHold, Rest: MinRest},
		"duration": {Fields: FieldDuration, Duration: 3 * time.Minute},
	} {
		r := newRig(t, testConfig())
		p := long()
		p.Hold, p.RestTime, p.Duration = 300*physic.Newton, 0, 20*time.Minute
		r.holding(p)
		r.run(2 * time.Minute)
		r.c.treat.impulse += 300 * 900 // N*s, as after a quarter of an hour
		r.must(Command{Kind: CommandSet, Set: set})
		r.run(time.Second)
		assert.Equal(t, Treating, r.c.mode, "%s: %v", what, r.c.guard.latched.IDs())
		if set.Fields == FieldDuration {
			r.until("end", 2*time.Minute, func() bool { return r.c.mode == Idle || r.c.mode == Tripped })
			assert.Equal(t, EndCompleted, r.reports[0].End, what)
		}
	}
}

// TestLargestTreatmentMayPause: the ceiling of force x time leaves the strongest
// and longest treatment its pause.
func TestLargestTreatmentMayPause(t *testing.T) {
	table := testTable()
	table.Force = 580 * physic.Newton
	for _, hold := range []physic.Force{430 * physic.Newton, 500 * physic.Newton} {
		limits := chain(&table, testProgramme(), &Person{}, hold, CeilingDuration)
		need := inNewtons(hold) * (CeilingDuration + pauseMost).Seconds()
		assert.GreaterOrEqual(t, inNewtonSeconds(limits.Impulse.Value), need, "%v: %v", hold, limits.Impulse.Reason)
	}
}

// TestImplausibleIsForgotten: somebody has lifted the harness bar while the table
// was armed. Once that is over the table can be armed again.
func TestImplausibleIsForgotten(t *testing.T) {
	r := newRig(t, testConfig())
	r.armed(testProgramme())
	r.zero = -50
	r.until("trip", time.Second, func() bool { return r.has(EventTrip, ILCellImplausible) })
	r.zero = 0
	r.run(time.Second)
	r.must(Command{Kind: CommandAcknowledge})
	r.until("a sample", time.Second, func() bool { return r.c.cell.fresh })
	r.must(Command{Kind: CommandArm}) // and no sample in the next tick
	r.run(100 * time.Millisecond)
	assert.Equal(t, Armed, r.c.mode, "%v", r.c.guard.latched.IDs())
}

// TestZerosTooFarApart: two zeros that are each allowed and together make the
// cells disagree stand against arming, instead of a trip with the person in the
// harness, again and again.
func TestZerosTooFarApart(t *testing.T) {
	r := paired(t)
	r.zero = 9
	feed := func(d time.Duration) {
		for end := r.now + d; r.now < end; {
			r.tickSecond(r.force - 8)
		}
	}
	feed(500 * time.Millisecond)
	r.must(Command{Kind: CommandAcknowledge})
	r.must(Command{Kind: CommandSelect, Programme: testProgramme()})
	feed(time.Second)
	assert.Equal(t, MissingZero, r.say(Command{Kind: CommandArm}).Missing)
	r.zero = 4
	feed(time.Second)
	r.must(Command{Kind: CommandArm})
}

// TestRemoteResumeIsARemoteTreatment: the table began it, and it pulls on upon a
// word over the network: once that is gone nobody answers for it.
func TestRemoteResumeIsARemoteTreatment(t *testing.T) {
	r := newRig(t, testConfig())
	r.holding(long())
	r.must(Command{Kind: CommandPause})
	r.run(time.Second)
	r.must(Command{Kind: CommandResume, Origin: Remote})
	r.in.GatewayLost = true
	r.run(10 * time.Millisecond)
	assert.Equal(t, Releasing, r.c.mode)
	assert.True(t, r.has(EventTrip, ILGatewayLost))
}

// sounding counts the ticks in which the buzzer sounds.
func (r *rig) sounding(d time.Duration) (n int) {
	for end := r.now + d; r.now < end; {
		r.tick()
		if r.out.Buzzer {
			n++
		}
	}
	return n
}

// TestEndOfAPauseIsHeard: who left the room during a pause must hear that it has
// ended the treatment.
func TestEndOfAPauseIsHeard(t *testing.T) {
	r := newRig(t, testConfig())
	r.holding(testProgramme())
	r.must(Command{Kind: CommandPause})
	r.run(time.Second)
	r.c.treat.pausal = pauseMost
	r.until("idle", time.Minute, r.mode(Idle))
	assert.Equal(t, EndPauseOver, r.reports[0].End)
	assert.Positive(t, r.sounding(time.Minute))
}

// TestSmallWarningsKeepTheSilence: what makes no sound of its own, and a remote
// can bring about by a flood of commands, does not end a pause of the sound.
func TestSmallWarningsKeepTheSilence(t *testing.T) {
	r := newRig(t, testConfig())
	r.run(time.Second)
	r.in.Switches.EmergencyStop = true
	require.Positive(t, r.sounding(20*time.Second))
	r.must(Command{Kind: CommandSilence})
	r.in.Overrun = true
	r.tick()
	r.in.Overrun = false
	require.True(t, r.has(EventWarning, ILOverrun))
	assert.Zero(t, r.sounding(20*time.Second))
}
