package commission

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gone tells whether no such process runs any more.
func gone(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func TestBurdensAreKilled(t *testing.T) {
	m, dir := machine(), t.TempDir()
	b := m.burden(time.Minute, dir)
	require.Empty(t, b.failed)
	require.Len(t, b.running, len(Burdens))
	var pids []int
	for _, one := range b.running {
		pids = append(pids, one.cmd.Process.Pid)
	}
	b.stop()
	for _, pid := range pids {
		assert.True(t, gone(pid), "stop waits for it")
	}
	b.stop()
	var r Report
	b.finding(&r, time.Minute)
	f := find(t, &r, "load")
	assert.Equal(t, Pass, f.Verdict)
	assert.Contains(t, f.Found, dir)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestABurdenThatFailsIsTold(t *testing.T) {
	m := machine()
	m.Probe = func(args ...string) *exec.Cmd {
		if args[1] == "--kind=cpu" {
			return exec.Command("/nowhere/appliance")
		}
		return probeSelf(append(args[:1], "--kind=nonsense")...)
	}
	b := m.burden(time.Minute, t.TempDir())
	for _, one := range b.running {
		err := <-one.ended // as if it had ended before anybody looked
		one.ended <- err
	}
	b.stop()
	var r Report
	b.finding(&r, time.Minute)
	f := find(t, &r, "load")
	assert.Equal(t, Warn, f.Verdict)
	assert.Contains(t, f.Found, "cpu: ")
	assert.Contains(t, f.Found, `disk: ended early: exit status 1 burden "nonsense": unknown`)
}

// within runs a burden that should end at once.
func within(t *testing.T, kind, folder string, most time.Duration, lifeline io.Reader) error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- Burden(context.Background(), kind, folder, most, lifeline) }()
	select {
	case err := <-ended:
		return err
	case <-time.After(30 * time.Second):
		require.Fail(t, "it goes on", kind)
		return nil
	}
}

func TestBurdensEndWithTheirParentOrByTheirClock(t *testing.T) {
	for _, kind := range Burdens {
		assert.NoError(t, within(t, kind, t.TempDir(), time.Hour, strings.NewReader("")), "%s: the parent is gone", kind)
		held, parent := io.Pipe()
		assert.NoError(t, within(t, kind, t.TempDir(), 20*time.Millisecond, held), "%s: its time is over", kind)
		_ = parent.Close()
	}
	assert.Error(t, within(t, "disk", "/nowhere/at/all", time.Hour, iotest.ErrReader(io.EOF)))
}

// TestBurdensEndWhenTheCheckIsKilled kills a parent as nobody can prevent.
func TestBurdensEndWhenTheCheckIsKilled(t *testing.T) {
	dir := t.TempDir()
	parent := probeSelf("parent", "--folder="+dir)
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	line := make([]byte, 64)
	n, err := out.Read(line) // the pids, as one line
	require.NoError(t, err)
	pids := strings.Fields(string(line[:n]))
	require.Len(t, pids, len(Burdens))
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	for _, text := range pids {
		pid, err := strconv.Atoi(text)
		require.NoError(t, err)
		assert.Eventually(t, func() bool { return gone(pid) }, 30*time.Second, 10*time.Millisecond)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestWritable(t *testing.T) {
	dir := t.TempDir()
	assert.Equal(t, dir, writable(dir))
	assert.Equal(t, dir, writable(filepath.Join(dir, "not", "made")), "the services make their folders at their first start")
	assert.Equal(t, dir, writable("/nowhere", dir))
	assert.Equal(t, os.TempDir(), writable("/proc/sys"))
	assert.Error(t, CanWrite("/nowhere"))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}
