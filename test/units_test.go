package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const units = "../systemd"

// need finds a program. Where it is missing the test is skipped, in CI it fails.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil && os.Getenv("TRACTION_REQUIRE_PARTS") != "" {
		t.Fatalf("%s is missing, and TRACTION_REQUIRE_PARTS asks for it; apt-get install systemd", program)
	}
	if err != nil {
		t.Skipf("%s is missing: apt-get install systemd", program)
	}
	return path
}

// install copies a file into a folder that stands for a machine's root.
func install(t *testing.T, root, from, to string, mode os.FileMode) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(units, from))
	require.NoError(t, err)
	to = filepath.Join(root, to)
	require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
	require.NoError(t, os.WriteFile(to, data, mode))
}

// TestUnitsAreUnderstood lets systemd read the units. It exits with 0 even for
// keys that it does not know, so any output is a failure.
func TestUnitsAreUnderstood(t *testing.T) {
	analyze := need(t, "systemd-analyze")
	root := t.TempDir()
	const dir = "usr/lib/systemd/system"
	for _, from := range []string{"/usr/lib/systemd/system", "/lib/systemd/system"} {
		if _, err := os.Stat(from); err == nil {
			require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
			out, err := exec.Command("cp", "-r", from+"/.", filepath.Join(root, dir)).CombinedOutput()
			require.NoError(t, err, "%s", out)
			break
		}
	}
	require.NoError(t, os.MkdirAll(filepath.Join(root, "usr/bin"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "usr/bin/appliance"), []byte("#!/bin/sh\n"), 0o755))
	for _, unit := range []string{"traction-control.service", "traction-gateway.service"} {
		install(t, root, unit, filepath.Join(dir, unit), 0o644)
	}
	verify := func(unit string) string {
		out, err := exec.Command(analyze, "verify", "--man=no", "--recursive-errors=no", "--root="+root, unit).CombinedOutput()
		if err != nil {
			return err.Error() + ": " + string(out)
		}
		return string(out)
	}
	assert.Empty(t, verify("traction-control.service"))
	assert.Empty(t, verify("traction-gateway.service"))

	// The check itself must be able to fail.
	spoilt := filepath.Join(root, dir, "traction-gateway.service")
	data, err := os.ReadFile(spoilt)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(spoilt, append(data, []byte("\n[Service]\nProtectSistem=yes\n")...), 0o644))
	assert.Contains(t, verify("traction-gateway.service"), "ProtectSistem")
}

// TestUnitsAreHardened holds systemd's own exposure score (0 best, 10 worst) under
// a bound that a forgotten key would break.
func TestUnitsAreHardened(t *testing.T) {
	analyze := need(t, "systemd-analyze")
	for unit, most := range map[string]string{"traction-control.service": "15", "traction-gateway.service": "17"} {
		out, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", "--threshold="+most, filepath.Join(units, unit)).CombinedOutput()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Log(lines[len(lines)-1])
		assert.NoError(t, err, "%s is more exposed than %s/10:\n%s", unit, most, out)
	}
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
	has(control, "Type", "notify")
	has(control, "WatchdogSec", "2s")
	has(control, "Restart", "always")
	has(control, "ExecStopPost", "/usr/bin/appliance safe")
	has(control, "LimitRTPRIO", "98") // all that control.priority allows
	has(gateway, "RestrictRealtime", "yes")
	has(gateway, "PrivateDevices", "yes")
	has(gateway, "InaccessiblePaths", "-/run/traction/operator .*")
	data, err := os.ReadFile(filepath.Join(units, control))
	require.NoError(t, err)
	assert.NotRegexp(t, regexp.MustCompile(`(?m)^(RestrictRealtime|PrivateDevices)=`), string(data))
}

// TestUsersAndFolders creates them below an empty root, as an installation would.
func TestUsersAndFolders(t *testing.T) {
	sysusers, tmpfiles := need(t, "systemd-sysusers"), need(t, "systemd-tmpfiles")
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
	} {
		info, err := os.Stat(filepath.Join(root, row.path))
		require.NoError(t, err)
		owner := info.Sys().(*syscall.Stat_t)
		assert.Equal(t, id("passwd", row.user), fmt.Sprint(owner.Uid), row.path)
		assert.Equal(t, id("group", row.group), fmt.Sprint(owner.Gid), row.path)
		assert.Equal(t, row.mode, info.Mode().String(), row.path)
	}
}
