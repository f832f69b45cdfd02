package stepper

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
	"pgregory.net/rapid"
)

func anyConfig(t *rapid.T) Config {
	cfg := config()
	cfg.StepsPerMM = rapid.Float64Range(8, 160).Draw(t, "steps/mm")
	cfg.StartStopSpeed = physic.Speed(rapid.Int64Range(int64(mmps), int64(40*mmps)).Draw(t, "start-stop"))
	cfg.MaxSpeed = cfg.StartStopSpeed + physic.Speed(rapid.Int64Range(0, int64(60*mmps)).Draw(t, "above"))
	cfg.Acceleration = rapid.Float64Range(50, 5000).Draw(t, "acceleration")
	return cfg
}

// Whatever velocities come, at whatever times, and however late the thread is:
// no step is faster than the ramp or MaxSpeed allow, no reversal is faster than
// the start-stop speed, DIR is always set up, and the count is right.
func TestNoStepBreaksTheRamp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := anyConfig(t)
		r := enabled(t, cfg)
		punctual := rapid.Bool().Draw(t, "punctual")
		if !punctual {
			r.late = func() time.Duration {
				return time.Duration(rapid.Int64Range(0, int64(3*time.Millisecond)).Draw(t, "late"))
			}
		}
		v := physic.Speed(0)
		for range rapid.IntRange(1, 60).Draw(t, "commands") {
			at := r.now
			if !punctual {
				// The tick may be slow, and the thread away for a while.
				at -= time.Duration(rapid.Int64Range(0, int64(2*time.Millisecond)).Draw(t, "stale"))
				r.now += time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 12}).Draw(t, "away")) * time.Millisecond
			}
			switch rapid.IntRange(0, 12).Draw(t, "what") {
			case 0:
				r.Stop(at)
			case 1:
				r.until(t, r.now+25*time.Millisecond) // the dead-man's
			case 2, 3, 4, 5, 6:
				require.NoError(t, r.SetVelocity(at, v)) // goes on
			default:
				most := int64(cfg.MaxSpeed) * 5 / 4
				v = physic.Speed(rapid.Int64Range(-most, most).Draw(t, "v"))
				require.NoError(t, r.SetVelocity(at, v))
			}
			if next, pending := r.NextEdge(); pending {
				require.Less(t, r.now-next, 20*time.Millisecond, "planned in the past")
			}
			r.until(t, r.now+time.Duration(rapid.Int64Range(0, int64(15*time.Millisecond)).Draw(t, "dt")))
		}
		checkSteps(t, r, cfg, punctual)
	})
}

func checkSteps(t *rapid.T, r *rig, cfg Config, punctual bool) {
	startStop, fastest := cfg.stepRate(cfg.StartStopSpeed), cfg.stepRate(cfg.MaxSpeed)
	twice := 2 * cfg.Acceleration * cfg.StepsPerMM
	var count Steps
	before := 0.0 // speed of the last interval in the same direction
	for i, s := range r.steps {
		count += Steps(s.dir)
		require.GreaterOrEqual(t, s.setup, cfg.DirSetup, "DIR set-up of step %d", i)
		if i == 0 {
			continue
		}
		last := r.steps[i-1]
		v := float64(time.Second) / float64(s.at-last.at)
		if s.dir != last.dir {
			require.LessOrEqual(t, v, startStop*1.0001, "reversal at step %d", i)
			if punctual {
				require.LessOrEqual(t, before, startStop*1.0001, "reversal from speed at step %d", i)
			}
			before = 0
			continue
		}
		require.LessOrEqual(t, v, s.limit*1.0001, "step %d", i)
		require.LessOrEqual(t, s.limit, fastest)
		if punctual {
			up := min(fastest, max(startStop, math.Sqrt(before*before+twice)))
			require.LessOrEqual(t, v, up*1.0001, "step %d: from %g to %g steps/s", i, before, v)
		}
		if down := math.Sqrt(max(0, before*before-twice)); punctual && before > startStop*1.0001 {
			require.GreaterOrEqual(t, v, max(startStop, down)*0.9999, "step %d: from %g to %g steps/s", i, before, v)
		}
		before = v
	}
	require.Equal(t, count, r.Position())
	require.Zero(t, r.disabled)
}

// Within the start-stop speed the position follows the integral of the
// velocity to the step.
func TestPositionIsTheIntegralOfTheVelocity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := anyConfig(t)
		r := enabled(t, cfg)
		want := 0.0
		for range rapid.IntRange(1, 80).Draw(t, "commands") {
			most := int64(cfg.StartStopSpeed)
			v := physic.Speed(rapid.Int64Range(-most, most).Draw(t, "v"))
			dt := time.Duration(rapid.Int64Range(0, int64(19*time.Millisecond)).Draw(t, "dt"))
			require.NoError(t, r.SetVelocity(r.now, v))
			from := r.now
			r.until(t, r.now+dt)
			want += cfg.stepRate(v) * (r.now - from).Seconds()
			// A reversal pays DIR's set-up, microseconds in which nothing moves.
			require.InDelta(t, want, float64(r.Position()), 1.5)
		}
	})
}

func TestNothingAllocates(t *testing.T) {
	r := enabled(t, config())
	r.keep = false
	v := 80 * mmps
	assert.Zero(t, testing.AllocsPerRun(5000, func() {
		r.now += 100 * time.Microsecond
		v = -v
		_ = r.SetVelocity(r.now, v)
		_ = r.Edge(r.now)
		r.Watch(r.now)
		r.Motion()
	}))
}

func BenchmarkEdge(b *testing.B) {
	r := enabled(b, config())
	r.keep = false
	b.ReportAllocs()
	for b.Loop() {
		_ = r.SetVelocity(r.now, 80*mmps)
		at, _ := r.NextEdge()
		r.now = at
		_ = r.Edge(at)
	}
}
