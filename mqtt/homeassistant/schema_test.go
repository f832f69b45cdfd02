package homeassistant

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

// What Home Assistant 2025.4 knows, from components/mqtt: schemas.py and one file
// a platform. A name it does not know it drops in silence, in the root with all
// of the message.
var (
	rootKeys   = []string{"device", "origin", "components"}
	deviceKeys = []string{"identifiers", "connections", "name", "manufacturer", "model", "model_id", "hw_version", "sw_version",
		"serial_number", "suggested_area", "configuration_url"}
	originKeys = []string{"name", "sw_version", "support_url"}
	commonKeys = []string{"platform", "unique_id", "name", "icon", "entity_category", "enabled_by_default", "qos", "encoding",
		"availability", "availability_topic", "availability_mode", "availability_template", "payload_available", "payload_not_available",
		"json_attributes_topic", "json_attributes_template", "entity_picture"}
	platformKeys = map[string][]string{
		"sensor": {"device_class", "expire_after", "force_update", "last_reset_value_template", "options", "suggested_display_precision",
			"state_class", "unit_of_measurement", "state_topic", "value_template"},
		"binary_sensor": {"device_class", "expire_after", "force_update", "off_delay", "payload_off", "payload_on", "state_topic", "value_template"},
		"event":         {"device_class", "event_types", "state_topic", "value_template"},
		"button":        {"command_template", "command_topic", "device_class", "payload_press", "retain"},
		"number": {"command_template", "command_topic", "device_class", "max", "min", "mode", "payload_reset", "step", "unit_of_measurement",
			"value_template", "optimistic", "retain", "state_topic"},
		"select": {"command_template", "command_topic", "options", "value_template", "optimistic", "retain", "state_topic"},
		"climate": {"current_temperature_template", "current_temperature_topic", "mode_command_template", "mode_command_topic", "modes",
			"mode_state_template", "mode_state_topic", "optimistic", "precision", "retain", "action_template", "action_topic", "initial",
			"min_temp", "max_temp", "temp_step", "temperature_command_template", "temperature_command_topic", "temperature_state_template",
			"temperature_state_topic", "temperature_unit"},
	}
	required = map[string][]string{
		"sensor": {"state_topic"}, "binary_sensor": {"state_topic"}, "event": {"state_topic", "event_types"}, "button": {"command_topic", "command_template"},
		"number": {"state_topic", "command_topic", "command_template", "value_template", "min", "max", "step"},
		"select": {"state_topic", "command_topic", "command_template", "options"},
		"climate": {"mode_state_topic", "mode_command_topic", "temperature_state_topic", "temperature_command_topic", "current_temperature_topic",
			"min_temp", "max_temp", "modes"},
	}
)

func keysOf(m map[string]any) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	return out
}

func TestOnlyKeysThatHomeAssistantKnows(t *testing.T) {
	platforms := map[string]bool{}
	for _, v := range variants() {
		p := discover(t, v.options, v.table)
		assert.ElementsMatch(t, rootKeys, keysOf(p.root))
		assert.Subset(t, deviceKeys, keysOf(p.device))
		assert.Subset(t, originKeys, keysOf(p.origin))
		for _, key := range p.here() {
			c := p.components[key]
			platform, _ := c["platform"].(string)
			platforms[platform] = true
			known, exists := platformKeys[platform]
			require.True(t, exists, "%s: platform %q", key, platform)
			assert.Subset(t, slices.Concat(commonKeys, known), keysOf(c), "%s %s", v.name, key)
			assert.Subset(t, keysOf(c), slices.Concat([]string{"unique_id", "name", "qos"}, required[platform]), "%s %s", v.name, key)
			for k, value := range c {
				assert.NotContains(t, []any{nil, ""}, value, "%s %s", key, k)
				if several, ok := value.([]any); ok {
					assert.NotEmpty(t, several, "%s %s", key, k)
				}
			}
		}
		for _, key := range p.gone() {
			assert.Contains(t, platformKeys, p.components[key]["platform"], key)
		}
	}
	assert.Len(t, platforms, len(platformKeys), "every platform is there")
}

// The units that Home Assistant allows with a device class, from
// components/sensor/const.py; a wrong pair drops the entity from 2025.7 on.
var classUnits = map[string][]string{
	"":             {"", "N", "lbf", "kgf", "N/mm", "%"},
	"duration":     {"d", "h", "min", "s", "ms"},
	"distance":     {"mm", "cm", "m", "in"},
	"speed":        {"mm/s", "m/s", "in/s"},
	"temperature":  {"°C", "°F", "K"},
	"frequency":    {"Hz", "kHz"},
	"enum":         {""},
	"timestamp":    {""},
	"problem":      {""},
	"safety":       {""},
	"connectivity": {""},
}

func TestUnitsFitDeviceClasses(t *testing.T) {
	for _, v := range variants() {
		p := discover(t, v.options, v.table)
		for _, key := range p.here() {
			c := p.components[key]
			class, _ := c["device_class"].(string)
			unit, _ := c["unit_of_measurement"].(string)
			allowed, known := classUnits[class]
			assert.True(t, known, "%s: device class %q", key, class)
			assert.Contains(t, allowed, unit, "%s: device class %q", key, class)
			if class == "enum" || class == "timestamp" {
				assert.NotContains(t, c, "state_class", key)
				assert.NotContains(t, c, "suggested_display_precision", key)
			}
			if class == "enum" && c["platform"] == "sensor" {
				assert.NotEmpty(t, c["options"], key)
			}
			switch c["unit_of_measurement"] {
			case "N", "lbf", "kgf":
				assert.EqualValues(t, v.options.ForceUnit, unit, key)
			}
		}
	}
}

func TestIDs(t *testing.T) {
	id := regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	for _, v := range variants() {
		p := discover(t, v.options, v.table)
		names := map[string]string{}
		for _, key := range p.here() {
			c := p.components[key]
			assert.Equal(t, "traction_t1_"+key, c["unique_id"])
			assert.Regexp(t, id, key)
			assert.NotContains(t, c, "object_id")
			name := c["platform"].(string) + " " + c["name"].(string)
			assert.Empty(t, names[name], "%s has the name of %s", key, names[name])
			names[name] = key
		}
	}
	o := Options{Name: "Another name", SuggestedArea: "Another room"}
	renamed, plain := discover(t, o, whole()), discover(t, Options{}, whole())
	assert.Equal(t, plain.components, renamed.components, "no id follows the name")
	assert.Equal(t, plain.device["identifiers"], renamed.device["identifiers"])
	assert.Equal(t, "Another name", renamed.device["name"])
	assert.Equal(t, DefaultName, plain.device["name"])
	assert.Equal(t, "homeassistant/device/traction_t1/config", o.Topic("t1"))
	assert.Equal(t, "ha2/device/traction_t1/config", (&Options{Prefix: "ha2"}).Topic("t1"))
}

func TestSizeIsBounded(t *testing.T) {
	table := whole()
	table.Programmes = nil
	for i := range 200 { // as many as the control process tells of
		table.Programmes = append(table.Programmes, strings.Repeat("p", 37)+string(rune('a'+i%26))+string(rune('a'+i/26)))
	}
	payload, err := (&Options{}).Payload(table)
	require.NoError(t, err)
	assert.Less(t, len(payload), 60<<10, "the demo's broker takes 64 KiB")
	again, err := (&Options{}).Payload(table)
	require.NoError(t, err)
	assert.Equal(t, payload, again, "the same table gives the same bytes")
	_, err = (&Options{ForceUnit: "stone"}).Payload(table)
	assert.ErrorContains(t, err, "allowed: N, lbf, kgf")
}

// Only what is live expires: anything retained would be made young again by a
// reconnect.
func TestOnlyTelemetryExpires(t *testing.T) {
	p := discover(t, Options{}, whole())
	for _, key := range p.here() {
		c := p.components[key]
		_, expires := c["expire_after"]
		assert.Equal(t, c["state_topic"] == "traction/t1/telemetry", expires, key)
	}
}

func TestAvailability(t *testing.T) {
	p := discover(t, Options{}, whole())
	for _, key := range p.here() {
		c := p.components[key]
		list, several := c["availability"].([]any)
		switch key {
		case "stop", "connected":
			assert.NotContains(t, c, "availability_topic", key)
			assert.NotContains(t, c, "availability", key)
		case "hold", "resume", "start":
			require.True(t, several, key)
			assert.Equal(t, map[string]any{"topic": "traction/t1/availability"}, list[0], key)
			assert.Equal(t, "traction/t1/state", list[1].(map[string]any)["topic"], key)
			assert.Equal(t, "all", c["availability_mode"], key)
		default:
			assert.Equal(t, "traction/t1/availability", c["availability_topic"], key)
		}
	}
	for key, mode := range map[string]control.Mode{"hold": control.Treating, "resume": control.Paused, "start": control.Armed} {
		template := p.components[key]["availability"].([]any)[1].(map[string]any)["value_template"]
		assert.Equal(t, "{{ 'online' if value_json.mode == '"+mode.String()+"' else 'offline' }}", template)
	}
	assert.Equal(t, "online", p.components["connected"]["payload_on"])
	assert.Equal(t, "offline", p.components["connected"]["payload_off"])
}
