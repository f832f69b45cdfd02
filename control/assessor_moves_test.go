package control

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
)

// Stories of an assessor about people who cough, stretch, tremble and are warm:
// what they do by nature must neither end their treatment nor pass for one.

// TestTreatmentAtAnyCount: the count of position need not begin at zero, and
// does not after the rope was pulled out by hand.
func TestTreatmentAtAnyCount(t *testing.T) {
	for _, at := range []physic.Distance{-60, -20, 20, 26, 100} {
		r := newRig(t, testConfig())
		r.in.Motion.Position = at * physic.MilliMetre
		r.holding(testProgramme())
		r.run(time.Second)
		assert.Equal(t, Treating, r.c.mode, "%d mm: %v", at, r.c.guard.latched.IDs())
		assert.Zero(t, r.c.guard.moves.slipped, "%d mm", at)
	}
}

// TestTreatmentAfterAnEmergencyStop: the rope of a back-drivable table has run
// out and the count has not followed. The next treatment is one like any other.
func TestTreatmentAfterAnEmergencyStop(t *testing.T) {
	r := newRig(t, testConfig())
	r.holding(long())
	r.in.Switches.EmergencyStop = true
	r.run(2 * time.Second)
	r.in.Switches.EmergencyStop = false
	r.run(2 * time.Second)
	r.must(Command{Kind: CommandAcknowledge})
	r.armedAgain()
	r.must(Command{Kind: CommandStart})
	r.until("hold", 20*time.Second, r.phase(Hold))
}

// TestCoughsInRamps: who coughs while the force rises and falls has not slipped
// out of the harness: the stiffness is still being learned there.
func TestCoughsInRamps(t *testing.T) {
	for _, c := range []struct{ k, every, cough, breath float64 }{
		{1.9, 7, 45, 0}, {3, 5, 45, 0}, {6.7, 7, 45, 0}, {12, 11, 45, 0}, {6.7, 5, 35, 10},
	} {
		r := newRig(t, testConfig())
		r.k = c.k
		p := testProgramme()
		p.Hold, p.ForceLimit, p.Duration = 300*physic.Newton, 450*physic.Newton, 5*time.Minute
		r.extra = func(s float64) float64 {
			f := c.breath * math.Sin(2*math.Pi*0.3*s)
			if at := math.Mod(s, c.every); at < 0.3 {
				f += c.cough * math.Sin(math.Pi*at/0.3)
			}
			return f
		}
		r.armed(p)
		r.must(Command{Kind: CommandStart})
		for end := r.now + 90*time.Second; r.now < end && r.c.mode == Treating; {
			r.tick()
		}
		assert.Zero(t, r.c.guard.latched, "%+v: %v", c, r.c.guard.latched.IDs())
	}
}

// TestCoughInAGentleRelease: at the end of a good treatment a cough, which the
// drive answers by yielding, is no release that has stalled; on a back-drivable
// table the rest of the force would be dropped at once.
func TestCoughInAGentleRelease(t *testing.T) {
	for _, c := range []struct{ k, cough float64 }{{1.9, 30}, {3, 60}} {
		for _, after := range []time.Duration{200 * time.Millisecond, time.Second, 2500 * time.Millisecond} {
			r := newRig(t, testConfig())
			r.k = c.k
			p := testProgramme()
			p.Hold, p.ForceLimit, p.RampUp = 300*physic.Newton, 450*physic.Newton, 80*NewtonPerSecond
			r.holding(p)
			r.c.treat.elapsed = r.c.settings.Duration
			r.until("release", time.Second, r.mode(Releasing))
			r.run(after)
			require.Equal(t, Releasing, r.c.mode)
			r.bump(c.cough, 300*time.Millisecond)
			r.until("end", time.Minute, func() bool { return r.c.mode != Releasing })
			assert.Zero(t, r.c.guard.latched, "%+v after %v: %v", c, after, r.c.guard.latched.IDs())
		}
	}
}

// TestStretchIsNoMotionWithoutForce: the person stretches away from the pull and
// stays so; the drive yields, comes back by a little, and holds on.
func TestStretchIsNoMotionWithoutForce(t *testing.T) {
	for _, c := range []struct{ k, by, speed float64 }{{4, 16, 100}, {6.7, 12, 60}} {
		r := newRig(t, testConfig())
		r.k = c.k
		r.holding(long())
		r.run(2 * time.Second)
		for range int(c.by / c.speed * 1000) {
			r.slackX -= c.speed / 1000
			r.tick()
		}
		r.run(5 * time.Second)
		assert.Equal(t, Treating, r.c.mode, "%+v: %v", c, r.c.guard.latched.IDs())
		assert.InDelta(t, 200, r.force, 3, "%+v", c)
	}
}

// TestTremblingIsNoTreatment: who trembles without a break is never pulled. That
// must not count as a hold and be reported as completed: it is paused, so that
// somebody looks.
func TestTremblingIsNoTreatment(t *testing.T) {
	r := newRig(t, testConfig())
	r.extra = func(s float64) float64 { return 16 * math.Sin(2*math.Pi*5*s) }
	r.armed(testProgramme())
	r.must(Command{Kind: CommandStart})
	r.until("pause", time.Minute, r.mode(Paused))
	assert.NotEqual(t, Hold, r.c.treat.phase, "no hold has been counted")
	assert.Less(t, r.force, 60.0)
	assert.Empty(t, r.reports)
}

// TestSlackTakeUpEnds: the travel is shorter than the slack, and a rope that
// stands still at its limit would wait for tension without end.
func TestSlackTakeUpEnds(t *testing.T) {
	cfg := testConfig()
	cfg.Table.Travel = 120 * physic.MilliMetre
	r := newRig(t, cfg)
	r.slackX = 1000
	r.armed(testProgramme())
	r.must(Command{Kind: CommandStart})
	r.until("end", slackMost+10*time.Second, r.mode(Tripped))
	assert.True(t, r.has(EventTrip, ILMotionWithoutForce))
}

// TestWarmPadIsNoRunaway: neither a fever nor a room in the summer sun is a relay
// that has welded.
func TestWarmPadIsNoRunaway(t *testing.T) {
	r := newRig(t, testConfig())
	r.in.Pad = Pad{Present: true, At: r.now, Temperature: physic.ZeroCelsius + 27*celsius}
	r.holding(long())
	r.warm(3*time.Minute, func(c float64) float64 { return min(c+0.1, 38.4) })
	assert.Equal(t, Treating, r.c.mode, "fever")

	r = newRig(t, testConfig())
	r.run(200 * time.Millisecond)
	for s := range 6 * 3600 { // a tick each second is enough where nothing moves
		r.now += time.Second - time.Millisecond
		r.in.Pad = Pad{Present: true, At: r.now, Temperature: physic.ZeroCelsius + physic.Temperature((27+13.5*float64(s)/(6*3600))*float64(celsius))}
		r.tick()
	}
	assert.False(t, r.has(EventTrip, ILPadRunaway), "room")
}

// TestPadCoveredAgainIsNoRunaway: heat was ended, the surface cooled in the open,
// and under the blanket the warmth of the core comes back.
func TestPadCoveredAgainIsNoRunaway(t *testing.T) {
	r := newRig(t, testConfig())
	r.in.Pad = Pad{Present: true, At: r.now, Temperature: physic.ZeroCelsius + 39*celsius + 900*physic.MilliKelvin}
	r.run(200 * time.Millisecond)
	r.must(Command{Kind: CommandAcknowledge})
	r.must(Command{Kind: CommandHeat, Heat: physic.ZeroCelsius + 40*celsius})
	r.warm(5*time.Second, func(c float64) float64 { return c })
	r.must(Command{Kind: CommandStop})
	r.warm(2*time.Minute, func(c float64) float64 { return c - 0.01 })
	r.warm(time.Minute, func(c float64) float64 { return c + 0.012 })
	assert.False(t, r.has(EventTrip, ILPadRunaway))
}

// TestUnpluggedPadIsNoRunaway: who pulls the plug of a pad that runs away takes
// its thermometer, too, and must not find the table locked until a restart.
func TestUnpluggedPadIsNoRunaway(t *testing.T) {
	r := newRig(t, testConfig())
	r.in.Pad = Pad{Present: true, At: r.now, Temperature: physic.ZeroCelsius + 44*celsius}
	r.run(time.Second)
	require.True(t, r.has(EventTrip, ILPadRunaway))
	r.in.Pad.Failed = true
	r.run(2 * time.Second)
	assert.Equal(t, Contradicted, r.say(Command{Kind: CommandAcknowledge}).Code, "nobody knows yet")
	r.run(padGone)
	r.must(Command{Kind: CommandAcknowledge})
}
