package test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// hazardDocument is control/HAZARDS.md as data. Reading is strict: whatever does
// not fit the form is a problem, so that nothing can hide in prose.
type hazardDocument struct {
	lines    []string
	modes    []failureMode
	hazards  []hazard
	rules    []rule
	problems []string
}

// failureMode is one second-level section with a number.
type failureMode struct {
	number int
	title  string
	items  []string
}

// hazard is one third-level section of a failure mode.
type hazard struct {
	id, title string
	line      int
	mode      int
	severity  int
	fields    map[string]string
	ids       []string // interlocks and rules, in the document's order
	tests     []string // package.TestName
}

// rule is a software control that is no interlock.
type rule struct {
	id    string
	line  int
	text  string
	where []string // files whose comments carry the ID
	tests []string
}

// hazardFields are the lines of a hazard, all of them, in this order.
var hazardFields = []string{
	"Item", "Cause", "What happens", "The person feels", "Severity",
	"Wiring", "Software", "Instruction", "IDs", "Tests", "Remains",
}

// ruleFields are the lines of a rule.
var ruleFields = []string{"Where", "Tests"}

// severities are the five steps that the document defines, 1 first.
var severities = []string{"negligible", "minor", "serious", "critical", "catastrophic"}

var (
	modeHeading   = regexp.MustCompile(`^## (\d+)\. (.+)$`)
	hazardHeading = regexp.MustCompile(`^### (H-\d\d) (.+)$`)
	ruleHeading   = regexp.MustCompile(`^### (R-[A-Z0-9-]*[A-Z0-9])$`)
	fieldLine     = regexp.MustCompile(`^- \*\*([^*]+)\*\*: (.+)$`)
	idInTicks     = regexp.MustCompile("^`([^`]+)`$")
	testInTicks   = regexp.MustCompile("^`([a-z0-9/]+\\.Test[A-Za-z0-9_]+)`$")
)

// none is how a field says that there is nothing.
const none = "none"

// readHazards parses the document. An item's continuation lines are indented by
// two blanks.
func readHazards(text string) *hazardDocument {
	d := &hazardDocument{lines: strings.Split(text, "\n")}
	section := 0 // number of the failure mode, 0 = elsewhere
	for i := 0; i < len(d.lines); i++ {
		line := d.lines[i]
		switch {
		case strings.HasPrefix(line, "## "):
			section = d.readMode(i)
		case strings.HasPrefix(line, "### H-"):
			d.readHazard(i, section)
		case strings.HasPrefix(line, "### R-"):
			d.readRule(i)
		case strings.HasPrefix(line, "### ") && section != 0:
			d.problem(i, "%q is no hazard; hazards are headed `### H-nn Title`", line)
		}
	}
	return d
}

func (d *hazardDocument) problem(line int, format string, a ...any) {
	d.problems = append(d.problems, fmt.Sprintf("line %d: %s", line+1, fmt.Sprintf(format, a...)))
}

// readMode reads a numbered section's heading and its items.
func (d *hazardDocument) readMode(i int) int {
	m := modeHeading.FindStringSubmatch(d.lines[i])
	if m == nil {
		return 0
	}
	number, _ := strconv.Atoi(m[1]) // digits, as the expression says
	mode := failureMode{number: number, title: m[2]}
	for j := i + 1; j < len(d.lines) && !strings.HasPrefix(d.lines[j], "#"); j++ {
		if list, ok := strings.CutPrefix(d.lines[j], "Items: "); ok {
			for j++; j < len(d.lines) && d.lines[j] != ""; j++ { // to the end of the paragraph
				list += " " + d.lines[j]
			}
			mode.items = splitTrim(list, ";")
		}
	}
	if mode.items == nil {
		d.problem(i, "failure mode %d has no items", number)
	}
	d.modes = append(d.modes, mode)
	return number
}

// fields reads the list below a heading, joining continuation lines.
func (d *hazardDocument) fields(heading int, want []string) map[string]string {
	got := map[string]string{}
	var order []string
	for i := heading + 1; i < len(d.lines) && !strings.HasPrefix(d.lines[i], "#"); i++ {
		if m := fieldLine.FindStringSubmatch(d.lines[i]); m != nil {
			order = append(order, m[1])
			got[m[1]] = m[2]
		} else if strings.HasPrefix(d.lines[i], "  ") && len(order) > 0 {
			got[order[len(order)-1]] += " " + strings.TrimSpace(d.lines[i])
		} else if strings.HasPrefix(d.lines[i], "- ") {
			d.problem(i, "%q is not of the form `- **Field**: text`", d.lines[i])
		}
	}
	if !slices.Equal(order, want) {
		d.problem(heading, "%s: has the fields %q, want %q", d.lines[heading], order, want)
	}
	return got
}

func (d *hazardDocument) readHazard(i, mode int) {
	m := hazardHeading.FindStringSubmatch(d.lines[i])
	if m == nil || mode == 0 {
		d.problem(i, "%q: want `### H-nn Title` below a failure mode", d.lines[i])
		return
	}
	h := hazard{id: m[1], title: m[2], line: i, mode: mode, fields: d.fields(i, hazardFields)}
	h.severity = d.severity(i, h.fields["Severity"])
	h.ids = d.ticked(i, h.fields["IDs"], idInTicks)
	h.tests = d.ticked(i, h.fields["Tests"], testInTicks)
	d.hazards = append(d.hazards, h)
}

func (d *hazardDocument) readRule(i int) {
	m := ruleHeading.FindStringSubmatch(d.lines[i])
	if m == nil {
		d.problem(i, "%q: want `### R-NAME`", d.lines[i])
		return
	}
	f := d.fields(i, ruleFields)
	r := rule{id: m[1], line: i, where: d.ticked(i, f["Where"], idInTicks), tests: d.ticked(i, f["Tests"], testInTicks)}
	for _, line := range d.lines[i+1:] {
		if strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "#") {
			break
		}
		r.text += line
	}
	d.rules = append(d.rules, r)
}

// severity reads `3 serious`.
func (d *hazardDocument) severity(line int, s string) int {
	for i, word := range severities {
		if s == fmt.Sprintf("%d %s", i+1, word) {
			return i + 1
		}
	}
	d.problem(line, "severity %q, want 1 to %d and its word out of %q", s, len(severities), severities)
	return 0
}

// ticked reads a list such as `a`, `b`, or none.
func (d *hazardDocument) ticked(line int, s string, form *regexp.Regexp) (out []string) {
	if s == none {
		return nil
	}
	for _, part := range splitTrim(s, ",") {
		m := form.FindStringSubmatch(part)
		if m == nil {
			d.problem(line, "%q is not one name in back quotes", part)
			continue
		}
		out = append(out, m[1])
	}
	return out
}

func splitTrim(s, sep string) (out []string) {
	for _, part := range strings.Split(s, sep) {
		out = append(out, strings.TrimSpace(part))
	}
	return out
}
