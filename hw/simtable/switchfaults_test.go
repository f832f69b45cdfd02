package simtable

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"periph.io/x/conn/v3/gpio"
)

func TestPatientSwitchFlicker(t *testing.T) {
	for _, share := range []float64{0, 0.05, 0.5, 1} {
		r := newRig(t, "winch", "median", nil)
		r.inject("patient-switch-flicker", share, 10*time.Second)
		opened := 0
		const n = 5000
		for range n {
			r.clock.Spend(time.Millisecond)
			first := r.p.PatientSwitch.Read()
			assert.Equal(t, first, r.p.PatientSwitch.Read(), "one state a millisecond")
			if first == gpio.High {
				opened++
			}
		}
		assert.InDelta(t, share*n, opened, 150)
		r.wait(6 * time.Second)
		assert.Equal(t, gpio.Low, r.p.PatientSwitch.Read(), "over")
		r.PressPatientSwitch(true)
		assert.Equal(t, gpio.High, r.p.PatientSwitch.Read())
	}
}

// The contact does the same however often somebody looks.
func TestFlickerIsInTheTableNotInTheLook(t *testing.T) {
	levels := func(look time.Duration) (list []gpio.Level) {
		r := newRig(t, "winch", "median", nil)
		r.inject("patient-switch-flicker", 0.5, 0)
		for at := look; at <= time.Second; at += look {
			r.clock.SleepUntil(at)
			if l := r.p.PatientSwitch.Read(); at%(50*time.Millisecond) == 0 {
				list = append(list, l)
			}
		}
		return list
	}
	assert.Equal(t, levels(time.Millisecond), levels(50*time.Millisecond))
}

func TestEmergencyStopStuck(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	r.wait(100 * time.Millisecond)
	r.inject("emergency-stop-stuck", 0, 10*time.Second)
	r.PressEmergencyStop(true)
	assert.Equal(t, gpio.Low, r.p.EmergencyStop.Read(), "pressing does nothing")
	assert.True(t, r.Truth().Energised)
	r.inject("emergency-stop", 0, time.Second)
	assert.Equal(t, gpio.High, r.p.EmergencyStop.Read(), "but the wire may break as well")
	assert.False(t, r.Truth().Energised)
	r.wait(11 * time.Second)
	assert.Equal(t, gpio.High, r.p.EmergencyStop.Read(), "over, and still pressed")
	assert.False(t, r.Truth().Energised)
}
