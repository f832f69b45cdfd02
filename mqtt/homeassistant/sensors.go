package homeassistant

import (
	"traction/control"
)

// expiry is how long a live value counts, in seconds: telemetry comes five times
// a second, so this is no hiccup of the network any more.
const expiry = 10

// measurements are the live values. They are rounded to what people read, because
// Home Assistant records each change of each value; the table's own record keeps
// the full resolution.
func (b *builder) measurements() {
	force := func(key, name, icon, field string) *sensor {
		s := b.live(key, name, icon, b.unit.shown(field, b.unit.digits))
		s.Unit, s.Precision, s.StateClass = string(b.unit.unit), ptr(b.unit.digits), "measurement"
		return s
	}
	b.add("force", force("force", "Force", "mdi:arrow-left-right", "force_n"))
	b.add("set_point", force("set_point", "Set-point", "mdi:target", "set_point_n"))
	for _, t := range []struct{ key, name, icon, field string }{
		{"time_left", "Time left", "mdi:timer-sand", "remaining_s"},
		{"elapsed", "Elapsed", "mdi:timer-outline", "elapsed_s"},
	} {
		s := b.live(t.key, t.name, t.icon, roundTo(t.field, 0))
		s.DeviceClass, s.Unit = "duration", "s"
		b.add(t.key, s)
	}
	b.add("step", b.live("step", "Step", "mdi:stairs", value("step")))
	b.add("cycle", b.live("cycle", "Cycle", "mdi:repeat", value("cycle")))

	rarely := func(key, name, icon, class, unit, template string) {
		s := b.live(key, name, icon, template)
		s.DeviceClass, s.Unit, s.StateClass, s.EnabledByDefault = class, unit, "measurement", ptr(false)
		b.add(key, s)
	}
	rarely("position", "Rope position", "mdi:ruler", "distance", "mm", roundTo("position_mm", 0))
	rarely("speed", "Rope speed", "mdi:speedometer", "speed", "mm/s", roundTo("speed_mm_s", 0))
	rarely("stiffness", "Stiffness", "mdi:sine-wave", "", "N/mm", roundTo("stiffness_n_mm", 1))
}

// live is a sensor of telemetry.
func (b *builder) live(key, name, icon, template string) *sensor {
	s := b.sensor(b.table.Topics.Telemetry, key, name, icon, template)
	s.ExpireAfter = expiry
	return s
}

func (b *builder) sensor(topic, key, name, icon, template string) *sensor {
	return &sensor{common: b.common(platformSensor, key, name, icon), StateTopic: topic, ValueTemplate: template}
}

// choice is a sensor with one of a few values.
func (b *builder) choice(topic, key, name, icon, field string, options []string) *sensor {
	s := b.sensor(topic, key, name, icon, value(field))
	s.DeviceClass, s.Options = "enum", options
	return s
}

// longest is the most characters that Home Assistant keeps as a state: 255 (its
// MAX_LENGTH_STATE_STATE).
const longest = "255"

// states say what the table does, and within which limits.
func (b *builder) states() {
	topic := b.table.Topics.State
	b.add("mode", b.choice(topic, "mode", "Mode", "mdi:state-machine", "mode", names(control.Mode.String)))
	b.add("phase", b.choice(topic, "phase", "Phase", "mdi:chart-bell-curve", "phase", names(control.Phase.String)))
	b.add("programme_selected", b.sensor(topic, "programme_selected", "Selected programme", "mdi:playlist-check", "{{ value_json.programme or none }}"))
	b.add("missing", b.sensor(topic, "missing", "Missing for start", "mdi:clipboard-alert-outline",
		"{{ (value_json.missing | join(', ') or 'nothing')[:"+longest+"] }}"))

	planned := b.sensor(topic, "planned", "Planned time", "mdi:timer-cog-outline", roundTo("planned_s", 0))
	planned.DeviceClass, planned.Unit = "duration", "s"
	b.add("planned", planned)

	for _, l := range []struct{ key, name, field string }{
		{"set_point_limit", "Set-point limit", "set_point_n"},
		{"force_limit", "Force limit", "force_n"},
	} {
		s := b.sensor(topic, l.key, l.name, "mdi:arrow-collapse-up", b.unit.shown("limits."+l.field+".value", b.unit.digits))
		s.Unit, s.Precision = string(b.unit.unit), ptr(b.unit.digits)
		s.JSONAttributesTopic = topic
		s.JSONAttributesTemplate = "{{ {'reason': value_json.limits." + l.field + ".reason} | to_json }}"
		if l.key == "force_limit" { // with all other limits, each with its reason
			s.JSONAttributesTemplate = "{{ dict(value_json.limits, reason=value_json.limits.force_n.reason) | to_json }}"
		}
		b.add(l.key, s)
	}
	b.add("limit_reason", b.choice(topic, "limit_reason", "Limited by", "mdi:scale-balance", "limits.force_n.reason", names(control.Reason.String)))
	b.settings()
}

// settings shows the values in force where they cannot be set.
func (b *builder) settings() {
	for _, n := range settable {
		key := n.key + "_value"
		if b.allowed(control.Adjust) {
			b.remove(key, platformSensor)
			continue
		}
		s := b.sensor(b.table.Topics.State, key, n.name, n.icon, roundTo("settings."+n.field, 0))
		if n.force {
			s.ValueTemplate, s.Unit, s.Precision = b.unit.shown("settings."+n.field, b.unit.digits), string(b.unit.unit), ptr(b.unit.digits)
		} else {
			s.DeviceClass, s.Unit = "duration", "s"
		}
		b.add(key, s)
	}
}

// treatments tell of the last treatment, of each event, and what became of a request.
func (b *builder) treatments() {
	topic := b.table.Topics.Session
	ended := b.sensor(topic, "last_ended", "Last treatment", "mdi:clipboard-text-clock-outline", value("ended"))
	ended.DeviceClass, ended.JSONAttributesTopic = "timestamp", topic // all of the report
	b.add("last_ended", ended)
	b.add("last_end", b.choice(topic, "last_end", "Last outcome", "mdi:flag-checkered", "end", names(control.EndReason.String)))
	for _, f := range []struct{ key, name, icon, field string }{
		{"last_peak", "Last peak force", "mdi:arrow-up-bold", "peak_n"},
		{"last_hold", "Last mean hold force", "mdi:sigma", "mean_hold_n"},
	} {
		s := b.sensor(topic, f.key, f.name, f.icon, b.unit.shown(f.field, b.unit.digits))
		s.Unit, s.Precision = string(b.unit.unit), ptr(b.unit.digits)
		b.add(f.key, s)
	}
	last := b.sensor(topic, "last_elapsed", "Last treatment time", "mdi:timer-check-outline", roundTo("elapsed_s", 0))
	last.DeviceClass, last.Unit = "duration", "s"
	b.add("last_elapsed", last)

	b.add("event", &event{
		common: b.common(platformEvent, "event", "Event", "mdi:bell-outline"), StateTopic: b.table.Topics.Event, EventTypes: b.table.EventTypes,
	})
	answer := b.sensor(b.table.Topics.Response, "answer", "Last answer", "mdi:message-reply-text-outline", "{{ value_json.message[:"+longest+"] }}")
	answer.JSONAttributesTopic = b.table.Topics.Response
	answer.JSONAttributesTemplate = "{{ {'id': value_json.id, 'status': value_json.status, 'code': value_json.code} | to_json }}"
	b.add("answer", answer)
}
