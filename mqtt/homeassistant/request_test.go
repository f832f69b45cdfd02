package homeassistant

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
)

// The text of each request. What Home Assistant makes of it is tested with the
// real one.
func TestRequests(t *testing.T) {
	p := discover(t, Options{ForceUnit: PoundForce}, whole())
	for _, c := range []struct{ key, field, want string }{
		{"stop", "command_template", `"command":"stop" }`},
		{"pause", "command_template", `"command":"pause" }`},
		{"hold", "command_template", `"rev":REV,"command":"hold" }`},
		{"resume", "command_template", `"rev":REV,"command":"resume" }`},
		{"start", "command_template", `"rev":REV,"command":"start" }`},
		{"acknowledge", "command_template", `"rev":REV,"command":"acknowledge" }`},
		{"programme", "command_template", `"rev":REV,"command":"select","programme":{{ value | to_json }} }`},
		{"hold_force", "command_template", `"rev":REV,"command":"set","hold_n":{{ (value * 4.4482216152605) | round(3, 'floor') }} }`},
		{"rest_force", "command_template", `"rev":REV,"command":"set","rest_n":{{ (value * 4.4482216152605) | round(3, 'floor') }} }`},
		{"hold_time", "command_template", `"rev":REV,"command":"set","hold_s":{{ value | round(3) }} }`},
		{"rest_time", "command_template", `"rev":REV,"command":"set","rest_s":{{ value | round(3) }} }`},
		{"duration", "command_template", `"rev":REV,"command":"set","duration_s":{{ (value * 60) | round(3, 'floor') }} }`},
		{"pad", "mode_command_template", `"rev":REV,"command":"heat","heat_c":{{ 0 if value == 'off' else state_attr(entity_id, 'heat_c') or 36 }} }`},
		{"pad", "temperature_command_template", `"rev":REV,"command":"heat","heat_c":{{ value | round(1) }} }`},
	} {
		want := `{"id":"ha-` + c.key + `-{{ (now().timestamp() * 1000000) | int }}",` + strings.ReplaceAll(c.want, "REV", "{{ state_attr(entity_id, 'rev') | to_json }}")
		assert.Equal(t, want, p.components[c.key][c.field], c.key)
	}
	p = discover(t, Options{}, whole())
	assert.Contains(t, p.components["hold_force"]["command_template"], `"hold_n":{{ value | round(3) }} }`)
}

// Each request goes to the request topic at QoS 1 and never retained, and the
// table understands it once its templates are filled in.
func TestRequestsAreUnderstood(t *testing.T) {
	fill := regexp.MustCompile(`\{\{[^}]*\}\}`)
	p := discover(t, Options{}, whole())
	found := 0
	for _, key := range p.here() {
		c := p.components[key]
		for _, kind := range []string{"", "mode_", "temperature_"} {
			template, ok := c[kind+"command_template"].(string)
			if !ok {
				continue
			}
			found++
			assert.Equal(t, "traction/t1/request", c[kind+"command_topic"], key)
			assert.EqualValues(t, 1, c["qos"], key)
			assert.NotContains(t, c, "retain", key)
			assert.NotContains(t, c, "optimistic", key)
			raw := strings.Replace(template, "{{ (now().timestamp() * 1000000) | int }}", "1763716800123456", 1)
			raw = strings.Replace(raw, "{{ value | to_json }}", `"static"`, 1)
			raw = fill.ReplaceAllString(raw, "30") // a rev, a force, a time, a temperature
			r, err := link.DecodeRequest([]byte(raw))
			require.NoError(t, err, raw)
			if needsRev(r.Command.String()) {
				require.NotNil(t, r.Rev, key)
				assert.Equal(t, "traction/t1/state", c["json_attributes_topic"], key)
				assert.Contains(t, c["json_attributes_template"], "'rev': value_json.rev", key)
			}
			assert.Equal(t, r.Command.NeedsRev(), needsRev(r.Command.String()))
		}
	}
	assert.Equal(t, 14, found)
}

// No button for what a remote user may never do.
func TestNothingForTheTableOnly(t *testing.T) {
	payload, err := (&Options{}).Payload(whole())
	require.NoError(t, err)
	for _, k := range []control.CommandKind{control.CommandArm, control.CommandProve, control.CommandSilence} {
		assert.NotContains(t, string(payload), `\"command\":\"`+k.String()+`\"`)
	}
}
