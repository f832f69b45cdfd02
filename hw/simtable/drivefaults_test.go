package simtable

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

func TestDriveRunaway(t *testing.T) {
	r := newRig(t, "worm", "long-slack", nil)
	r.wait(100 * time.Millisecond)
	r.inject("drive-runaway", 5, 0)
	r.wait(2 * time.Second)
	assert.InDelta(t, 30, r.Truth().PositionMM, 0.1, "without a step")
	r.wind(-2, 10)
	assert.InDelta(t, 31, r.Truth().PositionMM, 0.1, "0.2 s later, whatever the steps say")
	assert.EqualValues(t, 128, r.Truth().LostSteps)
	for name, end := range map[string]struct{ stop, again func() }{
		"ENABLE":         {func() { _ = r.p.Enable.Out(gpio.Low) }, func() { _ = r.p.Enable.Out(gpio.High) }},
		"emergency stop": {func() { r.PressEmergencyStop(true) }, func() { r.PressEmergencyStop(false) }},
	} {
		end.stop()
		at := r.Truth().PositionMM
		r.wait(time.Second)
		assert.InDelta(t, at, r.Truth().PositionMM, 1e-9, "%s ends it", name)
		end.again()
		r.wait(time.Second)
		assert.InDelta(t, at+5, r.Truth().PositionMM, 0.1)
	}
	at := r.Truth().PositionMM
	r.clock.Spend(time.Second) // no charge pump
	assert.InDelta(t, at+5*0.02, r.Truth().PositionMM, 0.03, "the charge pump ends it")
}

func TestRunawayEndsAtTheStall(t *testing.T) {
	r := newRig(t, "worm", "stiffest", func(tb *Table, pa *Patient) {
		quiet(tb, pa)
		tb.Drive.StallForceN = 200
	})
	r.inject("drive-runaway", 20, 0)
	r.wait(20 * time.Second)
	assert.InDelta(t, 200, r.Truth().ForceN, 5)
}

// holds at a force with nothing of the person that would change it.
func still(t *testing.T, table string, newtons float64) *rig {
	r := newRig(t, table, "split-table", func(tb *Table, pa *Patient) {
		quiet(tb, pa)
		pa.CreepMM = 0
	})
	r.pullTo(newtons)
	r.wait(200 * time.Millisecond)
	return r
}

func TestHoldingLost(t *testing.T) {
	for _, table := range []string{"winch", "worm"} {
		r := still(t, table, 300)
		told := r.Truth().IgnoredSteps + r.Truth().LostSteps
		r.inject("holding-lost", 100, 0)
		r.wait(3 * time.Second)
		got := r.Truth()
		assert.InDelta(t, 100, got.ForceN, 2, table)
		assert.True(t, got.Energised)
		assert.Equal(t, told, got.IgnoredSteps+got.LostSteps, "nobody was told")
	}
}

func TestRopeGrowsLonger(t *testing.T) {
	for kind, value := range map[string]float64{"rope-slip": 0.5, "cord-creep": 30} { // mm/s, mm/min
		r := still(t, "worm", 200)
		before := r.Truth()
		r.inject(kind, value, time.Second)
		r.wait(2 * time.Second)
		got := r.Truth()
		assert.InDelta(t, 0.5*2, got.LongerMM, 0.05, "%s: half a millimetre a second at 100 N", kind)
		assert.InDelta(t, before.PositionMM, got.PositionMM, 1e-9, "%s: the drive stands", kind)
		assert.Less(t, got.ForceN, before.ForceN-5, kind)
		r.wait(time.Second)
		assert.InDelta(t, got.LongerMM, r.Truth().LongerMM, 1e-9, "%s: over", kind)
	}
}

func TestDirWire(t *testing.T) {
	for value, way := range map[float64]float64{-1: -1, 1: 1, 0: 1} {
		r := newRig(t, "worm", "long-slack", nil)
		r.wait(100 * time.Millisecond)
		r.inject("dir-wire", value, 10*time.Second)
		r.wind(5, 10)
		assert.InDelta(t, 20+5*way, r.Truth().PositionMM, 0.1, "told towards")
		r.wind(-5, 10)
		assert.InDelta(t, 20+10*way, r.Truth().PositionMM, 0.1, "told away")
		r.wait(10 * time.Second)
		at := r.Truth().PositionMM
		r.wind(3, 10)
		assert.InDelta(t, at+3, r.Truth().PositionMM, 0.1, "over")
	}
}

func TestDirWireComesBackToThePin(t *testing.T) {
	r := newRig(t, "worm", "long-slack", nil)
	_ = r.p.Dir.Out(gpio.High)
	r.inject("dir-wire", -1, time.Second)
	assert.False(t, r.motor.forward)
	r.clock.Spend(2 * time.Second)
	r.look()
	assert.True(t, r.motor.forward, "as the pin has said all along")
}

// A missing STEP wire and a dead drive look alike at the rope; only a drive that was told has lost steps.
func TestStepWire(t *testing.T) {
	for kind, lost := range map[string]uint64{"step-wire": 0, "drive-dead": 640} {
		r := still(t, "worm", 100)
		before := r.Truth()
		r.inject(kind, 0, 0)
		r.wind(10, 10)
		got := r.Truth()
		assert.InDelta(t, before.PositionMM, got.PositionMM, 1e-9, kind)
		assert.InDelta(t, before.ForceN, got.ForceN, 0.1, "%s: the drive holds", kind)
		assert.Equal(t, lost, got.LostSteps, kind)
		assert.Zero(t, got.TimingViolations)
	}
	r := still(t, "worm", 100)
	at := r.Truth().PositionMM
	r.inject("step-wire", 0, time.Second)
	r.wait(2 * time.Second)
	r.wind(2, 10)
	assert.InDelta(t, at+2, r.Truth().PositionMM, 1e-6, "over")
}

func TestEnableWire(t *testing.T) {
	r := still(t, "plain", 100)
	r.inject("enable-wire", 0, time.Second)
	assert.False(t, r.Truth().Energised)
	r.clock.Spend(500 * time.Millisecond)
	assert.Less(t, r.Truth().ForceN, 10.0, "a back-drivable drive lets go")
	r.clock.Spend(time.Second)
	assert.True(t, r.Truth().Energised, "over")
}

func TestEnableStuck(t *testing.T) {
	r := still(t, "winch", 100)
	_ = r.p.Enable.Out(gpio.Low)
	require.False(t, r.Truth().Energised)
	_ = r.p.Enable.Out(gpio.High)
	r.pullTo(100)
	r.inject("enable-stuck", 0, 10*time.Second)
	_ = r.p.Enable.Out(gpio.Low)
	r.wait(time.Second)
	assert.True(t, r.Truth().Energised)
	assert.Greater(t, r.Truth().ForceN, 90.0, "holds")
	r.PressEmergencyStop(true)
	assert.False(t, r.Truth().Energised, "motor power is another matter")
	r.PressEmergencyStop(false)
	r.clock.Spend(100 * time.Millisecond)
	assert.False(t, r.Truth().Energised, "and so is the charge pump")
	r.wait(10 * time.Second)
	assert.False(t, r.Truth().Energised, "over: ENABLE is low")
}

func TestChargePumpLost(t *testing.T) {
	r := still(t, "winch", 100)
	r.inject("charge-pump-lost", 0, time.Second)
	r.wait(15 * time.Millisecond)
	assert.True(t, r.Truth().Energised, "the monostable still holds")
	r.wait(500 * time.Millisecond)
	assert.False(t, r.Truth().Energised)
	assert.Less(t, r.Truth().ForceN, 20.0)
	r.wait(time.Second)
	assert.True(t, r.Truth().Energised, "over")

	r = still(t, "plain", 100)
	r.inject("charge-pump-lost", 0, 0)
	r.wait(time.Second)
	assert.True(t, r.Truth().Energised, "a table without a charge pump")
}

func TestSupplyLow(t *testing.T) {
	for _, c := range []struct {
		speed float64
		lost  bool
	}{{15, false}, {25, true}} {
		r := newRig(t, "double", "long-slack", nil)
		r.wait(100 * time.Millisecond)
		r.inject("supply-low", 20, 10*time.Second)
		assert.Equal(t, gpio.High, r.p.SupplyLow.Read(), "at once")
		r.wind(5, c.speed)
		assert.Equal(t, c.lost, r.Truth().LostSteps > 200, "%v mm/s: lost %d", c.speed, r.Truth().LostSteps)
		assert.True(t, r.Truth().Energised)
		r.wait(10 * time.Second)
		assert.Equal(t, gpio.Low, r.p.SupplyLow.Read())
		lost := r.Truth().LostSteps
		r.wind(5, 25)
		assert.Equal(t, lost, r.Truth().LostSteps, "over")
	}
	r := newRig(t, "winch", "long-slack", nil)
	r.inject("supply-low", 0, 0)
	r.wind(5, 1)
	assert.InDelta(t, 20, r.Truth().PositionMM, 0.3, "too low for anything, and no monitor")
}

func TestSupplyWire(t *testing.T) {
	r := newRig(t, "double", "long-slack", nil)
	r.inject("supply-wire", 0, time.Second)
	assert.Equal(t, gpio.High, r.p.SupplyLow.Read())
	r.wind(5, 30)
	assert.Zero(t, r.Truth().LostSteps, "nothing else is amiss")
	r.wait(time.Second)
	assert.Equal(t, gpio.Low, r.p.SupplyLow.Read())
}

func TestHarnessOpened(t *testing.T) {
	r := still(t, "worm", 200)
	r.inject("harness-opened", 0, time.Second)
	r.wait(10 * time.Millisecond)
	assert.Zero(t, r.Truth().ForceN)
	assert.False(t, r.Truth().HarnessWorn)
	r.wait(time.Second)
	assert.True(t, r.Truth().HarnessWorn, "put on again")
	r.SetHarness(false)
	r.inject("harness-opened", 0, time.Second)
	r.wait(2 * time.Second)
	assert.False(t, r.Truth().HarnessWorn, "it was off before")
}
