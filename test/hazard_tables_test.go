package test

import (
	"fmt"
	"slices"
	"strings"
)

// The document has two tables that follow from the rest of it: an overview of
// the hazards, and the way from each ID to hazards and tests. They are written by
//
//	go test ./test -run TestHazards -update
//
// and the check compares them.
const (
	summaryTable = "summary"
	traceTable   = "trace"
)

func tableBegin(name string) string {
	return "<!-- " + name + ": written by go test ./test -run TestHazards -update -->"
}

func tableEnd(name string) string { return "<!-- end of " + name + " -->" }

// tables are the lines of both tables, by name.
func (c *hazardCheck) tables() map[string][]string {
	return map[string][]string{summaryTable: c.summary(), traceTable: c.trace()}
}

// summary is a line for each hazard.
func (c *hazardCheck) summary() []string {
	out := []string{"| ID | hazard | failure mode | severity | interlocks and rules |", "|---|---|---|---|---|"}
	for _, h := range c.doc.hazards {
		anchor := strings.ToLower(strings.ReplaceAll(h.id+" "+h.title, " ", "-"))
		out = append(out, fmt.Sprintf("| [%s](#%s) | %s | %d | %d %s | %s |", h.id, keepAnchor(anchor), h.title, h.mode,
			h.severity, severityWord(h.severity), ticks(h.ids)))
	}
	return out
}

// trace is a line for each interlock and rule.
func (c *hazardCheck) trace() []string {
	out := []string{"| interlock or rule | hazards | tests that carry it |", "|---|---|---|"}
	for _, id := range c.ids() {
		var hazards []string
		for _, h := range c.doc.hazards {
			if slices.Contains(h.ids, id) {
				hazards = append(hazards, h.id)
			}
		}
		out = append(out, fmt.Sprintf("| `%s` | %s | %s |", id, strings.Join(hazards, ", "), ticks(c.carriers(id))))
	}
	return out
}

// checkTables compares the tables in the document with what they should say.
func (c *hazardCheck) checkTables() {
	for name, want := range c.tables() {
		got, ok := between(c.doc.lines, tableBegin(name), tableEnd(name))
		if !ok {
			c.problem("the table %s is missing, or its marks are", name)
		} else if !slices.Equal(got, want) {
			c.problem("the table %s is out of date: go test ./test -run TestHazards -update", name)
		}
	}
}

// withTables returns the document with both tables written anew.
func (c *hazardCheck) withTables() string {
	lines := c.doc.lines
	for name, table := range c.tables() {
		from, to := slices.Index(lines, tableBegin(name)), slices.Index(lines, tableEnd(name))
		if from >= 0 && to > from {
			lines = slices.Concat(lines[:from+1], table, lines[to:])
		}
	}
	return strings.Join(lines, "\n")
}

func between(lines []string, begin, end string) ([]string, bool) {
	from, to := slices.Index(lines, begin), slices.Index(lines, end)
	if from < 0 || to < from {
		return nil, false
	}
	return lines[from+1 : to], true
}

func ticks(names []string) string {
	if len(names) == 0 {
		return "–"
	}
	return "`" + strings.Join(names, "`, `") + "`"
}

func severityWord(s int) string {
	if s < 1 || s > len(severities) {
		return "?"
	}
	return severities[s-1]
}

// keepAnchor leaves of a heading what links to it may have.
func keepAnchor(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, s)
}
