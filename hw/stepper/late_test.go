package stepper

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
)

// TestDeadMan: R-DEADMAN-DRIVE.
func TestDeadMan(t *testing.T) {
	for _, v := range []physic.Speed{mmps / 640, 12 * mmps, -30 * mmps, 80 * mmps} {
		r := enabled(t, config())
		r.drive(t, v, 100*time.Millisecond)
		last := r.now - time.Millisecond
		r.until(t, r.now+10*time.Second)
		r.Watch(r.now)
		m := r.Motion()
		assert.True(t, m.DeadMan, "%s", v)
		assert.Equal(t, uint32(1), m.DeadManTrips)
		assert.Zero(t, m.Speed)
		if len(r.steps) > 0 {
			// 20 ms, and the ramp from 80 to 30 mm/s takes another 50.
			assert.Less(t, r.steps[len(r.steps)-1].at-last, 72*time.Millisecond)
		}
		require.NoError(t, r.SetVelocity(r.now, v))
		assert.False(t, r.Motion().DeadMan)
		assert.Equal(t, v, clampStart(r.Speed()), "and goes on")
	}
}

// clampStart takes the start-stop speed for 80 mm/s, which a first step has.
func clampStart(v physic.Speed) physic.Speed {
	if v == 30*mmps {
		return 80 * mmps
	}
	return v
}

func TestAStepOfAnOldVelocityIsNotTaken(t *testing.T) {
	r := enabled(t, config())
	require.NoError(t, r.SetVelocity(r.now, 30*mmps))
	r.now += 21 * time.Millisecond // the thread was away, a step is overdue
	require.NoError(t, r.Edge(r.now))
	assert.Empty(t, r.steps)
	assert.True(t, r.Motion().DeadMan)
}

// TestALateThreadDoesNotBurst: R-NO-BURST.
func TestALateThreadDoesNotBurst(t *testing.T) {
	r := enabled(t, config())
	r.drive(t, 30*mmps, 100*time.Millisecond)
	r.now += 15 * time.Millisecond // 29 steps missed
	n, from := len(r.steps), r.now
	require.NoError(t, r.SetVelocity(r.now, 30*mmps))
	r.drive(t, 30*mmps, 100*time.Millisecond)
	assert.InDelta(t, 192, len(r.steps)-n, 2)
	for i := n + 1; i < len(r.steps); i++ {
		require.GreaterOrEqual(t, r.steps[i].at-r.steps[i-1].at, time.Second/1920)
	}
	assert.Less(t, r.steps[n].at-from, time.Millisecond)
	assert.Equal(t, uint32(1), r.Motion().LateEdges)
}

func TestMissedStepsStayMissedAtLowSpeed(t *testing.T) {
	r := enabled(t, config())
	r.drive(t, 5*mmps, 100*time.Millisecond) // 320 steps/s
	r.now += 15 * time.Millisecond           // nearly five of them missed
	n := len(r.steps)
	r.drive(t, 5*mmps, 100*time.Millisecond)
	assert.InDelta(t, 32, len(r.steps)-n, 1)
	for i := n + 1; i < len(r.steps); i++ {
		require.GreaterOrEqual(t, r.steps[i].at-r.steps[i-1].at, time.Second/320)
	}
}

func TestAfterALongAbsenceTheRampBeginsAnew(t *testing.T) {
	for _, v := range []physic.Speed{80 * mmps, 70 * mmps} { // the same velocity, and a new one
		r := enabled(t, config())
		r.drive(t, 80*mmps, 200*time.Millisecond)
		r.now += 10 * time.Millisecond // the rotor has long stopped
		n := len(r.steps)
		r.drive(t, v, 50*time.Millisecond)
		rates := r.rates()[n:]
		assert.LessOrEqual(t, rates[0], 1920.0)
		for i := 1; i < len(rates); i++ {
			require.LessOrEqual(t, rates[i], math.Sqrt(rates[i-1]*rates[i-1]+2*64_000)*1.0001)
		}
	}
}

func TestMaxSpeedIsNotExceededToCatchUp(t *testing.T) {
	r := enabled(t, config())
	n := 0
	r.late = func() time.Duration {
		if n++; n%7 == 0 {
			return 150 * time.Microsecond
		}
		return 0
	}
	r.drive(t, 80*mmps, 500*time.Millisecond)
	for i := 1; i < len(r.steps); i++ {
		require.GreaterOrEqual(t, r.steps[i].at-r.steps[i-1].at, time.Second/5120)
	}
	assert.Equal(t, 80*mmps, r.Speed(), "and lateness alone does not slow it down")
}

func TestATickOlderThanTheLastStep(t *testing.T) {
	r := enabled(t, config())
	r.drive(t, 30*mmps, 100*time.Millisecond)
	n, from := len(r.steps), r.now
	for range 1000 { // each velocity is decided on a time before the last step
		require.NoError(t, r.SetVelocity(r.now-900*time.Microsecond, 10*mmps))
		require.NoError(t, r.SetVelocity(r.now-900*time.Microsecond, 20*mmps))
		r.until(t, r.now+time.Millisecond)
	}
	assert.InDelta(t, 1280*(r.now-from).Seconds(), len(r.steps)-n, 2)
}

func TestSmallLatenessIsMadeUpFor(t *testing.T) {
	r := enabled(t, config())
	r.late = func() time.Duration { return 200 * time.Microsecond }
	r.drive(t, 12*mmps, 10*time.Second)
	assert.InDelta(t, 7680, len(r.steps), 2, "a late thread keeps the mean speed")
}
