package simtable

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"periph.io/x/conn/v3/gpio"
)

func TestPadSensorDrift(t *testing.T) {
	for _, low := range []float64{8, -8} {
		r := newRig(t, "winch", "median", nil)
		r.clock.Spend(2 * time.Second)
		before := celsius(t, r.Sim)
		r.inject("pad-sensor-drift", low, time.Minute)
		r.clock.Spend(2 * time.Second)
		assert.InDelta(t, before-low, celsius(t, r.Sim), 0.3)
		r.clock.Spend(time.Minute)
		assert.InDelta(t, before, celsius(t, r.Sim), 1, "over")
	}
}

func TestPadHeaterDead(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	_ = r.p.Heat.Out(gpio.High)
	r.inject("pad-heater-dead", 0, 5*time.Minute)
	assert.False(t, r.Truth().Heating)
	r.clock.Spend(5*time.Minute - time.Second)
	assert.Less(t, r.Truth().PadC, 27.0, "only the person warms it")
	r.clock.Spend(5 * time.Minute)
	assert.True(t, r.Truth().Heating, "over")
	assert.Greater(t, r.Truth().PadC, 33.0)
}

// thermostat keeps the pad at 40 C by its sensor for so long.
func (r *rig) thermostat(d time.Duration) {
	for end := r.clock.Now() + d; r.clock.Now() < end; {
		_ = r.p.Heat.Out(celsius(r.t, r.Sim) < 40)
		r.clock.Spend(time.Second)
	}
}

func TestPadFolded(t *testing.T) {
	r := newRig(t, "winch", "median", func(tb *Table, _ *Patient) { tb.Pad.CutOutC = 0 })
	r.thermostat(30 * time.Minute)
	flat := r.Truth()
	assert.InDelta(t, 40, flat.PadC, 1)
	assert.InDelta(t, flat.PadC, flat.HotSpotC, 1e-9)
	r.inject("pad-folded", 0.5, time.Hour)
	r.thermostat(30 * time.Minute)
	got := r.Truth()
	assert.InDelta(t, 40, got.PadC, 1, "where the sensor is")
	assert.Greater(t, got.HotSpotC, got.PadC+8)
	assert.Greater(t, got.SkinC, flat.SkinC+3, "the skin where it is hottest")
	assert.InDelta(t, got.SkinC, got.PeakSkinC, 0.5)
	r.thermostat(31 * time.Minute)
	assert.InDelta(t, r.Truth().PadC, r.Truth().HotSpotC, 1e-9, "over")
}

func TestCutOutFeelsTheHotSpot(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	r.inject("pad-folded", 1, 0)
	r.inject("pad-relay-welded", 0, 0)
	for range 3600 {
		r.clock.Spend(time.Second)
		assert.Less(t, r.Truth().HotSpotC, 51.0)
	}
	assert.Less(t, r.Truth().PadC, 45.0)
}
