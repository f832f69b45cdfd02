package simtable

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

func TestWakeInTime(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	for _, at := range []time.Duration{0, time.Millisecond, time.Hour} {
		assert.Equal(t, at, r.Wake(at))
	}
}

func TestStall(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	require.NoError(t, r.Inject(Fault{Kind: "stall", At: time.Second, Value: 400}))
	sleep := func(until time.Duration) time.Duration {
		r.clock.SleepUntil(r.Wake(until))
		r.p.EndPull.Read()
		return r.clock.Now()
	}
	for at := time.Millisecond; at <= time.Second; at += time.Millisecond {
		require.Equal(t, at, sleep(at))
	}
	assert.Equal(t, 500*time.Millisecond, r.Wake(500*time.Millisecond), "what has passed is no sleep")
	assert.Equal(t, 1401*time.Millisecond, sleep(1001*time.Millisecond))
	assert.Equal(t, 1402*time.Millisecond, sleep(1402*time.Millisecond), "once")
}

// The table goes on while the process stands still: without its charge pump a winch lets go.
func TestTheTableGoesOnInAStall(t *testing.T) {
	r := still(t, "winch", 200)
	r.inject("stall", 300, 0)
	r.clock.SleepUntil(r.Wake(r.clock.Now() + time.Millisecond))
	assert.Less(t, r.Truth().ForceN, 50.0)
}

func TestLateTicks(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	r.inject("late-ticks", 10, time.Minute)
	low, high, sum := time.Hour, time.Duration(0), time.Duration(0)
	const n = 2000
	for range n {
		plan := r.clock.Now() + time.Millisecond
		late := r.Wake(plan) - plan
		low, high, sum = min(low, late), max(high, late), sum+late
		r.clock.SleepUntil(plan)
	}
	assert.GreaterOrEqual(t, low, time.Duration(0))
	assert.LessOrEqual(t, high, 10*time.Millisecond)
	assert.Greater(t, high, 9*time.Millisecond)
	assert.InDelta(t, 5*time.Millisecond, sum/n, float64(300*time.Microsecond))
	r.wait(time.Minute)
	plan := r.clock.Now() + time.Millisecond
	assert.Equal(t, plan, r.Wake(plan), "over")
}

func TestAStallAmongLateTicksComesOnce(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	r.inject("late-ticks", 10, time.Minute)
	r.inject("stall", 400, 0)
	late := func() time.Duration {
		plan := r.clock.Now() + time.Millisecond
		return r.Wake(plan) - plan
	}
	assert.GreaterOrEqual(t, late(), 400*time.Millisecond)
	assert.LessOrEqual(t, late(), 10*time.Millisecond)
}

func TestControlKilled(t *testing.T) {
	r := still(t, "worm", 100)
	_, killed := r.Killed()
	assert.False(t, killed)
	_ = r.p.Heat.Out(gpio.High)
	at := r.clock.Now()
	r.inject("control-killed", 2000, 0)
	r.clock.Spend(time.Second)
	backAt, killed := r.Killed()
	require.True(t, killed)
	assert.InDelta(t, at+2*time.Second, backAt, float64(grid))
	_, killed = r.Killed()
	assert.False(t, killed, "told once")
	assert.True(t, r.Truth().Heating, "the levels stay")
}
