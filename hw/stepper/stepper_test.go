package stepper

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

func TestConstantSpeedIsExact(t *testing.T) {
	for _, v := range []physic.Speed{30 * mmps, -30 * mmps, 12 * mmps, -mmps / 7} {
		r := enabled(t, config())
		r.drive(t, v, 60*time.Second)
		want := float64(v) / float64(mmps) * 64 * 60
		assert.InDelta(t, want, float64(r.Position()), 1, "%s", v)
		var sum Steps
		for _, s := range r.steps {
			sum += Steps(s.dir)
			require.GreaterOrEqual(t, s.high, 3*time.Microsecond)
		}
		assert.Equal(t, sum, r.Position())
		assert.InDelta(t, 60*float64(v)/float64(mmps), float64(r.Distance())/float64(physic.MilliMetre), 1./64)
		for _, rate := range r.rates()[1:] { // the first one pays DIR's set-up
			require.InEpsilon(t, math.Abs(float64(v))/float64(mmps)*64, rate, 1e-4)
		}
	}
}

func TestATenthOfAStepPerSecond(t *testing.T) {
	r := enabled(t, config())
	v := mmps / 640 // 0.1 step/s
	r.drive(t, v, 9990*time.Millisecond)
	assert.Zero(t, r.Position())
	assert.Equal(t, v, r.Speed())
	r.drive(t, v, 20*time.Millisecond)
	assert.Equal(t, Steps(1), r.Position())
}

func TestRampIsExact(t *testing.T) {
	r := enabled(t, config())
	r.drive(t, 80*mmps, 200*time.Millisecond)
	rates := r.rates()
	assert.InEpsilon(t, 1920, rates[0], 1e-4, "starts at the start-stop speed")
	for i := 1; i < len(rates); i++ {
		want := min(5120, math.Sqrt(rates[i-1]*rates[i-1]+2*64_000))
		require.InEpsilon(t, want, rates[i], 1e-4, "step %d", i)
	}
	assert.InEpsilon(t, 5120, rates[len(rates)-1], 1e-4)
	assert.Equal(t, 80*mmps, r.Speed())

	r.steps = nil
	r.drive(t, 0, 200*time.Millisecond)
	rates = r.rates()
	for i := 1; i < len(rates); i++ {
		want := max(1920, math.Sqrt(max(0, rates[i-1]*rates[i-1]-2*64_000)))
		require.InEpsilon(t, want, rates[i], 1e-4, "step %d", i)
	}
	assert.InEpsilon(t, 1920, rates[len(rates)-1], 1e-4, "stops from the start-stop speed")
	assert.Zero(t, r.Speed())
	_, pending := r.NextEdge()
	assert.False(t, pending)
}

func TestReversalGoesThroughTheStartStopSpeed(t *testing.T) {
	r := enabled(t, config())
	r.drive(t, 60*mmps, 100*time.Millisecond)
	r.drive(t, -60*mmps, 200*time.Millisecond)
	for i := 2; i < len(r.steps); i++ {
		if r.steps[i].dir == r.steps[i-1].dir {
			continue
		}
		before := r.steps[i-1].at - r.steps[i-2].at
		between := r.steps[i].at - r.steps[i-1].at
		assert.GreaterOrEqual(t, before, time.Second/1920-time.Microsecond)
		assert.GreaterOrEqual(t, between, time.Second/1920)
		assert.GreaterOrEqual(t, r.steps[i+1].at-r.steps[i].at, time.Second/1920, "the ramp begins anew")
		assert.GreaterOrEqual(t, r.steps[i].setup, 5*time.Microsecond)
	}
	assert.Equal(t, -60*mmps, r.Speed())
}

func TestDirIsSetUpEvenWhenTheEdgeIsOverdue(t *testing.T) {
	r := enabled(t, config())
	r.drive(t, 30*mmps, 20*time.Millisecond)
	// The tick began long before its velocity arrives, so the reversed step is
	// due at once.
	began := r.now
	r.now += 5 * time.Millisecond
	require.NoError(t, r.SetVelocity(began, -30*mmps))
	require.NoError(t, r.Edge(r.now))
	last := r.steps[len(r.steps)-1]
	assert.Equal(t, -1, last.dir)
	assert.GreaterOrEqual(t, last.setup, 5*time.Microsecond)
}

func TestStopIsImmediateUpToTheStartStopSpeed(t *testing.T) {
	for _, v := range []physic.Speed{30 * mmps, 5 * mmps, -30 * mmps} {
		r := enabled(t, config())
		r.drive(t, v, 50*time.Millisecond)
		r.Stop(r.now)
		_, pending := r.NextEdge()
		assert.False(t, pending)
		assert.Zero(t, r.Speed())
		assert.True(t, r.Motion().Enabled, "standing is not disabled")
	}
	r := enabled(t, config())
	r.drive(t, 80*mmps, 100*time.Millisecond)
	n, from := len(r.steps), r.now
	r.Stop(r.now)
	r.until(t, r.now+time.Second)
	// (80^2-30^2)/2/1000 = 2.75 mm are 176 steps, in 50 ms.
	assert.InDelta(t, 176, len(r.steps)-n, 2)
	assert.InDelta(t, 50, (r.steps[len(r.steps)-1].at - from).Milliseconds(), 2)
}

func TestVelocityChangeKeepsTheFraction(t *testing.T) {
	r := enabled(t, config())
	// 1.5 mm at speeds that change at every tick, never a whole step in one.
	total := 0.0
	for i := range 3000 {
		v := physic.Speed(i%17) * mmps / 16
		r.drive(t, v, time.Millisecond)
		total += float64(v) / float64(mmps) * 64 / 1000
	}
	assert.InDelta(t, total, float64(r.Position()), 1)
}

func TestDitherAroundAStepDoesNotMove(t *testing.T) {
	r := enabled(t, config())
	for range 1000 {
		r.drive(t, 5*mmps, time.Millisecond) // a third of a step
		r.drive(t, -5*mmps, time.Millisecond)
	}
	assert.LessOrEqual(t, len(r.steps), 1)
}

func TestEnableSettlesAndDisableIsNotZeroSpeed(t *testing.T) {
	r := newRig(t, config())
	assert.Equal(t, gpio.Low, r.enable)
	assert.False(t, r.Motion().Enabled)
	assert.ErrorIs(t, r.SetVelocity(r.now, mmps), ErrDisabled)
	assert.NoError(t, r.SetVelocity(r.now, 0))

	require.NoError(t, r.Enable(r.now))
	from := r.now
	assert.Equal(t, gpio.High, r.enable)
	r.drive(t, 30*mmps, 10*time.Millisecond)
	require.NotEmpty(t, r.steps)
	assert.GreaterOrEqual(t, r.steps[0].at-from, 2*time.Millisecond)

	require.NoError(t, r.Disable(r.now))
	n := len(r.steps)
	assert.Equal(t, gpio.Low, r.enable)
	r.until(t, r.now+time.Second)
	assert.Len(t, r.steps, n)
	assert.Zero(t, r.disabled)
	assert.Equal(t, Steps(n), r.Position(), "the count stays")
}

func TestPinErrors(t *testing.T) {
	broken := errors.New("broken")
	for _, name := range []string{"step", "dir", "enable"} {
		r := enabled(t, config())
		r.fail = map[string]error{name: broken}
		var err error
		switch name {
		case "enable":
			err = r.Disable(r.now)
			assert.False(t, r.Motion().Enabled, "no step any more, whatever the pin says")
			r.fail = nil
			require.NoError(t, r.Disable(r.now))
			assert.Equal(t, gpio.Low, r.enable, "written again")
			require.NoError(t, r.Enable(r.now))
			r.now += 10 * time.Millisecond
		case "dir":
			err = r.SetVelocity(r.now, mmps)
			_, pending := r.NextEdge()
			assert.False(t, pending)
			r.fail = nil
		case "step":
			require.NoError(t, r.SetVelocity(r.now, 30*mmps))
			r.now += time.Millisecond
			err = r.Edge(r.now)
			assert.Zero(t, r.Position())
			r.fail = nil
		}
		assert.ErrorIs(t, err, broken)
		assert.ErrorContains(t, err, "stepper: ")
		r.drive(t, 30*mmps, 10*time.Millisecond)
		assert.NotEmpty(t, r.steps, "works again when the pin does")
	}
}

func TestReverseWiring(t *testing.T) {
	cfg := config()
	cfg.Reverse = true
	r := enabled(t, cfg)
	r.drive(t, 30*mmps, 10*time.Millisecond)
	assert.Positive(t, r.Position())
	assert.Equal(t, gpio.Low, r.dir)
}

func TestConversionsAreExactBothWays(t *testing.T) {
	for _, perMM := range []float64{0.1, 1, 64, 320, 63.7, 1. / 3, 9999} {
		c := Config{StepsPerMM: perMM}
		for _, s := range []Steps{0, 1, -1, 2, 3, 7, 12345, -1234567, 1e8} {
			require.Equal(t, s, c.Steps(c.Distance(s)), "%g steps/mm, %d", perMM, s)
		}
	}
	assert.Equal(t, 100*physic.MilliMetre, config().Distance(6400))
}

func TestConfigurationIsCheckedAllAtOnce(t *testing.T) {
	_, err := New(Pins{}, Config{
		StepsPerMM: math.NaN(), MaxSpeed: 2 * physic.MetrePerSecond, Acceleration: -1,
		DirSetup: time.Millisecond, PulseWidth: -1, EnableSettle: time.Minute, DeadMan: time.Second,
	})
	for _, want := range []string{
		"StepsPerMM is NaN, allowed are 0.1 to 10000", "MaxSpeed is 2m/s", "StartStopSpeed is 0", "Acceleration is -1 mm/s2",
		"DirSetup is 1ms, allowed are 0s to 100µs", "PulseWidth is -1ns", "EnableSettle is 1m0s", "DeadMan is 1s, allowed are 5ms to 100ms",
		"Delay is missing", "pin STEP", "pin DIR", "pin ENABLE",
	} {
		assert.ErrorContains(t, err, want)
	}
	cfg := config()
	cfg.Delay = func(time.Duration) {}
	cfg.StepsPerMM = 640
	assert.ErrorContains(t, cfg.Validate(), "51200 steps/s")
}
