package homeassistant

import "traction/control"

// diagnostics are what somebody looks at who asks why something does not work.
// What is of use only then is disabled until it is wanted.
func (b *builder) diagnostics() {
	t := &b.table.Topics
	add := func(s *sensor, key string, enabled bool) {
		s.EntityCategory = diagnostic
		if !enabled {
			s.EnabledByDefault = ptr(false)
		}
		b.add(key, s)
	}
	measured := func(key, name, icon, class, unit, template string, enabled bool) {
		s := b.sensor(t.Diagnostics, key, name, icon, template)
		s.DeviceClass, s.Unit, s.StateClass = class, unit, "measurement"
		add(s, key, enabled)
	}
	measured("lateness", "Lateness", "mdi:timer-alert-outline", "duration", "ms", roundTo("late_ms", 2), true)
	measured("cell_rate", "Converter rate", "mdi:waveform", "frequency", "Hz", roundTo("cell_rate_hz", 1), true)
	measured("cell_noise", "Converter noise", "mdi:sine-wave", "", string(b.unit.unit), b.unit.shown("cell_noise_n", 2), true)
	measured("backlog", "Backlog", "mdi:tray-full", "", "", value("backlog"), false)
	measured("uptime", "Gateway uptime", "mdi:clock-start", "duration", "s", roundTo("uptime_s", 0), false)
	for _, c := range []struct{ key, name, icon, field string }{
		{"connects", "Broker connections", "mdi:lan-connect", "connects"},
		{"dropped", "Dropped messages", "mdi:trash-can-outline", "dropped"},
	} {
		s := b.sensor(t.Diagnostics, c.key, c.name, c.icon, value(c.field))
		s.StateClass = "total_increasing" // it begins again with each run of the gateway
		add(s, c.key, false)
	}
	add(b.sensor(t.Diagnostics, "gateway_version", "Gateway version", "mdi:tag-outline", value("gateway_version")), "gateway_version", false)
	add(b.sensor(t.State, "version", "Control version", "mdi:tag-outline", value("version")), "version", false)
	add(b.choice(t.State, "cell", "Load cell", "mdi:weight", "cell", names(control.CellFault.String)), "cell", true)
	add(b.choice(t.State, "permission", "Remote permission", "mdi:shield-account-outline", "permission", names(control.Permission.String)), "permission", true)
}
