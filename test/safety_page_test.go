package test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// row is what docs/safety.md tells of an interlock, apart from its prose.
type row struct{ when, action, clear, priority string }

// pageRow is a line of the interlock table: name, condition, when, action, clear,
// priority and what the person feels.
var pageRow = regexp.MustCompile("^\\| `([a-z-]+)` \\| (.+?) \\| ([^|]+) \\| ([^|]+) \\| ([^|]+) \\| ([^|]+) \\| ([^|]+) \\|$")

// readPage reads the interlock table of a page. What an action depends on stands
// after a semicolon.
func readPage(text string) map[string]row {
	rows := map[string]row{}
	for _, line := range strings.Split(text, "\n") {
		if m := pageRow.FindStringSubmatch(line); m != nil {
			action, _, _ := strings.Cut(m[4], ";")
			rows[m[1]] = row{m[3], action, m[5], m[6]}
		}
	}
	return rows
}

// modeLetters are how the page writes modes, in the order in which it does.
var modeLetters = []struct{ mode, letter string }{
	{"Idle", "I"}, {"Armed", "A"}, {"Treating", "U"}, {"Paused", "U"}, {"Releasing", "R"}, {"Tripped", "T"}, {"Recovering", "V"},
}

// clears are how the page writes control.Clear.
var clears = map[string]string{"ByItself": "self", "ByAcknowledgement": "ack", "ByRestart": "restart"}

// readTable reads the rows of control/guard.go, with the names of
// control/interlock.go.
func readTable(t *testing.T, guard, interlock string) map[string]row {
	t.Helper()
	names := map[string]string{}
	for _, e := range literal(t, interlock, "interlockNames") {
		kv, ok := e.(*ast.KeyValueExpr)
		require.True(t, ok)
		name, err := strconv.Unquote(kv.Value.(*ast.BasicLit).Value)
		require.NoError(t, err)
		names[fmt.Sprint(kv.Key)] = name
	}
	sets := modeSets(t, guard)
	rows := map[string]row{}
	for _, e := range literal(t, guard, "interlocks") {
		f := e.(*ast.CompositeLit).Elts
		require.Len(t, f, 6, "the row's fields")
		name, ok := names[fmt.Sprint(f[0])]
		require.True(t, ok, "%v", f[0])
		rows[name] = row{letters(t, f[1], sets), strings.ToLower(fmt.Sprint(f[2])), clears[fmt.Sprint(f[3])], strings.ToLower(fmt.Sprint(f[4]))}
	}
	return rows
}

// values of the file's variables that are given one, by name.
func values(t *testing.T, src string) map[string]ast.Expr {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "source.go", src, parser.SkipObjectResolution)
	require.NoError(t, err)
	out := map[string]ast.Expr{}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Names) == len(v.Values) {
			for i, name := range v.Names {
				out[name.Name] = v.Values[i]
			}
		}
		return true
	})
	return out
}

// literal are the elements of a composite value.
func literal(t *testing.T, src, name string) []ast.Expr {
	t.Helper()
	l, ok := values(t, src)[name].(*ast.CompositeLit)
	require.True(t, ok, "%s is no literal", name)
	return l.Elts
}

// modeSets are the sets of modes that have a name.
func modeSets(t *testing.T, src string) map[string]ast.Expr {
	t.Helper()
	sets := map[string]ast.Expr{}
	for name, v := range values(t, src) {
		if _, ok := v.(*ast.CallExpr); ok {
			sets[name] = v
		}
	}
	return sets
}

// letters writes a set of modes as the page does.
func letters(t *testing.T, set ast.Expr, sets map[string]ast.Expr) string {
	t.Helper()
	if name, ok := set.(*ast.Ident); ok {
		set = sets[name.Name]
	}
	call, ok := set.(*ast.CallExpr)
	if !ok {
		return "–" // 0: in no mode
	}
	has := map[string]bool{}
	for _, a := range call.Args {
		has[fmt.Sprint(a)] = true
	}
	if len(has) == len(modeLetters) {
		return "all"
	}
	var out []string
	for i, m := range modeLetters {
		if has[m.mode] && (i == 0 || modeLetters[i-1].letter != m.letter || !has[modeLetters[i-1].mode]) {
			out = append(out, m.letter)
		}
	}
	return strings.Join(out, ", ")
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// TestSafetyPage: the interlock table that people read is the one that runs.
func TestSafetyPage(t *testing.T) {
	table := readTable(t, read(t, "../control/guard.go"), read(t, "../control/interlock.go"))
	page := readPage(read(t, "../docs/safety.md"))
	for _, name := range interlockNames(t) {
		assert.Contains(t, table, name)
		assert.Equal(t, table[name], page[name], "%s in docs/safety.md", name)
	}
	assert.Len(t, page, len(table), "the page has no other rows")
}

// TestSafetyPageIsRead shows on a small example what is read, and that any of it
// may differ.
func TestSafetyPageIsRead(t *testing.T) {
	table := readTable(t, `package control

var (
	underway = modes(Treating, Paused)
	always   = modes(Idle, Armed, Treating, Paused, Releasing, Tripped, Recovering)
)

var interlocks = [...]interlock{
	{ILStart, 0, Warn, ByAcknowledgement, Low, never},
	{ILStop, always, Disable, ByRestart, High, stop},
	{ILTravel, underway, Freeze, ByItself, Medium, travel},
	{ILLeft, modes(Recovering, Armed, Paused), Release, ByItself, Medium, left},
}
`, `package control

var interlockNames = [n]string{ILStart: "start-up", ILStop: "stop", ILTravel: "travel", ILLeft: "left"}
`)
	page := readPage("| interlock | condition | when | action | clear | priority | what the person feels |\n" +
		"|---|---|---|---|---|---|---|\n" +
		"| `start-up` | at the start | – | warn | ack | low | nothing |\n" +
		"| `stop` | pressed | all | disable | restart | high | an end |\n" +
		"| `travel` | too far | U | freeze; with care | self | medium | nothing |\n" +
		"| `left` | left | A, U, V | release | self | medium | a pull |\n")
	assert.Equal(t, table, page)
	for _, other := range []row{{"U", "warn", "ack", "low"}, {"–", "freeze", "ack", "low"}, {"–", "warn", "self", "low"}, {"–", "warn", "ack", "high"}} {
		assert.NotEqual(t, other, page["start-up"])
	}
}
