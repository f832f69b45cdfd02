package simtable

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

func TestStepsMoveTheDrive(t *testing.T) {
	r := newRig(t, "winch", "long-slack", nil)
	r.wind(10, 20)
	got := r.Truth()
	assert.InDelta(t, 30, got.PositionMM, 1e-9)
	assert.InDelta(t, 20, got.SpeedMMPerS, 2)
	r.wind(-4, 20)
	assert.InDelta(t, 26, r.Truth().PositionMM, 1e-9)
	assert.Zero(t, r.Truth().LostSteps)
}

func TestStepNeedsPower(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*rig)
		gone time.Duration
	}{
		{"disabled", func(r *rig) { _ = r.p.Enable.Out(gpio.Low) }, 0},
		{"emergency stop", func(r *rig) { r.PressEmergencyStop(true) }, 0},
		{"emergency stop wire", func(r *rig) { _ = r.Inject(Fault{Kind: "emergency-stop"}) }, 0},
		{"drive fault", func(r *rig) { _ = r.Inject(Fault{Kind: "drive-fault"}) }, 0},
		{"brown-out", func(r *rig) { _ = r.Inject(Fault{Kind: "brown-out"}) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "winch", "median", nil)
			r.wind(1, 10)
			require.True(t, r.Truth().Energised)
			c.do(r)
			require.False(t, r.Truth().Energised)
			r.wind(1, 10)
			got := r.Truth()
			assert.InDelta(t, 21, got.PositionMM, 1e-9)
			assert.EqualValues(t, 64, got.IgnoredSteps)
		})
	}
}

func TestChargePumpHoldsPowerFor20ms(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	r.wait(50 * time.Millisecond)
	last := r.clock.Now()
	r.clock.SleepUntil(last + 20*time.Millisecond)
	assert.True(t, r.Truth().Energised)
	r.clock.SleepUntil(last + 21*time.Millisecond)
	assert.False(t, r.Truth().Energised)
	_ = r.p.ChargePump.Out(r.pump)
	assert.False(t, r.Truth().Energised, "the same level again is no toggle")
	r.beat()
	assert.True(t, r.Truth().Energised)

	plain := newRig(t, "plain", "median", nil)
	assert.True(t, plain.Truth().Energised, "a table without a charge pump")
}

func TestTimingRules(t *testing.T) {
	us := func(n float64) time.Duration { return seconds(n * 1e-6) }
	for _, c := range []struct {
		name              string
		setUp, high, low  time.Duration
		moved, violations int
	}{
		{"kept", us(5), us(2.5), us(400), 2, 0},
		{"short high", us(5), us(2.4), us(400), 0, 2},
		{"short low", us(5), us(2.5), us(2.4), 1, 1},
		{"late DIR", us(4.9), us(2.5), us(400), 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "winch", "median", nil)
			r.wait(time.Second)
			_ = r.p.Dir.Out(gpio.High)
			r.clock.Spend(c.setUp)
			for range 2 {
				_ = r.p.Step.Out(gpio.High)
				r.clock.Spend(c.high)
				_ = r.p.Step.Out(gpio.Low)
				r.clock.Spend(c.low)
			}
			got := r.Truth()
			assert.InDelta(t, 20+float64(c.moved)/64, got.PositionMM, 1e-9)
			assert.EqualValues(t, c.violations, got.TimingViolations)
			assert.EqualValues(t, c.violations, got.LostSteps)
		})
	}
}

// ramp winds with a linear ramp from one speed to another, mm/s, at an acceleration in mm/s2, and returns the steps.
func (r *rig) ramp(from, to, a float64) {
	_ = r.p.Dir.Out(gpio.High)
	r.clock.Spend(20 * time.Microsecond)
	for v := from; v < to; {
		dt := 1 / (64 * v)
		r.pulse(seconds(dt))
		v += a * dt
	}
}

func TestRotorFollowsARamp(t *testing.T) {
	r := newRig(t, "winch", "long-slack", nil)
	r.ramp(5, 78, 950)
	r.wind(30, 78)
	assert.Zero(t, r.Truth().LostSteps)
	assert.InDelta(t, 78, r.Truth().SpeedMMPerS, 3)
}

func TestRotorFallsOut(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*rig)
		lost bool
	}{
		{"start at the start speed", func(r *rig) { r.wind(20, 30) }, false},
		{"start far above it", func(r *rig) { r.wind(20, 70) }, true},
		{"ramp too steep", func(r *rig) { r.ramp(5, 79, 4000); r.wind(10, 79) }, true},
		{"beyond the top speed", func(r *rig) { r.ramp(5, 100, 800); r.wind(20, 100) }, true},
		{"reversal at speed", func(r *rig) { r.ramp(5, 75, 800); r.wind(-5, 30) }, true},
		{"slower at once", func(r *rig) { r.ramp(5, 75, 800); r.wind(1, 8) }, true},
		{"stop from speed", func(r *rig) { r.ramp(5, 75, 800); r.wait(time.Second) }, true},
		{"stop from the start speed", func(r *rig) { r.wind(10, 30); r.wait(time.Second) }, false},
		{"jitter of half a step", func(r *rig) {
			r.ramp(5, 60, 800)
			for i := range 2000 {
				r.pulse(time.Duration(260+130*(i&1*2-1)) * time.Microsecond)
			}
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "winch", "long-slack", nil)
			c.do(r)
			assert.Equal(t, c.lost, r.Truth().LostSteps > 0, "lost %d", r.Truth().LostSteps)
		})
	}
}

func TestRotorOverrunsAFieldThatBrakes(t *testing.T) {
	r := newRig(t, "winch", "long-slack", nil)
	r.ramp(5, 75, 800)
	require.Zero(t, r.Truth().LostSteps)
	for range 4 {
		r.pulse(2 * time.Millisecond)
	}
	assert.NotZero(t, r.Truth().LostSteps)
}

func TestStalledRotorComesBackAtStartSpeed(t *testing.T) {
	r := newRig(t, "winch", "long-slack", nil)
	r.wind(10, 75)
	require.True(t, r.Truth().Stalled)
	at, lost := r.Truth().PositionMM, r.Truth().LostSteps
	r.wind(2, 40)
	assert.InDelta(t, at, r.Truth().PositionMM, 1e-9, "stands")
	assert.EqualValues(t, lost+128, r.Truth().LostSteps)
	r.wind(2, 25)
	assert.InDelta(t, at+2, r.Truth().PositionMM, 2.0/64, "turns again")
}

func TestForceStallsTheMotor(t *testing.T) {
	r := newRig(t, "worm", "stiffest", func(tb *Table, pa *Patient) {
		quiet(tb, pa)
		tb.Drive.StallForceN = 200
	})
	r.wind(60, 10)
	got := r.Truth()
	assert.InDelta(t, 200, got.ForceN, 8)
	assert.Greater(t, got.LostSteps, uint64(1000))
	r.wind(-2, 10)
	assert.Less(t, r.Truth().ForceN, 190.0, "away from force it turns")
}

func TestEndsOfTravel(t *testing.T) {
	r := newRig(t, "winch", "median", func(_ *Table, pa *Patient) { pa.HarnessSlackMM = 300 })
	read := func() [2]gpio.Level { return [2]gpio.Level{r.p.EndSlack.Read(), r.p.EndPull.Read()} }
	assert.Equal(t, [2]gpio.Level{gpio.Low, gpio.Low}, read(), "closed between the ends")
	r.wind(-19.9, 20)
	assert.Equal(t, [2]gpio.Level{gpio.Low, gpio.Low}, read())
	r.wind(-0.2, 20)
	assert.Equal(t, [2]gpio.Level{gpio.High, gpio.Low}, read())
	r.wind(-10, 20)
	assert.InDelta(t, -6, r.Truth().PositionMM, 0.1, "mechanical stop")
	assert.NotZero(t, r.Truth().LostSteps)

	r.SetHarness(false)
	r.wind(406, 20)
	assert.Equal(t, [2]gpio.Level{gpio.Low, gpio.High}, read())
}

func TestPowerLost(t *testing.T) {
	for table, gone := range map[string]bool{"winch": true, "tired": true, "worm": false, "screw": false} {
		t.Run(table, func(t *testing.T) {
			r := newRig(t, table, "median", quiet)
			r.pullTo(450)
			_ = r.p.Enable.Out(gpio.Low)
			r.wait(400 * time.Millisecond)
			got := r.Truth()
			if gone {
				assert.Less(t, got.ForceN, 20.0, "a back-drivable drive lets go")
				return
			}
			assert.Greater(t, got.ForceN, 400.0, "a self-locking drive holds")
		})
	}
}

func TestRopeRunsOutToTheStopAtMost(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	require.NoError(t, r.Inject(Fault{Kind: "shift", Value: -100}))
	_ = r.p.Enable.Out(gpio.Low)
	r.wait(3 * time.Second)
	assert.InDelta(t, -6, r.Truth().PositionMM, 1e-6)
	assert.Greater(t, r.Truth().ForceN, 50.0, "the person has pulled the whole rope off the drum")
}

func TestBacklashLosesMotion(t *testing.T) {
	force := func(backlash float64) float64 {
		r := newRig(t, "worm", "split-table", func(tb *Table, pa *Patient) {
			quiet(tb, pa)
			tb.Drive.BacklashMM = backlash
			pa.CreepMM = 0
		})
		r.pullTo(300)
		r.wait(time.Second)
		before := r.Truth().ForceN
		r.wind(-1, 10)
		r.wait(time.Second)
		return before - r.Truth().ForceN
	}
	none := force(0)
	assert.InDelta(t, 6.45, none, 0.2)
	assert.InDelta(t, none*0.6, force(0.4), 0.2, "of 1 mm back, 0.4 mm are lost")
	assert.InDelta(t, 0, force(1.2), 0.2)
}
