package image

import (
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

// packaged are the units of Buildroot's packages that the tree adds to, as far as
// that matters here.
var packaged = map[string]string{
	"sshd.service":            "[Service]\nExecStart=/usr/sbin/sshd -D -e\n",
	"chrony.service":          "[Service]\nExecStart=/usr/sbin/chronyd -n\nRestart=always\n",
	"mosquitto.service":       "[Service]\nType=notify\nExecStart=/usr/sbin/mosquitto\n",
	"wpa_supplicant@.service": "[Service]\nExecStart=/usr/sbin/wpa_supplicant -i %I\n",
	"getty@.service":          "[Service]\nExecStart=-/sbin/agetty - $TERM\n",
	"serial-getty@.service":   "[Service]\nExecStart=-/sbin/agetty - $TERM\n",
}

// systemRoot is a root folder with the overlay, the project's units and the packages'.
func systemRoot(t *testing.T) string {
	root := t.TempDir()
	out, err := exec.Command("cp", "-r", filepath.Join(tree, "board/common/overlay")+"/.", root).CombinedOutput()
	require.NoError(t, err, "%s", out)
	write := func(path, text string, mode os.FileMode) {
		path = filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
	}
	for name, text := range packaged {
		write("usr/lib/systemd/system/"+name, "[Unit]\nDescription=Of a package\n"+text, 0o644)
	}
	broker, err := os.ReadFile("../../systemd/traction-mosquitto.conf")
	require.NoError(t, err)
	write("usr/lib/systemd/system/mosquitto.service.d/50-traction.conf", string(broker), 0o644)
	for _, unit := range []string{"traction-control.service", "traction-gateway.service"} {
		data, err := os.ReadFile("../../systemd/" + unit)
		require.NoError(t, err)
		write("usr/lib/systemd/system/"+unit, string(data), 0o644)
	}
	for _, target := range []string{"sysinit", "basic", "multi-user", "shutdown", "network", "local-fs", "time-sync", "umount"} {
		write("usr/lib/systemd/system/"+target+".target", "[Unit]\nDescription=A target\n", 0o644)
	}
	for _, slice := range []string{"system", "-"} {
		write("usr/lib/systemd/system/"+slice+".slice", "[Unit]\nDescription=A slice\n", 0o644)
	}
	for _, program := range []string{"usr/sbin/sshd", "usr/sbin/chronyd", "usr/sbin/mosquitto", "usr/sbin/wpa_supplicant", "sbin/agetty",
		"usr/bin/appliance", "usr/bin/rauc", "bin/kill", "usr/lib/rauc/keep", "usr/lib/rauc/activate"} {
		write(program, "#!/bin/sh\n", 0o755)
	}
	return root
}

// TestUnits lets systemd read what the image adds to units, and units of its own.
// systemd-analyze exits with 0 even for keys that it does not know: any output counts.
func TestUnits(t *testing.T) {
	need(t, map[string]string{"systemd-analyze": "systemd"})
	root := systemRoot(t)
	units := []string{"sshd.service", "chrony.service", "mosquitto.service", "wpa_supplicant@wlan0.service", "getty@tty1.service", "serial-getty@ttyAMA0.service"}
	own, err := filepath.Glob(filepath.Join(root, "usr/lib/systemd/system/traction-*.service"))
	require.NoError(t, err)
	for _, path := range own {
		units = append(units, filepath.Base(path))
	}
	require.Greater(t, len(units), 8)
	verify := func(unit string) string {
		out, err := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", "--root="+root, unit).CombinedOutput()
		if err != nil {
			return err.Error() + ": " + string(out)
		}
		return string(out)
	}
	for _, unit := range units {
		assert.Empty(t, verify(unit), unit)
	}
	// Each drop-in belongs to a unit that exists.
	dropIns, err := filepath.Glob(filepath.Join(root, "usr/lib/systemd/system/*.d"))
	require.NoError(t, err)
	require.NotEmpty(t, dropIns)
	for _, dir := range dropIns {
		assert.FileExists(t, strings.TrimSuffix(dir, ".d"))
	}
	spoilt := filepath.Join(root, "usr/lib/systemd/system/chrony.service.d/20-spoilt.conf")
	require.NoError(t, os.WriteFile(spoilt, []byte("[Service]\nProtectSistem=yes\n"), 0o644))
	assert.Contains(t, verify("chrony.service"), "ProtectSistem")
}

// TestChronyNotesItsTime: it may write its drift file, or it cannot go on from the last
// time that was noted.
func TestChronyNotesItsTime(t *testing.T) {
	need(t, map[string]string{"systemd-tmpfiles": "systemd"})
	if os.Getuid() != 0 {
		parts.Missing(t, "the right to give a folder away", "run as root")
	}
	root := t.TempDir()
	const uid = 123
	for name, text := range map[string]string{"passwd": "chrony:x:123:124::/:/bin/false\n", "group": "chrony:x:124:\n"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, "etc"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, "etc", name), []byte(text), 0o644))
	}
	conf, err := filepath.Abs(filepath.Join(tree, "board/common/overlay/usr/lib/tmpfiles.d/traction-chrony.conf"))
	require.NoError(t, err)
	out, err := exec.Command("systemd-tmpfiles", "--create", "--root="+root, conf).CombinedOutput()
	require.NoError(t, err, "%s", out)

	drift := regexp.MustCompile(`(?m)^driftfile (\S+)$`).FindStringSubmatch(read(t, "board/common/overlay/etc/chrony.conf"))
	require.NotNil(t, drift)
	folder := filepath.Dir(drift[1])
	info, err := os.Stat(filepath.Join(root, folder))
	require.NoError(t, err)
	assert.EqualValues(t, uid, info.Sys().(*syscall.Stat_t).Uid)
	unit := read(t, "board/common/overlay/usr/lib/systemd/system/chrony.service.d/10-traction.conf")
	assert.NotContains(t, unit, "\nStateDirectory=", "it would make the folder root's")
	assert.Regexp(t, `(?m)^ReadWritePaths=.*`+folder+`\b`, unit)
}

// TestExposure holds systemd's score (0 best, 10 worst) of what faces the network
// beside the gateway.
func TestExposure(t *testing.T) {
	need(t, map[string]string{"systemd-analyze": "systemd"})
	root := systemRoot(t)
	for unit, most := range map[string]float64{"mosquitto.service": 1.5, "chrony.service": 3.5, "traction-keep.service": 1.5} {
		out, _ := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--root="+root, unit).CombinedOutput()
		m := regexp.MustCompile(`Overall exposure level for .*: ([0-9.]+) `).FindSubmatch(out)
		require.NotNil(t, m, "%s", out)
		score, err := strconv.ParseFloat(string(m[1]), 64)
		require.NoError(t, err)
		t.Logf("%s %.1f", unit, score)
		assert.LessOrEqual(t, score, most, unit)
	}
}
