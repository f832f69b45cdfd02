package simtable

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSeriesStiffnessOfPatients(t *testing.T) {
	for name, want := range map[string]float64{"median": 6.7, "softest": 1.9, "stiffest": 20} {
		p, err := PatientByName(name)
		require.NoError(t, err)
		assert.InDelta(t, want, 1/(1/p.HarnessStiffnessNPerMM+1/p.BodyStiffnessNPerMM), want*0.02, name)
	}
}

func TestForceRisesWithTheSeriesStiffness(t *testing.T) {
	for _, name := range Patients() {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "winch", name, func(tb *Table, pa *Patient) {
				quiet(tb, pa)
				pa.FrictionN, pa.CreepMM = 0, 0
				pa.Coughs, pa.GettingUp, pa.CoughsPerMinute = nil, nil, 0
				tb.Rope.StiffnessNPerMM = 1e4
			})
			r.pullTo(50)
			r.wait(200 * time.Millisecond)
			before := r.Truth()
			r.wind(5, 10)
			r.wait(200 * time.Millisecond)
			after := r.Truth()
			want := 1 / (1/r.patient.HarnessStiffnessNPerMM + 1/r.patient.BodyStiffnessNPerMM)
			got := (after.ForceN - before.ForceN) / (after.ReelMM - before.ReelMM)
			assert.InDelta(t, want, got, want*0.01)
		})
	}
}

func TestSlackComesFirst(t *testing.T) {
	r := newRig(t, "winch", "median", quiet)
	assert.InDelta(t, 25, r.Truth().SlackMM, 1e-9)
	r.wind(25, 20)
	assert.Zero(t, r.Truth().ForceN)
	r.wind(2, 20)
	assert.Greater(t, r.Truth().ForceN, 10.0)
	assert.Zero(t, r.Truth().SlackMM)
	r.wind(-20, 20)
	r.wait(100 * time.Millisecond)
	assert.Zero(t, r.Truth().ForceN)
	assert.InDelta(t, 18, r.Truth().SlackMM, 2)
}

func TestStartWithTensionOnTheRope(t *testing.T) {
	r := newRig(t, "worm", "median", func(tb *Table, pa *Patient) {
		quiet(tb, pa)
		tb.Drive.StartMM = 85
	})
	r.wait(time.Second)
	assert.InDelta(t, 40*6.45, r.Truth().ForceN, 15)
}

// swing is the lowest and highest force within 20 s.
func (r *rig) swing(d time.Duration) (low, high float64) {
	low = math.Inf(1)
	for end := r.clock.Now() + d; r.clock.Now() < end; {
		r.wait(10 * time.Millisecond)
		f := r.Truth().ForceN
		low, high = min(low, f), max(high, f)
	}
	return low, high
}

func TestBreathingHasItsAmplitudeWithTheRopeHeldStill(t *testing.T) {
	for _, friction := range []float64{0, 4, 20, 250} {
		for _, newtons := range []float64{10, 25} {
			r := newRig(t, "winch", "median", func(_ *Table, pa *Patient) {
				pa.FrictionN, pa.BreathingN, pa.CreepMM = friction, newtons, 0
			})
			r.pullTo(400)
			r.wait(20 * time.Second)
			low, high := r.swing(20 * time.Second)
			assert.InDelta(t, newtons, (high-low)/2, newtons*0.06, "friction %v N, amplitude %v N", friction, newtons)
		}
	}
}

func TestBreathingNeedsARope(t *testing.T) {
	r := newRig(t, "winch", "strong-breathing", nil)
	low, high := r.swing(10 * time.Second)
	assert.Zero(t, low)
	assert.Zero(t, high)
}

func TestBreathsDifferInLength(t *testing.T) {
	r := newRig(t, "winch", "split-table", func(_ *Table, pa *Patient) { pa.CreepMM = 0 })
	r.pullTo(200)
	r.wait(time.Second)
	var turns []float64
	last, rising := r.Truth().ForceN, false
	for range 4000 {
		r.wait(20 * time.Millisecond)
		f := r.Truth().ForceN
		if up := f > last; up != rising {
			rising = up
			if up {
				turns = append(turns, r.clock.Now().Seconds())
			}
		}
		last = f
	}
	n := len(turns) - 1
	assert.InDelta(t, 4, (turns[n]-turns[0])/float64(n), 0.2)
	assert.NotEqual(t, math.Round((turns[2]-turns[1])*50), math.Round((turns[3]-turns[2])*50))
}

func TestWithoutBreathing(t *testing.T) {
	r := newRig(t, "winch", "strong-breathing", func(_ *Table, pa *Patient) {
		*pa = pa.WithoutBreathing()
		pa.CreepMM = 0
	})
	r.pullTo(200)
	r.wait(time.Second)
	low, high := r.swing(10 * time.Second)
	assert.InDelta(t, low, high, 1e-6)
}

func TestCreepUnderConstantRope(t *testing.T) {
	r := newRig(t, "worm", "strong-creep", func(tb *Table, pa *Patient) {
		quiet(tb, pa)
		pa.FrictionN = 0
	})
	r.pullTo(300)
	start := r.Truth().ForceN
	r.wait(300 * time.Second)
	third := r.Truth()
	r.wait(2000 * time.Second)
	end := r.Truth()
	assert.InDelta(t, 5.6*end.ForceN/229, end.CreepMM, 0.05)
	// With the rope held the body relaxes as it creeps, which shortens the time constant by 1 + 5.6 mm / 229 N * stiffness.
	constant := 300 / (1 + 5.6/229*r.person.series)
	assert.InDelta(t, 1-math.Exp(-300/constant), third.CreepMM/end.CreepMM, 0.03)
	assert.Greater(t, start-end.ForceN, 20.0, "the held rope loses force")
}

func TestFrictionSticksAndSlips(t *testing.T) {
	r := newRig(t, "winch", "high-friction", quiet)
	r.pullTo(260)
	assert.Zero(t, r.Truth().Slides)
	assert.Zero(t, r.Truth().PelvisMM)
	highest := 0.0
	for r.Truth().Slides == 0 {
		r.wind(1.0/64, 5)
		highest = max(highest, r.Truth().ForceN)
	}
	r.wait(100 * time.Millisecond)
	drop := highest - r.Truth().ForceN
	line := r.person.line
	assert.InDelta(t, 270, highest, 2, "static friction")
	assert.InDelta(t, 20*line/(line+20), drop, 1.5, "down to the kinetic one, as far as the body gives way")
}

func TestNoFrictionNeverSticks(t *testing.T) {
	r := newRig(t, "winch", "split-table", quiet)
	r.pullTo(100)
	got := r.Truth()
	assert.Zero(t, got.Slides)
	assert.InDelta(t, got.ForceN/15.2, got.PelvisMM-got.CreepMM, 0.3, "the body has its whole share")
}

func TestRopeBreakAndHarnessOff(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	r.pullTo(200)
	require.NoError(t, r.Inject(Fault{Kind: "rope-break", At: r.clock.Now() + time.Second}))
	r.wait(900 * time.Millisecond)
	assert.Greater(t, r.Truth().ForceN, 100.0)
	r.wait(200 * time.Millisecond)
	assert.Zero(t, r.Truth().ForceN)
	assert.True(t, r.Truth().RopeBroken)

	r = newRig(t, "winch", "median", nil)
	r.SetHarness(false)
	r.wind(200, 20)
	assert.Zero(t, r.Truth().PeakForceN)
	assert.False(t, r.Truth().HarnessWorn)
}

func TestSlips(t *testing.T) {
	r := newRig(t, "worm", "median", func(tb *Table, pa *Patient) {
		quiet(tb, pa)
		pa.Slips = []Slip{{AboveN: 250, MM: 6}, {AtS: 60, MM: 3}, {AboveN: 900, MM: 50}}
		pa.Shifts = []Shift{{AtS: 70, MM: -4}}
	})
	r.pullTo(249)
	require.Zero(t, r.Truth().Slips)
	r.wind(1, 10)
	r.wait(10 * time.Millisecond)
	got := r.Truth()
	assert.EqualValues(t, 1, got.Slips)
	assert.InDelta(t, 6, got.SlippedMM, 1e-9)
	drop := got.PeakForceN - got.ForceN
	assert.Greater(t, drop, 6*r.person.series, "harness and body give way together at least")
	assert.Less(t, drop, 6*r.person.line+1, "and the harness alone at most")
	r.clock.SleepUntil(61 * time.Second)
	assert.InDelta(t, 9, r.Truth().SlippedMM, 1e-9)
	before := r.Truth().ForceN
	r.clock.SleepUntil(72 * time.Second)
	assert.InDelta(t, 5, r.Truth().SlippedMM, 1e-9)
	assert.Greater(t, r.Truth().ForceN, before+15, "a shift away from the winch tightens")
	assert.EqualValues(t, 2, r.Truth().Slips)
}

func TestCoughIsASpike(t *testing.T) {
	for _, patient := range []string{"median", "split-table", "high-friction"} {
		r := newRig(t, "worm", patient, func(tb *Table, pa *Patient) {
			quiet(tb, pa)
			pa.CreepMM = 0
		})
		r.pullTo(200)
		r.wait(time.Second)
		before := r.Truth().ForceN
		require.NoError(t, r.Inject(Fault{Kind: "cough", Value: 80, For: 300 * time.Millisecond, At: r.clock.Now()}))
		low, high := r.swing(400 * time.Millisecond)
		assert.InDelta(t, 80, high-before, 25, patient)
		assert.LessOrEqual(t, low, before)
		r.wait(time.Second)
		assert.InDelta(t, before, r.Truth().ForceN, 40, "%s: friction may keep a part", patient)
	}
}

func TestCoughsByChance(t *testing.T) {
	r := newRig(t, "worm", "median", func(tb *Table, pa *Patient) {
		quiet(tb, pa)
		pa.CoughsPerMinute, pa.CoughN, pa.CreepMM = 6, 100, 0
	})
	r.pullTo(150)
	spikes, above := 0, false
	for range 60 * 100 * 5 {
		r.wait(10 * time.Millisecond)
		if now := r.Truth().ForceN > 190; now != above {
			above = now
			if now {
				spikes++
			}
		}
	}
	assert.InDelta(t, 30, spikes, 17, "six a minute for five minutes")
}

func TestGettingUp(t *testing.T) {
	r := newRig(t, "worm", "gets-up", func(tb *Table, pa *Patient) {
		quiet(tb, pa)
		pa.CreepMM = 0
	})
	r.pullTo(200)
	r.clock.SleepUntil(119 * time.Second)
	before := r.Truth().ForceN
	r.clock.SleepUntil(120*time.Second + 150*time.Millisecond)
	assert.InDelta(t, before+100, r.Truth().ForceN, 30, "the jerk")
	r.clock.SleepUntil(122 * time.Second)
	assert.Zero(t, r.Truth().ForceN)
	assert.Greater(t, r.Truth().SlackMM, 100.0)
	r.clock.SleepUntil(125*time.Second + 100*time.Millisecond)
	assert.Less(t, r.Truth().SlackMM, 90.0, "on the way back")
	r.clock.SleepUntil(130 * time.Second)
	assert.InDelta(t, before, r.Truth().ForceN, 60, "lies as before, but for friction")
}
