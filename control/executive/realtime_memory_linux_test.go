package executive

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"traction/control"
	"traction/hw"
	"traction/hw/hx711"
	"traction/hw/stepper"
)

// locking makes this test binary a process that locks its memory.
const locking = "TRACTION_TEST_LOCK_MEMORY"

// TestMemoryIsLocked looks from inside at a process that has locked its memory:
// code of a tick is there although it never ran, and other code is not.
func TestMemoryIsLocked(t *testing.T) {
	if os.Getenv(locking) == "" {
		self, err := os.Executable()
		require.NoError(t, err)
		cmd := exec.Command(self, "-test.run", "^TestMemoryIsLocked$", "-test.v")
		cmd.Env = append(os.Environ(), locking+"=1")
		said, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", said)
		if strings.Contains(string(said), "--- SKIP") {
			t.Skipf("this machine refuses to lock memory:\n%s", said)
		}
		return
	}
	file, err := program() // locking parts it into more mappings
	require.NoError(t, err)
	if err := (RealTime{LockMemory: true}).acquire(); err != nil {
		require.ErrorIs(t, err, ErrNoRealTime)
		t.Skip(err)
	}
	for _, f := range []any{
		(*control.Controller).Step, (*hw.Table).Read, (*hw.Table).Apply, (*hw.Table).SafeOff, (*hx711.GPIO).Poll,
		(*stepper.Driver).Edge, (*Executive).Run, (*Journal).flush, unix.ClockNanosleep, syscall.RawSyscall6, errors.Join,
	} {
		at := reflect.ValueOf(f).Pointer()
		assert.True(t, present(t, at), "%s is not in memory", runtime.FuncForPC(at).Name())
	}
	for _, m := range file {
		pages, there := 0, 0
		for at := m.from; at < m.to; at += uintptr(os.Getpagesize()) {
			pages++
			if present(t, at) {
				there++
			}
		}
		t.Logf("%d of %d pages, code: %t, changed: %t", there, pages, m.code, m.changed)
		if !m.changed {
			assert.Less(t, there, pages*9/10, "testify, for one, runs in no tick")
		}
	}
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	assert.NotRegexp(t, `VmLck:\s+0 kB`, string(status))
}

// present reports whether the page at an address is in memory: bit 63 of its entry
// in pagemap (Documentation/admin-guide/mm/pagemap.rst).
func present(t *testing.T, at uintptr) bool {
	t.Helper()
	file, err := os.Open("/proc/self/pagemap")
	require.NoError(t, err)
	defer file.Close()
	var entry [8]byte
	_, err = file.ReadAt(entry[:], int64(at)/int64(os.Getpagesize())*8)
	require.NoError(t, err)
	return binary.NativeEndian.Uint64(entry[:])>>63 == 1
}

func TestCodeByPackage(t *testing.T) {
	for _, c := range []struct {
		function string
		want     bool
	}{
		{"traction/control.New", true},
		{"traction/control/link.(*Server).Serve", true},
		{"traction/controls.New", false},
		{"traction/control", false},
		{"runtime.main", true},
		{"encoding/json.Marshal", false},
		{"", false},
	} {
		assert.Equal(t, c.want, belongs(c.function, []string{"traction/control", "runtime"}), c.function)
	}
}

// TestJournalIsInMemory: the rings are filled without asking the kernel for pages.
func TestJournalIsInMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector, which runs with -short, fetches pages of its own")
	}
	onThread(func() {
		j := NewJournal()
		j.touch()
		var before, after unix.Rusage
		assert.NoError(t, unix.Getrusage(unix.RUSAGE_THREAD, &before))
		var e control.Entry
		for range JournalEntries {
			e.Seq++
			j.entries.add(&e)
		}
		assert.NoError(t, unix.Getrusage(unix.RUSAGE_THREAD, &after))
		assert.Less(t, after.Minflt+after.Majflt-before.Minflt-before.Majflt, int64(20), "of a thousand pages")
	})
}
