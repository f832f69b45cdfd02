package record

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

// mountImage mounts an image of a file system, which needs root and a loop device.
func mountImage(t *testing.T, image string) (dir string, unmount func()) {
	t.Helper()
	dir = t.TempDir()
	if out, err := exec.Command("mount", "-o", "loop", image, dir).CombinedOutput(); err != nil {
		t.Skipf("a power cut on a real file system needs the right to mount one: %v: %s", err, out)
	}
	done := false
	unmount = func() {
		if !done {
			done = true
			out, err := exec.Command("umount", "-l", dir).CombinedOutput() // also when the test failed with a file open in it
			assert.NoError(t, err, string(out))
		}
	}
	t.Cleanup(unmount)
	return dir, unmount
}

// TestPowerCutOnExt4 takes images of a disk while a record is written to it: what
// the kernel still holds in memory is not in them. The file system recovers, the
// record is whole, and it has what was synced.
func TestPowerCutOnExt4(t *testing.T) {
	if testing.Short() {
		t.Skip("mounts several file systems")
	}
	image := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(image, nil, 0o600))
	require.NoError(t, os.Truncate(image, 48<<20))
	if out, err := exec.Command("mkfs.ext4", "-q", image).CombinedOutput(); err != nil {
		t.Skipf("a power cut on a real file system needs mkfs.ext4: %v: %s", err, out)
	}
	dir, _ := mountImage(t, image)
	s, c := begin(t, filepath.Join(dir, "record.db"))
	x := treatment(60 * time.Second)
	synced, events, worst, cuts, lossy := 0, 0, time.Duration(0), 0, 0
	for at := 0; at < len(x.entries); at += 16 {
		end := min(at+16, len(x.entries))
		var told []control.Event
		for events < len(x.events) && x.events[events].At <= x.entries[end-1].At {
			told, events = append(told, x.events[events]), events+1
		}
		c.advance(x.entries[end-1].At - x.entries[max(at-1, 0)].At)
		require.NoError(t, s.Append(testBoot.ID, x.entries[at:end], told, nil))
		if !s.unsynced {
			synced = end
		}
		if at/16%59 != 58 {
			continue
		}
		cuts++
		cut := filepath.Join(t.TempDir(), "disk")
		copyFile(t, image, cut)
		left, unmount := mountImage(t, cut)
		r, err := Open(filepath.Join(left, "record.db"), Options{})
		require.NoError(t, err)
		require.Nil(t, r.Damage())
		n := x.kept(t, r, synced, events)
		require.NoError(t, r.Close())
		unmount()
		if n < end {
			lossy++
		}
		worst = max(worst, x.entries[end-1].At-x.entries[max(n-1, 0)].At+200*time.Millisecond)
	}
	require.NoError(t, s.Close()) // before it is unmounted
	assert.Greater(t, cuts, 4)
	assert.Positive(t, lossy, "not a test of anything if all was on the disk")
	assert.LessOrEqual(t, worst, time.Second)
	t.Logf("%d power cuts, %d of them cost samples: at most %v", cuts, lossy, worst.Round(time.Millisecond))
}
