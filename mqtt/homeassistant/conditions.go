package homeassistant

import "traction/control"

// conditions are the yes and no of the table. "Safety" and "problem" are on while
// something is wrong.
func (b *builder) conditions() {
	topic := b.table.Topics.State
	flag := func(key, name, icon, class, condition string) *binarySensor {
		s := &binarySensor{common: b.common(platformBinary, key, name, icon), DeviceClass: class, StateTopic: topic,
			ValueTemplate: "{{ 'ON' if " + condition + " else 'OFF' }}"}
		b.add(key, s)
		return s
	}
	problem := flag("problem", "Problem", "", "problem", "value_json.trips or value_json.active")
	problem.JSONAttributesTopic = topic
	problem.JSONAttributesTemplate = "{{ {'trips': value_json.trips, 'active': value_json.active, 'action': value_json.action} | to_json }}"
	// Low is for what waits, such as the acknowledgement after each start: "problem"
	// shows it, and whoever is woken by an alarm shall not be woken for that.
	alarm := flag("alarm", "Alarm", "", "safety", "value_json.alarm in ['medium', 'high']")
	alarm.JSONAttributesTopic = topic
	alarm.JSONAttributesTemplate = "{{ {'priority': value_json.alarm} | to_json }}"
	flag("patient_switch", "Patient switch", "", "safety", "value_json.patient_switch")
	flag("emergency_stop", "Emergency stop", "", "safety", "value_json.emergency_stop")
	flag("held", "Force held", "mdi:hand-back-right", "", "value_json.held")

	b.add("alarm_priority", b.choice(topic, "alarm_priority", "Alarm priority", "mdi:alarm-light-outline", "alarm", names(control.Priority.String)))
	b.add("message", b.sensor(topic, "message", "Message", "mdi:message-alert-outline",
		"{{ ((value_json.trips + value_json.active) | map(attribute='text') | first | default('none', true))[:"+longest+"] }}"))

	// It shows availability itself, so it must not become unavailable with it.
	link := &binarySensor{common: b.common(platformBinary, "connected", "Connected", ""), DeviceClass: "connectivity",
		StateTopic: b.table.Topics.Availability, PayloadOn: "online", PayloadOff: "offline"}
	link.AvailabilityTopic, link.EntityCategory = "", diagnostic
	b.add("connected", link)
}
