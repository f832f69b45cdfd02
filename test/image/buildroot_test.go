package image

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// buildroot is a checkout of Buildroot, which nothing fetches here: these tests run
// where TRACTION_BUILDROOT names one. They download nothing and compile nothing.
func buildroot(t *testing.T) string {
	path := os.Getenv("TRACTION_BUILDROOT")
	if path == "" {
		t.Skip("TRACTION_BUILDROOT names no Buildroot tree")
	}
	return path
}

// make calls one target of Buildroot in an output folder of its own.
func makeTarget(t *testing.T, output string, args ...string) (stdout, stderr string) {
	t.Helper()
	external, err := filepath.Abs(tree)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "make", append([]string{"--silent", "-C", buildroot(t), "BR2_EXTERNAL=" + external, "O=" + output}, args...)...)
	var out, messages strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &messages
	require.NoError(t, cmd.Run(), "%v: %s%s", args, out.String(), messages.String())
	return out.String(), messages.String()
}

// TestBuildrootTakesTheConfigurations: each one loads without a word, loses no line,
// and says nothing that goes without saying.
func TestBuildrootTakesTheConfigurations(t *testing.T) {
	buildroot(t)
	found, err := filepath.Glob(filepath.Join(tree, "configs", "*_defconfig"))
	require.NoError(t, err)
	require.Len(t, found, 5)
	for _, path := range found {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			output := t.TempDir()
			_, said := makeTarget(t, output, name)
			assert.Empty(t, said)
			data, err := os.ReadFile(filepath.Join(output, ".config"))
			require.NoError(t, err)
			config := strings.Split(string(data), "\n")
			asked := read(t, "configs", name)
			for line := range strings.Lines(asked) {
				line = strings.TrimSpace(line)
				if symbol, off := strings.CutSuffix(line, " is not set"); off {
					for _, is := range config {
						assert.False(t, strings.HasPrefix(is, strings.TrimPrefix(symbol, "# ")+"="), "%s is lost: %s", line, is)
					}
					continue
				}
				assert.Contains(t, config, line, "a line is lost")
			}
			saved := filepath.Join(output, "saved")
			makeTarget(t, output, "savedefconfig", "BR2_DEFCONFIG="+saved)
			minimal, err := os.ReadFile(saved)
			require.NoError(t, err)
			assert.Equal(t, string(minimal), asked)

			info, said := makeTarget(t, output, "show-info")
			assert.Empty(t, said)
			var packages map[string]struct{ Licenses string }
			require.NoError(t, json.Unmarshal([]byte(info), &packages))
			assert.Contains(t, packages["traction"].Licenses, "BSD-3-Clause")
			for _, name := range []string{"systemd", "rauc", "host-genimage", "host-rauc", "linux"} {
				assert.Contains(t, packages, name)
			}
		})
	}
}

// TestBuildrootsOwnCheck: utils/check-package says nothing of any file.
func TestBuildrootsOwnCheck(t *testing.T) {
	check := filepath.Join(buildroot(t), "utils/check-package")
	var files []string
	require.NoError(t, filepath.WalkDir(tree, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	}))
	out, err := exec.CommandContext(t.Context(), check, append([]string{"--br2-external"}, files...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "0 warnings generated")
	assert.NotContains(t, string(out), "\n0 lines processed")
}
