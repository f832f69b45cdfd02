package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/settings"
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
