package record

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

// small mounts a file system of so many bytes, which needs root.
func small(t *testing.T, bytes int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.Itoa(bytes)); err != nil {
		t.Skipf("a small file system needs the right to mount one: %v", err)
	}
	// Also when the test failed with a file open in it.
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// ballast takes space away, most or all that there is; removing it makes room.
func ballast(t *testing.T, dir string, most int) (path string) {
	t.Helper()
	path = filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	block := make([]byte, 4096)
	for n := 0; n < most && err == nil; n += len(block) {
		_, err = f.Write(block)
	}
	if err != nil {
		require.ErrorIs(t, err, syscall.ENOSPC)
	}
	return path
}

// A treatment on a disk that becomes full: what was stored stays readable, what
// was refused goes in when there is space again, and nothing is missing.
func TestFullFileSystem(t *testing.T) {
	dir := small(t, 2<<20)
	fill := ballast(t, dir, 1<<19)
	s, c := begin(t, filepath.Join(dir, "record.db"))
	x := newScene(1, 1)
	x.start()
	x.end(control.EndStopped, control.NoInterlock)
	require.NoError(t, s.Append(testBoot.ID, x.entries, x.events, []control.Report{x.report}))
	ended := len(x.entries)
	x.number = 2
	x.start()
	x.cycles(392, 117, 60*time.Second, 20*time.Second, 10*time.Minute)
	x.entries, x.events = x.entries[ended:], nil
	taken := 0
	// record stores until it was refused so many times in a row.
	record := func(most int) {
		for refused := 0; refused < most && taken < len(x.entries); {
			n := min(16, len(x.entries)-taken)
			c.advance(200 * time.Millisecond)
			if err := s.Append(testBoot.ID, x.entries[taken:taken+n], nil, nil); err != nil {
				require.ErrorIs(t, err, ErrFull)
				require.ErrorIs(t, s.AppendOwn(testBoot, 1, c.t, "k", strings.Repeat("long ", 800)), ErrFull)
				refused++
				continue
			}
			refused, taken = 0, taken+n
		}
	}
	record(20)
	full := taken
	require.Less(t, full, len(x.entries), "it was never full")
	assert.Equal(t, x.entries[:taken], stored(t, s, 2), "all that was taken can be read")
	require.NoError(t, os.Remove(fill))
	record(1)
	assert.Greater(t, taken, full+500)
	assert.Equal(t, x.entries[:taken], stored(t, s, 2))
	missing, err := s.Missing(testBoot.ID)
	require.NoError(t, err)
	assert.Empty(t, missing)
	t.Logf("%d entries before, %d after there was more room", full, taken)

	// Deleting makes room.
	other, err := Open(s.path, Options{Beside: true, Now: c.now})
	require.NoError(t, err)
	require.NoError(t, other.Delete(t.Context(), testBoot.ID, 1))
	require.NoError(t, other.Close())
	assert.NoFileExists(t, s.reservePath(), "not a test of the reserve otherwise")
	assert.Empty(t, stored(t, s, 1))
	assert.Equal(t, x.entries[:taken], stored(t, s, 2))
}

// The gateway starts on a full disk all the same: it has more to do than records.
func TestOpenOnFullFileSystem(t *testing.T) {
	for _, there := range []bool{false, true} {
		t.Run(fmt.Sprint(there), func(t *testing.T) {
			dir := small(t, 1<<20)
			path := filepath.Join(dir, "record.db")
			x := treatment(10 * time.Second)
			if there {
				s, _ := begin(t, path)
				require.NoError(t, s.Append(testBoot.ID, x.entries, x.events, []control.Report{x.report}))
				require.NoError(t, s.Close())
			}
			fill := ballast(t, dir, 1<<30)
			s, err := Open(path, Options{})
			require.NoError(t, err)
			defer s.Close()
			require.Nil(t, s.Damage())
			err = s.Boot(Boot{ID: "b2"})
			for range 20 {
				if err == nil { // a little fits into the space that SQLite has set aside
					err = s.Append("b2", x.entries, x.events, nil)
				}
				require.ErrorIs(t, err, ErrFull)
			}
			if there {
				assert.True(t, !strings.Contains(err.Error(), "corrupt"))
			}
			require.NoError(t, os.Remove(fill))
			require.NoError(t, s.Boot(Boot{ID: "b2"}))
			require.NoError(t, s.Append("b2", x.entries, x.events, []control.Report{x.report}))
			list, err := s.Sessions(0)
			require.NoError(t, err)
			want := 1
			if there {
				want = 2
			}
			assert.Len(t, list, want)
		})
	}
}
