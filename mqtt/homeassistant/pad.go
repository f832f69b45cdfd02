package homeassistant

import (
	"fmt"
	"math"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// pad is the heat: a thermostat where it may be set, a thermometer in any case,
// and nothing where no temperature is measured.
func (b *builder) pad() {
	const temperature, target, power, heat = "pad_temperature", "pad_target", "pad_power", "pad"
	switch b.table.Pad {
	case Unknown:
		return
	case Absent:
		for _, key := range []string{temperature, target, power} {
			b.remove(key, platformSensor)
		}
		b.remove(heat, platformClimate)
		return
	}
	warm := b.live(temperature, "Pad temperature", "", roundTo("pad_c", 1))
	warm.DeviceClass, warm.Unit, warm.StateClass, warm.Precision = "temperature", "°C", "measurement", ptr(1)
	b.add(temperature, warm)
	duty := b.live(power, "Pad power", "mdi:heat-wave", "{{ (value_json.heat_duty * 100) | round(0) if value_json.heat_duty is number else none }}")
	duty.Unit, duty.StateClass, duty.EnabledByDefault = "%", "measurement", ptr(false)
	b.add(power, duty)

	if b.allowed(control.Adjust) {
		b.remove(target, platformSensor)
		b.add(heat, b.thermostat(heat))
		return
	}
	b.remove(heat, platformClimate)
	set := b.sensor(b.table.Topics.State, target, "Pad set-point", "", value("heat_c"))
	set.DeviceClass, set.Unit, set.Precision = "temperature", "°C", ptr(1)
	b.add(target, set)
}

// mild is the set-point when heat is switched on without one, in Celsius: warmer
// than skin (33 C) by little.
const mild = 36.0

func (b *builder) thermostat(key string) *climate {
	t := b.table
	least, most := celsius(control.MinHeat), celsius(control.CeilingTemperature)
	if l := t.Limits.Temperature; l.Reason != control.ReasonNone {
		most = min(most, celsius(l.Value))
	}
	most = max(least, math.Floor(most*10+1e-6)/10)
	first := min(mild, most)
	heat := func(template string) string { return request(key, "heat", argument{"heat_c", template}) }
	c := &climate{common: b.common(platformClimate, key, "Heat", "mdi:heat-wave"), Modes: []string{"off", "heat"},
		ModeStateTopic: t.Topics.State, ModeStateTemplate: "{{ 'off' if value_json.heat_c is none else 'heat' }}",
		ModeCommandTopic:      t.Topics.Request,
		ModeCommandTemplate:   heat(fmt.Sprintf("{{ 0 if value == 'off' else state_attr(entity_id, 'heat_c') or %s }}", decimal(first))),
		TemperatureStateTopic: t.Topics.State, TemperatureStateTemplate: value("heat_c"),
		TemperatureCommandTopic: t.Topics.Request, TemperatureCommandTemplate: heat("{{ value | round(1) }}"),
		CurrentTemperatureTopic: t.Topics.Telemetry, CurrentTemperatureTemplate: roundTo("pad_c", 1),
		ActionTopic: t.Topics.Telemetry, ActionTemplate: "{{ 'heating' if (value_json.heat_duty or 0) > 0 else 'idle' }}",
		MinTemp: least, MaxTemp: most, TempStep: 0.5, Precision: 0.1, TemperatureUnit: "C",
	}
	// heat_c in Celsius, whatever Home Assistant shows temperatures in.
	b.revision(&c.common)
	c.JSONAttributesTemplate = "{{ {'rev': value_json.rev, 'heat_c': value_json.heat_c} | to_json }}"
	return c
}

func celsius(t physic.Temperature) float64 { return t.Celsius() }
