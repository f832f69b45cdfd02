//go:build linux

package vm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"traction/test/vm/plan"
)

// event is one of what "go tool test2json" prints.
type event struct {
	Action, Test, Output string
}

// check is a test that ran in the guest.
type check struct {
	name   string // its own, without its parents'
	result string // the Action that ended it; empty when nothing did
	output strings.Builder
	subs   []*check
}

// Checks makes one subtest of every test that a step's program, a binary of
// tests run with -test.v=test2json, ran in the guest, with its output. A check
// that was skipped there fails here: whoever wrote the plan asked for it.
func (m *Machine) Checks(t *testing.T, step string) {
	t.Helper()
	m.Until(plan.Begin + step)
	end, output := m.Until(plan.End + step)
	top, err := parse(strings.Join(output, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(top.subs) == 0 {
		t.Errorf("no check ran:\n%s", strings.Join(output, "\n"))
	}
	for _, c := range top.subs {
		c.replay(t)
	}
	if status := strings.TrimPrefix(end, plan.End+step+": "); status != "0" && !t.Failed() {
		t.Errorf("the program ended with %s:\n%s", status, strings.Join(output, "\n"))
	}
}

// parse makes a tree of what a binary of tests printed.
func parse(output string) (*check, error) {
	cmd := exec.Command("go", "tool", "test2json")
	cmd.Stdin = strings.NewReader(output)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("vm: go tool test2json: %w", err)
	}
	tree := tree{"": {}}
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var e event
		if err := d.Decode(&e); err != nil {
			return nil, fmt.Errorf("vm: go tool test2json: %w", err)
		}
		c := tree.at(e.Test)
		text := strings.TrimSpace(e.Output)
		switch {
		case e.Action == "pass", e.Action == "fail", e.Action == "skip":
			c.result = e.Action
		case text != "" && !strings.HasPrefix(text, "=== ") && !strings.HasPrefix(text, "--- "):
			c.output.WriteString(e.Output)
		}
	}
	return tree[""], nil
}

// tree has the checks by their whole names.
type tree map[string]*check

// at finds a check or enters it below its parents.
func (t tree) at(name string) *check {
	if c := t[name]; c != nil {
		return c
	}
	c := &check{name: name}
	parent := ""
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		parent, c.name = name[:i], name[i+1:]
	}
	t[name] = c
	p := t.at(parent)
	p.subs = append(p.subs, c)
	return c
}

// replay makes a subtest of a check.
func (c *check) replay(t *testing.T) {
	t.Run(c.name, func(t *testing.T) {
		for _, s := range c.subs {
			s.replay(t)
		}
		if c.output.Len() > 0 {
			t.Log("in the guest:\n" + c.output.String())
		}
		switch c.result {
		case "pass":
		case "":
			t.Error("it began in the guest and never ended")
		default:
			t.Error(c.result + " in the guest")
		}
	})
}
