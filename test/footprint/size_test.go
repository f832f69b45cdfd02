package footprint

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// mostBytes is the promise for a Raspberry Pi with a 64 bit system, in bytes.
const mostBytes = 25_000_000

// TestSize links the program as it is shipped, for the machines of a table. When it
// fails, this tells where the bytes are, once without -s -w:
//
//	go tool nm -size -sort size appliance | head -50
func TestSize(t *testing.T) {
	parts.Heavy(t, "builds for other machines")
	for _, m := range []struct {
		arch string
		most int64 // 0 = nothing is promised
	}{{"arm64", mostBytes}, {"arm", 0}} {
		to := filepath.Join(t.TempDir(), "appliance")
		build(t, to, []string{"-trimpath"}, "GOOS=linux", "GOARCH="+m.arch, "GOARM=")
		info, err := os.Stat(to)
		require.NoError(t, err)
		t.Logf("%s: %d bytes", m.arch, info.Size())
		assert.Greater(t, info.Size(), int64(1_000_000), "this is no whole program")
		if m.most > 0 {
			assert.LessOrEqual(t, info.Size(), m.most, m.arch)
		}
	}
}

// build makes the program without C and without tables for debuggers.
func build(t *testing.T, to string, flags []string, env ...string) {
	t.Helper()
	args := append(append([]string{"build", "-buildvcs=false", "-ldflags", "-s -w", "-o", to}, flags...), "traction/cmd/appliance")
	cmd := exec.Command("go", args...)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
}
