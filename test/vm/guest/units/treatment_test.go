//go:build linux

package units

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"traction/control"
	"traction/control/link"
)

// TestTreatment runs a whole one by the start button. In its middle the gateway is
// killed, which it does not notice.
func TestTreatment(t *testing.T) {
	o := newOperator(t)
	l := newListener(t)
	o.until("quiet", func(s *control.Snapshot) bool { return s.Alarm == 0 })
	assert.Empty(t, o.high(), "idle")
	o.order(link.Request{Command: control.CommandSelect, Programme: "short"}, func(s *control.Snapshot) bool { return s.Mode == control.Idle })
	o.until("what arming needs", func(s *control.Snapshot) bool { return s.Missing == 0 })
	o.push()
	o.mode(control.Armed)
	o.sees(t, "enable", true)
	o.contact("patient_switch", true)
	o.until("the switch pressed", func(s *control.Snapshot) bool { return s.Switches.Patient })
	o.contact("patient_switch", false)
	o.until("the switch proven", func(s *control.Snapshot) bool { return s.SwitchProof && s.Missing == 0 })
	o.push()
	o.until("hold", func(s *control.Snapshot) bool { return s.Phase == control.Hold })
	o.sees(t, "charge_pump", true)
	o.sees(t, "charge_pump", false)
	mode := func(payload string) (mode, version string) {
		var state struct{ Mode, Version string }
		require.NoError(t, json.Unmarshal([]byte(payload), &state))
		return state.Mode, state.Version
	}
	l.until(t, "state", func(payload string) bool {
		m, v := mode(payload)
		return m == "treating" && strings.HasSuffix(v, "-bench")
	})
	old, controller := pid(t, gatewayUnit), pid(t, controlUnit)
	require.NoError(t, unix.Kill(old, unix.SIGKILL))
	l.until(t, "availability", func(payload string) bool { return payload == "offline" })
	running(t, gatewayUnit, old)
	l.until(t, "availability", func(payload string) bool { return payload == "online" })
	s := o.until("the gateway's return", func(*control.Snapshot) bool { return true })
	assert.Equal(t, control.Treating, s.Mode)
	assert.Zero(t, s.Trips)

	o.until("the end", func(s *control.Snapshot) bool {
		require.Zero(t, s.Trips, "%v", s.Trips.IDs())
		return s.Mode == control.Idle
	})
	o.sees(t, "buzzer", true)
	assert.NotContains(t, o.high(), "enable")
	l.until(t, "session", func(payload string) bool {
		var session struct{ End string }
		require.NoError(t, json.Unmarshal([]byte(payload), &session))
		return session.End == "completed"
	})
	assert.Equal(t, controller, pid(t, controlUnit))
	o.push() // which ends the sound
	o.until("quiet", func(s *control.Snapshot) bool { return s.Alarm == 0 })
}

// TestPatientSwitch opens the patient's switch in a hold.
func TestPatientSwitch(t *testing.T) {
	o := newOperator(t)
	o.holding()
	begin := time.Now()
	o.contact("patient_switch", true)
	o.mode(control.Releasing)
	s := o.mode(control.Tripped)
	t.Logf("from the switch to slack and tripped: %s", time.Since(begin).Round(10*time.Millisecond))
	assert.Equal(t, []control.InterlockID{control.ILPatientSwitch}, s.Trips.IDs())
	assert.Less(t, float64(s.Force)*1e-9, 20.0, "N are left")
	o.sees(t, "lamp_caution", true)
	o.sees(t, "buzzer", true)
	o.contact("patient_switch", false)
}

// TestEmergencyStop opens the emergency stop in a hold, on a table that keeps its
// tension then.
func TestEmergencyStop(t *testing.T) {
	o := newOperator(t)
	o.holding()
	begin := time.Now()
	o.contact("emergency_stop", true)
	o.sees(t, "enable", false)
	t.Logf("from the emergency stop to ENABLE low: %s", time.Since(begin).Round(100*time.Microsecond))
	s := o.mode(control.Tripped)
	assert.Equal(t, []control.InterlockID{control.ILEmergencyStop}, s.Trips.IDs())
	assert.Greater(t, float64(s.Force)*1e-9, 50.0, "the worm gear holds")
	o.sees(t, "lamp_alarm", true)
	o.sees(t, "lamp_alarm", false)
	o.contact("emergency_stop", false)
}
