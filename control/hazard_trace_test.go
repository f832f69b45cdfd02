package control

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
)

// Tests that control/HAZARDS.md needs and that no story tells by itself: each is
// called after the rule or interlock that it shows.

// TestNoLiveTare: the zero of the cell drifts by 8 N between treatments, which is
// still allowed. Force is counted from the calibration all the same, so the pull
// that is too strong by 8 N is not too strong by 16 and 24 N afterwards.
func TestNoLiveTare(t *testing.T) {
	r := newRig(t, testConfig())
	zero := r.c.cell.cal.Zero
	r.armed(testProgramme())
	for i := range 3 {
		if i > 0 {
			r.armedAgain()
		}
		r.must(Command{Kind: CommandStart})
		r.until("hold", 30*time.Second, r.phase(Hold))
		r.run(2 * time.Second)
		assert.InDelta(t, 200, r.c.cell.force, 3, "as measured")
		if i > 0 {
			assert.InDelta(t, 208, r.force, 3, "as it is, in treatment %d", i+1)
		}
		assert.Equal(t, zero, r.c.cell.cal.Zero, "nobody has taken a new zero")
		r.in.Stop = true
		r.tick()
		r.until("idle", 20*time.Second, r.mode(Idle))
		r.zero = -8
		r.run(time.Second)
	}
}

// TestZeroBeforeArming: a zero that is off by more than 10 N, or a rope that is
// not slack, prevents arming and, when it comes later, the start.
func TestZeroBeforeArming(t *testing.T) {
	for _, c := range []struct {
		offset float64
		want   Missing
	}{
		{0, 0}, {9, 0}, {-9, 0}, {11, MissingZero}, {-11, MissingZero}, {16, MissingSlack}, {200, MissingSlack},
	} {
		t.Run(fmt.Sprint(c.offset, " N"), func(t *testing.T) {
			r := newRig(t, testConfig())
			r.run(100 * time.Millisecond)
			r.must(Command{Kind: CommandAcknowledge})
			r.must(Command{Kind: CommandSelect, Programme: testProgramme()})
			r.zero = c.offset
			r.run(50 * time.Millisecond)
			assert.Equal(t, c.want, r.c.missing&(MissingZero|MissingSlack))
			assert.Equal(t, c.want == 0, r.say(Command{Kind: CommandArm}).Code == Accepted)
			assert.Equal(t, c.want == 0, r.c.mode == Armed)
		})
	}
	r := newRig(t, testConfig())
	r.armed(testProgramme())
	r.zero = 11
	r.run(50 * time.Millisecond)
	rep := r.say(Command{Kind: CommandStart})
	assert.Equal(t, NotReady, rep.Code)
	assert.Equal(t, MissingZero, rep.Missing)
}

// TestAntiWindup: while the drive cannot follow, however long and whichever way,
// the regulator remembers no more than when it began.
func TestAntiWindup(t *testing.T) {
	const k, dt = 5.0, 0.0125
	for _, e := range []float64{2, 10, 14, 40, 300, -2, -10, -14, -300} {
		t.Run(fmt.Sprint("stuck at ", e, " N"), func(t *testing.T) {
			var r regulator
			r.start()
			most := 0.0
			for range 80 * 60 { // a minute
				v := r.step(e, 0, k, dt, -0.05, 0.05)
				require.LessOrEqual(t, math.Abs(v), 0.05)
				most = math.Max(most, math.Abs(r.integral))
			}
			assert.LessOrEqual(t, most*integralGain/k, 0.1, "mm/s that it would still ask for")
			// As soon as the obstacle is gone the other way leads back at once.
			v := r.step(-e/10, 0, k, dt, -25, 25)
			assert.Negative(t, v*e, "it answers to the error and not to the past")
		})
	}
	// Free to follow, it still remembers no more than breathing needs.
	var r regulator
	for range 80 * 60 {
		r.step(10, 0, k, dt, -1e3, 1e3)
	}
	assert.LessOrEqual(t, r.integral*integralGain, integralMost+1e-9)
}

// TestCeiling: no table, programme or person raises a compiled ceiling.
func TestCeiling(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"force":  func(c *Config) { c.Table.Force = CeilingForce + 1 },
		"rise":   func(c *Config) { c.Table.Rise = CeilingRise + 1 },
		"speed":  func(c *Config) { c.Table.PullSpeed = CeilingSpeed + 1; c.Table.ReleaseSpeed = CeilingSpeed + 2 },
		"travel": func(c *Config) { c.Table.Travel = CeilingTravel + 1 },
		"heat":   func(c *Config) { c.HeatTime = CeilingDuration + 1 },
	} {
		cfg := testConfig()
		spoil(&cfg)
		_, err := New(cfg)
		assert.ErrorIs(t, err, ErrUnsafe, name)
		assert.ErrorContains(t, err, name)
	}
	p := testProgramme()
	p.RampUp, p.Duration, p.Heat = CeilingRise+1, CeilingDuration+1, CeilingTemperature+1
	err := p.Validate()
	for _, field := range []string{"ramp_up", "duration", "heat"} {
		assert.ErrorContains(t, err, field)
	}
	// Even a chain whose every link asks for more.
	table := TableLimits{Force: 2 * CeilingForce, Rise: 2 * CeilingRise, PullSpeed: 2 * CeilingSpeed, Travel: 2 * CeilingTravel}
	p.ForceLimit = 2 * CeilingForce
	l := chain(&table, p, &Person{BodyWeight: 3 * CeilingForce, MaxForce: 2 * CeilingForce}, CeilingForce, CeilingDuration)
	assert.Equal(t, Bound[physic.Force]{CeilingForce, ReasonCeiling}, l.Force)
	assert.Equal(t, Bound[ForceRate]{CeilingRise, ReasonCeiling}, l.Rise)
	assert.Equal(t, Bound[physic.Speed]{CeilingSpeed, ReasonCeiling}, l.Speed)
	assert.Equal(t, Bound[physic.Distance]{CeilingTravel, ReasonCeiling}, l.Travel)
	assert.Equal(t, Bound[time.Duration]{CeilingDuration, ReasonCeiling}, l.Duration)
	assert.Equal(t, Bound[physic.Temperature]{CeilingTemperature, ReasonCeiling}, l.Temperature)
}

// TestLastWord: a wish to pull, under everything that forbids it. Yielding and
// standing still stay allowed.
func TestLastWord(t *testing.T) {
	holding := func() *rig {
		r := newRig(t, testConfig())
		r.holding(testProgramme())
		for !r.c.cell.fresh {
			r.tick()
		}
		return r
	}
	towards := wish{energised: true, velocity: 1e3}
	r := holding()
	assert.Equal(t, Drive{DriveMoving, 25 * MilliMetrePerSecond}, r.c.limit(towards, None), "no faster than the limit")
	assert.Equal(t, Drive{DriveMoving, -70 * MilliMetrePerSecond}, r.c.limit(wish{energised: true, velocity: -1e3}, Freeze))
	for name, forbid := range map[string]func(*rig) Action{
		"freeze":       func(*rig) Action { return Freeze },
		"release":      func(*rig) Action { return Release },
		"late sample":  func(r *rig) Action { r.c.now += lateAfter + time.Millisecond; return None },
		"faulty cell":  func(r *rig) Action { r.c.cell.bad = true; return None },
		"pulling end":  func(r *rig) Action { r.c.switches.EndPull = true; return None },
		"idle":         func(r *rig) Action { r.c.mode = Idle; return None },
		"armed":        func(r *rig) Action { r.c.mode = Armed; return None },
		"releasing":    func(r *rig) Action { r.c.mode = Releasing; return None },
		"recovering":   func(r *rig) Action { r.c.mode = Recovering; return None },
		"tripped":      func(r *rig) Action { r.c.mode = Tripped; return None },
		"unknown mode": func(r *rig) Action { r.c.mode = 99; return None },
	} {
		r := holding()
		assert.Equal(t, Drive{Mode: DriveStopped}, r.c.limit(towards, forbid(r)), name)
	}
	assert.Equal(t, Drive{Mode: DriveDisabled}, r.c.limit(towards, Disable))
	assert.Equal(t, Drive{Mode: DriveDisabled}, r.c.limit(wish{velocity: 10}, None), "not energised")
	assert.Equal(t, Drive{Mode: DriveStopped}, r.c.limit(wish{energised: true, velocity: math.NaN()}, None))
}

// TestNoHoming: with every combination of switches, through boot, acknowledgement
// and arming, the drive does not move until somebody starts.
func TestNoHoming(t *testing.T) {
	for bits := range 16 {
		for _, x := range []float64{0, 29} {
			r := newRig(t, testConfig())
			r.x = x
			still := func(d time.Duration) {
				for end := r.now + d; r.now < end; {
					r.tick()
					require.NotEqual(t, DriveMoving, r.out.Drive.Mode, "switches %04b, mode %v", bits, r.c.mode)
				}
			}
			s := &r.in.Switches
			s.Patient, s.EmergencyStop, s.EndSlack, s.EndPull = bits&1 != 0, bits&2 != 0, bits&4 != 0, bits&8 != 0
			still(time.Second)
			*s = Switches{}
			still(time.Second)
			r.say(Command{Kind: CommandAcknowledge})
			r.must(Command{Kind: CommandSelect, Programme: testProgramme()})
			r.must(Command{Kind: CommandArm})
			s.EndSlack = bits&4 != 0
			still(time.Second)
			assert.Equal(t, Armed, r.c.mode)
			assert.Equal(t, x, r.x)
		}
	}
}

// TestNoResume: once a treatment has ended, nothing goes on by itself when what
// ended it is gone, and the start button alone starts nothing.
func TestNoResume(t *testing.T) {
	for name, c := range map[string]struct{ begin, end func(*rig) }{
		"patient switch": {func(r *rig) { r.in.Switches.Patient = true }, func(r *rig) { r.in.Switches.Patient = false }},
		"emergency stop": {func(r *rig) { r.in.Switches.EmergencyStop = true }, func(r *rig) { r.in.Switches.EmergencyStop = false }},
		"lost cell":      {func(r *rig) { r.cellGone = true }, func(r *rig) { r.cellGone = false }},
		"drive fault":    {func(r *rig) { r.in.Motion.Fault = true }, func(r *rig) { r.in.Motion.Fault = false }},
		"broken rope":    {func(r *rig) { r.rope = false }, func(r *rig) { r.rope = true }},
		"stop":           {func(r *rig) { r.in.Stop = true }, func(*rig) {}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, selfLocking())
			r.holding(testProgramme())
			r.run(time.Second)
			c.begin(r)
			r.until("the end of the treatment", time.Second, func() bool { return r.c.mode != Treating })
			r.nothingStarts(20 * time.Second)
			c.end(r)
			r.nothingStarts(5 * time.Second)
			assert.NotEqual(t, Accepted, r.say(Command{Kind: CommandResume}).Code)
			assert.NotEqual(t, Accepted, r.say(Command{Kind: CommandStart}).Code)
			for range 4 { // acknowledges, unwinds, arms, and would start without the proof
				r.in.Switches.Start = true
				r.nothingStarts(100 * time.Millisecond)
				r.in.Switches.Start = false
				r.nothingStarts(10 * time.Second)
			}
		})
	}
}

// nothingStarts lets time pass in which no treatment runs and nothing pulls.
func (r *rig) nothingStarts(d time.Duration) {
	r.t.Helper()
	r.worstUp = 0
	for end := r.now + d; r.now < end; {
		r.tick()
		require.NotContains(r.t, []Mode{Treating, Paused}, r.c.mode)
	}
	require.LessOrEqual(r.t, r.worstUp, 0.0)
}

// TestNoResumeAfterRestart: the process begins anew in the middle of a hold, with
// the start button down. The rope is released, and until somebody acknowledges
// not even arming is possible.
func TestNoResumeAfterRestart(t *testing.T) {
	before := newRig(t, selfLocking())
	before.holding(testProgramme())
	r := newRig(t, selfLocking())
	r.x, r.in = before.x, before.in
	r.in.Switches.Start = true
	recovered := false
	for range 30 {
		for _, kind := range []CommandKind{CommandResume, CommandStart, CommandArm} {
			assert.NotEqual(t, Accepted, r.say(Command{Kind: kind}).Code, "%v", kind)
		}
		r.say(Command{Kind: CommandSelect, Programme: testProgramme()})
		r.nothingStarts(time.Second)
		recovered = recovered || r.c.mode == Recovering
	}
	assert.True(t, recovered)
	assert.Zero(t, r.force, "it was released")
}

// TestNoOverflow: the same treatment in the second after boot and after 290 years.
func TestNoOverflow(t *testing.T) {
	var first []Report
	for _, boot := range []time.Duration{time.Second, 290 * 365 * 24 * time.Hour} {
		r := newRig(t, testConfig())
		r.now = boot
		r.armed(testProgramme())
		r.must(Command{Kind: CommandStart})
		r.until("pause", time.Minute, r.phase(Hold))
		r.must(Command{Kind: CommandPause})
		r.run(5 * time.Second)
		r.must(Command{Kind: CommandResume})
		r.until("end", 3*time.Minute, r.mode(Idle))
		require.Len(t, r.reports, 1)
		assert.Equal(t, EndCompleted, r.reports[0].End)
		assert.Empty(t, r.c.guard.latched)
		first = append(first, r.reports[0])
	}
	assert.Equal(t, first[0].Elapsed, first[1].Elapsed)
	assert.Equal(t, first[0].Cycles, first[1].Cycles)
	assert.Equal(t, first[0].Peak, first[1].Peak)
}

// TestPatientSwitchInEveryPhase: in each phase, in a pause and in a gentle
// release the tick that sees the switch pulls no more, and the rope gets slack.
func TestPatientSwitchInEveryPhase(t *testing.T) {
	press := func(t *testing.T, r *rig) {
		r.in.Switches.Patient = true
		r.worstUp = 0
		r.until("slack", 5*time.Second, func() bool { return r.force < slackForce })
		r.until("tripped", 5*time.Second, r.mode(Tripped))
		assert.LessOrEqual(t, r.worstUp, 0.0)
		assert.True(t, r.c.guard.latched.Has(ILPatientSwitch))
	}
	started := func(t *testing.T) *rig {
		r := newRig(t, testConfig())
		r.armed(testProgramme())
		r.must(Command{Kind: CommandStart})
		return r
	}
	for _, ph := range []Phase{Slack, Pull, Hold, Ease, Rest} {
		for _, pause := range []bool{false, true} {
			t.Run(fmt.Sprint(ph, " paused ", pause), func(t *testing.T) {
				r := started(t)
				r.until("phase", time.Minute, r.phase(ph))
				r.run(300 * time.Millisecond)
				if pause {
					r.must(Command{Kind: CommandPause})
					r.run(time.Second)
				}
				press(t, r)
			})
		}
	}
	t.Run("gentle release", func(t *testing.T) {
		r := started(t)
		r.until("release", 2*time.Minute, r.mode(Releasing))
		r.run(100 * time.Millisecond)
		from := r.now
		press(t, r)
		assert.Less(t, r.now-from, 3*time.Second, "quick from now on")
	})
}

// TestTravelFreezes: at the end of the travel the rope goes no further, however
// far the person moves after it. The treatment goes on; yielding does, too.
func TestTravelFreezes(t *testing.T) {
	cfg := testConfig()
	cfg.Table.Travel = 50 * physic.MilliMetre // 134 N of the 200 N that are asked for
	r := newRig(t, cfg)
	r.armed(testProgramme())
	r.must(Command{Kind: CommandStart})
	r.until("travel", time.Minute, func() bool { return r.c.guard.active.Has(ILTravel) })
	at := r.x
	assert.InDelta(t, 50, at, 0.2)
	r.run(2 * time.Second)
	r.slackX += 2
	r.worstUp = 0
	r.run(2 * time.Second)
	assert.LessOrEqual(t, r.worstUp, 0.0)
	assert.LessOrEqual(t, r.x, at)
	assert.Equal(t, Treating, r.c.mode, "%v", r.c.guard.latched.IDs())
	assert.True(t, r.c.guard.active.Has(ILTravel))
	r.in.Stop = true
	r.tick()
	r.until("slack", 5*time.Second, r.mode(Idle))
	assert.Zero(t, r.force)
}
