// Package test holds what crosses packages: the rules of the house, and parts
// of the system together with other people's programs.
package test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mayImport says, for each package, which of this module's packages it may
// import directly, apart from packages below itself. A package that is not
// listed here fails the test: whoever adds one decides what it may see.
var mayImport = map[string][]string{
	"traction/control":                   {},
	"traction/control/executive":         {"traction/control", "traction/control/link", "traction/hw", "traction/hw/hx711", "traction/hw/heatpad", "traction/hw/stepper", "traction/hw/interlock"},
	"traction/control/link":              {"traction/control"},
	"traction/control/quantity":          {"traction/control"},
	"traction/control/quantity/document": {"traction/control/quantity"},
	"traction/control/programmes":        {"traction/control", "traction/control/quantity", "traction/control/quantity/document"},
	"traction/control/calfile":           {"traction/control", "traction/control/quantity", "traction/control/quantity/document"},
	"traction/hw":                        {},
	"traction/hw/hx711":                  {},
	"traction/hw/stepper":                {},
	"traction/hw/heatpad":                {},
	"traction/hw/interlock":              {},
	"traction/hw/simtable":               {},
	"traction/hw/board":                  {"traction/hw"},
	"traction/mqtt":                      {"traction/control", "traction/control/link"},
	"traction/mqtt/broker":               {},
	"traction/mqtt/homeassistant":        {"traction/control"},
	"traction/mqtt/contract":             {"traction/mqtt/schemas"},
	"traction/mqtt/contract/generate":    {"traction/control", "traction/control/link", "traction/mqtt", "traction/mqtt/contract"},
	"traction/mqtt/schemas":              {},
	"traction/record":                    {"traction/control", "traction/control/link"},
	"traction/packaging":                 {},
	"traction/test":                      {},
	"traction/test/packages":             {"traction/test/parts", "traction/test/vm"},
	"traction/test/parts":                {},
}

// pure packages may not touch the outside world.
var pure = map[string][]string{
	"traction/control": {"os", "net", "log", "log/slog", "syscall", "io/fs", "math/rand", "math/rand/v2"},
}

// thirdParty says which other people's modules a package may import; nil = not restricted.
var thirdParty = map[string][]string{
	"traction/control":      {"periph.io/x/conn/v3/physic"},
	"traction/hw/hx711":     {"periph.io/x/conn/v3"},
	"traction/hw/stepper":   {"periph.io/x/conn/v3"},
	"traction/hw/heatpad":   {"periph.io/x/conn/v3"},
	"traction/hw/interlock": {"periph.io/x/conn/v3"},
	"traction/hw/simtable":  {"periph.io/x/conn/v3", "github.com/pelletier/go-toml/v2"},
	"traction/hw":           {"periph.io/x/conn/v3"},
	"traction/control/link": {"periph.io/x/conn/v3/physic"},
}

// listed is what `go list -json` tells of a package.
type listed struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

func packages(t *testing.T, goos string) []listed {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = ".."
	cmd.Env = append(cmd.Environ(), "GOOS="+goos, "GOARCH=arm64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	require.NoError(t, err)
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p listed
		require.NoError(t, d.Decode(&p))
		all = append(all, p)
	}
	require.Greater(t, len(all), 15)
	return all
}

func TestImportRules(t *testing.T) {
	for _, goos := range []string{"linux", "darwin"} {
		for _, p := range packages(t, goos) {
			allowed, known := mayImport[p.ImportPath]
			if !known && (strings.HasPrefix(p.ImportPath, "traction/cmd/") || strings.HasPrefix(p.ImportPath, "traction/test/")) {
				continue // commands may import everything; tests that cross packages are in no program
			}
			assert.True(t, known, "%s is not in the table of import rules", p.ImportPath)
			for _, i := range p.Imports {
				checkImport(t, p.ImportPath, i, allowed)
			}
		}
	}
}

func checkImport(t *testing.T, from, to string, allowed []string) {
	first, _, _ := strings.Cut(to, "/")
	switch {
	case first == "traction":
		below := strings.HasPrefix(to, from+"/") && to != "traction/control/executive"
		if from == "traction/control" {
			below = false
		}
		assert.True(t, below || slices.Contains(allowed, to), "%s must not import %s", from, to)
	case strings.Contains(first, "."):
		rules, restricted := thirdParty[from]
		ok := slices.ContainsFunc(rules, func(r string) bool { return to == r || strings.HasPrefix(to, r+"/") })
		assert.True(t, !restricted || ok, "%s must not import %s", from, to)
	default:
		assert.NotContains(t, pure[from], to, "%s must not import %s", from, to)
	}
}

// TestControlReadsNoClock: the brain knows only the time it is told.
// It shows R-MONOTONIC.
func TestControlReadsNoClock(t *testing.T) {
	files, err := filepath.Glob("../control/*.go")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		src, err := os.ReadFile(f)
		require.NoError(t, err)
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		for _, word := range []string{"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "go func"} {
			assert.NotContains(t, string(src), word, f)
		}
	}
}

// TestRulesHaveTeeth shows that the check above can fail.
func TestRulesHaveTeeth(t *testing.T) {
	for _, c := range []struct{ from, to string }{
		{"traction/mqtt", "traction/hw"}, {"traction/control", "traction/hw"}, {"traction/control", "os"},
		{"traction/hw", "traction/control"}, {"traction/record", "traction/hw/simtable"}, {"traction/hw/hx711", "github.com/pelletier/go-toml/v2"},
		{"traction/test/parts", "traction/mqtt"},
	} {
		inner := &testing.T{}
		checkImport(inner, c.from, c.to, mayImport[c.from])
		assert.True(t, inner.Failed(), "%s importing %s went unnoticed", c.from, c.to)
	}
}
