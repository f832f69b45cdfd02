package homeassistant

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Templates are Jinja, evaluated by Home Assistant. value_json is the message on
// the topic; an absent value is "None" there, which it shows as unknown.

// value shows a field of the message as it is.
func value(field string) string { return "{{ value_json." + field + " }}" }

// roundTo shows a number, or None where it is null.
func roundTo(field string, digits int) string {
	return fmt.Sprintf("{{ value_json.%s | round(%d, default=none) }}", field, digits)
}

// shown shows a force in the unit, or None where it is null.
func (s scale) shown(field string, digits int) string {
	if s.newton == 1 {
		return roundTo(field, digits)
	}
	return fmt.Sprintf("{{ (value_json.%s / %s) | round(%d) if value_json.%[1]s is number else none }}", field, decimal(s.newton), digits)
}

// within shows a number while it lies in the range that Home Assistant has been
// told, and None else: outside it would be an error in its log. field is in units
// of per.
func within(field string, per float64, r span) string {
	v := "value_json." + field
	if per != 1 {
		v = "(" + v + " / " + decimal(per) + ")"
	}
	return fmt.Sprintf("{%% set v = %s | round(%d) %%}{{ v if %s <= v <= %s else none }}", v, decimals, decimal(r.lo), decimal(r.hi))
}

// decimal writes a number so that Jinja reads the same one.
func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// argument is one more field of a request: its name, and a template of its value.
type argument struct{ name, template string }

// request builds a request: a fresh id, the rev of the newest state, the command.
//
// The rev is looked up under the entity's present id. The variable "this" would
// still mean the id that the entity had when its template was used first, so that
// every request of a renamed entity would be refused. Should there be no rev, it
// becomes null, and the request is refused.
func request(key, command string, args ...argument) string {
	var b strings.Builder
	b.WriteString(`{"id":"ha-` + key + `-{{ (now().timestamp() * 1000000) | int }}"`)
	if needsRev(command) {
		b.WriteString(`,"rev":{{ state_attr(entity_id, 'rev') | to_json }}`)
	}
	b.WriteString(`,"command":"` + command + `"`)
	for _, a := range args {
		b.WriteString(`,"` + a.name + `":` + a.template)
	}
	b.WriteString(" }") // the space keeps the brace apart from a template's own
	return b.String()
}

// needsRev tells whether a command must name the state it was decided on.
func needsRev(command string) bool { return command != "stop" && command != "pause" }

// set is the value of a number, in units of per. It is rounded down, so that a
// conversion never asks for more than what was offered.
func set(per float64) string {
	if per == 1 {
		return fmt.Sprintf("{{ value | round(%d) }}", decimals)
	}
	return fmt.Sprintf("{{ (value * %s) | round(%d, 'floor') }}", decimal(per), decimals)
}

// list writes names as a list that is the same in JSON and in Jinja.
func list(names []string) string {
	raw, _ := json.Marshal(names) // strings never fail
	return string(raw)
}
