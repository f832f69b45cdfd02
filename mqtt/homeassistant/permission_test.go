package homeassistant

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"traction/control"
)

// always is what everybody sees.
var always = []string{
	"force", "set_point", "time_left", "elapsed", "step", "cycle", "position", "speed", "stiffness",
	"mode", "phase", "programme_selected", "missing", "planned", "set_point_limit", "force_limit", "limit_reason",
	"problem", "alarm", "alarm_priority", "message", "patient_switch", "emergency_stop", "held", "connected",
	"last_ended", "last_end", "last_peak", "last_hold", "last_elapsed", "event", "answer",
	"lateness", "cell_rate", "cell_noise", "backlog", "uptime", "connects", "dropped", "gateway_version", "version", "cell", "permission",
	"pad_temperature", "pad_power", "stop",
}

var (
	values  = []string{"hold_force_value", "rest_force_value", "hold_time_value", "rest_time_value", "duration_value", "pad_target"}
	adjusts = []string{"hold", "resume", "acknowledge", "hold_force", "rest_force", "hold_time", "rest_time", "duration", "pad"}
	starts  = []string{"start", "programme"}
)

// What is not there is removed by name: leaving it out would leave it standing.
func TestComponentsByPermission(t *testing.T) {
	for _, c := range []struct {
		level      control.Permission
		signed     bool
		here, gone []string
	}{
		{control.Monitor, false, values, slices.Concat([]string{"pause"}, adjusts, starts)},
		{control.StopOnly, false, slices.Concat(values, []string{"pause"}), slices.Concat(adjusts, starts)},
		{control.Adjust, false, slices.Concat([]string{"pause"}, adjusts), slices.Concat(values, starts)},
		{control.FullRemote, false, slices.Concat([]string{"pause"}, adjusts, starts), values},
		{control.FullRemote, true, slices.Concat([]string{"pause"}, adjusts), slices.Concat(values, starts)},
	} {
		table := whole()
		table.Permission, table.Signed = c.level, c.signed
		p := discover(t, Options{}, table)
		assert.ElementsMatch(t, slices.Concat(always, c.here), p.here(), c.level)
		assert.ElementsMatch(t, c.gone, p.gone(), c.level)
	}
}

func TestPad(t *testing.T) {
	for _, c := range []struct {
		pad   Presence
		level control.Permission
		here  []string
		gone  []string
	}{
		{Unknown, control.FullRemote, nil, nil},
		{Absent, control.FullRemote, nil, []string{"pad", "pad_temperature", "pad_power", "pad_target"}},
		{Present, control.StopOnly, []string{"pad_temperature", "pad_power", "pad_target"}, []string{"pad"}},
		{Present, control.Adjust, []string{"pad_temperature", "pad_power", "pad"}, []string{"pad_target"}},
	} {
		table := whole()
		table.Permission, table.Pad = c.level, c.pad
		p := discover(t, Options{}, table)
		ofPad := func(keys []string) (out []string) {
			for _, k := range keys {
				if len(k) >= 3 && k[:3] == "pad" {
					out = append(out, k)
				}
			}
			return out
		}
		assert.ElementsMatch(t, c.here, ofPad(p.here()))
		assert.ElementsMatch(t, c.gone, ofPad(p.gone()))
	}
}

func TestComponentsByProgramme(t *testing.T) {
	table := whole()
	table.Programmes = nil
	p := discover(t, Options{}, table)
	assert.Contains(t, p.gone(), "programme", "nothing to select from")

	table = whole()
	table.Settings.RestTime = 0
	p = discover(t, Options{}, table)
	assert.Contains(t, p.gone(), "rest_time", "one hold has no rest")
	table.Programme = ""
	p = discover(t, Options{}, table)
	assert.Contains(t, p.here(), "rest_time", "nobody knows which it will be")
}

func TestRarelyWantedIsDisabled(t *testing.T) {
	p := discover(t, Options{}, whole())
	var disabled, diagnostics []string
	for key, c := range p.components {
		if c["enabled_by_default"] == false {
			disabled = append(disabled, key)
		}
		if c["entity_category"] == "diagnostic" {
			diagnostics = append(diagnostics, key)
		}
	}
	assert.ElementsMatch(t, []string{"position", "speed", "stiffness", "pad_power", "backlog", "uptime", "connects", "dropped", "gateway_version", "version"}, disabled)
	assert.ElementsMatch(t, []string{"connected", "lateness", "cell_rate", "cell_noise", "backlog", "uptime", "connects", "dropped", "gateway_version", "version",
		"cell", "permission"}, diagnostics)
}

// Who is woken by the alarm must not be woken for what only waits.
func TestConditions(t *testing.T) {
	p := discover(t, Options{}, whole())
	for key, want := range map[string]string{
		"alarm":          "{{ 'ON' if value_json.alarm in ['medium', 'high'] else 'OFF' }}",
		"problem":        "{{ 'ON' if value_json.trips or value_json.active else 'OFF' }}",
		"patient_switch": "{{ 'ON' if value_json.patient_switch else 'OFF' }}",
		"emergency_stop": "{{ 'ON' if value_json.emergency_stop else 'OFF' }}",
		"held":           "{{ 'ON' if value_json.held else 'OFF' }}",
	} {
		assert.Equal(t, want, p.components[key]["value_template"])
	}
	priorities := p.components["alarm_priority"]["options"]
	assert.Equal(t, []any{control.NoAlarm.String(), control.Low.String(), control.Medium.String(), control.High.String()}, priorities)
}
