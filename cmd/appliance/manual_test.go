package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/manual"
)

func model(t *testing.T) *kong.Application {
	parser, err := kong.New(&cli{}, kong.Name("appliance"), kong.Vars{"version": version}, kong.Description("Controller: of a table."))
	require.NoError(t, err)
	return parser.Model
}

func TestManualPageHasEveryCommandAndFlag(t *testing.T) {
	var out bytes.Buffer
	app := model(t)
	require.NoError(t, manual.Page(&out, app, manual.Edition{Version: "1.2.3", Date: "2026-11-21"}, sections()))
	page := out.String()
	assert.Contains(t, page, `.TH "APPLIANCE" 1 "2026\-11\-21" "appliance 1.2.3"`)
	assert.Contains(t, page, "appliance \\- controller\n")
	escape := strings.NewReplacer("-", `\-`)
	leaves := app.Leaves(true)
	require.Greater(t, len(leaves), 25)
	for _, n := range leaves {
		_, rest, found := strings.Cut(page, `.SS "`+escape.Replace(n.Path()))
		require.True(t, found, n.Path())
		section, _, _ := strings.Cut(rest, ".S")
		for _, f := range n.Flags {
			if !f.Hidden && f.Name != "help" {
				assert.Contains(t, section, `\fB`+escape.Replace("--"+f.Name)+`\fR`, n.Path())
			}
		}
	}
	assert.NotContains(t, page, `.SS "man"`, "hidden")
	assert.Contains(t, page, "\\fBTRACTION_SOCKET\\fR\nStands for \\-\\-socket where")

	man, err := exec.LookPath("man")
	if err != nil {
		t.Skip("man is missing, so nobody judges the page's macros: apt-get install man-db")
	}
	file := filepath.Join(t.TempDir(), "appliance.1")
	require.NoError(t, os.WriteFile(file, out.Bytes(), 0o600))
	cmd := exec.Command(man, "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", file)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANROFFSEQ=")
	var warnings bytes.Buffer
	cmd.Stderr = &warnings
	require.NoError(t, cmd.Run())
	assert.Empty(t, warnings.String())
}

func TestTextsCannotBecomeMacros(t *testing.T) {
	var app struct {
		Do struct {
			Flag string `help:".B is not bold \\fB and 'neither'." placeholder:"X"`
		} `cmd:"" help:"'so it is."`
	}
	parser, err := kong.New(&app, kong.Name("app"))
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, manual.Page(&out, parser.Model, manual.Edition{}, nil))
	assert.Contains(t, out.String(), "\n\\&'so it is.\n")
	assert.Contains(t, out.String(), "\n\\&.B is not bold \\efB and 'neither'.\n")
}

// TestCompletion lets bash complete: what the model offers is offered, each time
// what belongs to the command before.
func TestCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is missing")
	}
	var script bytes.Buffer
	require.NoError(t, manual.Bash(&script, model(t)))
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "some.toml"), nil, 0o600))
	complete := func(words ...string) []string {
		t.Helper()
		cmd := exec.Command(bash, "--norc", "-c", script.String()+`
compopt() { :; } # it works in a real completion only
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_appliance
printf '%s\n' "${COMPREPLY[@]}"`, "bash")
		cmd.Args = append(cmd.Args, words...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return strings.Fields(string(out))
	}
	assert.Equal(t, []string{"status", "start", "stop"}, complete("appliance", "st"))
	assert.Contains(t, complete("appliance", ""), "idle")
	assert.NotContains(t, complete("appliance", ""), "completion", "hidden")
	assert.Equal(t, []string{"show"}, complete("appliance", "sessions", "sh"))
	assert.Equal(t, []string{"--no-wait"}, complete("appliance", "arm", "--n"))
	assert.Equal(t, []string{"patient"}, complete("appliance", "press", "pa"))
	assert.Equal(t, []string{"monitor"}, complete("appliance", "control", "--remote", "mo"))
	assert.Equal(t, []string{"some.toml"}, complete("appliance", "check", "--config", "so"))
	assert.Empty(t, complete("appliance", "set", "--hold", ""), "a force is the user's to know")
}
