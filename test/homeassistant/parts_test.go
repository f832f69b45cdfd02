// Package homeassistant tests the discovery against a real Home Assistant: the
// appliance's two processes, Mosquitto and Home Assistant on loopback, and an
// observer at the broker who sees what all of them say.
//
// Home Assistant is installed by .ci/homeassistant, see there. The test looks for
// the path of its hass in TRACTION_HOMEASSISTANT.
package homeassistant

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

func TestMain(m *testing.M) { os.Exit(parts.Main(m)) }

// hass is the path of Home Assistant's program.
func hass(t *testing.T) string {
	t.Helper()
	path := os.Getenv("TRACTION_HOMEASSISTANT")
	if path == "" {
		parts.Missing(t, "Home Assistant", "TRACTION_HOMEASSISTANT=$(.ci/homeassistant)")
	}
	_, err := os.Stat(path)
	require.NoError(t, err, "TRACTION_HOMEASSISTANT must be the path of hass")
	return path
}

// launch starts a program in a folder; it ends with the test t, which may be the
// parent of the one that runs.
func launch(t *testing.T, dir, program string, args ...string) *parts.Process {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	return parts.Start(t, cmd)
}
