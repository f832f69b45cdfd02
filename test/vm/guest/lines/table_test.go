//go:build linux

package lines

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/hw"
	"traction/hw/board"
	"traction/hw/heatpad"
	"traction/hw/hx711"
	"traction/hw/interlock"
	"traction/hw/stepper"
)

const (
	tick     = time.Millisecond
	mmps     = physic.MilliMetrePerSecond
	dirSetup = 100 * time.Microsecond // the longest that is allowed, longer than a write takes under emulation
	width    = 20 * time.Microsecond  // the same
)

// table is the opened table on the real lines. Its ticks are as regular as its
// own clock says, whatever the emulation does; the waits within a pulse are
// real.
type table struct {
	*rig
	*hw.Table
	record trace
	now    time.Duration
	act    hw.Actuation
	last   hw.Reading
}

func newTable(t *testing.T) *table {
	r := newRig(t)
	b := r.open()
	for _, name := range inputs {
		r.contact(name, name != "StartButton" && name != "CellData" && name != "CellData2")
	}
	tab := &table{rig: r, record: newTrace(t, "pinctrl-bcm2711")}
	begin := time.Now()
	var err error
	tab.Table, err = hw.Open(hw.Config{
		Pins: b.Pins(),
		Cell: hx711.Opts{Rate: 80 * physic.Hertz},
		Motor: stepper.Config{
			StepsPerMM: 64, MaxSpeed: 80 * mmps, StartStopSpeed: 30 * mmps, Acceleration: 1000,
			DirSetup: dirSetup, PulseWidth: width, EnableSettle: 10 * time.Millisecond,
		},
		PadSource: func() (physic.Temperature, error) { return physic.ZeroCelsius + 25*physic.Kelvin, nil },
		Clock:     func() time.Duration { return tab.now },
		Delay:     board.Spin(func() time.Duration { return time.Since(begin) }),
	})
	require.NoError(t, err)
	return tab
}

// run ticks for a time: read, apply, and the steps that are due before the
// next tick. What happens after each tick is looked at by each, if any.
func (t *table) run(d time.Duration, each func()) {
	for end := t.now + d; t.now < end; {
		t.now += tick
		t.last = t.Read(t.now)
		if p := t.Pad(); p != nil && t.now%time.Second == tick {
			p.Sample(t.now)
		}
		require.NoError(t.rig, t.Apply(t.now, t.act))
		from := t.now
		for at, ok := t.NextEdge(); ok && at < from+tick; at, ok = t.NextEdge() {
			t.now = max(t.now, at)
			require.NoError(t.rig, t.Edge(t.now))
		}
		t.now = from
		if each != nil {
			each()
		}
	}
}

func TestSwitches(t *testing.T) {
	tab := newTable(t)
	tab.run(tick, nil)
	assert.Equal(t, interlock.Unknown(), tab.last.Switches, "nothing is well until it has been for 20 ms")
	tab.run(100*tick, nil)
	assert.Equal(t, interlock.State{}, tab.last.Switches)
	for name, want := range map[string]interlock.State{
		"PatientSwitch": {Patient: true}, "EmergencyStop": {EmergencyStop: true}, "EndSlack": {EndSlack: true},
		"EndPull": {EndPull: true}, "DriveFault": {DriveFault: true}, "SupplyLow": {SupplyLow: true},
	} {
		tab.contact(name, false)
		tab.run(2*tick, nil)
		assert.Equal(t, want, tab.last.Switches, "%s opened, or its wire broke, two ticks ago", name)
		tab.contact(name, true)
		tab.run(50*tick, nil)
		assert.Equal(t, interlock.State{}, tab.last.Switches, "%s closed", name)
	}
	tab.contact("StartButton", true)
	tab.run(50*tick, nil)
	assert.Equal(t, interlock.State{Start: true}, tab.last.Switches)

	require.NoError(t, tab.SafeOff())
	assert.Equal(t, interlock.Unknown(), tab.Read(tab.now+tick).Switches)
	assert.ErrorIs(t, tab.Apply(tab.now+tick, tab.act), hw.ErrOff)
}

// A cell that never answers is reported, again and again, and moves nothing.
func TestSilentCell(t *testing.T) {
	tab := newTable(t)
	assert.Subset(t, []string{"CellClock"}, tab.high(), "the converter is being restarted, all else is low")
	faults, second := map[hx711.Fault]int{}, map[hx711.Fault]int{}
	tab.run(3*time.Second, func() {
		require.False(t, tab.last.Cell.Ready || tab.last.Second.Ready)
		faults[tab.last.Cell.Fault]++
		second[tab.last.Second.Fault]++
	})
	assert.NotZero(t, faults[hx711.Silent], "%v", faults)
	assert.NotZero(t, second[hx711.Silent], "%v", second)
	assert.Zero(t, tab.last.CellRate)
	assert.NotZero(t, tab.CellStats().Resets)
	for _, e := range tab.record.edges() {
		if e.high {
			require.Equal(t, tab.offset("CellClock"), e.line)
		}
	}
	require.NoError(t, tab.SafeOff())
	assert.Empty(t, tab.high())
}

// A data line that is stuck at low looks ready all the time and is no number.
func TestShortedCell(t *testing.T) {
	tab := newTable(t)
	tab.contact("CellData", true)
	faults := map[hx711.Fault]int{}
	tab.run(3*time.Second, func() {
		require.False(t, tab.last.Cell.Ready)
		faults[tab.last.Cell.Fault]++
	})
	assert.NotZero(t, faults[hx711.Desync], "%v", faults)
}

// Steps as the kernel saw them.
func TestSteps(t *testing.T) {
	tab := newTable(t)
	tab.run(100*tick, nil)
	tab.record.edges()
	ticks := 0
	move := func(v physic.Speed, d time.Duration) {
		tab.act = hw.Actuation{Drive: hw.Moving, Velocity: v, ChargePump: true}
		tab.run(d, func() { ticks++ })
	}
	move(0, 20*tick)
	move(20*mmps, 200*tick)
	move(-5*mmps, 200*tick)
	move(60*mmps, 100*tick) // beyond the start-stop speed, by the ramp
	move(0, 100*tick)
	motion := tab.last.Motion
	require.NoError(t, tab.SafeOff())

	step, dir, enable, pump := tab.offset("Step"), tab.offset("Dir"), tab.offset("Enable"), tab.offset("ChargePump")
	level, since := map[int]bool{}, map[int]time.Duration{}
	var forward, back, pumped int
	for _, e := range tab.record.edges() {
		if level[e.line] == e.high {
			continue // written again
		}
		switch stood := e.at - since[dir]; {
		case e.line == step && e.high:
			require.True(t, level[enable], "a step while the drive is disabled")
			require.GreaterOrEqual(t, stood, dirSetup-rounding, "DIR before STEP")
			if level[dir] {
				forward++
			} else {
				back++
			}
		case e.line == step:
			require.GreaterOrEqual(t, e.at-since[step], width-rounding, "STEP is high")
		case e.line == dir:
			require.False(t, level[step], "DIR changes while STEP is high")
		case e.line == pump:
			pumped++
		}
		level[e.line], since[e.line] = e.high, e.at
	}
	assert.EqualValues(t, motion.Position, forward-back)
	const ramp = (30 + 60) / 2 * 0.03 // mm, from 30 to 60 mm/s at 1000 mm/s2
	assert.InDelta(t, 64*(20*0.2+ramp+60*0.07+ramp), forward, 10)
	assert.InDelta(t, 64*5*0.2, back, 3)
	assert.InDelta(t, ticks, pumped, 1, "one edge of the charge pump a tick, and one more if it ends high")
	assert.NotContains(t, level, tab.offset("Heat"))
	for _, name := range outputs {
		assert.False(t, level[tab.offset(name)], "%s ends at low", name)
	}
	t.Logf("%d steps towards force, %d away, %d edges of the charge pump in %d ticks", forward, back, pumped, ticks)
}

// rounding of two times to a microsecond each.
const rounding = time.Microsecond

// All that can be on is on, and SafeOff takes it off.
func TestSafeOff(t *testing.T) {
	tab := newTable(t)
	tab.act = hw.Actuation{Drive: hw.Stopped, HeatDuty: 1, LampAlarm: true, LampCaution: true, Buzzer: true}
	tab.run(5*time.Second, nil)
	require.True(t, tab.last.HeaterOn)
	require.Equal(t, heatpad.OK, tab.last.Pad.Status)
	require.Subset(t, tab.high(), []string{"Enable", "Heat", "LampAlarm", "LampCaution", "Buzzer"})
	require.NoError(t, tab.SafeOff())
	assert.Empty(t, tab.high())
	require.NoError(t, tab.SafeOff(), "twice")
	_, said := start(t, tryRole, tab.lines, 0)
	assert.Empty(t, said, "another process can have all of it")
}
