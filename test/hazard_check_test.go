package test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// hazardCheck compares the document with the code.
type hazardCheck struct {
	doc        *hazardDocument
	src        *goSource
	interlocks []string      // every stable name that control knows
	modes      []failureMode // that the document has to meet
	problems   []string
}

func (c *hazardCheck) problem(format string, a ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, a...))
}

// run makes every check and returns what is wrong.
func (c *hazardCheck) run() []string {
	c.problems = slices.Concat(c.doc.problems, c.src.problems)
	c.checkModes()
	c.checkNumbers()
	for i := range c.doc.hazards {
		c.checkHazard(&c.doc.hazards[i])
	}
	c.checkInterlocks()
	c.checkRules()
	c.checkCarried()
	c.checkTestsExist()
	return c.problems
}

// checkModes: each failure mode has its section, each of its items a hazard.
func (c *hazardCheck) checkModes() {
	for _, want := range c.modes {
		i := slices.IndexFunc(c.doc.modes, func(m failureMode) bool { return m.number == want.number })
		if i < 0 {
			c.problem("failure mode %d, %s, has no section", want.number, want.title)
			continue
		}
		got := c.doc.modes[i]
		if got.title != want.title {
			c.problem("failure mode %d is called %q, want %q", want.number, got.title, want.title)
		}
		for _, item := range want.items {
			if !slices.Contains(got.items, item) {
				c.problem("failure mode %d does not list its item %q", want.number, item)
			}
		}
	}
	for _, m := range c.doc.modes {
		for _, item := range m.items {
			if !slices.ContainsFunc(c.doc.hazards, func(h hazard) bool { return h.mode == m.number && h.fields["Item"] == item }) {
				c.problem("failure mode %d: the item %q has no hazard", m.number, item)
			}
		}
	}
}

// checkNumbers: hazards are numbered from 01 in the order of the document.
func (c *hazardCheck) checkNumbers() {
	for i, h := range c.doc.hazards {
		if want := fmt.Sprintf("H-%02d", i+1); h.id != want {
			c.problem("line %d: %s %s stands where %s should", h.line+1, h.id, h.title, want)
		}
	}
}

// checkHazard: it belongs to an item and something controls it.
func (c *hazardCheck) checkHazard(h *hazard) {
	for _, m := range c.doc.modes {
		if m.number == h.mode && !slices.Contains(m.items, h.fields["Item"]) {
			c.problem("%s: the item %q is not listed under failure mode %d", h.id, h.fields["Item"], h.mode)
		}
	}
	wiring, software, instruction := h.fields["Wiring"] != none, h.fields["Software"] != none, h.fields["Instruction"] != none
	switch {
	case !wiring && !software && !instruction:
		c.problem("%s %s has no control", h.id, h.title)
	case h.severity >= 4 && !wiring && !software:
		// ISO 14971: what can be prevented is not left to an instruction.
		c.problem("%s %s is of severity %d and left to an instruction", h.id, h.title, h.severity)
	}
	if software != (len(h.ids) > 0) {
		c.problem("%s: the software control %q and the IDs %q do not fit together", h.id, h.fields["Software"], h.ids)
	}
	if software && len(h.tests) == 0 {
		c.problem("%s: no test shows its software control", h.id)
	}
	for _, id := range h.ids {
		if !slices.Contains(c.interlocks, id) && !slices.ContainsFunc(c.doc.rules, func(r rule) bool { return r.id == id }) {
			c.problem("%s names %q, which is neither an interlock nor a rule", h.id, id)
		}
	}
}

// checkInterlocks: each has a hazard, and a comment beside its code.
func (c *hazardCheck) checkInterlocks() {
	for _, id := range c.interlocks {
		if !c.named(id) {
			c.problem("interlock %s has no hazard", id)
		}
		if !c.commented(func(line string) bool { return explains(line, id) }) {
			c.problem("interlock %s: no comment line begins with %q", id, id+":")
		}
	}
}

func (c *hazardCheck) commented(is func(string) bool) bool {
	for _, lines := range c.src.comments {
		if slices.ContainsFunc(lines, is) {
			return true
		}
	}
	return false
}

// checkRules: each is used, explained, and carried by a comment where it says so;
// and no comment carries a rule that there is not.
func (c *hazardCheck) checkRules() {
	known := map[string]bool{}
	for _, r := range c.doc.rules {
		if known[r.id] {
			c.problem("rule %s stands there twice", r.id)
		}
		known[r.id] = true
		if !c.named(r.id) {
			c.problem("rule %s has no hazard", r.id)
		}
		if r.text == "" {
			c.problem("rule %s does not say what it asks for", r.id)
		}
		if len(r.where) == 0 {
			c.problem("rule %s names no place in the code", r.id)
		}
		for _, file := range r.where {
			if !slices.ContainsFunc(c.src.comments[file], func(line string) bool { return names(line, r.id) }) {
				c.problem("rule %s: no comment in %s names it", r.id, file)
			}
		}
	}
	for _, file := range slices.Sorted(maps.Keys(c.src.comments)) {
		for _, id := range ruleInComment.FindAllString(strings.Join(c.src.comments[file], "\n"), -1) {
			if !known[id] {
				c.problem("a comment in %s names %s, which is no rule", file, id)
			}
		}
	}
}

// named tells whether a hazard names the ID.
func (c *hazardCheck) named(id string) bool {
	return slices.ContainsFunc(c.doc.hazards, func(h hazard) bool { return slices.Contains(h.ids, id) })
}

// checkCarried: one of the tests that the document names for an ID carries it.
func (c *hazardCheck) checkCarried() {
	for _, id := range c.ids() {
		if len(c.carriers(id)) == 0 {
			c.problem("%s: no test beside it is called ...%s..., names it in its doc comment or in a subtest", id, camel(id))
		}
	}
}

// ids are all interlocks and rules.
func (c *hazardCheck) ids() []string {
	ids := slices.Clone(c.interlocks)
	for _, r := range c.doc.rules {
		ids = append(ids, r.id)
	}
	return ids
}

// carriers are the tests that the document names beside an ID and that carry it.
func (c *hazardCheck) carriers(id string) (out []string) {
	add := func(tests []string) {
		for _, name := range tests {
			if t, ok := c.src.tests[name]; ok && t.carries(id) && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	for _, r := range c.doc.rules {
		if r.id == id {
			add(r.tests)
		}
	}
	for _, h := range c.doc.hazards {
		if slices.Contains(h.ids, id) {
			add(h.tests)
		}
	}
	return out
}

// checkTestsExist: a test that is named is one that `go test` runs.
func (c *hazardCheck) checkTestsExist() {
	look := func(who string, tests []string) {
		for _, name := range tests {
			if _, ok := c.src.tests[name]; !ok {
				c.problem("%s names the test %s, which does not exist", who, name)
			}
		}
	}
	for _, h := range c.doc.hazards {
		look(h.id, h.tests)
	}
	for _, r := range c.doc.rules {
		look(r.id, r.tests)
	}
}
