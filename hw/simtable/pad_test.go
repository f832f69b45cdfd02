package simtable

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

func celsius(t *testing.T, s *Sim) float64 {
	t.Helper()
	got, err := s.PadTemperature()
	require.NoError(t, err)
	return float64(got-physic.ZeroCelsius) / float64(physic.Celsius)
}

// heatTo heats until the pad is truly as warm as that and returns how long it took.
func (r *rig) heatTo(c float64) time.Duration {
	r.t.Helper()
	began := r.clock.Now()
	_ = r.p.Heat.Out(gpio.High)
	for r.Truth().PadC < c {
		r.clock.Spend(time.Second)
		require.Less(r.t, r.clock.Now()-began, time.Hour)
	}
	return r.clock.Now() - began
}

func TestPadWarmsAsItsFileSays(t *testing.T) {
	for table, want := range map[string][2]time.Duration{
		"winch": {6 * time.Minute, 10 * time.Minute},
		"screw": {13 * time.Minute, 20 * time.Minute},
	} {
		r := newRig(t, table, "median", nil)
		took := r.heatTo(40)
		assert.Greater(t, took, want[0], table)
		assert.Less(t, took, want[1], table)
		assert.EqualValues(t, 1, r.Truth().RelayCycles)
		assert.Less(t, r.Truth().SkinC, 40.0)
	}
}

func TestWeldedRelay(t *testing.T) {
	for cutOut, want := range map[float64]float64{0: 63, 50: 50} {
		r := newRig(t, "winch", "median", func(tb *Table, _ *Patient) { tb.Pad.CutOutC = cutOut })
		require.NoError(t, r.Inject(Fault{Kind: "pad-relay-welded"}))
		peak, after := 0.0, 100.0
		for range 7200 {
			r.clock.Spend(time.Second)
			if got := r.Truth().PadC; got >= peak {
				peak, after = got, got
			} else {
				after = min(after, got)
			}
		}
		if cutOut > 0 {
			assert.InDelta(t, cutOut-cutOutBy, after, 1, "closes again well below")
		}
		assert.InDelta(t, want, peak, 1, "cut-out at %v C", cutOut)
		if cutOut == 0 {
			assert.True(t, r.Truth().Heating)
			assert.Greater(t, r.Truth().PeakSkinC, 43.0)
		}
		assert.Zero(t, r.Truth().RelayCycles, "the pin never moved")
	}
}

func TestSensorReadsAsADS18B20(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	assert.InDelta(t, 85, celsius(t, r.Sim), 1e-9, "power-on")
	r.clock.SleepUntil(700 * time.Millisecond)
	assert.InDelta(t, 85, celsius(t, r.Sim), 1e-9, "first conversion runs")
	r.clock.SleepUntil(810 * time.Millisecond)
	assert.InDelta(t, 22, celsius(t, r.Sim), 0.07)

	_ = r.p.Heat.Out(gpio.High)
	last, changes := celsius(t, r.Sim), 0
	for range 60000 {
		r.clock.Spend(time.Millisecond)
		got := celsius(t, r.Sim)
		assert.InDelta(t, got*16, float64(int(got*16)), 1e-6, "steps of 1/16 C")
		if got != last {
			last = got
			changes++
		}
	}
	assert.Greater(t, changes, 20)
	assert.LessOrEqual(t, changes, 60000/752+1)
	assert.Greater(t, r.Truth().PadC, r.Truth().SensorC, "the sensor lags")
}

func TestSensorFaults(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	r.heatTo(35)
	r.clock.Spend(time.Minute)
	hot := celsius(t, r.Sim)
	during := func(kind string) float64 {
		require.NoError(t, r.Inject(Fault{Kind: kind, At: r.clock.Now(), For: time.Minute}))
		r.clock.Spend(59 * time.Second)
		return celsius(t, r.Sim)
	}
	r.clock.Spend(2 * time.Second)
	assert.Greater(t, celsius(t, r.Sim), hot)

	held := celsius(t, r.Sim)
	assert.InDelta(t, held, during("pad-sensor-stale"), 1e-9)
	r.clock.Spend(3 * time.Second)
	assert.Greater(t, celsius(t, r.Sim), held)

	assert.InDelta(t, 22, during("pad-sensor-off"), 0.2)
	r.clock.Spend(time.Minute)
	assert.Greater(t, celsius(t, r.Sim), held)

	assert.InDelta(t, 85, during("pad-sensor-reset"), 1e-9)
	r.clock.Spend(3 * time.Second)
	assert.Less(t, celsius(t, r.Sim), 60.0)

	require.NoError(t, r.Inject(Fault{Kind: "pad-sensor-missing", At: r.clock.Now(), For: time.Minute}))
	_, err := r.PadTemperature()
	require.ErrorIs(t, err, ErrNoSensor)
	r.clock.Spend(61 * time.Second)
	assert.Less(t, celsius(t, r.Sim), 86.0)
}

func TestTableWithoutPad(t *testing.T) {
	r := newRig(t, "plain", "median", nil)
	_ = r.p.Heat.Out(gpio.High)
	r.clock.Spend(time.Minute)
	_, err := r.PadTemperature()
	require.ErrorIs(t, err, ErrNoSensor)
	assert.InDelta(t, 22, r.Truth().PadC, 1.5, "only the person warms it")
}

func TestHeatIsMeasuredBetweenEdges(t *testing.T) {
	warmth := func(on, off time.Duration) float64 {
		r := newRig(t, "winch", "median", nil)
		for r.clock.Now() < 2*time.Minute {
			_ = r.p.Heat.Out(gpio.High)
			r.clock.Spend(on)
			_ = r.p.Heat.Out(gpio.Low)
			r.clock.Spend(off)
		}
		return r.Truth().PadC
	}
	assert.InDelta(t, warmth(500*time.Millisecond, 500*time.Millisecond), warmth(7*time.Millisecond, 7*time.Millisecond), 0.05)
	assert.Greater(t, warmth(9*time.Millisecond, time.Millisecond), warmth(time.Millisecond, 9*time.Millisecond)+2)
}
