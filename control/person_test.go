package control

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
)

func selfLocking() Config { c := testConfig(); c.Table.BackDrivable = false; return c }

// cell lost in a gentle release with a jam/lost steps: idle without an alarm?
func TestCellLostAndJammedInReleaseAlarms(t *testing.T) {
	r := newRig(t, selfLocking())
	p := testProgramme()
	p.Duration = 30 * time.Second
	p.HoldTime, p.RestTime = 20*time.Second, 5*time.Second
	r.holding(p)
	r.until("gentle release", time.Minute, r.mode(Releasing))
	r.run(200 * time.Millisecond)
	r.cellGone = true
	r.motor = false // and nothing unwinds
	r.until("end", 2*time.Minute, func() bool { return r.c.mode == Idle || r.c.mode == Tripped })
	t.Logf("mode %v force %.0f alarm %v trips %v end %v", r.c.mode, r.force, r.c.alarm.priority, r.c.guard.latched.IDs(), r.reports[0].End)
	assert.Equal(t, High, r.c.guard.priority())
}

// cell lost in a gentle release, all else fine: nobody is told.
func TestCellLostInReleaseTrips(t *testing.T) {
	r := newRig(t, selfLocking())
	p := testProgramme()
	p.Duration = 30 * time.Second
	p.HoldTime, p.RestTime = 20*time.Second, 5*time.Second
	r.holding(p)
	r.until("gentle release", time.Minute, r.mode(Releasing))
	r.run(200 * time.Millisecond)
	r.cellGone = true
	r.until("end", 2*time.Minute, func() bool { return r.c.mode == Idle || r.c.mode == Tripped })
	t.Logf("mode %v force %.0f trips %v", r.c.mode, r.force, r.c.guard.latched.IDs())
	assert.True(t, r.c.guard.latched.Has(ILCellLost))
}

// cell lost in recovery: stops after 15 mm with tension, Idle, no alarm.
func TestCellLostInRecoveryUnwindsOn(t *testing.T) {
	r := newRig(t, selfLocking())
	r.x = 100
	r.until("recovering", 2*time.Second, r.mode(Recovering))
	r.cellGone = true
	r.until("end", 2*time.Minute, func() bool { return r.c.mode != Recovering })
	t.Logf("mode %v force %.0f alarm %v trips %v", r.c.mode, r.force, r.c.guard.priority(), r.c.guard.latched.IDs())
	assert.True(t, r.force < slackForce || r.c.guard.priority() == High)
}

// the same after a trip, acknowledged with tension.
func TestCellLostInRecoveryAfterTrip(t *testing.T) {
	r := newRig(t, selfLocking())
	r.holding(testProgramme())
	r.in.Switches.EmergencyStop = true
	r.run(100 * time.Millisecond)
	r.in.Switches.EmergencyStop = false
	r.run(100 * time.Millisecond)
	r.must(Command{Kind: CommandAcknowledge})
	require.Equal(t, Recovering, r.c.mode)
	r.run(300 * time.Millisecond)
	r.cellGone = true
	r.until("end", 2*time.Minute, func() bool { return r.c.mode != Recovering })
	t.Logf("mode %v force %.0f alarm %v trips %v", r.c.mode, r.force, r.c.guard.priority(), r.c.guard.latched.IDs())
	assert.True(t, r.force < slackForce || r.c.guard.priority() == High)
}

// a struggling person in a release of a self-locking table.
func TestStruggleDoesNotFreezeARelease(t *testing.T) {
	for _, k := range []float64{1.9, 4, 6.7, 20} {
		for _, amp := range []float64{25, 30, 40, 60} {
			for _, hz := range []float64{0.5, 1, 2} {
				r := newRig(t, selfLocking())
				r.k = k
				p := testProgramme()
				p.Hold = 400 * physic.Newton
				p.HoldTime = time.Minute
				p.Duration = 3 * time.Minute
				r.holding(p)
				r.run(time.Second)
				r.in.Switches.Patient = true
				from := r.now.Seconds()
				r.extra = func(s float64) float64 { return amp * math.Sin(2*math.Pi*hz*(s-from)) }
				r.until("end", 2*time.Minute, r.mode(Tripped))
				r.extra = nil
				r.tick()
				assert.False(t, r.force > 60, "k %v amp %v hz %v: frozen at %.0f N, trips %v", k, amp, hz, r.force, r.c.guard.latched.IDs())
			}
		}
	}
}

// start held at boot acknowledges the start-up latch.
func TestStartButtonHeldAtBoot(t *testing.T) {
	r := newRig(t, testConfig())
	r.in.Switches.Start = true
	r.run(300 * time.Millisecond)
	assert.True(t, r.c.guard.latched.Has(ILStartUp), "acknowledged by a button nobody pressed since boot")
}

// regressive steps of a static programme never come.
func TestStaticProgrammeWithSteps(t *testing.T) {
	r := newRig(t, testConfig())
	p := testProgramme()
	p.RestTime = 0
	p.HoldTime = 5 * time.Second
	p.Progressive, p.Regressive, p.StepCycles, p.StepRest = 1, 2, 1, 50
	p.Duration = 60 * time.Second
	require.NoError(t, p.Validate())
	r.armed(p)
	r.must(Command{Kind: CommandStart})
	steps := map[int]float64{}
	for r.c.mode != Idle && r.now < 3*time.Minute {
		r.tick()
		if r.c.phase() == Hold {
			steps[r.c.treat.step] = r.c.treat.setPoint
		}
	}
	t.Log(steps)
	assert.Len(t, steps, 4)
}

// wave estimator blinded when x != 0 at the start.
func TestStiffnessAtAnyPosition(t *testing.T) {
	var s stiffness
	s.start()
	for i := 0; i < 80; i++ {
		s.sample(0, 200, false)
	}
	t.Logf("sum of squares after 1 s at rest: %.1f mm2 (means something from %.3f)", s.xx, waveLeast)
	assert.Less(t, s.xx, waveLeast)
}

// settings left over from one treatment to the next.
func TestSettingsEndWithTheTreatment(t *testing.T) {
	r := newRig(t, testConfig())
	p := testProgramme()
	r.holding(p)
	r.must(Command{Kind: CommandSet, Set: Settings{Fields: FieldHold, Hold: 300 * physic.Newton}})
	r.in.Stop = true
	r.tick()
	r.until("idle", 20*time.Second, r.mode(Idle))
	r.must(Command{Kind: CommandArm})
	r.in.Switches.Patient = true
	r.run(50 * time.Millisecond)
	r.in.Switches.Patient = false
	r.run(50 * time.Millisecond)
	r.must(Command{Kind: CommandStart})
	r.until("hold", 30*time.Second, r.phase(Hold))
	assert.InDelta(t, 200, r.force, 5)
}

// heat beyond the temperature limit in force.
func TestHeatKeepsTheLimitInForce(t *testing.T) {
	r := newRig(t, testConfig())
	p := testProgramme()
	p.Heat = 34*physic.Celsius + physic.ZeroCelsius
	r.in.Pad = Pad{Temperature: 30*physic.Celsius + physic.ZeroCelsius, At: time.Second, Present: true}
	r.armed(p)
	rep := r.say(Command{Kind: CommandHeat, Heat: 40*physic.Celsius + physic.ZeroCelsius})
	var s Snapshot
	r.c.Snapshot(&s)
	t.Logf("code %v target %v limit %v (%v)", rep.Code, s.HeatTarget, s.Limits.Temperature.Value, s.Limits.Temperature.Reason)
	assert.LessOrEqual(t, s.HeatTarget, s.Limits.Temperature.Value)
}

// sensor off the pad but warm from the person.
func TestSensorOffThePadButWarm(t *testing.T) {
	r := newRig(t, testConfig())
	r.in.Pad = Pad{Temperature: 35*physic.Celsius + physic.ZeroCelsius + 200*physic.MilliKelvin, At: time.Second, Present: true}
	r.run(200 * time.Millisecond)
	r.must(Command{Kind: CommandAcknowledge})
	r.in.Pad.At = r.now
	r.must(Command{Kind: CommandHeat, Heat: 38*physic.Celsius + physic.ZeroCelsius})
	sum := 0.0
	for i := 0; i < 20*60; i++ {
		r.in.Pad.At = r.now
		r.run(time.Second)
		sum += r.out.Heat
	}
	t.Logf("full-power seconds %.0f, duty now %.2f reason %v", sum, r.out.Heat, r.c.heat.reason)
	assert.Less(t, sum, 200.0)
}

// heat without acknowledgement of the start.
func TestNoHeatBeforeAcknowledgement(t *testing.T) {
	cfg := testConfig()
	cfg.Remote = Adjust
	r := newRig(t, cfg)
	r.in.Pad = Pad{Temperature: 30*physic.Celsius + physic.ZeroCelsius, At: time.Second, Present: true}
	r.run(20 * time.Millisecond)
	r.say(Command{Kind: CommandHeat, Origin: Remote, Heat: 38*physic.Celsius + physic.ZeroCelsius})
	assert.Zero(t, r.out.Heat, "heat although the start-up is not acknowledged (and in the first 100 ms of switches)")
}

// remote acknowledge with tension.
// It shows R-TENSION-AT-TABLE.
func TestRemoteAcknowledgeMovesNothing(t *testing.T) {
	cfg := selfLocking()
	cfg.Remote = Adjust
	r := newRig(t, cfg)
	r.holding(testProgramme())
	r.in.Switches.EmergencyStop = true
	r.run(100 * time.Millisecond)
	r.in.Switches.EmergencyStop = false
	r.run(100 * time.Millisecond)
	r.say(Command{Kind: CommandAcknowledge, Origin: Remote})
	r.run(100 * time.Millisecond)
	assert.Equal(t, Tripped, r.c.mode, "moves: %v mm/s", r.driven)
}

// stop and heat, stop and arm in one tick.
func TestStopWinsItsTick(t *testing.T) {
	r := newRig(t, testConfig())
	r.in.Pad = Pad{Temperature: 30*physic.Celsius + physic.ZeroCelsius, At: time.Second, Present: true}
	r.run(200 * time.Millisecond)
	r.must(Command{Kind: CommandAcknowledge})
	r.in.Pad.At = r.now
	r.in.Stop = true
	rep := r.say(Command{Kind: CommandHeat, Heat: 38*physic.Celsius + physic.ZeroCelsius})
	assert.NotEqual(t, Accepted, rep.Code, "heat on by the tick of a stop")
	r2 := newRig(t, testConfig())
	r2.armed(testProgramme())
	r2.in.Stop, r2.in.Switches.Start = true, true
	r2.tick()
	assert.Equal(t, Idle, r2.c.mode, "the stop must win over the start button")
}

// Armed for ever.
func TestArmedEnds(t *testing.T) {
	r := newRig(t, testConfig())
	r.armed(testProgramme())
	r.run(15 * time.Minute)
	assert.NotEqual(t, Armed, r.c.mode)
}

// limit stays from the first treatment
func TestLoweredHoldTightensTheLimit(t *testing.T) {
	r := newRig(t, testConfig())
	p := testProgramme()
	p.Hold = 400 * physic.Newton
	r.holding(p)
	r.must(Command{Kind: CommandSet, Set: Settings{Fields: FieldHold, Hold: 100 * physic.Newton}})
	r.until("hold at 100", 30*time.Second, func() bool { return r.c.phase() == Hold && r.force < 110 })
	r.run(time.Second)
	assert.InDelta(t, 150, inNewtons(r.c.limits.Force.Value), 1)
}

// TestSittingUpIsNotChased: the person sits up slowly and lies back at once.
// It shows R-NO-CHASE.
func TestSittingUpIsNotChased(t *testing.T) {
	for _, k := range []float64{1.9, 4, 6.7, 20} {
		for _, extra := range []float64{5, 15, 28} {
			for _, d := range []float64{4, 8, 14} {
				r := newRig(t, testConfig())
				r.k = k
				p := testProgramme()
				p.Hold = 300 * physic.Newton
				p.HoldTime, p.Duration = time.Minute, 5*time.Minute
				r.holding(p)
				r.run(time.Second)
				from := r.now.Seconds()
				base := r.slackX
				peak := 0.0
				give := 300/k + extra
				for r.now.Seconds()-from < d+3 {
					s := r.now.Seconds() - from
					f := math.Min(s/1.5, 1)
					if s > d {
						f = math.Max(1-(s-d)/0.3, 0)
					}
					r.slackX = base + give*f
					r.tick()
					peak = max(peak, r.force)
				}
				assert.LessOrEqual(t, peak, inNewtons(350*physic.Newton), "k %v extra %v away %v", k, extra, d)
			}
		}
	}
}

// TestPauseInEveryPhase: resuming never overshoots.
func TestPauseInEveryPhase(t *testing.T) {
	for _, rests := range []bool{false, true} {
		for _, ph := range []Phase{Slack, Pull, Hold, Ease, Rest} {
			r := newRig(t, testConfig())
			p := testProgramme()
			p.PauseRests = rests
			r.armed(p)
			r.must(Command{Kind: CommandStart})
			r.until("phase", time.Minute, r.phase(ph))
			r.run(500 * time.Millisecond)
			r.must(Command{Kind: CommandPause})
			r.run(10 * time.Second)
			r.must(Command{Kind: CommandResume})
			peak := 0.0
			for i := 0; i < 15000; i++ {
				r.tick()
				peak = max(peak, r.force)
			}
			assert.Less(t, peak, 206.0)
		}
	}
}

// TestAcknowledgingDoesNotWindUp: a drive that goes the wrong way is not tried again.
func TestAcknowledgingDoesNotWindUp(t *testing.T) {
	r := newRig(t, selfLocking())
	r.x = 60
	r.reversed = true
	r.until("recovering", 2*time.Second, r.mode(Recovering))
	for range 6 {
		r.until("tripped", 60*time.Second, r.mode(Tripped))
		r.run(100 * time.Millisecond)
		r.say(Command{Kind: CommandAcknowledge})
		if r.c.mode != Recovering {
			break
		}
	}
	assert.Less(t, r.force, 350.0)
}

// TestCellGapsInEveryPhase: a short silence freezes, no more.
// It shows cell-late.
func TestCellGapsInEveryPhase(t *testing.T) {
	for _, ph := range []Phase{Slack, Pull, Hold, Ease, Rest} {
		for _, gap := range []time.Duration{60 * time.Millisecond, 180 * time.Millisecond} {
			r := newRig(t, testConfig())
			r.armed(testProgramme())
			r.must(Command{Kind: CommandStart})
			r.until("phase", time.Minute, r.phase(ph))
			r.run(300 * time.Millisecond)
			f := r.force
			r.cellGone = true
			r.run(gap)
			r.cellGone = false
			low, peak := 1e9, 0.0
			for i := 0; i < 1500; i++ {
				r.tick()
				low, peak = min(low, r.force), max(peak, r.force)
			}
			assert.Equal(t, Treating, r.c.mode, "%v gap %v", ph, gap)
			assert.Less(t, peak, 206.0)
			assert.True(t, ph == Slack || low > min(f, 70)-5, "%v gap %v: %v fell to %v", ph, gap, f, low)
		}
	}
}
