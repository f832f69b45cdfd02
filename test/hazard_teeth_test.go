package test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// smallDocument is a document without a fault for smallSource.
const smallDocument = `# Hazards

<!-- summary: written by go test ./test -run TestHazards -update -->
| ID | hazard | failure mode | severity | interlocks and rules |
|---|---|---|---|---|
| [H-01](#h-01-broken-cord) | Broken cord | 4 | 3 serious | ` + "`sudden-drop`, `R-STOP-ALWAYS`" + ` |
| [H-02](#h-02-jam) | Jam | 4 | 4 critical | – |
<!-- end of summary -->

## 4. Sudden release

Items: cord break;
gear jam

### H-01 Broken cord

- **Item**: cord break
- **Cause**: an old cord
- **What happens**: it breaks, and the person
  falls back
- **The person feels**: a blow
- **Severity**: 3 serious
- **Wiring**: none
- **Software**: the release ends the treatment
- **Instruction**: look at the cord each day
- **IDs**: ` + "`sudden-drop`, `R-STOP-ALWAYS`" + `
- **Tests**: ` + "`control.TestTrips`" + `
- **Remains**: the blow

### H-02 Jam

- **Item**: gear jam
- **Cause**: dirt
- **What happens**: nothing moves
- **The person feels**: that the pull stays
- **Severity**: 4 critical
- **Wiring**: release by hand
- **Software**: none
- **Instruction**: none
- **IDs**: none
- **Tests**: none
- **Remains**: the pull

## Rules

### R-STOP-ALWAYS

A stop acts, whatever else is wrong.

- **Where**: ` + "`control/obey.go`" + `
- **Tests**: ` + "`control/link.TestStopAlways`" + `

## Trace

<!-- trace: written by go test ./test -run TestHazards -update -->
| interlock or rule | hazards | tests that carry it |
|---|---|---|
| ` + "`sudden-drop` | H-01 | `control.TestTrips`" + ` |
| ` + "`R-STOP-ALWAYS` | H-01 | `control/link.TestStopAlways`" + ` |
<!-- end of trace -->
`

// smallSource are the files that belong to it.
var smallSource = map[string]string{
	"control/conditions.go":          "package control\n\n// sudden-drop, and-another: tension that goes away.\nfunc suddenDrop() {}\n",
	"control/obey.go":                "package control\n\n// obey: a stop first (R-STOP-ALWAYS).\nfunc obey() {}\n",
	"control/story_test.go":          "package control\n\n// TestTrips: sudden-drop and others.\nfunc TestTrips(t *testing.T) {}\n",
	"control/link/stop_test.go":      "package link\n\nfunc TestStopAlways(t *testing.T) {}\n",
	"control/link/example_test.go":   "package link\n\nfunc ExampleStop() {}\n",
	"control/link/benchmark_test.go": "package link\n\nfunc BenchmarkStop(b *testing.B) {}\n",
}

// smallCheck runs all checks on the small document and source after a change.
func smallCheck(t *testing.T, old, new string) []string {
	t.Helper()
	doc, changed := smallDocument, false
	replace := func(s string) string {
		changed = changed || old != "" && strings.Contains(s, old)
		return strings.ReplaceAll(s, old, new)
	}
	src := &goSource{comments: map[string][]string{}, tests: map[string]goTest{}}
	if old != "" {
		doc = replace(doc)
	}
	for path, text := range smallSource {
		if old != "" {
			text = replace(text)
		}
		require.NoError(t, src.readFile(path, path, text))
	}
	require.True(t, old == "" || changed, "%q is not there to be changed", old)
	c := hazardCheck{doc: readHazards(doc), src: src, interlocks: []string{"sudden-drop"},
		modes: []failureMode{{4, "Sudden release", []string{"cord break", "gear jam"}}}}
	problems := slices.Clone(c.run())
	c.problems = nil
	c.checkTables()
	return append(problems, c.problems...)
}

// TestHazardChecksHaveTeeth breaks the small document or its source in one place
// after the other: each check must say so.
func TestHazardChecksHaveTeeth(t *testing.T) {
	assert.Empty(t, smallCheck(t, "", ""))
	for _, c := range []struct{ name, old, new, says string }{
		{"a mode without a section", "## 4. Sudden", "## Sudden", "failure mode 4, Sudden release, has no section"},
		{"a mode with another title", "## 4. Sudden release", "## 4. Slow release", `is called "Slow release"`},
		{"an item that is not listed", "Items: cord break;\ngear jam", "Items: cord break", `does not list its item "gear jam"`},
		{"no items", "Items: cord break;\ngear jam", "", "has no items"},
		{"an item without a hazard", "Items: cord break;\ngear jam", "Items: cord break;\ngear jam; rust", `the item "rust" has no hazard`},
		{"a hazard of an unknown item", "**Item**: gear jam", "**Item**: gear box", `the item "gear box" is not listed`},
		{"a hazard outside the modes", "## Rules", "### H-03 Elsewhere\n## Rules", "has the fields []"},
		{"a gap in the numbers", "### H-02 Jam", "### H-03 Jam", "stands where H-02 should"},
		{"a heading that is no hazard", "### H-02 Jam", "### H2 Jam", "is no hazard"},
		{"a missing field", "- **Remains**: the blow\n", "", "has the fields"},
		{"fields in another order", "- **Wiring**: none\n- **Software**: the release ends the treatment", "- **Software**: the release ends the treatment\n- **Wiring**: none", "has the fields"},
		{"a line of another form", "- **Cause**: dirt", "- Cause: dirt", "is not of the form"},
		{"a severity without its word", "3 serious\n", "3\n", `severity "3"`},
		{"a severity off the scale", "3 serious\n", "6 worse\n", `severity "6 worse"`},
		{"no control", "release by hand", "none", "H-02 Jam has no control"},
		{"a critical one left to an instruction", "- **Wiring**: release by hand\n- **Software**: none\n- **Instruction**: none", "- **Wiring**: none\n- **Software**: none\n- **Instruction**: take care", "left to an instruction"},
		{"software without an ID", "**IDs**: `sudden-drop`, `R-STOP-ALWAYS`", "**IDs**: none", "do not fit together"},
		{"an ID without software", "**Software**: the release ends the treatment", "**Software**: none", "do not fit together"},
		{"an ID without back quotes", "**IDs**: `sudden-drop`,", "**IDs**: sudden-drop,", "is not one name in back quotes"},
		{"software without a test", "**Tests**: `control.TestTrips`", "**Tests**: none", "no test shows its software control"},
		{"an interlock without a row", "**IDs**: `sudden-drop`, ", "**IDs**: ", "interlock sudden-drop has no hazard"},
		{"an interlock that is none", "**IDs**: `sudden-drop`", "**IDs**: `sudden-drop`, `slow-drop`", `names "slow-drop", which is neither`},
		{"a rule that is none", "**IDs**: `sudden-drop`", "**IDs**: `sudden-drop`, `R-GO`", `names "R-GO", which is neither`},
		{"a rule without a row", "**IDs**: `sudden-drop`, `R-STOP-ALWAYS`", "**IDs**: `sudden-drop`", "rule R-STOP-ALWAYS has no hazard"},
		{"a rule of another form", "### R-STOP-ALWAYS", "### R-stop", "want `### R-NAME`"},
		{"a rule without words", "A stop acts, whatever else is wrong.", "", "does not say what it asks for"},
		{"a rule without a place", "**Where**: `control/obey.go`", "**Where**: none", "names no place"},
		{"a rule twice", "## Trace", "### R-STOP-ALWAYS\n\nTwice.\n- **Where**: `control/obey.go`\n- **Tests**: none\n\n## Trace", "stands there twice"},
		{"an interlock without a comment", "sudden-drop, and-another: tension", "suddenDrop: tension", `no comment line begins with "sudden-drop:"`},
		{"an interlock in passing", "sudden-drop, and-another: tension", "tension as in sudden-drop", `no comment line begins with "sudden-drop:"`},
		{"a rule without a comment", "(R-STOP-ALWAYS)", "", "no comment in control/obey.go names it"},
		{"a rule's name within a longer one", "(R-STOP-ALWAYS)", "(R-STOP-ALWAYS-NOT)", "no comment in control/obey.go names it"},
		{"a comment with an unknown rule", "(R-STOP-ALWAYS)", "(R-STOP-ALWAYS, R-STOP-NEVER)", "names R-STOP-NEVER, which is no rule"},
		{"an interlock without a test", "// TestTrips: sudden-drop and others.\n", "", "sudden-drop: no test beside it"},
		{"a rule without a test", "TestStopAlways", "TestStops", "R-STOP-ALWAYS: no test beside it"},
		{"a test that is not there", "func TestTrips(", "func TestTripsOnce(", "names the test control.TestTrips, which does not exist"},
		{"a test of another package", "`control.TestTrips`", "`hw.TestTrips`", "names the test hw.TestTrips, which does not exist"},
		{"a test that go test does not run", "func TestTrips(t *testing.T)", "func TestTrips(t *rig)", "control.TestTrips, which does not exist"},
		{"an old summary", "| 4 | 3 serious |", "| 4 | 2 minor |", "the table summary is out of date"},
		{"an old trace", "| `sudden-drop` | H-01 |", "| `sudden-drop` | H-02 |", "the table trace is out of date"},
		{"no summary", "<!-- end of summary -->", "", "the table summary is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Contains(t, strings.Join(smallCheck(t, c.old, c.new), "\n"), c.says)
		})
	}
}

// TestHazardTablesAreWritten: what -update writes passes its own check.
func TestHazardTablesAreWritten(t *testing.T) {
	src := &goSource{comments: map[string][]string{}, tests: map[string]goTest{}}
	for path, text := range smallSource {
		require.NoError(t, src.readFile(path, path, text))
	}
	old := strings.NewReplacer("3 serious |", "1 negligible |", "| `R-STOP-ALWAYS` | H-01 |", "| x | y |").Replace(smallDocument)
	require.NotEqual(t, smallDocument, old)
	c := hazardCheck{doc: readHazards(old), src: src, interlocks: []string{"sudden-drop"}}
	assert.Equal(t, smallDocument, c.withTables())
}

func TestWhatCarriesAnID(t *testing.T) {
	src := &goSource{comments: map[string][]string{}, tests: map[string]goTest{}}
	require.NoError(t, src.readFile("x_test.go", "x_test.go", `package x

func TestForceLimitAtBoot(t *testing.T) {}

// TestOther looks at force-limit and the travel.
func TestOther(t *testing.T) {}

func TestTable(t *testing.T) {
	for _, name := range []string{"force limit", "travel", "no resume"} {
		t.Run(name, nil)
	}
}

func TestWords(t *testing.T) { _ = "force-limit" }
`))
	for _, c := range []struct {
		test, id string
		want     bool
	}{
		{"TestForceLimitAtBoot", "force-limit", true},
		{"TestForceLimitAtBoot", "R-FORCE-LIMIT", true},
		{"TestForceLimitAtBoot", "force-time", false},
		{"TestOther", "force-limit", true},
		{"TestOther", "force", false},
		{"TestOther", "travel", false}, // an everyday word
		{"TestTable", "force-limit", true},
		{"TestTable", "travel", true},
		{"TestTable", "R-NO-RESUME", true},
		{"TestWords", "force-limit", false}, // no subtests
	} {
		assert.Equal(t, c.want, src.tests["."+c.test].carries(c.id), "%s %s", c.test, c.id)
	}
}
