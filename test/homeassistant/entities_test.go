package homeassistant

import "slices"

// expected is one entity as it has to arrive in Home Assistant. The list below is written by hand, from what a person at Home Assistant needs to
// see, so that an entity that Home Assistant drops without a word is missed.
type expected struct {
	key      string // its unique id is traction_<table>_<key>
	platform string
	class    string // device class
	unit     string
	category string
	disabled bool              // until a person wants it
	needs    string            // the lowest level at which it is there; empty = any
	until    string            // the highest; empty = any
	topic    string            // that its value comes from
	want     func(message) any // its state by a message there; nil = not compared
}

const diagnostic = "diagnostic"

// all that a table with a heat pad offers.
var all = []expected{
	{key: "force", platform: "sensor", unit: "N", topic: telemetryTopic, want: digits(0, "force_n")},
	{key: "set_point", platform: "sensor", unit: "N", topic: telemetryTopic, want: digits(0, "set_point_n")},
	{key: "time_left", platform: "sensor", class: "duration", unit: "s", topic: telemetryTopic, want: digits(0, "remaining_s")},
	{key: "elapsed", platform: "sensor", class: "duration", unit: "s", topic: telemetryTopic, want: digits(0, "elapsed_s")},
	{key: "step", platform: "sensor", topic: telemetryTopic, want: field("step")},
	{key: "cycle", platform: "sensor", topic: telemetryTopic, want: field("cycle")},
	{key: "position", platform: "sensor", class: "distance", unit: "mm", disabled: true, topic: telemetryTopic, want: digits(0, "position_mm")},
	{key: "speed", platform: "sensor", class: "speed", unit: "mm/s", disabled: true, topic: telemetryTopic, want: digits(0, "speed_mm_s")},
	{key: "stiffness", platform: "sensor", unit: "N/mm", disabled: true, topic: telemetryTopic, want: digits(1, "stiffness_n_mm")},
	{key: "pad_temperature", platform: "sensor", class: "temperature", unit: "°C", topic: telemetryTopic, want: digits(1, "pad_c")},
	{key: "pad_power", platform: "sensor", unit: "%", disabled: true, topic: telemetryTopic, want: digits(0, "heat_duty", 100)},

	{key: "mode", platform: "sensor", class: "enum", topic: stateTopic, want: field("mode")},
	{key: "phase", platform: "sensor", class: "enum", topic: stateTopic, want: field("phase")},
	{key: "programme_selected", platform: "sensor", topic: stateTopic, want: filled("programme", "unknown")},
	{key: "missing", platform: "sensor", topic: stateTopic, want: joined("missing", "nothing")},
	{key: "planned", platform: "sensor", class: "duration", unit: "s", topic: stateTopic, want: digits(0, "planned_s")},
	{key: "set_point_limit", platform: "sensor", unit: "N", topic: stateTopic, want: digits(0, "limits.set_point_n.value")},
	{key: "force_limit", platform: "sensor", unit: "N", topic: stateTopic, want: digits(0, "limits.force_n.value")},
	{key: "limit_reason", platform: "sensor", class: "enum", topic: stateTopic, want: field("limits.force_n.reason")},

	{key: "problem", platform: "binary_sensor", class: "problem", topic: stateTopic, want: anyOf("trips", "active")},
	{key: "alarm", platform: "binary_sensor", class: "safety", topic: stateTopic, want: among("alarm", "medium", "high")},
	{key: "patient_switch", platform: "binary_sensor", class: "safety", topic: stateTopic, want: onOff("patient_switch")},
	{key: "emergency_stop", platform: "binary_sensor", class: "safety", topic: stateTopic, want: onOff("emergency_stop")},
	{key: "held", platform: "binary_sensor", topic: stateTopic, want: onOff("held")},
	{key: "alarm_priority", platform: "sensor", class: "enum", topic: stateTopic, want: field("alarm")},
	{key: "message", platform: "sensor", topic: stateTopic, want: firstText("trips", "active")},
	{key: "connected", platform: "binary_sensor", class: "connectivity", category: diagnostic, topic: availabilityTopic, want: online},

	{key: "last_ended", platform: "sensor", class: "timestamp", topic: sessionTopic, want: instant("ended")},
	{key: "last_end", platform: "sensor", class: "enum", topic: sessionTopic, want: field("end")},
	{key: "last_peak", platform: "sensor", unit: "N", topic: sessionTopic, want: digits(0, "peak_n")},
	{key: "last_hold", platform: "sensor", unit: "N", topic: sessionTopic, want: digits(0, "mean_hold_n")},
	{key: "last_elapsed", platform: "sensor", class: "duration", unit: "s", topic: sessionTopic, want: digits(0, "elapsed_s")},
	{key: "event", platform: "event"},
	{key: "answer", platform: "sensor"},

	{key: "lateness", platform: "sensor", class: "duration", unit: "ms", category: diagnostic, topic: diagnosticsTopic, want: digits(2, "late_ms")},
	{key: "cell_rate", platform: "sensor", class: "frequency", unit: "Hz", category: diagnostic, topic: diagnosticsTopic, want: digits(1, "cell_rate_hz")},
	{key: "cell_noise", platform: "sensor", unit: "N", category: diagnostic, topic: diagnosticsTopic, want: digits(2, "cell_noise_n")},
	{key: "backlog", platform: "sensor", category: diagnostic, disabled: true, topic: diagnosticsTopic, want: field("backlog")},
	{key: "uptime", platform: "sensor", class: "duration", unit: "s", category: diagnostic, disabled: true, topic: diagnosticsTopic, want: digits(0, "uptime_s")},
	{key: "connects", platform: "sensor", category: diagnostic, disabled: true, topic: diagnosticsTopic, want: field("connects")},
	{key: "dropped", platform: "sensor", category: diagnostic, disabled: true, topic: diagnosticsTopic, want: field("dropped")},
	{key: "gateway_version", platform: "sensor", category: diagnostic, disabled: true, topic: diagnosticsTopic, want: field("gateway_version")},
	{key: "version", platform: "sensor", category: diagnostic, disabled: true, topic: stateTopic, want: field("version")},
	{key: "cell", platform: "sensor", class: "enum", category: diagnostic, topic: stateTopic, want: field("cell")},
	{key: "permission", platform: "sensor", class: "enum", category: diagnostic, topic: stateTopic, want: field("permission")},

	{key: "stop", platform: "button"},
	{key: "pause", platform: "button", needs: "stop"},
	{key: "hold", platform: "button", needs: "adjust"},
	{key: "resume", platform: "button", needs: "adjust"},
	{key: "acknowledge", platform: "button", needs: "adjust"},
	{key: "start", platform: "button", needs: "full"},
	{key: "hold_force", platform: "number", needs: "adjust", unit: "N", topic: stateTopic, want: setting("hold_n", 1)},
	{key: "rest_force", platform: "number", needs: "adjust", unit: "N", topic: stateTopic, want: setting("rest_n", 1)},
	{key: "hold_time", platform: "number", needs: "adjust", class: "duration", unit: "s", topic: stateTopic, want: setting("hold_s", 1)},
	{key: "rest_time", platform: "number", needs: "adjust", class: "duration", unit: "s", topic: stateTopic, want: setting("rest_s", 1)},
	{key: "duration", platform: "number", needs: "adjust", class: "duration", unit: "min", topic: stateTopic, want: setting("duration_s", 1.0/60)},
	{key: "programme", platform: "select", needs: "full", topic: stateTopic, want: filled("programme", "unknown")},
	{key: "pad", platform: "climate", needs: "adjust", topic: stateTopic, want: thermostat},

	{key: "hold_force_value", platform: "sensor", unit: "N", until: "stop", topic: stateTopic, want: digits(0, "settings.hold_n")},
	{key: "rest_force_value", platform: "sensor", unit: "N", until: "stop", topic: stateTopic, want: digits(0, "settings.rest_n")},
	{key: "hold_time_value", platform: "sensor", class: "duration", unit: "s", until: "stop", topic: stateTopic, want: digits(0, "settings.hold_s")},
	{key: "rest_time_value", platform: "sensor", class: "duration", unit: "s", until: "stop", topic: stateTopic, want: digits(0, "settings.rest_s")},
	{key: "duration_value", platform: "sensor", class: "duration", unit: "s", until: "stop", topic: stateTopic, want: digits(0, "settings.duration_s")},
	{key: "pad_target", platform: "sensor", class: "temperature", unit: "°C", until: "stop", topic: stateTopic, want: digits(3, "heat_c")},
}

// levels of what remote users may do, from the lowest.
var levels = []string{"monitor", "stop", "adjust", "full"}

// at tells whether an entity exists at a level.
func (e *expected) at(level string) bool {
	now := slices.Index(levels, level)
	return now >= max(0, slices.Index(levels, e.needs)) && (e.until == "" || now <= slices.Index(levels, e.until))
}

// keysAt lists the entities of a level.
func keysAt(level string) (keys []string) {
	for _, e := range all {
		if e.at(level) {
			keys = append(keys, e.key)
		}
	}
	slices.Sort(keys)
	return keys
}
