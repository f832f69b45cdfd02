package control

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
)

// The interlocks that need more of a story than one value.

// long holds for a minute at a time.
func long() *Programme {
	p := testProgramme()
	p.HoldTime, p.Duration = 5*time.Minute, 10*time.Minute
	return p
}

// bump adds a half wave of n newtons, d long, from now on.
func (r *rig) bump(n float64, d time.Duration) {
	from := r.now.Seconds()
	r.extra = func(t float64) float64 {
		if s := (t - from) / d.Seconds(); s >= 0 && s <= 1 {
			return n * math.Sin(math.Pi*s)
		}
		return 0
	}
}

// TestRateOfRise: force that rises faster than the limit allows is not added to.
func TestRateOfRise(t *testing.T) {
	r := newRig(t, testConfig())
	p := long()
	p.ForceLimit = 400 * physic.Newton
	r.armed(p)
	r.must(Command{Kind: CommandStart})
	r.until("half way up", time.Minute, func() bool { return r.force > 100 })
	from := r.now.Seconds()
	r.extra = func(t float64) float64 { return min((t-from)*450, 150) } // the person leans back, steadily
	r.until("rate-of-rise", time.Second, func() bool { return r.has(EventWarning, ILRateOfRise) })
	assert.Less(t, r.now.Seconds()-from, 0.35)
	for r.c.guard.active.Has(ILRateOfRise) {
		require.LessOrEqual(t, r.driven, 0.0, "towards force")
		r.tick()
	}
	assert.Equal(t, Treating, r.c.mode)
	assert.True(t, r.has(EventCleared, ILRateOfRise))
}

// TestRateOfRiseLeavesRampsAlone: the fastest ramp with the deepest breathing.
func TestRateOfRiseLeavesRampsAlone(t *testing.T) {
	for _, k := range []float64{1.9, 6.7, 20} {
		r := newRig(t, testConfig())
		r.k = k
		r.extra = func(t float64) float64 { return 25 * math.Sin(2*math.Pi*0.35*t) }
		p := testProgramme()
		p.RampUp, p.RampDown = 80*NewtonPerSecond, 80*NewtonPerSecond
		r.holding(p)
		r.run(30 * time.Second)
		for _, i := range []InterlockID{ILRateOfRise, ILPatientMoves, ILHarnessSlip} {
			assert.False(t, r.has(EventWarning, i) || r.has(EventTrip, i), "%v at %v N/mm", i, k)
		}
	}
}

// TestPatientMoves: a cough and the slack after it are not chased.
func TestPatientMoves(t *testing.T) {
	for _, jerk := range []float64{60, -60} {
		r := newRig(t, testConfig())
		p := long()
		p.ForceLimit = 400 * physic.Newton
		r.holding(p)
		r.run(time.Second)
		r.bump(jerk, 300*time.Millisecond)
		r.until("patient-moves", 200*time.Millisecond, func() bool { return r.has(EventWarning, ILPatientMoves) })
		quiet := 0
		for r.c.guard.active.Has(ILPatientMoves) {
			require.LessOrEqual(t, r.driven, 0.0, "towards force")
			quiet++
			r.tick()
		}
		assert.Greater(t, quiet, 500, "half a second of quiet")
		r.run(3 * time.Second)
		assert.Equal(t, Treating, r.c.mode)
		assert.InDelta(t, 200, r.force, 3)
		assert.False(t, r.has(EventTrip, ILHarnessSlip), "who coughs has not slipped")
	}
}

// TestHarnessSlip: four slips of 8 mm, which are too small to be a sudden drop,
// end the treatment; as much relaxation over minutes does not.
func TestHarnessSlip(t *testing.T) {
	r := newRig(t, testConfig())
	r.holding(long())
	for i := range 4 {
		assert.Equal(t, Treating, r.c.mode, "after %d slips", i)
		for range 160 {
			r.slackX += 0.05
			r.tick()
		}
		r.run(5 * time.Second)
	}
	assert.True(t, r.has(EventTrip, ILHarnessSlip))
	assert.False(t, r.has(EventTrip, ILSuddenDrop))

	r = newRig(t, testConfig())
	r.holding(long())
	for range 240_000 {
		r.slackX += 9.0 / 240_000
		r.tick()
	}
	assert.Equal(t, Treating, r.c.mode, "relaxation of 9 mm in four minutes")
	assert.Zero(t, r.c.guard.moves.slipped)
}

// TestForceTime: pauses do not make a treatment longer without end.
func TestForceTime(t *testing.T) {
	r := newRig(t, testConfig())
	r.holding(testProgramme()) // 200 N for a minute
	for i := 0; r.c.mode == Treating && i < 5; i++ {
		r.must(Command{Kind: CommandPause})
		r.run(4 * time.Minute)
		if r.c.mode == Paused {
			r.must(Command{Kind: CommandResume})
		}
	}
	require.True(t, r.has(EventTrip, ILForceTime))
	r.until("slack", 10*time.Second, r.mode(Tripped))
	// 66 s of treatment, a minute of ramps, ten minutes of pause.
	assert.InDelta(t, 200*(66+60+600), r.c.treat.impulse, 300)
	assert.Equal(t, EndTripped, r.reports[0].End)
}

// TestZeroDrift: a cell that does not read zero on a slack rope is told in idle
// and stands against a treatment.
func TestZeroDrift(t *testing.T) {
	r := newRig(t, testConfig())
	r.run(2 * time.Second)
	r.must(Command{Kind: CommandAcknowledge})
	r.must(Command{Kind: CommandSelect, Programme: testProgramme()})
	for _, zero := range []float64{-12, 12} {
		r.zero = zero
		r.run(6 * time.Second)
		assert.True(t, r.c.guard.active.Has(ILZeroDrift), "%v N", zero)
		reply := r.say(Command{Kind: CommandArm})
		assert.Equal(t, MissingZero, reply.Missing)
	}
	r.zero = 4
	r.run(100 * time.Millisecond)
	assert.False(t, r.c.guard.active.Has(ILZeroDrift))
}

// paired is a rig with two cells.
func paired(t *testing.T) *rig {
	cfg := testConfig()
	cfg.Second = cfg.Calibration
	r := newRig(t, cfg)
	r.pair = true
	return r
}

// TestCellsDisagree: neither of two cells that differ is believed.
func TestCellsDisagree(t *testing.T) {
	for _, gain := range []float64{-0.15, 0.15} {
		r := paired(t)
		r.holding(long())
		r.run(5 * time.Second)
		require.Equal(t, Treating, r.c.mode)
		r.gain = gain // by 30 N of 200
		d := r.until("cells-disagree", time.Second, func() bool { return r.has(EventTrip, ILCellsDisagree) })
		assert.LessOrEqual(t, d, 40*time.Millisecond, "three samples")
		r.until("slack", 10*time.Second, r.mode(Tripped))
		assert.Zero(t, r.force)
	}
}

// TestForceLimitOfEitherCell: the first cell reads half of what is there.
func TestForceLimitOfEitherCell(t *testing.T) {
	r := paired(t)
	r.armed(long())
	r.gain = 0.9
	r.must(Command{Kind: CommandStart})
	r.until("end", time.Minute, func() bool { return r.c.guard.tripped() })
	assert.True(t, r.has(EventTrip, ILCellsDisagree), "found on the way up, at %.0f N", r.force)
	assert.Less(t, r.force, 40.0)
}

// TestSecondCellLost: a treatment that began with two cells does not go on with one.
func TestSecondCellLost(t *testing.T) {
	r := paired(t)
	r.holding(long())
	r.pairGone = true
	r.run(40 * time.Millisecond)
	assert.LessOrEqual(t, r.driven, 0.0, "towards force with one cell")
	r.until("second-cell-lost", 300*time.Millisecond, func() bool { return r.has(EventTrip, ILSecondCellLost) })
	r.until("slack", 10*time.Second, r.mode(Tripped))
	assert.Zero(t, r.force)
	r.must(Command{Kind: CommandAcknowledge})
	assert.Equal(t, MissingCell, r.say(Command{Kind: CommandArm}).Missing)
}

// TestSecondCellReleases: with the first cell lost, the second one sees the rope slack.
func TestSecondCellReleases(t *testing.T) {
	r := paired(t)
	r.holding(long())
	r.run(time.Second)
	r.firstGone = true
	r.until("slack", 10*time.Second, r.mode(Tripped))
	assert.True(t, r.has(EventTrip, ILCellLost))
	assert.Zero(t, r.force)
}

// TestEndMismatch: a switch that has opened once and now stays closed beyond the
// place where it opened.
func TestEndMismatch(t *testing.T) {
	cfg := testConfig()
	cfg.Table.BackDrivable = false // only such a drive is where its steps say
	for _, end := range []string{"pull", "slack", "steps lost"} {
		r := newRig(t, cfg)
		r.holding(long())
		e := &r.c.guard.ends
		switch x := r.c.x; end {
		case "pull":
			e.pullX, e.pullKnown = x-20, true
		case "slack":
			e.slackX, e.slackKnown = x+20, true
		case "steps lost":
			e.slackX, e.slackKnown = x-30, true
			r.in.Switches.EndSlack = true
		}
		r.run(2 * time.Millisecond)
		assert.True(t, r.has(EventTrip, ILEndMismatch), end)
		r.in.Switches.EndSlack = false
		r.until("slack", 10*time.Second, r.mode(Tripped))
		r.must(Command{Kind: CommandAcknowledge})
	}
}

// TestEndSwitchesAreLearned: where the switch opens is where it is expected.
func TestEndSwitchesAreLearned(t *testing.T) {
	cfg := testConfig()
	cfg.Table.BackDrivable = false
	r := newRig(t, cfg)
	r.holding(long())
	r.must(Command{Kind: CommandStop})
	r.until("half way", 5*time.Second, func() bool { return r.x < r.slackX+5 })
	r.in.Switches.EndSlack = true // the slack end is here
	x := r.c.x
	r.until("idle", 5*time.Second, func() bool { return r.c.mode == Idle || r.c.mode == Tripped })
	assert.True(t, r.c.guard.ends.slackKnown)
	assert.InDelta(t, x, r.c.guard.ends.slackX, 1)
}

// TestStartStuck: ten seconds of start button are told, and start nothing more.
func TestStartStuck(t *testing.T) {
	r := newRig(t, testConfig())
	r.run(200 * time.Millisecond)
	r.in.Switches.Start = true
	r.run(9900 * time.Millisecond)
	assert.False(t, r.c.guard.active.Has(ILStartStuck))
	r.run(200 * time.Millisecond)
	assert.True(t, r.c.guard.active.Has(ILStartStuck))
	r.run(time.Minute)
	assert.Equal(t, Idle, r.c.mode)
	r.in.Switches.Start = false
	r.run(10 * time.Millisecond)
	assert.False(t, r.c.guard.active.Has(ILStartStuck))
}

// TestTickMissed: after a third of a second in which nobody watched, it is over.
func TestTickMissed(t *testing.T) {
	for _, c := range []struct {
		late time.Duration
		want Mode
	}{{299 * time.Millisecond, Treating}, {301 * time.Millisecond, Releasing}} {
		r := newRig(t, testConfig())
		r.holding(long())
		r.in.Late = c.late
		r.tick()
		r.in.Late = 0
		r.run(10 * time.Millisecond)
		assert.Equal(t, c.want, r.c.mode, "%v late", c.late)
		assert.Equal(t, c.want == Releasing, r.has(EventTrip, ILTickMissed))
	}
}

// TestOverrun: what was lost is told for a while, and moves nothing.
func TestOverrun(t *testing.T) {
	r := newRig(t, testConfig())
	r.holding(long())
	r.in.Overrun = true
	r.tick()
	r.in.Overrun = false
	assert.True(t, r.has(EventWarning, ILOverrun))
	assert.Equal(t, Treating, r.c.mode)
	r.run(5100 * time.Millisecond)
	assert.True(t, r.has(EventCleared, ILOverrun))
}

// TestGatewayLost: what becomes of a treatment whose starter cannot be reached.
func TestGatewayLost(t *testing.T) {
	for policy, want := range map[GatewayPolicy]Mode{GatewayRelease: Releasing, GatewayPause: Paused, GatewayGoOn: Treating} {
		for _, from := range []Origin{Table, Remote} {
			cfg := testConfig()
			cfg.GatewayLost = policy
			r := newRig(t, cfg)
			r.armed(long())
			r.must(Command{Kind: CommandStart, Origin: from})
			r.until("hold", 30*time.Second, r.phase(Hold))
			r.in.GatewayLost = true
			r.run(10 * time.Millisecond)
			if from == Table {
				assert.Equal(t, Treating, r.c.mode, "started at the table: the network does not matter")
				continue
			}
			assert.Equal(t, want, r.c.mode, "%v", policy)
			assert.True(t, r.has(EventTrip, ILGatewayLost) || r.has(EventWarning, ILGatewayLost))
			if want == Paused { // somebody at the table takes over
				r.must(Command{Kind: CommandResume, Origin: Table})
				r.run(10 * time.Millisecond)
				assert.Equal(t, Treating, r.c.mode)
			}
		}
	}
}

// TestSupplyLow: a supply that sags ends the treatment before the motor loses its hold.
func TestSupplyLow(t *testing.T) {
	r := newRig(t, testConfig())
	r.holding(long())
	r.in.Switches.SupplyLow = true
	r.tick()
	assert.True(t, r.has(EventTrip, ILSupplyLow))
	assert.Equal(t, Releasing, r.c.mode)
	r.until("slack", 10*time.Second, r.mode(Tripped))
	r.must(Command{Kind: CommandAcknowledge})
	assert.Equal(t, MissingDrive, r.say(Command{Kind: CommandArm}).Missing)
}

// TestSlackUnconfirmed: the harness stays closed until the rope was seen slack.
func TestSlackUnconfirmed(t *testing.T) {
	r := newRig(t, testConfig())
	r.run(200 * time.Millisecond)
	assert.True(t, r.c.guard.active.Has(ILSlackUnconfirmed), "nobody knows what was before the start")
	r.run(2 * time.Second)
	assert.False(t, r.c.guard.active.Has(ILSlackUnconfirmed))
	r.holding(long())
	assert.False(t, r.c.guard.active.Has(ILSlackUnconfirmed), "while treating everybody knows")
	r.must(Command{Kind: CommandStop})
	r.tick()
	assert.True(t, r.c.guard.active.Has(ILSlackUnconfirmed))
	r.cellGone = true
	r.until("end", 20*time.Second, r.mode(Tripped))
	r.run(time.Minute)
	assert.True(t, r.c.guard.active.Has(ILSlackUnconfirmed), "no cell has seen it")
	r.cellGone = false
	r.run(2 * time.Second)
	assert.False(t, r.c.guard.active.Has(ILSlackUnconfirmed))
}

// TestTensionLeft: tension that comes back after slack was confirmed is an alarm
// of the highest priority until it is gone, or the next person lies down.
func TestTensionLeft(t *testing.T) {
	cfg := testConfig()
	cfg.Table.BackDrivable = false
	r := newRig(t, cfg)
	r.holding(long())
	r.must(Command{Kind: CommandStop})
	r.until("idle", 10*time.Second, r.mode(Idle))
	r.run(time.Second)
	assert.False(t, r.c.guard.active.Has(ILTensionLeft))
	r.slackX -= (r.slackX - r.x) + 24/r.k // somebody turns round and lies on the rope
	r.run(900 * time.Millisecond)
	assert.False(t, r.c.guard.active.Has(ILTensionLeft), "a tug at the rope")
	r.run(200 * time.Millisecond)
	assert.True(t, r.c.guard.active.Has(ILTensionLeft), "%.0f N", r.force)
	assert.Equal(t, High, r.c.alarm.priority)
	assert.Zero(t, r.driven, "nothing moves in idle")
	r.must(Command{Kind: CommandStop}) // at the table: it is let go of
	r.until("idle", 20*time.Second, func() bool { return r.c.mode == Idle && r.force == 0 })
	r.run(2 * time.Second)
	assert.False(t, r.c.guard.active.Has(ILTensionLeft))
}

// TestPadRunaway: warmth that nobody asked for, above what a body gives.
func TestPadRunaway(t *testing.T) {
	body := func(c float64) float64 { return min(c+0.1, 36.5) }
	welded := func(c float64) float64 { return c + 0.02 }
	r := newRig(t, testConfig())
	r.in.Pad = Pad{Present: true, At: r.now, Temperature: physic.ZeroCelsius + 24*celsius}
	r.holding(long())
	r.warm(4*time.Minute, body)
	assert.Equal(t, Treating, r.c.mode, "a person warms a pad")
	r.warm(4*time.Minute, welded)
	assert.True(t, r.has(EventTrip, ILPadRunaway))
	assert.Less(t, float64(r.in.Pad.Temperature-physic.ZeroCelsius)*1e-9, 50.0)
	assert.Equal(t, High, r.c.alarm.priority)
	assert.Equal(t, Contradicted, r.say(Command{Kind: CommandAcknowledge}).Code, "still hot")
	r.warm(8*time.Minute, func(c float64) float64 { return c - 0.03 })
	assert.Equal(t, Accepted, r.say(Command{Kind: CommandAcknowledge}).Code)
}

// TestPadRunawayUnderHeat: nothing that is regulated gets to 43 C.
func TestPadRunawayUnderHeat(t *testing.T) {
	r := heated(t)
	r.warm(2*time.Second, func(float64) float64 { return 43 })
	assert.True(t, r.has(EventTrip, ILPadRunaway))
	assert.Zero(t, r.out.Heat)
}

// TestPadTemperatureThatStandsStill: a sensor that died with its last value near
// the set-point, where no rise is asked for.
func TestPadTemperatureThatStandsStill(t *testing.T) {
	r := heated(t)
	rise := func(c float64) float64 { return min(c+0.06, 36.6) }
	r.warm(4*time.Minute, rise) // 36.6 of 38: most of the power
	spent := 0.0
	for range 60 * 10 {
		r.warm(time.Second, func(c float64) float64 { return c })
		spent += r.out.Heat
	}
	assert.True(t, r.has(EventWarning, ILPadTemperature))
	assert.Zero(t, r.out.Heat)
	assert.Less(t, spent, 200.0, "seconds at full power")
	// One that falls without power is believed.
	r = heated(t)
	r.warm(30*time.Minute-10*time.Second, func(c float64) float64 { return c + 0.04*r.out.Heat - 0.002*(c-22) })
	assert.False(t, r.has(EventWarning, ILPadTemperature))
}
