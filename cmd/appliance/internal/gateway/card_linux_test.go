package gateway

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/record"
)

// card is a file system that becomes read-only at its first error, as Raspberry Pi
// OS mounts a card; fail makes that error.
func card(t *testing.T) (dir string, fail func()) {
	t.Helper()
	image := filepath.Join(t.TempDir(), "card")
	require.NoError(t, os.WriteFile(image, nil, 0o600))
	require.NoError(t, os.Truncate(image, 32<<20))
	if out, err := exec.Command("mkfs.ext4", "-q", image).CombinedOutput(); err != nil {
		t.Skipf("a card that fails needs mkfs.ext4: %v: %s", err, out)
	}
	dir = t.TempDir()
	if out, err := exec.Command("mount", "-o", "loop,errors=remount-ro", image, dir).CombinedOutput(); err != nil {
		t.Skipf("a card that fails needs the right to mount one: %v: %s", err, out)
	}
	t.Cleanup(func() {
		out, err := exec.Command("umount", "-l", dir).CombinedOutput()
		assert.NoError(t, err, string(out))
	})
	device, err := exec.Command("findmnt", "-no", "SOURCE", dir).Output()
	require.NoError(t, err)
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(strings.TrimSpace(string(device))), "trigger_fs_error")
	return dir, func() {
		t.Helper()
		require.NoError(t, os.WriteFile(trigger, []byte("a test"), 0))
		require.Error(t, os.WriteFile(filepath.Join(dir, "x"), nil, 0o600), "it is still written")
	}
}

// TestCardThatBecomesReadOnly: on a real file system the record refuses as it does in
// the other tests, and can be read.
func TestCardThatBecomesReadOnly(t *testing.T) {
	if testing.Short() {
		t.Skip("mounts a file system")
	}
	dir, fail := card(t)
	store, err := record.Open(filepath.Join(dir, "record.sqlite"), record.Options{})
	require.NoError(t, err)
	defer store.Close() //nolint:errcheck // it cannot write
	b, l := NewBacklog(store, quiet), &listener{}
	require.NoError(t, events(b, 1, 3))
	acknowledge(t, b, 2)
	fail()
	require.NoError(t, events(b, 4, 5))
	assert.Equal(t, []string{"event 3", "event 4", "event 5"}, offered(t, b))
	acknowledge(t, b, 2)
	assert.Equal(t, []string{"event 5"}, offered(t, b))
	require.Error(t, b.Keep())

	run(t, &Recorder{Socket: serve(t, &process{oldest: 1, newest: 100}), Store: store, Log: quiet, Tell: l.tell, after: 1})
	eventually(t, "told", func() bool { return len(l.all()) == 1 })
	assert.Contains(t, l.all()[0], "record-lost: The record cannot be written")
}
