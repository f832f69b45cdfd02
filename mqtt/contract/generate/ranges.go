package main

import (
	"encoding/json"
	"strconv"
	"strings"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// span is the range of a number, both ends included; empty = no bound.
type span struct{ least, most number }

// any number, where a bound would be a guess: what a sensor may come to show.
var anyNumber = span{}

func from(least float64) span { return span{least: float(least)} }

func between(least, most float64) span { return span{float(least), float(most)} }

func float(v float64) number { return json.Number(strconv.FormatFloat(v, 'f', -1, 64)) }

// exact is the largest whole number that every reader of JSON keeps exactly.
const exact = 1<<53 - 1

// ranges of the numbers that the appliance publishes, by type and name. Every
// number with a fraction must be here, so that whoever adds one says its range.
var ranges = map[string]span{
	"State.rev":                     between(0, exact),
	"State.planned_s":               from(0),
	"State.heat_c":                  between(control.MinHeat.Celsius(), control.CeilingTemperature.Celsius()),
	"Settings.hold_n":               between(0, newtons(control.MaxHold)),
	"Settings.rest_n":               between(0, newtons(control.MaxHold)),
	"Settings.hold_s":               between(0, control.MaxHoldTime.Seconds()),
	"Settings.rest_s":               between(0, control.MaxRestTime.Seconds()),
	"Settings.duration_s":           between(0, control.CeilingDuration.Seconds()),
	"Limit.value":                   from(0),
	"Telemetry.force_n":             anyNumber,
	"Telemetry.set_point_n":         between(0, newtons(control.CeilingForce)),
	"Telemetry.position_mm":         anyNumber,
	"Telemetry.speed_mm_s":          anyNumber,
	"Telemetry.stiffness_n_mm":      from(0),
	"Telemetry.pad_c":               anyNumber,
	"Telemetry.heat_duty":           between(0, 1),
	"Telemetry.phase_elapsed_s":     from(0),
	"Telemetry.phase_total_s":       from(0),
	"Telemetry.elapsed_s":           from(0),
	"Telemetry.remaining_s":         from(0),
	"Telemetry.late_ms":             from(0),
	"Telemetry.cell_rate_hz":        from(0),
	"Telemetry.cell_noise_n":        from(0),
	"Diagnostics.uptime_s":          from(0),
	"Diagnostics.backlog":           from(0),
	"Diagnostics.late_ms":           from(0),
	"Diagnostics.cell_rate_hz":      from(0),
	"Diagnostics.cell_noise_n":      from(0),
	"Event.seq":                     between(1, exact),
	"EventDetails.at_s":             from(0),
	"EventDetails.force_n":          anyNumber,
	"EventDetails.position_mm":      anyNumber,
	"Session.elapsed_s":             from(0),
	"Session.peak_n":                from(0),
	"Session.mean_hold_n":           anyNumber,
	"Session.mean_hold_error_n":     from(0),
	"Session.hold_within_5_percent": between(0, 100),
	"Session.time_to_slack_s":       from(0),
	"Session.max_travel_mm":         from(0),
	"Response.rev":                  between(0, exact),
}

func newtons(f physic.Force) float64 { return float64(f) / float64(physic.Newton) }

// units by the end of a field's name, the longest first.
var units = []struct{ suffix, unit string }{
	{"_newton_seconds", "N s"}, {"_percent", "%"}, {"_mm_s", "mm/s"}, {"_n_mm", "N/mm"}, {"_n_s", "N/s"},
	{"_mm", "mm"}, {"_ms", "ms"}, {"_hz", "Hz"}, {"_kg", "kg"}, {"_n", "N"}, {"_s", "s"}, {"_c", "°C"}, {"_duty", "share"},
}

// unit of a quantity by its name; empty where the name has none.
func unit(name string) string {
	for _, u := range units {
		if strings.HasSuffix(name, u.suffix) {
			return u.unit
		}
	}
	return ""
}
