package main

import (
	"fmt"
	"strings"
)

// remedies says for each code of a response what to change. A code that is not here
// fails the generator, and so a test.
var remedies = map[string]string{
	"ok":            "nothing",
	"stale_rev":     "look at the newest `state`, decide again, and send its `rev` with a new id",
	"not_allowed":   "the level that it needs is set at the table, `control.remote` in its settings",
	"only_at_table": "do it at the table",
	"wrong_mode":    "bring the table into the mode that the message names first",
	"not_ready":     "do what the message says; `state.missing` has the same as a list",
	"above_limit":   "take a value up to the one in the message; `state.limits` says which limit and why",
	"out_of_range":  "take a value in the range that the message names",
	"no_programme":  "`select` one first",
	"tension":       "`stop`, and wait until the rope is slack",
	"interlock":     "do what the message says; `state.active` and `state.trips` have the same",
	"queue_full":    "wait a second, then send the same again, with the same id",
	"unanswered":    "nobody knows whether it acted: look at `state`, then send the same again, with the same id",
	"malformed":     "correct what the message names; a `stop` with this code and status `ok` did act",
	"unsigned":      "sign it with the table's key: this table asks for a signature of `select` and `start`",
	"not_here":      "send it over MQTT: only the gateway knows this command",
	"not_found":     "take a name from `session`, or from `appliance sessions list` at the table",
	"retained":      "send it without retain; the retained one was cleared",
}

// codeTable lists the codes.
func (m *model) codeTable() (string, error) {
	t := newTable("code", "meaning", "what to change")
	for _, w := range m.codeWords() {
		change, found := remedies[w.name]
		if !found {
			return "", fmt.Errorf("say what to do about the code %q in mqtt/contract/generate/codes.go", w.name)
		}
		t.row("`"+w.name+"`", w.text, change)
	}
	return t.String(), nil
}

// commandTable lists the commands.
func commandTable() (string, error) {
	all, err := commands()
	if err != nil {
		return "", err
	}
	t := newTable("command", "rev", "level", "fields of its own", "what it does")
	for _, c := range all {
		rev, level := "no", c.level
		if c.rev {
			rev = "yes"
		}
		if level == "" {
			level = "at the table only"
		}
		var fields []string
		for _, f := range c.fields {
			u := unit(f.Name)
			if u != "" {
				u = " (" + u + ")"
			}
			fields = append(fields, "`"+f.Name+"`"+u+": "+f.Allowed)
		}
		t.row("`"+c.name+"`", rev, level, strings.Join(fields, "; "), c.does)
	}
	return t.String(), nil
}
