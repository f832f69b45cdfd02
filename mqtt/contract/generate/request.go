package main

import (
	"fmt"
	"strings"

	"traction/control"
	"traction/control/link"
)

// command is what a request may ask for.
type command struct {
	name   string
	rev    bool // needs the rev of the state
	fields []link.FieldRule
	must   []string // fields of its own that have to be there
	oneOf  bool     // at least one of its fields has to be there
	level  string   // the lowest level of permission; empty = at the table only
	does   string
}

// commandTexts say what each command does, and from which level of control.remote
// on remote users may use it; R-ARM-AT-TABLE has the reason for those of no level.
var commandTexts = map[string]struct{ level, does string }{
	"select":      {"full", "takes a programme, with the person's weight and own cap if given"},
	"arm":         {"", "makes the table ready; always refused here with `only_at_table`"},
	"start":       {"full", "starts the treatment, once the table was armed there and the patient switch was seen to work"},
	"pause":       {"stop", "stops the treatment's time; the programme says whether the force is kept or brought to rest"},
	"resume":      {"adjust", "goes on after a pause"},
	"stop":        {"monitor", "releases to slack and ends the treatment; acts whatever else is wrong with the request"},
	"set":         {"adjust", "changes the values given, in the treatment too; the force follows by the programme's ramps"},
	"heat":        {"adjust", "sets the heat pad's temperature; 0 switches it off"},
	"acknowledge": {"adjust", "clears trips whose cause is gone; at the table only where a release could follow"},
	"prove":       {"", "tries the release; always refused here with `only_at_table`"},
	"silence":     {"", "pauses the alarm's sound; always refused here with `only_at_table`"},
	"hold":        {"adjust", "pauses and keeps the force where it is for at most 60 s; then it is an ordinary pause"},
	"report":      {"monitor", "publishes the report of a past treatment on `report`"},
	"unpublish":   {"adjust", "removes what was published for Home Assistant's discovery"},
}

// commands lists all commands in their own order.
func commands() (out []command, err error) {
	rules := link.FieldRules()
	for k := control.NoCommand + 1; k.String() != "unknown"; k++ {
		said, found := commandTexts[k.String()]
		if !found {
			return nil, fmt.Errorf("say what %s does in mqtt/contract/generate/request.go", k)
		}
		c := command{name: k.String(), rev: k.NeedsRev(), level: said.level, does: said.does}
		for _, r := range rules {
			if r.Command == k {
				c.fields = append(c.fields, r)
			}
		}
		switch k {
		case control.CommandSelect:
			c.must = []string{"programme"}
		case control.CommandHeat:
			c.must = []string{"heat_c"}
		case control.CommandSet:
			c.oneOf = true
		}
		out = append(out, c)
	}
	return out, nil
}

// fieldTexts say what the fields of requests are.
var requestTexts = map[string]string{
	"id":             "Chosen by the sender, comes back in the response. A new one for each request; the same id again is answered again and not done again.",
	"rev":            "Of the `state` that this was decided on.",
	"command":        "What is asked for.",
	"programme":      "The name of a programme.",
	"body_weight_kg": "The person's weight in kilograms; the force is limited to a share of it.",
	"max_force_n":    "The person's own cap of the force in newtons; it can only lower the limit.",
	"hold_n":         "The force in hold, in newtons.",
	"rest_n":         "The force in rest, in newtons; at most the force in hold.",
	"hold_s":         "The time in hold, in seconds.",
	"rest_s":         "The time in rest, in seconds.",
	"duration_s":     "The duration of the treatment, in seconds.",
	"session":        "The name of a treatment, `session` in its report; by default the last one.",
	"heat_c":         "The heat pad's temperature in degrees Celsius; 0 switches it off.",
}

// request is the schema of requests: one closed object for each command.
func (m *model) request() (*schema, error) {
	all, err := commands()
	if err != nil {
		return nil, err
	}
	s := &schema{Title: "Request", Description: "One command from outside, in at most 4096 bytes. Fields that are not " +
		"known here, or do not belong to the command, are refused. Ranges are the widest; the limits in force may be tighter."}
	for _, c := range all {
		one, err := c.schema()
		if err != nil {
			return nil, err
		}
		s.OneOf = append(s.OneOf, one)
	}
	s.OneOf = append(s.OneOf, signed())
	return s, nil
}

// signed is a request that comes with a signature.
func signed() *schema {
	closed := false
	return &schema{
		Title: "signed", Type: "object", Additional: &closed, Required: []string{"signed", "hmac"},
		Description: "Any of the other requests with a signature, where the table asks for one.",
		Properties: properties{
			{"signed", &schema{Description: "The request's JSON as a string.", Type: "string", MinLength: 1}},
			{"hmac", &schema{Description: "HMAC-SHA256 of exactly that string with the table's key, in hexadecimal.", Type: "string", Pattern: "^[0-9a-fA-F]{64}$"}},
		},
	}
}

func (c *command) schema() (*schema, error) {
	closed := false
	s := &schema{Title: c.name, Description: sentence(c.does), Type: "object", Additional: &closed, Required: []string{"id"}}
	s.Properties = properties{
		{"id", &schema{Description: requestTexts["id"], Type: "string", Pattern: link.IDPattern}},
		{"rev", &schema{Description: requestTexts["rev"], Type: "integer", Minimum: "0", Maximum: float(exact)}},
		{"command", &schema{Description: requestTexts["command"], Const: c.name}},
	}
	if c.rev {
		s.Required = append(s.Required, "rev")
	}
	s.Required = append(append(s.Required, "command"), c.must...)
	for _, f := range c.fields {
		field := fieldSchema(f)
		if field.Description = requestTexts[f.Name]; field.Description == "" {
			return nil, fmt.Errorf("say what %s is in mqtt/contract/generate/request.go", f.Name)
		}
		s.Properties = append(s.Properties, property{f.Name, field})
	}
	if c.oneOf {
		s.MinProperties = len(s.Required) + 1
	}
	return s, nil
}

func fieldSchema(f link.FieldRule) *schema {
	switch {
	case f.Length > 0:
		return &schema{Type: "string", MinLength: 1, MaxLength: f.Length, Pattern: f.Pattern}
	case f.Off:
		return &schema{Type: "number", AnyOf: []*schema{{Const: 0}, {Minimum: f.Least, Maximum: f.Most}}}
	default:
		return &schema{Type: "number", Minimum: f.Least, Maximum: f.Most}
	}
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
