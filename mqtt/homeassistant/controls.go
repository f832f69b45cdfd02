package homeassistant

import (
	"traction/control"
)

// buttons are what can be asked for without a value.
//
// Stop is always there, at every level and also while the table is unavailable:
// pressing it can do nothing but good, and the table obeys it whatever else holds.
// Resume, hold and start are unavailable in modes that refuse them.
func (b *builder) buttons() {
	for _, k := range []struct {
		key, name, icon string // the key is the command's name
		need            control.Permission
		in              string // the only mode it is of use in; empty = any
	}{
		{"stop", "Stop", "mdi:stop-circle", control.Monitor, ""},
		{"pause", "Pause", "mdi:pause-circle-outline", control.StopOnly, ""},
		{"hold", "Hold", "mdi:hand-back-right", control.Adjust, control.Treating.String()},
		{"resume", "Resume", "mdi:play-pause", control.Adjust, control.Paused.String()},
		{"acknowledge", "Acknowledge", "mdi:check-circle-outline", control.Adjust, ""},
		{"start", "Start", "mdi:play-circle-outline", control.FullRemote, control.Armed.String()},
	} {
		if !b.allowed(k.need) || k.key == "start" && b.table.Signed {
			b.remove(k.key, platformButton)
			continue
		}
		c := &button{common: b.common(platformButton, k.key, k.name, k.icon),
			CommandTopic: b.table.Topics.Request, CommandTemplate: request(k.key, k.key)}
		switch {
		case k.key == "stop":
			c.AvailabilityTopic = ""
		case k.in != "":
			b.onlyIn(&c.common, k.in)
		}
		if needsRev(k.key) {
			b.revision(&c.common)
		}
		b.add(k.key, c)
	}
}

// programme chooses a programme. The person on the table is not known here, so
// limits that follow from a body weight are missing: see the documentation.
func (b *builder) programme() {
	const key = "programme"
	t := b.table
	if !b.allowed(control.FullRemote) || t.Signed || len(t.Programmes) == 0 {
		b.remove(key, platformSelect)
		return
	}
	s := &selection{common: b.common(platformSelect, key, "Programme", "mdi:playlist-play"), Options: t.Programmes,
		StateTopic: t.Topics.State, ValueTemplate: "{{ value_json.programme if value_json.programme in " + list(t.Programmes) + " else none }}",
		CommandTopic: t.Topics.Request, CommandTemplate: request(key, "select", argument{"programme", "{{ value | to_json }}"})}
	b.revision(&s.common)
	b.add(key, s)
}
