package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/settings"
	"traction/control/programmes"
)

// none is where no settings are.
func none(t *testing.T) string { return filepath.Join(t.TempDir(), "none.toml") }

func TestListOfProgrammes(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, listProgrammes(&out, programmes.Library{}))
	golden(t, "programmes.golden", out.String())
}

func TestPlans(t *testing.T) {
	for _, name := range []string{"demo", "static"} {
		var out bytes.Buffer
		require.NoError(t, (&programmesCommand{Name: name}).run(&out, none(t)))
		golden(t, "programme_"+name+".golden", out.String())
	}
	err := (&programmesCommand{Name: "nonsense"}).run(&bytes.Buffer{}, none(t))
	assert.ErrorIs(t, err, programmes.ErrUnknown)
}

// A file with a mistake is told, and the others are listed all the same.
func TestListNamesBadFiles(t *testing.T) {
	dir := t.TempDir()
	good, err := os.ReadFile("../../control/programmes/builtin/static.toml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "own.toml"), good, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "broken.toml"), []byte(`hold = "45"`), 0o600))
	var out bytes.Buffer
	err = listProgrammes(&out, programmes.Library{Dir: dir})
	assert.ErrorContains(t, err, "broken.toml")
	assert.Contains(t, out.String(), "\nown ")
	assert.NotContains(t, out.String(), "broken")
}

func TestSettingsOfTheTableAreUsed(t *testing.T) {
	shipped, err := os.ReadFile("../../systemd/traction.toml")
	require.NoError(t, err)
	slow := strings.Replace(string(shipped), `pull_speed = "20 mm/s"`, `pull_speed = "10 mm/s"`, 1)
	require.NotEqual(t, string(shipped), slow)
	path := filepath.Join(t.TempDir(), "traction.toml")
	require.NoError(t, os.WriteFile(path, []byte(slow), 0o600))
	for _, c := range []struct {
		command programmesCommand
		usual   string
	}{
		{programmesCommand{Name: "demo", Config: path}, none(t)},
		{programmesCommand{Name: "demo"}, path},
	} {
		var out bytes.Buffer
		require.NoError(t, c.command.run(&out, c.usual))
		text := strings.Join(strings.Fields(out.String()), " ")
		assert.Contains(t, text, "6.7 N/mm")
		assert.Contains(t, text, "at most 10.0 mm/s")
	}
	err = (&programmesCommand{Config: none(t)}).run(&bytes.Buffer{}, settings.Path)
	assert.ErrorIs(t, err, os.ErrNotExist, "a file that was named must be there")

	require.NoError(t, os.WriteFile(path, []byte("nonsense = 1"), 0o600))
	err = (&programmesCommand{}).run(&bytes.Buffer{}, path)
	assert.ErrorContains(t, err, "nonsense", "mistakes in the usual file are told")
}
