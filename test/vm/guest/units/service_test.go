//go:build linux

package units

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The units.
const (
	controlUnit = "traction-control.service"
	gatewayUnit = "traction-gateway.service"
	brokerUnit  = "mosquitto.service"
)

// systemctl runs it and returns what it says.
func systemctl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("systemctl", args...).CombinedOutput()
	require.NoError(t, err, "systemctl %s: %s", strings.Join(args, " "), out)
	return strings.TrimSpace(string(out))
}

// property is one that systemd shows of a unit.
func property(t *testing.T, unit, name string) string {
	t.Helper()
	return systemctl(t, "show", "--property="+name, "--value", unit)
}

// words are what tells each unit's own process from others of the unit, such as the
// one that makes the outputs safe after it.
var words = map[string]string{controlUnit: "control", gatewayUnit: "gateway", brokerUnit: "-c"}

// pid is a unit's process, 0 when there is none. Asking systemd would take a hundred
// times as long.
func pid(t *testing.T, unit string) int {
	t.Helper()
	list, _ := os.ReadFile(filepath.Join("/sys/fs/cgroup/system.slice", unit, "cgroup.procs")) // gone with the last process
	for _, p := range strings.Fields(string(list)) {
		line, _ := os.ReadFile(filepath.Join("/proc", p, "cmdline"))
		if args := strings.Split(string(line), "\x00"); len(args) > 1 && args[1] == words[unit] {
			n, err := strconv.Atoi(p)
			require.NoError(t, err)
			return n
		}
	}
	return 0
}

// running waits until a unit has another process than the old one, 0 for any, and
// returns that.
func running(t *testing.T, unit string, old int) int {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(lookEvery) {
		if now := pid(t, unit); now != 0 && now != old {
			return now
		}
		require.Less(t, time.Since(begin), patience, "%s does not run", unit)
	}
}

// journal is what a unit's processes and systemd have said of it since a moment.
func journal(t *testing.T, unit string, since time.Time) string {
	t.Helper()
	out, err := exec.Command("journalctl", "--quiet", "--output=cat", "--no-pager", "--unit="+unit,
		"--since=@"+strconv.FormatFloat(float64(since.UnixMicro())/1e6, 'f', 6, 64)).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// said waits until the journal has a text.
func said(t *testing.T, unit string, since time.Time, text string) {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(10 * lookEvery) {
		all := journal(t, unit, since)
		if strings.Contains(all, text) {
			return
		}
		require.Less(t, time.Since(begin), patience, "no %q in:\n%s", text, all)
	}
}

// status is a process's /proc/PID/status by key.
func status(t *testing.T, pid int) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	require.NoError(t, err)
	all := map[string]string{}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(line, ":")
		all[key] = strings.TrimSpace(value)
	}
	return all
}
