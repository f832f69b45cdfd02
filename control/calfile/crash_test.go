//go:build unix

package calfile

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The variables that make the test binary a child which saves.
const (
	pathEnv  = "CALFILE_TEST_PATH"
	limitEnv = "CALFILE_TEST_LIMIT"
)

func newer() File {
	f := two()
	f.By = "the newer one"
	return f
}

// child starts this test again in a process of its own.
func child(t *testing.T, path string, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	c := exec.Command(self, "-test.run=^"+t.Name()+"$")
	c.Env = append(append(os.Environ(), pathEnv+"="+path), env...)
	return c
}

// TestKilledWhileSaving kills a process that does nothing but save, wherever it
// happens to be. One whole calibration must be there each time.
func TestKilledWhileSaving(t *testing.T) {
	if path := os.Getenv(pathEnv); path != "" {
		for {
			for _, f := range []File{newer(), sample()} {
				require.NoError(t, Save(path, f))
				fmt.Println("saved")
			}
		}
	}
	path := filepath.Join(t.TempDir(), "calibration.toml")
	require.NoError(t, Save(path, sample()))
	for saves := range 15 {
		c := child(t, path)
		out, err := c.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, c.Start())
		lines := bufio.NewScanner(out)
		for n := 0; n <= saves && lines.Scan(); n++ {
			// The next save begins while the signal is on its way.
		}
		require.NoError(t, c.Process.Kill())
		require.Error(t, c.Wait())
		got, err := Load(path, "table-1", capacity)
		require.NoError(t, err)
		assert.Contains(t, []File{sample(), newer()}, got)
	}
	require.NoError(t, Save(path, newer()), "what a dead process left beside it does not matter")
}

// TestUnfinishedFileBesideTheGoodOne is every state in which a crash can leave the
// new file: cut off at any byte.
func TestUnfinishedFileBesideTheGoodOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calibration.toml")
	require.NoError(t, Save(path, sample()))
	data := encode(newer())
	for n := range len(data) + 1 {
		require.NoError(t, os.WriteFile(path+".new", data[:n], 0o600))
		got, err := Load(path, "table-1", capacity)
		require.NoError(t, err)
		require.Equal(t, sample(), got)
	}
	require.NoError(t, Save(path, newer()))
	got, err := Load(path, "table-1", capacity)
	require.NoError(t, err)
	assert.Equal(t, newer(), got)
	assert.NoFileExists(t, path+".new")
}

// TestDiskFullWhileSaving limits how large the file may grow: the write fails in
// the middle as it does on a full disk.
func TestDiskFullWhileSaving(t *testing.T) {
	if path := os.Getenv(pathEnv); path != "" {
		limit, err := strconv.ParseUint(os.Getenv(limitEnv), 10, 32)
		require.NoError(t, err)
		var before unix.Rlimit
		require.NoError(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &before))
		require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: before.Max}))
		err = Save(path, newer())
		require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &before)) // a coverage run writes files of its own
		require.ErrorIs(t, err, unix.EFBIG)
		require.NoFileExists(t, path+".new", "the unfinished file is taken away")
		return
	}
	path := filepath.Join(t.TempDir(), "calibration.toml")
	require.NoError(t, Save(path, sample()))
	for _, limit := range []int{0, 1, 100, len(encode(newer())) - 1} {
		out, err := child(t, path, limitEnv+"="+strconv.Itoa(limit)).CombinedOutput()
		require.NoError(t, err, "%s", out)
		got, err := Load(path, "table-1", capacity)
		require.NoError(t, err)
		assert.Equal(t, sample(), got)
	}
}
