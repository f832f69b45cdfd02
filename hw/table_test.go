package hw_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"traction/hw"
	"traction/hw/heatpad"
	"traction/hw/interlock"
	"traction/hw/simtable"
)

const mmps = physic.MilliMetrePerSecond

func TestEverythingComesBackFromTheSimulatedTable(t *testing.T) {
	for name, wire := range map[string]func(*hw.Config, *simtable.Sim){
		"pins": nil,
		"spi": func(c *hw.Config, s *simtable.Sim) {
			c.CellSPI, c.CellClock, c.CellData, c.CellData2 = s.CellPort(), nil, nil, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, wire)
			codes := b.run(t, 10*time.Second)
			assert.InDelta(t, 82.4*9.9, len(codes), 3)
			assert.InEpsilon(t, 82.4, float64(b.last.CellRate)/float64(physic.Hertz), 0.01, "3 per cent off, as the table says")
			// 0.02 mV/V of zero at 5 V are 0.1 mV or 43,000 counts of 2.33 nV; warming up adds some.
			for _, c := range codes {
				require.InDelta(t, 43_000, int(c), 2_000)
			}
			assert.Equal(t, interlock.State{}, b.last.Switches)
			assert.Equal(t, heatpad.OK, b.last.Pad.Status)
			assert.InDelta(t, 22, b.last.Pad.Temperature.Celsius(), 0.2)
			assert.Zero(t, b.sim.Truth().OutputReads, "output pins are never read back")
			assert.Zero(t, b.sim.Truth().SerialErrors)
			assert.Equal(t, uint64(len(codes)), b.CellStats().Accepted)
		})
	}
}

func TestMotionMatchesTheTable(t *testing.T) {
	b := newBench(t, nil)
	b.sim.SetHarness(false)
	b.run(t, 100*time.Millisecond)
	from := b.sim.Truth().PositionMM
	for _, v := range []physic.Speed{25 * mmps, 80 * mmps, -80 * mmps, 30 * mmps, -mmps} {
		b.move(t, v, 1500*time.Millisecond)
		b.run(t, 200*time.Millisecond)
		truth := b.sim.Truth()
		travel := float64(b.last.Motion.Distance) / float64(physic.MilliMetre)
		assert.InDelta(t, truth.PositionMM-from, travel, 1e-6, "%s", v)
		assert.Zero(t, truth.LostSteps)
		assert.Zero(t, truth.TimingViolations)
		assert.Zero(t, b.last.Motion.Speed)
	}
	assert.Zero(t, b.sim.Truth().IgnoredSteps)
}

func TestPullingStopsWithinTwoTicksOfTheSwitch(t *testing.T) {
	b := newBench(t, nil)
	b.run(t, 100*time.Millisecond)
	b.act.Drive, b.act.Velocity = hw.Moving, 25*mmps
	b.run(t, 500*time.Millisecond)
	b.sim.PressPatientSwitch(true)
	ticks := 0
	for ; !b.last.Switches.Patient; ticks++ {
		require.Less(t, ticks, 2)
		require.NoError(t, b.step())
	}
	b.act.Drive = hw.Stopped
	require.NoError(t, b.Apply(b.clock.Now(), b.act)) // the tick that saw it
	_, pending := b.NextEdge()
	assert.False(t, pending)
}

// monitor is a supply monitor's output with the pull-up of the input.
type monitor struct {
	gpio.PinIO
	level gpio.Level
}

func (m *monitor) In(gpio.Pull, gpio.Edge) error { return nil }
func (m *monitor) Read() gpio.Level              { return m.level }

func TestSupplyMonitorIsRead(t *testing.T) {
	supply := &monitor{level: gpio.Low}
	b := newBench(t, func(c *hw.Config, _ *simtable.Sim) { c.SupplyLow = supply })
	b.run(t, 100*time.Millisecond)
	assert.Equal(t, interlock.State{}, b.last.Switches)
	supply.level = gpio.High
	b.run(t, 2*time.Millisecond)
	assert.Equal(t, interlock.State{SupplyLow: true}, b.last.Switches)
}

func TestDisabledLetsGoAndStoppedHolds(t *testing.T) {
	b := newBench(t, nil)
	b.run(t, 100*time.Millisecond)
	for b.sim.Truth().ForceN < 150 {
		b.move(t, 20*mmps, 10*time.Millisecond)
		require.Less(t, b.tick, time.Minute)
	}
	b.run(t, time.Second)
	assert.Greater(t, b.sim.Truth().ForceN, 50.0, "stopped holds")
	assert.True(t, b.last.Motion.Enabled)
	b.act.Drive = hw.Disabled
	b.run(t, 2*time.Second)
	assert.Less(t, b.sim.Truth().ForceN, 20.0, "disabled lets a back-drivable table go")
	assert.False(t, b.last.Motion.Enabled)
	assert.False(t, b.sim.Truth().Energised)
}

// TestChargePumpCarriesTheMotor: R-PUMP.
func TestChargePumpCarriesTheMotor(t *testing.T) {
	b := newBench(t, nil)
	b.run(t, 100*time.Millisecond)
	assert.True(t, b.sim.Truth().Energised)
	b.act.ChargePump = false
	b.run(t, 25*time.Millisecond)
	assert.False(t, b.sim.Truth().Energised, "the monostable has dropped")
}

func TestHeatAndLamps(t *testing.T) {
	b := newBench(t, nil)
	b.act.HeatDuty, b.act.LampAlarm, b.act.LampCaution, b.act.Buzzer = 1, true, true, true
	b.run(t, 30*time.Second)
	truth := b.sim.Truth()
	assert.True(t, truth.Heating && truth.AlarmLamp && truth.CautionLamp && truth.Buzzer)
	assert.True(t, b.last.HeaterOn)
	assert.Greater(t, b.last.Pad.Temperature, physic.ZeroCelsius+22*physic.Kelvin)

	for range 3100 { // the controller stops applying, the reading goes on
		b.tick += time.Millisecond
		b.clock.SleepUntil(b.tick)
		b.last = b.Read(b.clock.Now())
	}
	assert.False(t, b.last.HeaterOn, "the heater's dead-man")
	assert.False(t, b.sim.Truth().Heating)
}

func TestMotorDeadManNeedsNoApply(t *testing.T) {
	b := newBench(t, nil)
	b.run(t, 100*time.Millisecond)
	b.move(t, 25*mmps, 100*time.Millisecond)
	for range 25 {
		b.tick += time.Millisecond
		b.clock.SleepUntil(b.tick)
		b.last = b.Read(b.clock.Now())
	}
	assert.True(t, b.last.Motion.DeadMan)
	assert.Equal(t, uint32(1), b.last.Motion.DeadManTrips)
}

func TestATickDoesNotAllocate(t *testing.T) {
	b := newBench(t, nil)
	b.run(t, time.Second)
	b.act.Drive, b.act.HeatDuty = hw.Moving, 0.5
	n := 0
	assert.Zero(t, testing.AllocsPerRun(3000, func() {
		n++
		b.act.Velocity = physic.Speed(n%40-20) * mmps
		b.act.LampAlarm = n%2 == 0
		if err := b.step(); err != nil {
			panic(err)
		}
	}))
}

func BenchmarkTick(b *testing.B) {
	bench := newBench(b, nil)
	bench.run(b, time.Second)
	bench.act.Drive = hw.Moving
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		bench.act.Velocity = 14 * mmps
		if i/4000%2 == 1 {
			bench.act.Velocity = -14 * mmps
		}
		if err := bench.step(); err != nil {
			b.Fatal(err)
		}
	}
}

func TestOpenNamesEverythingAtOnce(t *testing.T) {
	_, err := hw.Open(hw.Config{})
	for _, want := range []string{
		"pin Step", "pin Dir", "pin Enable", "pin CellClock", "pin CellData", "pin PatientSwitch", "pin EmergencyStop",
		"pin StartButton", "pin EndSlack", "pin EndPull", "Clock is missing", "Rate is 0Hz", "StepsPerMM is 0", "MaxSpeed",
	} {
		assert.ErrorContains(t, err, want)
	}
	for _, optional := range []string{"Lamp", "Buzzer", "ChargePump", "DriveFault", "SupplyLow", "CellData2", "pin Heat"} {
		assert.NotContains(t, err.Error(), optional)
	}
}

func TestOptionalPinsMayBeMissing(t *testing.T) {
	b := newBench(t, func(c *hw.Config, _ *simtable.Sim) {
		c.Pins.Heat, c.LampAlarm, c.LampCaution, c.Buzzer, c.DriveFault, c.SupplyLow = nil, nil, nil, nil, nil, nil
		c.PadSource = nil
	})
	b.act.HeatDuty, b.act.LampAlarm, b.act.Buzzer = 1, true, true
	b.run(t, time.Second)
	assert.False(t, b.last.HeaterOn)
	assert.Equal(t, heatpad.Unread, b.last.Pad.Status)
	assert.NoError(t, b.SafeOff())
}

func TestNoHeatingWithoutAThermometer(t *testing.T) {
	sim, clock := newSim(t, table(t, nil))
	cfg := config(sim, clock)
	cfg.PadSource = nil
	_, err := hw.Open(cfg)
	assert.ErrorContains(t, err, "no heating without a thermometer")
}
