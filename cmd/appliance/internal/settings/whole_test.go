package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/settings"
	"traction/control"
)

// Whatever is cut off in the middle of a line is refused, be it a value or a comment.
func TestRefusesWhatWasCutOff(t *testing.T) {
	whole := text(t)
	path := filepath.Join(t.TempDir(), "traction.toml")
	n := 0
	for line := range strings.Lines(whole) {
		if len(line) > 1 {
			require.NoError(t, os.WriteFile(path, []byte(whole[:n+len(line)/2]), 0o600))
			_, err := settings.Load(path)
			require.Error(t, err, "in the middle of %q", line)
		}
		n += len(line)
	}
	require.NoError(t, os.WriteFile(path, []byte(whole[:len(whole)-1]), 0o600))
	_, err := settings.Load(path)
	assert.ErrorContains(t, err, path+": ends in the middle of a line, so it may have been cut off")
}

// A file that was cut off at the end of a line is refused, or what it has lost makes
// the table only more careful: the machine itself, its lines and its limits are there.
func TestCutAtTheEndOfALine(t *testing.T) {
	set := map[string]string{ // as far from the defaults as a table can be
		"motor.reverse": `true`, "cell.capacity": `"2 kN"`, "pins.cell_data_2": `"GPIO9"`, "pins.supply_low": `"GPIO10"`, "pins.heat": `"GPIO23"`,
		"pad.present": `true`, "pad.heat_time": `"5 min"`, "control.remote": `"full"`, "control.request_key_file": `"/etc/traction/key"`,
		"control.gateway_lost": `"go-on"`, "control.proof_of_release": `"0 s"`, "control.allow_no_realtime": `true`, "mqtt.insecure_plain_auth": `true`,
	}
	path := edited(t, set)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	text := strings.TrimRight(string(data), "\n") + "\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	whole, err := settings.Load(path)
	require.NoError(t, err)

	refused, taken, n := 0, 0, 0
	for line := range strings.Lines(text) {
		n += len(line)
		require.NoError(t, os.WriteFile(path, []byte(text[:n]), 0o600))
		got, err := settings.Load(path)
		if err != nil {
			refused++
			continue
		}
		taken++
		assert.Equal(t, whole.Table, got.Table, "after %q", line)
		assert.Equal(t, whole.Cell, got.Cell, "after %q", line)
		assert.Equal(t, whole.Motor, got.Motor, "after %q", line)
		assert.Equal(t, whole.Pins, got.Pins, "after %q", line)
		assert.True(t, got.Pad.Present, "after %q", line)
		assert.LessOrEqual(t, got.Pad.HeatTime, whole.Pad.HeatTime, "after %q", line)
		c := got.Control
		assert.True(t, c.Remote <= control.StopOnly || c.RequestKeyFile != "", "after %q: %+v", line, c)
		assert.True(t, c.GatewayLost == whole.Control.GatewayLost || c.GatewayLost == control.GatewayRelease, "after %q", line)
		assert.GreaterOrEqual(t, c.ProofOfRelease, whole.Control.ProofOfRelease, "after %q", line)
		assert.True(t, !c.AllowNoRealtime || whole.Control.AllowNoRealtime, "after %q", line)
	}
	assert.Greater(t, refused, 60)
	assert.Greater(t, taken, 60)
}
