package hw_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"

	"traction/hw"
	"traction/hw/hx711"
	"traction/hw/interlock"
	"traction/hw/simtable"
)

// TestSafeOffFromAnyStateAndTwice: R-SAFE-LAST.
func TestSafeOffFromAnyStateAndTwice(t *testing.T) {
	b := newBench(t, nil)
	b.act.HeatDuty, b.act.LampAlarm, b.act.Buzzer = 1, true, true
	b.run(t, 100*time.Millisecond)
	b.act.Drive, b.act.Velocity = hw.Moving, 25*mmps
	b.run(t, 100*time.Millisecond)
	func() {
		defer func() { _ = recover() }()
		defer func() { assert.NoError(t, b.SafeOff()) }()
		panic("in the tick")
	}()
	for range 2 {
		truth := b.sim.Truth()
		assert.False(t, truth.Energised || truth.Heating || truth.AlarmLamp || truth.Buzzer)
		assert.ErrorIs(t, b.Apply(b.clock.Now(), b.act), hw.ErrOff)
		assert.ErrorIs(t, b.Edge(b.clock.Now()), hw.ErrOff)
		_, pending := b.NextEdge()
		assert.False(t, pending)
		b.ResetCell(b.clock.Now())
		r := b.Read(b.clock.Now())
		assert.Equal(t, interlock.Unknown(), r.Switches)
		assert.False(t, r.Cell.Ready || r.Motion.Enabled || r.HeaterOn)
		assert.NoError(t, b.SafeOff())
	}
}

// faulty is a line that fails, notes its level and knows whether it was closed.
type faulty struct {
	gpio.PinIO
	err    error
	level  gpio.Level
	writes int
	closed int
}

func (f *faulty) Out(l gpio.Level) error {
	f.writes++
	if f.err != nil {
		return f.err
	}
	f.level = l
	return f.PinIO.Out(l)
}

// Close is what periph's character device lines have: no error, so no io.Closer.
func (f *faulty) Close() { f.closed++ }

func TestOutputErrorsSurfaceAndTheOtherOutputsGoOn(t *testing.T) {
	var heat, lamp, enable *faulty
	b := newBench(t, func(c *hw.Config, _ *simtable.Sim) {
		heat, lamp, enable = &faulty{PinIO: c.Pins.Heat}, &faulty{PinIO: c.LampAlarm}, &faulty{PinIO: c.Enable}
		c.Pins.Heat, c.LampAlarm, c.Enable = heat, lamp, enable
	})
	b.run(t, 10*time.Millisecond)
	heat.err, lamp.err = errors.New("no heat"), errors.New("no lamp")
	b.act.HeatDuty, b.act.LampAlarm, b.act.Buzzer = 1, true, true
	err := b.step()
	assert.ErrorIs(t, err, heat.err, "the first one")
	assert.True(t, b.sim.Truth().Buzzer, "the others go on")
	heat.err = nil
	assert.ErrorIs(t, b.step(), lamp.err)
	lamp.err = nil
	require.NoError(t, b.step())
	assert.True(t, bool(lamp.level && heat.level), "written when it works again")
	lamp.err = errors.New("no lamp")
	b.act.LampAlarm = false
	require.Error(t, b.step())
	lamp.err = nil
	b.act.LampAlarm = true
	writes := lamp.writes
	require.NoError(t, b.step())
	assert.Equal(t, writes+1, lamp.writes, "a failed write leaves the level unknown")

	enable.err = errors.New("no enable")
	err = b.SafeOff()
	assert.ErrorIs(t, err, enable.err)
	assert.ErrorContains(t, err, "pin Enable")
	assert.False(t, b.sim.Truth().Heating, "the others are safe")
	assert.Equal(t, []int{1, 1, 1}, []int{heat.closed, lamp.closed, enable.closed}, "and every line is given back")
}

func TestUnknownDriveModeDisables(t *testing.T) {
	b := newBench(t, nil)
	b.run(t, 10*time.Millisecond)
	b.act.Drive = 9
	assert.ErrorContains(t, b.step(), "drive-9")
	assert.False(t, b.sim.Truth().Energised)
	assert.Equal(t, "disabled stopped moving", fmt.Sprint(hw.Disabled, " ", hw.Stopped, " ", hw.Moving))
}

// TestFailedOpenLeavesEverythingSafe: R-SAFE-FIRST.
func TestFailedOpenLeavesEverythingSafe(t *testing.T) {
	sim, clock := newSim(t, table(t, nil))
	for _, pin := range []gpio.PinIO{sim.Pins().Enable, sim.Pins().Heat, sim.Pins().Buzzer} {
		require.NoError(t, pin.Out(gpio.High)) // as a crashed program left them
	}
	cfg := config(sim, clock)
	cfg.Cell.Rate = 0
	_, err := hw.Open(cfg)
	assert.ErrorContains(t, err, "hx711: Rate")
	truth := sim.Truth()
	assert.False(t, truth.Energised || truth.Heating || truth.Buzzer)

	cfg = config(sim, clock)
	cfg.EndPull = cfg.Step // an output: cannot be an input
	_, err = hw.Open(cfg)
	assert.ErrorContains(t, err, "interlock: pin EndPull")
}

func TestCellFaultsAreNotNumbers(t *testing.T) {
	for kind, want := range map[string]hx711.Fault{
		"cell-stuck": hx711.Stuck, "cell-silent": hx711.Silent, "cell-saturated": hx711.Saturated, "cell-rate-10": hx711.WrongRate,
	} {
		b := newBench(t, nil)
		b.run(t, 2*time.Second)
		require.NoError(t, b.sim.Inject(simtable.Fault{Kind: kind, At: b.clock.Now(), For: 3 * time.Second}), kind)
		b.run(t, 1500*time.Millisecond)
		assert.NotZero(t, b.CellStats().Rejected[want], "%s: %v", kind, b.CellStats())
		if kind != "cell-rate-10" { // its first sign is a silence of 37 ms
			assert.Equal(t, want, b.last.Cell.Fault, kind)
		}
		assert.Empty(t, b.run(t, 1400*time.Millisecond), kind)
		b.run(t, 3*time.Second)
		codes := b.run(t, time.Second)
		assert.InDelta(t, 82, len(codes), 1, kind)
	}
}
