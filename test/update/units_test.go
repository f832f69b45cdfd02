package update

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// overlay is what the image has over Buildroot's files.
const overlay = "../../buildroot/board/common/overlay"

const unitFolder = "usr/lib/systemd/system"

// TestUnits lets systemd read the image's units and score them (0 best, 10 worst).
// "verify" exits with 0 even for keys that it does not know, so any output is a failure.
func TestUnits(t *testing.T) {
	analyze := parts.Program(t, "systemd-analyze", "systemd")
	root := t.TempDir()
	run := func(args ...string) (string, error) {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		return string(out), err
	}
	for _, from := range []string{"/usr/lib/systemd/system", "/lib/systemd/system"} {
		if _, err := os.Stat(from); err == nil {
			require.NoError(t, os.MkdirAll(filepath.Join(root, unitFolder), 0o755))
			out, err := run("cp", "-r", from+"/.", filepath.Join(root, unitFolder))
			require.NoError(t, err, out)
			break
		}
	}
	for _, program := range []string{"usr/bin/appliance", "usr/lib/rauc/keep", "usr/lib/rauc/activate"} {
		path := filepath.Join(root, program)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755))
	}
	for unit, most := range map[string]string{"traction-setup.service": "18", "traction-keep.service": "17", "traction-activate.service": "17"} {
		t.Run(unit, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(overlay, unitFolder, unit))
			require.NoError(t, err)
			path := filepath.Join(root, unitFolder, unit)
			require.NoError(t, os.WriteFile(path, text, 0o644))
			verify := func() string {
				out, err := run(analyze, "verify", "--man=no", "--recursive-errors=no", "--root="+root, unit)
				if err != nil {
					out += err.Error()
				}
				return out
			}
			assert.Empty(t, verify())
			out, err := run(analyze, "security", "--offline=true", "--threshold="+most, path)
			assert.NoError(t, err, out)

			// The check itself must be able to fail.
			require.NoError(t, os.WriteFile(path, append(text, "\n[Service]\nProtectSistem=yes\n"...), 0o644))
			assert.Contains(t, verify(), "ProtectSistem")
			require.NoError(t, os.WriteFile(path, text, 0o644))
		})
	}
}
