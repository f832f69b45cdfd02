package packages

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Somebody has tried a simulation in the same shell: its socket says nothing about
// the table whose control process is going to be restarted.
func TestRestartAsksTheTableAndNoSimulation(t *testing.T) {
	for _, script := range []string{"restart", "prerm"} {
		t.Run(script, func(t *testing.T) {
			if _, err := os.Stat("/run/systemd/system"); script == "prerm" && err != nil {
				t.Skip("prerm asks only where systemd runs")
			}
			path, err := filepath.Abs(filepath.Join("../../packaging", script))
			require.NoError(t, err)
			dir := t.TempDir()
			write := func(name, text string) {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o755))
			}
			// The control process is a shell, so that /proc/PID/exe runs "idle" from this folder.
			control := exec.Command("sh", "-c", "read end; :")
			input, err := control.StdinPipe()
			require.NoError(t, err)
			require.NoError(t, control.Start())
			t.Cleanup(func() { _, _ = input.Close(), control.Wait() })
			write("idle", `[ -n "${TRACTION_SOCKET-}" ] || exit 1`)
			write("systemctl", fmt.Sprintf("echo \"$@\" >>asked\n[ \"$1\" != show ] || echo %d\n", control.Process.Pid))

			cmd := exec.Command("sh", path, "remove")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "TRACTION_SOCKET=/tmp/traction/control.sock")
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "the table is in use: %s", out)
			assert.Equal(t, 1, cmd.ProcessState.ExitCode())
			asked, err := os.ReadFile(filepath.Join(dir, "asked"))
			require.NoError(t, err)
			assert.Equal(t, "show --property=MainPID --value traction-control.service\n", string(asked))
		})
	}
}
