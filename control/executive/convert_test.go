package executive

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/hw"
	"traction/hw/hx711"
)

// TestEveryCellFaultHasItsName: both vocabularies use the same words, apart from
// the two that mean that all is well.
func TestEveryCellFaultHasItsName(t *testing.T) {
	for _, f := range hx711.Faults() {
		want := f.String()
		if f == hx711.None || f == hx711.NotReady {
			want = control.CellOK.String()
		}
		assert.Equal(t, want, cellFault(f).String())
	}
	assert.Equal(t, control.CellDesync, cellFault(hx711.Fault(len(hx711.Faults()))), "the unknown is not well")
	assert.Equal(t, control.CellDesync, cellFault(255))
}

func TestActuation(t *testing.T) {
	for name, c := range map[string]struct {
		out  control.Output
		want hw.Actuation
	}{
		"nothing": {control.Output{}, hw.Actuation{}},
		"moving": {control.Output{Drive: control.Drive{Mode: control.DriveMoving, Velocity: -3 * mmps}, Pump: true},
			hw.Actuation{Drive: hw.Moving, Velocity: -3 * mmps, ChargePump: true}},
		"stopped has no velocity": {control.Output{Drive: control.Drive{Mode: control.DriveStopped, Velocity: mmps}}, hw.Actuation{Drive: hw.Stopped}},
		"unknown modes disable":   {control.Output{Drive: control.Drive{Mode: 77, Velocity: mmps}}, hw.Actuation{Drive: hw.Disabled}},
		"the rest": {control.Output{Heat: 0.4, LampAlarm: true, LampCaution: true, Buzzer: true},
			hw.Actuation{HeatDuty: 0.4, LampAlarm: true, LampCaution: true, Buzzer: true}},
	} {
		assert.Equal(t, c.want, actuation(&c.out), name)
	}
}

func TestPadReachesTheController(t *testing.T) {
	r := newRig(t, "winch", nil)
	r.run(3 * time.Second) // the probe says 85 C at first
	assert.True(t, r.in.Pad.Present)
	assert.False(t, r.in.Pad.Failed)
	assert.InDelta(t, 22, float64(r.in.Pad.Temperature-physic.ZeroCelsius)/float64(physic.Kelvin), 0.5)

	bare := newRig(t, "plain", func(s *setup) { s.hw.PadSource, s.hw.Pins.Heat = nil, nil })
	bare.run(100 * tick)
	assert.False(t, bare.in.Pad.Present)
	assert.True(t, bare.in.Pad.Failed)
}
