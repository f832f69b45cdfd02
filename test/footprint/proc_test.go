//go:build linux

package footprint

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// usage is what a process has used since it began (proc(5)).
type usage struct {
	cpu                  time.Duration // of all threads that live, to the nanosecond (schedstat)
	realTime             time.Duration // the part of the thread under SCHED_FIFO
	switches             int           // times that a thread was put on a CPU
	user, system         time.Duration // in ticks of the kernel's clock, see userHertz
	threads              int
	minor, major         int // page faults
	realMinor, realMajor int // those of the thread under SCHED_FIFO
}

// userHertz is the unit of times in stat, on every Linux machine of today.
const userHertz = 100

// schedFIFO is SCHED_FIFO in field 41 of stat.
const schedFIFO = "1"

func usageOf(t *testing.T, pid int) (u usage) {
	t.Helper()
	u.user, u.system, u.minor, u.major, _ = stat(t, fmt.Sprintf("/proc/%d/stat", pid))
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	require.NoError(t, err)
	for _, task := range tasks {
		raw, err := os.ReadFile(task + "/schedstat")
		if os.IsNotExist(err) {
			continue // a thread that has just ended
		}
		require.NoError(t, err)
		cpu, switches := schedstat(t, string(raw))
		u.cpu += cpu
		u.switches += switches
		u.threads++
		if _, _, minor, major, policy := stat(t, task+"/stat"); policy == schedFIFO {
			u.realTime, u.realMinor, u.realMajor = cpu, minor, major
		}
	}
	return u
}

// schedstat reads time on a CPU in ns, time waiting for one, times put on one.
func schedstat(t *testing.T, raw string) (cpu time.Duration, switches int) {
	t.Helper()
	var waited int64
	_, err := fmt.Sscan(raw, &cpu, &waited, &switches)
	require.NoError(t, err, raw)
	return cpu, switches
}

func stat(t *testing.T, path string) (user, system time.Duration, minor, major int, policy string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(raw), ") ") // the name may hold anything but this
	f := append([]string{"", "", ""}, strings.Fields(rest)...)
	number := func(field int) int {
		n, err := strconv.Atoi(f[field])
		require.NoError(t, err, path)
		return n
	}
	ticks := func(field int) time.Duration { return time.Duration(number(field)) * time.Second / userHertz }
	return ticks(14), ticks(15), number(10), number(12), f[41]
}

// memoryOf reads sums over all of a process's memory, in KiB, by their names in
// smaps_rollup.
func memoryOf(t *testing.T, pid int) map[string]int {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	require.NoError(t, err)
	sums := map[string]int{}
	for line := range strings.Lines(string(raw)) {
		if f := strings.Fields(line); len(f) == 3 && f[2] == "kB" {
			sums[strings.TrimSuffix(f[0], ":")], err = strconv.Atoi(f[1])
			require.NoError(t, err, line)
		}
	}
	return sums
}

// TestOwnUsage holds the readers against what this process knows of itself.
func TestOwnUsage(t *testing.T) {
	before := usageOf(t, os.Getpid())
	end := time.Now().Add(50 * time.Millisecond)
	for time.Now().Before(end) {
	}
	after := usageOf(t, os.Getpid())
	assert.Greater(t, after.cpu, before.cpu)
	assert.Positive(t, after.threads)
	assert.Positive(t, after.switches)
	assert.Positive(t, after.minor)
	m := memoryOf(t, os.Getpid())
	assert.Greater(t, m["Rss"], 1000, "KiB")
	assert.LessOrEqual(t, m["Anonymous"], m["Rss"])
	assert.Contains(t, m, "Locked")
}
