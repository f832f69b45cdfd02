package calfile

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Who calibrates is root, who reads is the control process: the file belongs to the
// owner of its folder, a second time too.
func TestSavedByRootIsTheServices(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away; run as root to see this")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chown(dir, 12345, 23456))
	path := filepath.Join(dir, "calibration.toml")
	for range 2 {
		require.NoError(t, Save(path, sample()))
		info, err := os.Stat(path)
		require.NoError(t, err)
		owner := info.Sys().(*syscall.Stat_t)
		assert.Equal(t, uint32(12345), owner.Uid)
		assert.Equal(t, uint32(23456), owner.Gid)
		assert.Equal(t, os.FileMode(fileMode), info.Mode().Perm())
	}
}
