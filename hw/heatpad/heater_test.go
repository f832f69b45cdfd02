package heatpad

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

type relay struct {
	gpio.PinOut
	level  gpio.Level
	writes int
	err    error
}

func (r *relay) Out(l gpio.Level) error {
	if r.err != nil {
		return r.err
	}
	r.level = l
	r.writes++
	return nil
}

// heating is a Heater at 100 Hz that writes down when it switches.
type heating struct {
	*Heater
	relay relay
	now   time.Duration
	on    time.Duration // total
	times []time.Duration
}

func newHeating(t *testing.T) *heating {
	h := &heating{now: time.Minute}
	heater, err := NewHeater(&h.relay, Opts{})
	require.NoError(t, err)
	h.Heater = heater
	return h
}

// run applies a duty for a time; a negative one is not applied.
func (h *heating) run(t *testing.T, duty float64, d time.Duration) {
	t.Helper()
	for end := h.now + d; h.now < end; h.now += 10 * time.Millisecond {
		if duty >= 0 {
			h.Set(h.now, duty)
		}
		was := h.relay.level
		require.NoError(t, h.Update(h.now))
		if h.relay.level != was {
			h.times = append(h.times, h.now)
		}
		if h.relay.level {
			h.on += 10 * time.Millisecond
		}
		require.Equal(t, bool(h.relay.level), h.On())
	}
}

func TestDutyIsTheMean(t *testing.T) {
	for _, duty := range []float64{0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.7, 0.93, 0.99, 1} {
		h := newHeating(t)
		h.run(t, duty, 20*time.Minute)
		assert.InDelta(t, duty, h.on.Minutes()/20, 0.005, "duty %g", duty)
		for i := 1; i < len(h.times); i++ {
			require.GreaterOrEqual(t, h.times[i]-h.times[i-1], 2*time.Second, "duty %g", duty)
		}
		assert.LessOrEqual(t, h.Cycles(), uint32(61), "one cycle a window at most")
		if duty == 0.5 {
			assert.Equal(t, uint32(60), h.Cycles())
		}
	}
}

func TestZeroDutyActsAtOnceAndOthersCannotChatter(t *testing.T) {
	h := newHeating(t)
	h.run(t, 0.5, 5*time.Second)
	assert.True(t, h.On())
	h.run(t, 0, 10*time.Millisecond)
	assert.False(t, h.On())
	for range 200 { // 10 s of a regulator that cannot make up its mind
		h.run(t, 0.5, 30*time.Millisecond)
		h.run(t, 0, 20*time.Millisecond)
	}
	assert.Equal(t, uint32(1), h.Cycles())
	h.run(t, 0.5, 6*time.Second)
	assert.True(t, h.On(), "in the next window")
}

func TestShortestTimeOff(t *testing.T) {
	h := newHeating(t)
	h.run(t, 1, 39*time.Second)
	h.run(t, 0, 990*time.Millisecond)
	off := h.now
	h.run(t, 1, 5*time.Second)
	assert.GreaterOrEqual(t, h.times[len(h.times)-1]-off, time.Second)
	assert.GreaterOrEqual(t, h.times[2]-h.times[1], 2*time.Second)
}

// TestHeaterDeadMan: R-DEADMAN-HEAT.
func TestHeaterDeadMan(t *testing.T) {
	h := newHeating(t)
	h.run(t, 1, 10*time.Second)
	assert.True(t, h.On())
	h.run(t, -1, 2990*time.Millisecond)
	assert.True(t, h.On())
	h.run(t, -1, 20*time.Millisecond)
	assert.False(t, h.On(), "3 s without a duty")
	h.run(t, -1, time.Minute)
	assert.False(t, h.On())
	h.run(t, 1, 20*time.Second)
	assert.True(t, h.On())
}

func TestOffAndNonsense(t *testing.T) {
	h := newHeating(t)
	for _, duty := range []float64{math.NaN(), -1, math.Inf(-1), 0} {
		h.Set(h.now, duty)
		require.NoError(t, h.Update(h.now))
		assert.False(t, h.On(), "%g", duty)
	}
	h.Set(h.now, math.Inf(1))
	require.NoError(t, h.Update(h.now))
	assert.True(t, h.On())
	require.NoError(t, h.Off(h.now))
	assert.False(t, h.On())
	assert.Equal(t, gpio.Low, h.relay.level)
}

func TestHeaterPinErrors(t *testing.T) {
	h := newHeating(t)
	h.run(t, 1, time.Second)
	h.relay.err = errors.New("broken")
	err := h.Off(h.now)
	assert.ErrorIs(t, err, h.relay.err)
	assert.ErrorContains(t, err, "heatpad: heater")
	h.relay.err = nil
	require.NoError(t, h.Update(h.now))
	assert.Equal(t, gpio.Low, h.relay.level, "tried again")

	h.relay.err = errors.New("broken")
	h.Set(h.now, 1)
	h.now += 20 * time.Second
	h.Set(h.now, 1)
	require.Error(t, h.Update(h.now)) // it may be on all the same
	h.relay.err, h.relay.level = nil, gpio.High
	require.NoError(t, h.Off(h.now))
	assert.Equal(t, gpio.Low, h.relay.level, "written although it was never known to be on")

	writes := h.relay.writes
	h.run(t, 0, time.Second)
	assert.Equal(t, writes, h.relay.writes, "written on a change only")
}

func TestHeaterOptions(t *testing.T) {
	_, err := NewHeater(nil, Opts{Window: time.Second, MinSwitch: time.Minute, DeadMan: time.Hour})
	for _, want := range []string{"Window is 1s, allowed are 4s to 2m0s", "MinSwitch is 1m0s", "DeadMan is 1h0m0s, allowed are 1s to 10s", "pin is missing"} {
		assert.ErrorContains(t, err, want)
	}
	broken := errors.New("broken")
	_, err = NewHeater(&relay{err: broken}, Opts{})
	assert.ErrorIs(t, err, broken)
}

func TestHeaterDoesNotAllocate(t *testing.T) {
	h := newHeating(t)
	assert.Zero(t, testing.AllocsPerRun(5000, func() {
		h.now += 100 * time.Millisecond
		h.Set(h.now, 0.4)
		_ = h.Update(h.now)
	}))
}

func ExampleHeater() {
	pin := &relay{} // stands for the relay's pin
	heater, err := NewHeater(pin, Opts{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for now := time.Duration(0); now <= 12*time.Second; now += time.Second {
		heater.Set(now, 0.5) // ten seconds of twenty
		if err := heater.Update(now); err != nil {
			fmt.Println(err)
		}
		if now%(4*time.Second) == 0 {
			fmt.Println(now, heater.On())
		}
	}
	// Output:
	// 0s true
	// 4s true
	// 8s true
	// 12s false
}
