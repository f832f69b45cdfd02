package simulation

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/hw"
)

// wire is one line of a computer: what was written to it, or the level of the
// switch that hangs on it.
type wire struct {
	gpio.PinIO
	level  gpio.Level
	rises  int
	closed bool
	err    error
}

func (w *wire) In(gpio.Pull, gpio.Edge) error { return w.err }
func (w *wire) Read() gpio.Level              { return w.level }
func (w *wire) Close() error                  { w.closed = true; return nil }
func (w *wire) Out(l gpio.Level) error {
	if l && !w.level {
		w.rises++
	}
	w.level = l
	return w.err
}

// wires are all lines that a computer can have, the switches as they are with
// nobody at them.
func wires() (hw.Pins, map[string]*wire) {
	var p hw.Pins
	all := map[string]*wire{}
	v := reflect.ValueOf(&p).Elem()
	for i := range v.NumField() {
		w := &wire{PinIO: gpio.INVALID}
		all[v.Type().Field(i).Name] = w
		v.Field(i).Set(reflect.ValueOf(w))
	}
	all["StartButton"].level = gpio.High
	return p, all
}

// onBench runs 20 s of a treatment with the lines of a computer, and calls at when
// it holds.
func onBench(t *testing.T, lines hw.Pins, at func(*Rig, *control.Output)) *Rig {
	t.Helper()
	op := &operator{programme: cycles(200*physic.Newton, 5*time.Minute)}
	o := Options{Table: table(t, "winch"), Patient: patient(t, "median"), Seed: 5, Lines: lines}
	o.Exec.Each = func(in *control.Input, out *control.Output) {
		op.act(in, out)
		if in.Now > 15*time.Second {
			at(op.rig, out)
		}
	}
	var err error
	op.rig, _, err = NewVirtual(o)
	require.NoError(t, err)
	op.rig.Exec.RunUntil(20*time.Second, func() bool { return false })
	return op.rig
}

func TestOutputsGoToTheLinesOfABench(t *testing.T) {
	lines, all := wires()
	var treating bool
	var enabled, simulated gpio.Level
	r := onBench(t, lines, func(r *Rig, out *control.Output) {
		if treating = out.Entry.Mode == control.Treating; treating {
			enabled, simulated = all["Enable"].level, r.Sim.Pins().Enable.Read()
		}
	})
	require.True(t, treating)
	assert.Equal(t, gpio.High, enabled)
	assert.Equal(t, gpio.High, simulated)
	truth := r.Sim.Truth()
	assert.Greater(t, truth.ForceN, 150.0)
	assert.Zero(t, truth.LostSteps)
	assert.NotZero(t, all["Dir"].rises, "towards force")
	assert.Greater(t, all["Step"].rises, 64*10, "the rope came 10 mm and more")
	assert.Greater(t, all["ChargePump"].rises, 1000)
	assert.Zero(t, all["CellClock"].rises, "the cell is simulated")
	require.NoError(t, r.Table.SafeOff())
	for name, w := range all {
		if name == "CellClock" || name == "CellData" || name == "CellData2" {
			assert.False(t, w.closed, name)
			continue
		}
		assert.True(t, w.closed, name)
		if name != "StartButton" {
			assert.Equal(t, gpio.Low, w.level, name)
		}
	}
}

func TestSwitchesAreTheLinesOfABench(t *testing.T) {
	for name, want := range map[string]control.Mode{
		"PatientSwitch": control.Tripped, "EmergencyStop": control.Tripped, "EndPull": control.Tripped,
		"DriveFault": control.Tripped, "SupplyLow": control.Tripped, "StartButton": control.Treating,
	} {
		t.Run(name, func(t *testing.T) {
			lines, all := wires()
			var last control.Mode
			cut := false // of the simulated motor, before the controller has disabled it
			onBench(t, lines, func(r *Rig, out *control.Output) {
				cut = cut || all["Enable"].level == gpio.High && !r.Sim.Truth().Energised
				all[name].level = gpio.Level(name != "StartButton")
				if out.HasEntry {
					last = out.Entry.Mode
				}
			})
			assert.Equal(t, want, last)
			assert.Equal(t, name == "EmergencyStop", cut, "its second contact is in the motor's supply")
		})
	}
}

// A computer that has no line for something leaves it to the simulation.
func TestLinesThatABenchLacks(t *testing.T) {
	r := onBench(t, hw.Pins{}, func(*Rig, *control.Output) {})
	assert.Greater(t, r.Sim.Truth().ForceN, 150.0)
}

func TestALineOfABenchThatFails(t *testing.T) {
	lines, all := wires()
	broken := errors.New("no such device")
	all["Enable"].err = broken
	_, _, err := NewVirtual(Options{Table: table(t, "winch"), Patient: patient(t, "median"), Lines: lines})
	assert.ErrorIs(t, err, broken)
}
