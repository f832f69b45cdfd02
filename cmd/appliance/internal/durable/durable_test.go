package durable

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

func TestAStagedFileIsInNobodysWay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, Replace(path, []byte("old"), 0o644))
	s, err := Stage(path, []byte("new"), 0o600)
	require.NoError(t, err)
	assert.Equal(t, "old", content(t, path))
	require.NoError(t, s.Commit())
	assert.Equal(t, "new", content(t, path))
	assert.Equal(t, []string{"f"}, names(t, filepath.Dir(path)))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	require.NoError(t, s.Discard(), "after a commit there is nothing to discard")
	assert.Equal(t, "new", content(t, path))
}

func TestWhatACrashLeftBesideIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path+beside, []byte("half"), 0o666))
	s, err := Stage(path, []byte("whole"), 0o640)
	require.NoError(t, err)
	require.NoError(t, s.Discard())
	assert.Empty(t, names(t, filepath.Dir(path)))
	require.NoError(t, os.WriteFile(path+beside, []byte("half"), 0o666))
	require.NoError(t, Replace(path, []byte("whole"), 0o640))
	assert.Equal(t, "whole", content(t, path))
}

func TestAFailureLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	_, err := Stage(filepath.Join(dir, "missing", "f"), []byte("x"), 0o644)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	// A folder that is not empty cannot be replaced by a file.
	path := filepath.Join(dir, "d")
	require.NoError(t, os.MkdirAll(filepath.Join(path, "inner"), 0o755))
	assert.Error(t, Replace(path, []byte("x"), 0o644))
	assert.Equal(t, []string{"d"}, names(t, dir))
}

func TestALinkIsReplacedAndNotFollowed(t *testing.T) {
	dir := t.TempDir()
	path, target := filepath.Join(dir, "localtime"), filepath.Join(dir, "UTC")
	require.NoError(t, os.WriteFile(target, []byte("utc"), 0o644))
	require.NoError(t, os.Symlink("UTC", path))
	s, err := StageLink(path, "Berlin")
	require.NoError(t, err)
	require.NoError(t, s.Commit())
	got, err := os.Readlink(path)
	require.NoError(t, err)
	assert.Equal(t, "Berlin", got)
	assert.Equal(t, "utc", content(t, target))
}

func TestRemoveIsContentWithWhatIsNotThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, Remove(path))
	require.NoError(t, Replace(path, []byte("x"), 0o644))
	require.NoError(t, Remove(path))
	assert.NoFileExists(t, path)
}
