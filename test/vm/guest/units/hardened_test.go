//go:build linux

package units

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestHardened looks at what the kernel says of each process.
func TestHardened(t *testing.T) {
	for _, unit := range []string{controlUnit, gatewayUnit, brokerUnit} {
		p := running(t, unit, 0)
		s := status(t, p)
		assert.Equal(t, "1", s["NoNewPrivs"], unit)
		assert.Equal(t, "2", s["Seccomp"], "%s: a filter of system calls", unit)
		for _, set := range []string{"CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb"} {
			assert.Equal(t, "0000000000000000", s[set], "%s: %s", unit, set)
		}
		assert.NotEqual(t, "0", strings.Fields(s["Uid"])[0], unit)
		assert.True(t, apart(t, p, "mnt") && apart(t, p, "user"), unit)
		assert.Equal(t, unit == controlUnit, apart(t, p, "net"), "%s: a network of its own", unit)
		root := mount(t, p, "/")
		assert.Contains(t, root, "ro", unit)
		assert.Equal(t, unit != brokerUnit, strings.Contains(strings.Join(root, ","), "noexec"), unit)
	}
}

// TestWhatEachCannotSee of the others' and the system's files.
func TestWhatEachCannotSee(t *testing.T) {
	for unit, paths := range map[string][]string{
		gatewayUnit: {"/run/traction/operator", "/var/lib/traction"},
		brokerUnit:  {"/run/traction", "/var/lib/traction", "/var/lib/traction-gateway", "/etc/traction"},
	} {
		for _, path := range paths {
			info, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid(t, unit)), "root", path))
			require.NoError(t, err)
			assert.Zero(t, info.Mode().Perm(), "%s: %s", unit, path)
		}
	}
}

// TestDevices opens devices as root, in each unit's control group: only what the
// unit allows can be opened, whoever asks.
func TestDevices(t *testing.T) {
	dir := t.TempDir()
	disk := filepath.Join(dir, "disk") // without a disk the kernel says ENXIO
	require.NoError(t, unix.Mknod(disk, unix.S_IFBLK|0o600, int(unix.Mkdev(8, 0))))
	devices := []string{"/dev/null", "/dev/gpiochip0", "/dev/mem", "/dev/watchdog0", disk}
	free := opened(t, "", devices)
	assert.Equal(t, []string{"", "", ""}, free[:3], "outside of a unit")
	const forbidden = "operation not permitted"
	assert.NotContains(t, free[4], forbidden)
	assert.Equal(t, []string{"", "", forbidden, forbidden, forbidden}, opened(t, controlUnit, devices))
	assert.Equal(t, []string{"", forbidden, forbidden, forbidden, forbidden}, opened(t, gatewayUnit, devices))
	assert.Equal(t, []string{"", forbidden, forbidden, forbidden, forbidden}, opened(t, brokerUnit, devices))
}

// opened opens the devices in a unit's control group, and returns what was wrong
// with each.
func opened(t *testing.T, unit string, devices []string) (wrong []string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", devices...)
	cmd.Env = append(os.Environ(), role+"="+look)
	if unit != "" {
		group, err := os.Open(filepath.Join("/sys/fs/cgroup", property(t, unit, "ControlGroup")))
		require.NoError(t, err)
		defer func() { assert.NoError(t, group.Close()) }()
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}
	}
	out, err := cmd.Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(out, &wrong))
	return wrong
}

// openAll is the program of opened.
func openAll(devices []string) {
	var wrong []string
	for _, d := range devices {
		f, err := os.OpenFile(d, os.O_RDWR, 0)
		text := ""
		if err != nil {
			text = err.(*os.PathError).Err.Error()
		} else {
			_ = f.Close()
		}
		wrong = append(wrong, text)
	}
	_ = json.NewEncoder(os.Stdout).Encode(wrong)
}

// TestRealTime: one thread of the controller has the priority of the settings, and
// none of the others' has any; memory is locked.
func TestRealTime(t *testing.T) {
	const fifo, priority = 1, 80
	raised := map[string]int{}
	for _, unit := range []string{controlUnit, gatewayUnit, brokerUnit} {
		p := running(t, unit, 0)
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", p))
		require.NoError(t, err)
		require.NotEmpty(t, tasks)
		for _, task := range tasks {
			n, err := strconv.Atoi(filepath.Base(task))
			require.NoError(t, err)
			attr, err := unix.SchedGetAttr(n, 0)
			if err != nil { // the thread has ended
				continue
			}
			if attr.Policy != 0 {
				raised[unit]++
				assert.Equal(t, []uint32{fifo, priority}, []uint32{attr.Policy, attr.Priority}, unit)
			}
		}
	}
	assert.Equal(t, map[string]int{controlUnit: 1}, raised)
	for key, want := range map[string]string{"runtime": "4750", "period": "5000"} { // systemd/traction.sysctl
		got, err := os.ReadFile("/proc/sys/kernel/sched_rt_" + key + "_us")
		require.NoError(t, err)
		assert.Equal(t, want, strings.TrimSpace(string(got)), key)
	}
	locked, err := strconv.Atoi(strings.Fields(status(t, pid(t, controlUnit))["VmLck"])[0])
	require.NoError(t, err)
	assert.Positive(t, locked)
}

// TestHardwareWatchdog: the service manager feeds the computer's own.
func TestHardwareWatchdog(t *testing.T) {
	assert.Equal(t, "10s", systemctl(t, "show", "--property=RuntimeWatchdogUSec", "--value"))
	state, err := os.ReadFile("/sys/class/watchdog/watchdog0/state")
	require.NoError(t, err)
	assert.Equal(t, "active", strings.TrimSpace(string(state)))
}

// apart tells whether a process has another namespace than the system.
func apart(t *testing.T, pid int, kind string) bool {
	t.Helper()
	its, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
	require.NoError(t, err)
	ours, err := os.Readlink("/proc/1/ns/" + kind)
	require.NoError(t, err)
	return its != ours
}

// mount is how a process's file system is mounted at a path.
func mount(t *testing.T, pid int, at string) (options []string) {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); f[4] == at { // the last one counts
			options = strings.Split(f[5], ",")
		}
	}
	require.NotEmpty(t, options, "%s of %d", at, pid)
	return options
}
