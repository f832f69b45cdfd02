package main

import (
	"bytes"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// positional and named are the same small table, written in both ways.
const (
	head = `package control

type (
	input     struct{ pressed, hot bool }
	interlock struct {
		id     int
		in     uint8
		action Action
		holds  func(c *int, in *input) bool
	}
	Action int
)

const (
	None Action = iota
	Warn
	Freeze
	Release
	Disable
)

const (
	ILStart = iota
	ILSwitch
	ILHot
)

func pressed(_ *int, in *input) bool { return in.pressed }
`
	positional = head + `
var interlocks = [...]interlock{
	{ILStart, 0, Warn, pressed},
	{ILSwitch, 1, Disable, pressed},
	{ILHot, 1, Freeze, func(_ *int, in *input) bool { return in.hot }},
}
`
	named = head + `
var interlocks = []interlock{
	{id: ILStart, in: 0, action: Warn, holds: pressed},
	{id: ILSwitch, in: 1, holds: pressed, action: Disable},
	{id: ILHot, in: 1, action: Freeze, holds: func(_ *int, in *input) bool { return in.hot }},
}
`
	// evaluate is the rest of the package.
	evaluate = `package control

func evaluate(in *input) (strongest Action) {
	for _, r := range interlocks {
		if r.in != 0 && r.holds(nil, in) {
			strongest = max(strongest, r.action)
		}
	}
	return strongest
}
`
)

// module writes a module with this table and this test of it.
func module(t *testing.T, table, test string) (dir string) {
	dir = t.TempDir()
	for name, text := range map[string]string{"go.mod": "module small\n\ngo 1.26\n", "control/guard.go": table, "control/evaluate.go": evaluate,
		"control/guard_test.go": test, "cmd/appliance/internal/simulation/simulation.go": "package simulation\n"} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

func TestMutantsOfEachForm(t *testing.T) {
	for form, table := range map[string]string{"positional": positional, "named": named} {
		t.Run(form, func(t *testing.T) {
			ms, err := mutants(filepath.Join(module(t, table, "package control\n"), "control"))
			require.NoError(t, err)
			var names []string
			for _, m := range ms {
				names = append(names, m.row+" "+m.name)
				assert.NotEqual(t, table, string(m.text), m.name)
				_, err := parser.ParseFile(token.NewFileSet(), "x.go", m.text, 0)
				assert.NoError(t, err, "%s", m.text)
				assert.Equal(t, strings.Count(table, "\n"), strings.Count(string(m.text), "\n"), "lines stay where they are")
			}
			assert.Equal(t, []string{
				"ILStart Warn to None",
				"ILSwitch never", "ILSwitch inverted", "ILSwitch Disable to Release", "ILSwitch Disable to Warn",
				"ILHot never", "ILHot inverted", "ILHot Freeze to Warn",
			}, names)
			assert.Contains(t, string(ms[2].text), "func(p0 *int, p1 *input) bool { return !(pressed)(p0, p1) }")
		})
	}
}

func TestTableThatCannotBeRead(t *testing.T) {
	for want, table := range map[string]string{
		"no table named interlocks":   head,
		"the table is empty":          head + "\nvar interlocks = [...]interlock{}\n",
		"a row without":               head + "\nvar interlocks = []interlock{{id: 1}}\n",
		"a row is not written out":    head + "\nvar x interlock\n\nvar interlocks = []interlock{x}\n",
		"action 7 is unknown":         head + "\nvar interlocks = []interlock{{1, 1, 7, pressed}}\n",
		"is no struct of this":        head + "\nvar interlocks = []int{1}\n",
		"is no array of rows":         head + "\nvar interlocks = map[int]interlock{}\n",
		"expected declaration, found": head + "\n}\n",
	} {
		_, err := mutants(filepath.Join(module(t, table, "package control\n"), "control"))
		assert.ErrorContains(t, err, want)
	}
}

// TestSurvivorIsTold: tests that look at the switch, and at heat only to see that
// nothing happens without it, let three mutants of heat live.
func TestSurvivorIsTold(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program for each mutant, and waits for one that hangs")
	}
	dir := module(t, positional, `package control

import "testing"

func TestSwitch(t *testing.T) {
	if interlocks[0].action != Warn || evaluate(&input{pressed: true}) != Disable {
		t.Fatal()
	}
}

func TestNothing(t *testing.T) {
	for evaluate(&input{}) == Freeze {
	}
	if evaluate(&input{}) != None {
		panic("something")
	}
}
`)
	was := suites
	defer func() { suites = was }()
	suites = []suite{{pkg: "./control", limit: 10 * time.Second}, {pkg: "./cmd/appliance/internal/simulation", args: []string{"-short"}, limit: time.Minute}}
	var out bytes.Buffer
	err := run(t.Context(), []string{"-root", dir, "-parallel", "2"}, &out)
	require.ErrorIs(t, err, errSurvived)
	for _, want := range []string{
		`ILStart +Warn to None +TestSwitch\n`, `ILSwitch +never +TestSwitch\n`, `ILSwitch +inverted +TestSwitch\n`, `ILSwitch +Disable to Warn +TestSwitch\n`,
		`ILHot +never +SURVIVED\n`, `ILHot +inverted +TestNothing hangs in ./control\n`, `ILHot +Freeze to Warn +SURVIVED\n`, `8 mutants, 6 killed, 2 survived, 0 failed`,
	} {
		assert.Regexp(t, want, out.String())
	}
	text, err := os.ReadFile(filepath.Join(dir, "control", "guard.go"))
	require.NoError(t, err)
	assert.Equal(t, positional, string(text), "the tree is not touched")

	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-root", dir, "-only", "ILSwitch"}, &out))
	assert.NotContains(t, out.String(), "ILHot")
}

// TestNothingIsSaidOfBrokenTests: with tests that fail anyhow every mutant would
// look killed.
func TestNothingIsSaidOfBrokenTests(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	for want, test := range map[string]string{
		"TestBroken fails in ./control without a mutant": "package control\n\nimport \"testing\"\n\nfunc TestBroken(t *testing.T) { t.Fatal() }\n",
		"go test": "package control\n\nvar x = nothing\n",
	} {
		var out bytes.Buffer
		err := run(t.Context(), []string{"-root", module(t, positional, test)}, &out)
		assert.ErrorContains(t, err, want)
		assert.NotErrorIs(t, err, errSurvived)
		assert.NotContains(t, out.String(), "killed")
	}
	assert.ErrorContains(t, run(t.Context(), []string{"-only", "nonsense", "-root", module(t, positional, "package control\n")}, &bytes.Buffer{}), "matches none of 8 mutants")
	assert.ErrorContains(t, run(t.Context(), []string{"-parallel", "0"}, &bytes.Buffer{}), "-parallel: 0 is out of range, allowed: 1 to 64")
}
