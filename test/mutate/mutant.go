package main

import (
	"fmt"
	"strings"
)

// mutant is the program made worse in one place.
type mutant struct {
	row, name string
	path      string // of the file that is replaced
	text      []byte // in its place
}

// weaker is the next weaker action, after control.Action.
var weaker = map[string]string{"Disable": "Release", "Release": "Freeze", "Freeze": "Warn", "Warn": "None"}

// mutants makes all mutants of the interlock table in a folder.
func mutants(dir string) ([]mutant, error) {
	all, err := rows(dir)
	if err != nil {
		return nil, err
	}
	var out []mutant
	for i := range all {
		ms, err := mutantsOf(&all[i])
		if err != nil {
			return nil, err
		}
		out = append(out, ms...)
	}
	return out, nil
}

// mutantsOf makes the mutants of one row: its condition never holds, it holds
// exactly when it should not, its action is the next weaker one, and it only warns.
// A row that is in no mode has no condition to be changed: it is latched elsewhere.
func mutantsOf(r *row) (out []mutant, err error) {
	add := func(name, field, by string) {
		out = append(out, mutant{row: r.id, name: name, path: r.in.path, text: r.in.with(r.fields[field], by)})
	}
	if in := r.fields[modes]; in == nil || r.in.of(in) != "0" {
		var types, names []string
		for i, t := range r.parameters {
			names = append(names, fmt.Sprintf("p%d", i))
			types = append(types, fmt.Sprintf("p%d %s", i, t))
		}
		function := func(body string) string {
			return fmt.Sprintf("func(%s) bool { return %s }", strings.Join(types, ", "), body)
		}
		add("never", condition, function("false"))
		add("inverted", condition, function(fmt.Sprintf("!(%s)(%s)", r.in.of(r.fields[condition]), strings.Join(names, ", "))))
	}
	was := r.in.of(r.fields[action])
	next, known := weaker[was]
	if !known {
		return nil, fmt.Errorf("%s: row %s: action %s is unknown to this program", r.in.path, r.id, was)
	}
	add(was+" to "+next, action, next)
	if was == "Disable" || was == "Release" {
		add(was+" to Warn", action, "Warn")
	}
	return out, nil
}
