package control

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
)

// proving is a rig that asks for a proof of release each 16 hours.
func proving(t *testing.T) *rig {
	cfg := testConfig()
	cfg.ProofOfRelease = 16 * time.Hour
	r := newRig(t, cfg)
	r.armed(testProgramme())
	return r
}

// TestProofOfRelease: the first treatment of the day waits for it, it is timed,
// and it lasts as long as was agreed.
func TestProofOfRelease(t *testing.T) {
	r := proving(t)
	reply := r.say(Command{Kind: CommandStart})
	assert.Equal(t, MissingReleaseProof, reply.Missing)
	r.must(Command{Kind: CommandProve})
	r.until("hold", 20*time.Second, r.phase(Hold))
	r.run(time.Second)
	assert.InDelta(t, 50, r.force, 2)
	r.in.Switches.Patient = true
	r.until("slack", 10*time.Second, r.mode(Idle))
	r.in.Switches.Patient = false
	require.True(t, r.has(EventReleaseProven, NoInterlock))
	report := r.reports[0]
	assert.Equal(t, EndProven, report.End)
	assert.Equal(t, "proof-of-release", report.Programme)
	assert.Positive(t, report.TimeToSlack)
	assert.Less(t, report.TimeToSlack, letGoMost)
	assert.Zero(t, r.c.guard.latched, "what was asked for needs no acknowledgement")

	r.run(time.Second)
	r.armedAgain()
	r.must(Command{Kind: CommandStart})
	assert.Equal(t, "test", r.c.programme.Name, "what was selected before")
	r.must(Command{Kind: CommandStop})
	r.until("idle", 10*time.Second, r.mode(Idle))
	r.c.release.at -= 16 * time.Hour // the next day
	r.armedAgain()
	assert.Equal(t, MissingReleaseProof, r.say(Command{Kind: CommandStart}).Missing)
}

// armedAgain arms a rig whose programme is selected.
func (r *rig) armedAgain() {
	r.t.Helper()
	r.run(100 * time.Millisecond)
	r.must(Command{Kind: CommandArm})
	r.in.Switches.Patient = true
	r.run(50 * time.Millisecond)
	r.in.Switches.Patient = false
	r.run(50 * time.Millisecond)
}

// TestProofOfReleaseFails: whatever else ends it proves nothing.
func TestProofOfReleaseFails(t *testing.T) {
	for what, end := range map[string]func(*rig){
		"nobody presses": func(r *rig) { r.run(2 * time.Minute) },
		"stopped":        func(r *rig) { r.must(Command{Kind: CommandStop}) },
		"another trip":   func(r *rig) { r.in.Switches.EndPull = true; r.run(time.Second); r.in.Switches.EndPull = false },
		"too slow": func(r *rig) { // as if the rope held on to something
			r.in.Switches.Patient = true
			from := r.now
			r.extra = func(float64) float64 {
				if r.now-from < 5200*time.Millisecond {
					return 30
				}
				return 0
			}
			r.slackX = -100
			r.k = 0.35
		},
	} {
		r := proving(t)
		r.must(Command{Kind: CommandProve})
		r.until("hold", 20*time.Second, r.phase(Hold))
		end(r)
		r.until("end", time.Minute, func() bool { return r.c.mode == Idle || r.c.mode == Tripped })
		assert.False(t, r.c.release.proven, what)
		assert.False(t, r.has(EventReleaseProven, NoInterlock), what)
		assert.Equal(t, "test", r.c.programme.Name, what)
	}
	// The switch before there is any force proves nothing, either.
	r := proving(t)
	r.must(Command{Kind: CommandProve})
	r.run(100 * time.Millisecond)
	r.in.Switches.Patient = true
	r.until("end", time.Minute, r.mode(Tripped))
	assert.False(t, r.c.release.proven)
}

// TestStartButtonProves: at the table one button does what is next.
func TestStartButtonProves(t *testing.T) {
	r := proving(t)
	r.in.Switches.Start = true
	r.tick()
	assert.Equal(t, Treating, r.c.mode)
	assert.Equal(t, "proof-of-release", r.c.programme.Name)
	assert.Equal(t, OnlyAtTable, r.say(Command{Kind: CommandProve, Origin: Remote}).Code)
}

// TestLargestForce: no table holds what it cannot let go of in five seconds.
func TestLargestForce(t *testing.T) {
	cfg := testConfig()
	cfg.Table.ReleaseSpeed = 60 * MilliMetrePerSecond
	cfg.Table.Force = LargestForce(cfg.Table.ReleaseSpeed)
	assert.Equal(t, 513*physic.Newton, cfg.Table.Force)
	_, err := New(cfg)
	require.NoError(t, err)
	cfg.Table.Force++
	_, err = New(cfg)
	require.ErrorIs(t, err, ErrUnsafe)
	assert.ErrorContains(t, err, "from the softest person")

	// And it is true: the softest person, from the largest force.
	r := newRig(t, cfgWithForce(cfg, 450*physic.Newton))
	r.k = softest
	p := long()
	p.Hold = 430 * physic.Newton
	r.holding(p)
	r.in.Switches.Patient = true
	d := r.until("slack", 10*time.Second, func() bool { return r.force < slackForce })
	assert.Less(t, d, letGoMost)
}

func cfgWithForce(cfg Config, f physic.Force) Config {
	cfg.Table.Force = f
	return cfg
}

// TestSilence: the sound pauses for two minutes and no longer, the lamp never;
// what is new is heard.
func TestSilence(t *testing.T) {
	sounds := func(r *rig, d time.Duration) (beeps, reds int) {
		for end := r.now + d; r.now < end; {
			r.tick()
			if r.out.Buzzer {
				beeps++
			}
			if r.out.LampAlarm {
				reds++
			}
		}
		return beeps, reds
	}
	r := newRig(t, testConfig())
	r.run(time.Second)
	r.in.Switches.EmergencyStop = true
	beeps, reds := sounds(r, 20*time.Second)
	assert.Greater(t, beeps, 2000)
	assert.InDelta(t, 10_000, reds, 300)
	r.must(Command{Kind: CommandSilence})
	beeps, reds = sounds(r, 119*time.Second)
	assert.Zero(t, beeps)
	assert.InDelta(t, 59_500, reds, 300)
	beeps, _ = sounds(r, 20*time.Second)
	assert.Greater(t, beeps, 1000, "after two minutes it is heard again")
	r.must(Command{Kind: CommandSilence})
	r.in.Switches.EmergencyStop = false
	beeps, _ = sounds(r, 10*time.Second)
	assert.Zero(t, beeps)
	r.in.Switches.EmergencyStop = true
	beeps, _ = sounds(r, 20*time.Second)
	assert.Greater(t, beeps, 1000, "the same alarm again is a new one")
	assert.Equal(t, OnlyAtTable, r.say(Command{Kind: CommandSilence, Origin: Remote}).Code)
}

// TestEndTone: the end of a treatment is told until somebody has heard it.
func TestEndTone(t *testing.T) {
	r := newRig(t, testConfig())
	r.holding(testProgramme())
	r.until("idle", 3*time.Minute, r.mode(Idle))
	r.run(2 * time.Second)
	heard := func(d time.Duration) (n int) {
		was := false
		for end := r.now + d; r.now < end; {
			r.tick()
			if r.out.Buzzer && !was {
				n++
			}
			was = r.out.Buzzer
		}
		return n
	}
	assert.Equal(t, 10, heard(5*time.Minute), "each 30 s")
	r.in.Switches.Start = true // the button acknowledges and does not arm
	r.run(50 * time.Millisecond)
	r.in.Switches.Start = false
	assert.Zero(t, heard(2*time.Minute))
	assert.Equal(t, Idle, r.c.mode)
}
