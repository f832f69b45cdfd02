package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

const units = "../systemd"

// install copies a file into a folder that stands for a machine's root.
func install(t *testing.T, root, from, to string, mode os.FileMode) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(units, from))
	require.NoError(t, err)
	to = filepath.Join(root, to)
	require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
	require.NoError(t, os.WriteFile(to, data, mode))
}

// system is a folder that stands for a machine's root, with systemd's own units,
// ours, and Debian's Mosquitto unit with the drop-in where Mosquitto is installed.
func system(t *testing.T) (root string, installed []string) {
	t.Helper()
	root = t.TempDir()
	const dir = "usr/lib/systemd/system"
	from := "/usr/lib/systemd/system"
	if _, err := os.Stat(from); err != nil {
		from = "/lib/systemd/system"
	}
	require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	out, err := exec.Command("cp", "-r", from+"/.", filepath.Join(root, dir)).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, program := range []string{"usr/bin/appliance", "usr/sbin/mosquitto", "bin/kill"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, program)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, program), []byte("#!/bin/sh\n"), 0o755))
	}
	installed = []string{"traction-control.service", "traction-gateway.service"}
	for _, unit := range installed {
		install(t, root, unit, filepath.Join(dir, unit), 0o644)
	}
	if _, err := os.Stat(filepath.Join(root, dir, "mosquitto.service")); err == nil {
		install(t, root, "traction-mosquitto.conf", filepath.Join(dir, "mosquitto.service.d/50-traction.conf"), 0o644)
		installed = append(installed, "mosquitto.service")
	} else if parts.Required() {
		parts.Missing(t, "mosquitto", "apt-get install mosquitto")
	}
	return root, installed
}

// TestUnitsAreUnderstood lets systemd read the units. It exits with 0 even for
// keys that it does not know, so any output is a failure.
func TestUnitsAreUnderstood(t *testing.T) {
	analyze := parts.Program(t, "systemd-analyze", "systemd")
	root, installed := system(t)
	verify := func(unit string) string {
		out, err := exec.Command(analyze, "verify", "--man=no", "--recursive-errors=no", "--root="+root, unit).CombinedOutput()
		if err != nil {
			return err.Error() + ": " + string(out)
		}
		return string(out)
	}
	for _, unit := range installed {
		assert.Empty(t, verify(unit), unit)
	}

	// The check itself must be able to fail.
	spoilt := filepath.Join(root, "usr/lib/systemd/system/traction-gateway.service")
	data, err := os.ReadFile(spoilt)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(spoilt, append(data, []byte("\n[Service]\nProtectSistem=yes\n")...), 0o644))
	assert.Contains(t, verify("traction-gateway.service"), "ProtectSistem")
}

// TestUnitsAreHardened holds systemd's own exposure score (0 best, 10 worst) under
// a bound that a forgotten key would break.
func TestUnitsAreHardened(t *testing.T) {
	analyze := parts.Program(t, "systemd-analyze", "systemd")
	root, installed := system(t)
	most := map[string]int{"traction-control.service": 7, "traction-gateway.service": 12, "mosquitto.service": 12} // tenths
	score := func(unit string) (last string, err error) {
		out, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", "--root="+root,
			fmt.Sprintf("--threshold=%d", most[unit]), unit).CombinedOutput()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return lines[len(lines)-1], err
	}
	for _, unit := range installed {
		last, err := score(unit)
		t.Log(last)
		assert.NoError(t, err, "%s is more exposed than %d tenths: %s", unit, most[unit], last)
	}

	// The check itself must be able to fail.
	most["traction-control.service"] = 1
	_, err := score("traction-control.service")
	assert.Error(t, err)
}

// TestManagerDropInsAreRead looks for a misspelt key or section in what the system
// manager reads, whose mistakes are a line in a log that nobody looks at.
func TestManagerDropInsAreRead(t *testing.T) {
	for file, want := range map[string]string{
		"traction-watchdog.conf": "RuntimeWatchdogSec=10s",
		"traction-isolated.conf": "CPUAffinity=0-2",
	} {
		data, err := os.ReadFile(filepath.Join(units, file))
		require.NoError(t, err)
		assert.Regexp(t, regexp.MustCompile(`(?s)^(#[^\n]*\n)+\n\[Manager\]\n`+want+`\n$`), string(data), file)
	}
}

// TestRealTimeLeavesTime: the kernel refuses a period that is shorter than the
// runtime, and systemd-sysctl goes on to the next line.
func TestRealTimeLeavesTime(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(units, "traction.sysctl"))
	require.NoError(t, err)
	m := regexp.MustCompile(`(?s)\n-kernel\.sched_rt_runtime_us = (\d+)\n-kernel\.sched_rt_period_us = (\d+)\n$`).FindSubmatch(data)
	require.NotNil(t, m, "the runtime first; each may be refused, by Linux 6.12 and later")
	runtime, err := strconv.Atoi(string(m[1]))
	require.NoError(t, err)
	period, err := strconv.Atoi(string(m[2]))
	require.NoError(t, err)
	assert.LessOrEqual(t, runtime*100, period*95)
	assert.LessOrEqual(t, 2*period, 10_000, "us that a thread which waits in a loop stands still for at most")
}

// TestUnitsKeepThePromisesOfTheDesign looks for the keys that safety leans on.
// It shows R-WATCHDOG and R-GATEWAY-APART.
func TestUnitsKeepThePromisesOfTheDesign(t *testing.T) {
	has := func(unit, key, value string) {
		data, err := os.ReadFile(filepath.Join(units, unit))
		require.NoError(t, err)
		assert.Regexp(t, regexp.MustCompile(`(?m)^`+key+`=`+value+`$`), string(data), unit)
	}
	const control, gateway = "traction-control.service", "traction-gateway.service"
	has(control, "PrivateNetwork", "yes")
	has(control, "PrivateUsers", "yes")
	has(control, "NoExecPaths", "/")
	has(control, "Type", "notify")
	has(control, "WatchdogSec", "2s")
	has(control, "Restart", "always")
	has(control, "ExecStopPost", "/usr/bin/appliance safe")
	has(control, "LimitRTPRIO", "98") // all that control.priority allows
	has(gateway, "RestrictRealtime", "yes")
	has(gateway, "PrivateDevices", "yes")
	has(gateway, "SocketBindDeny", "any")
	has(gateway, "InaccessiblePaths", "-/run/traction/operator .*")
	data, err := os.ReadFile(filepath.Join(units, control))
	require.NoError(t, err)
	assert.NotRegexp(t, regexp.MustCompile(`(?m)^(RestrictRealtime|PrivateDevices)=`), string(data))

	// What is ordered after another unit is stopped before it (systemd.unit(5)): a
	// release must not wait for the gateway's end, and is told while there is a broker.
	has(gateway, "After", "network.target mosquitto.service")
	data, err = os.ReadFile(filepath.Join(units, gateway))
	require.NoError(t, err)
	assert.NotRegexp(t, regexp.MustCompile(`(?m)^(After|Before)=.*`+control), string(data))
}

// TestUsersAndFolders creates them below an empty root, as an installation would.
func TestUsersAndFolders(t *testing.T) {
	sysusers, tmpfiles := parts.Program(t, "systemd-sysusers", "systemd"), parts.Program(t, "systemd-tmpfiles", "systemd")
	if os.Getuid() != 0 {
		t.Skip("needs root, to give folders to users")
	}
	root := t.TempDir()
	install(t, root, "traction.sysusers", "usr/lib/sysusers.d/traction.conf", 0o644)
	install(t, root, "traction.tmpfiles", "usr/lib/tmpfiles.d/traction.conf", 0o644)
	require.NoError(t, os.MkdirAll(filepath.Join(root, "etc"), 0o755))
	for _, f := range []string{"passwd", "group", "shadow", "gshadow"} {
		line := map[string]string{"passwd": "root:x:0:0:root:/root:/bin/sh\n", "group": "root:x:0:\n"}[f]
		require.NoError(t, os.WriteFile(filepath.Join(root, "etc", f), []byte(line), 0o644))
	}
	out, err := exec.Command(sysusers, "--root="+root, "traction.conf").CombinedOutput()
	require.NoError(t, err, "%s", out)
	out, err = exec.Command(tmpfiles, "--root="+root, "--create", "traction.conf").CombinedOutput()
	require.NoError(t, err, "%s", out)

	id := func(file, name string) string {
		data, err := os.ReadFile(filepath.Join(root, "etc", file))
		require.NoError(t, err)
		m := regexp.MustCompile(`(?m)^` + name + `:[^:]*:(\d+):`).FindSubmatch(data)
		require.NotNil(t, m, "%s has no %s", file, name)
		return string(m[1])
	}
	for _, name := range []string{"gpio", "spi", "traction", "traction-gateway", "traction-operator"} {
		id("group", name)
	}
	for _, row := range []struct{ path, user, group, mode string }{
		{"run/traction", "root", "root", "drwxr-xr-x"},
		{"run/traction/operator", "traction", "traction-operator", "dgrwxr-x---"},
		{"run/traction/gateway", "traction", "traction-gateway", "dgrwxr-x---"},
		{"etc/traction/programmes", "root", "root", "drwxr-xr-x"},
		{"var/lib/traction", "traction", "traction", "drwxr-x---"},
		{"var/lib/traction-gateway", "traction-gateway", "traction-gateway", "drwxr-x---"},
	} {
		info, err := os.Stat(filepath.Join(root, row.path))
		require.NoError(t, err)
		owner := info.Sys().(*syscall.Stat_t)
		assert.Equal(t, id("passwd", row.user), fmt.Sprint(owner.Uid), row.path)
		assert.Equal(t, id("group", row.group), fmt.Sprint(owner.Gid), row.path)
		assert.Equal(t, row.mode, info.Mode().String(), row.path)
	}
}
