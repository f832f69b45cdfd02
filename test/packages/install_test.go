package packages

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

// newer makes a later version of a package by hand: other shipped settings, and a
// program that answers to everything "idle", so that whoever asks the installed
// program instead of the running one is found out.
func newer(t *testing.T, file, version string) string {
	t.Helper()
	dir := unpacked(t, file)
	edit := func(name, from, to string) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Contains(t, string(data), from)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(strings.Replace(string(data), from, to, 1)), 0o755))
	}
	edit("DEBIAN/control", "Version: 1.0.0", "Version: "+version)
	edit("etc/traction/traction.toml", "# For people.", "# For people, as version "+version+" says.")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "usr/bin/appliance"), []byte("#!/bin/sh\necho version "+version+"\n"), 0o755))
	return packed(t, dir, version)
}

// packed makes a package of an unpacked one, in which something was changed.
func packed(t *testing.T, dir, version string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "traction_"+version+"_amd64.deb")
	said, err := exec.Command("dpkg-deb", "--root-owner-group", "-Znone", "-b", dir, out).CombinedOutput()
	require.NoError(t, err, "%s", said)
	return out
}

// table is a simulated control process in the root, as a unit would run it.
type table struct {
	*root
	cmd *exec.Cmd
}

const runDir = "/run/simulated"

// simulated starts it and waits until it answers.
func (r *root) simulated() *table {
	r.t.Helper()
	cmd := r.command("/usr/bin/appliance", "control", "--simulate", "--table", "plain", "--run-dir", runDir)
	require.NoError(r.t, cmd.Start())
	c := &table{r, cmd}
	r.t.Cleanup(c.end)
	r.write("/var/tmp/pid", fmt.Sprint(cmd.Process.Pid), 0o644) // every program on its way here was replaced by the next
	r.until("control answers", func(_ string, err error) bool { return err == nil }, "/usr/bin/appliance", "idle")
	return c
}

func (c *table) end() { c.endBy(syscall.SIGTERM) }

func (c *table) endBy(signal syscall.Signal) {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Signal(signal)
		_ = c.cmd.Wait()
		_ = os.Remove(c.path("/var/tmp/pid"))
	}
}

// say has the running program give one command, whatever is installed by now.
func (c *table) say(args ...string) (string, error) {
	program := fmt.Sprintf("/proc/%d/exe", c.cmd.Process.Pid)
	return c.try(append([]string{"env", "TRACTION_SOCKET=" + runDir + "/control.sock", program}, args...)...)
}

func (c *table) mode() string {
	out, err := c.say("status")
	require.NoError(c.t, err, out)
	m := regexp.MustCompile(`(?m)^Mode +([a-z]+)`).FindStringSubmatch(out)
	require.NotNil(c.t, m, out)
	return m[1]
}

// untilSaid repeats a command of the running program until it is obeyed.
func (c *table) untilSaid(args ...string) {
	c.t.Helper()
	c.until(args[0], func(_ string, err error) bool { return err == nil },
		append([]string{"env", "TRACTION_SOCKET=" + runDir + "/control.sock", fmt.Sprintf("/proc/%d/exe", c.cmd.Process.Pid)}, args...)...)
}

// treat brings a treatment under way.
func (c *table) treat() {
	c.t.Helper()
	c.untilSaid("acknowledge")
	c.untilSaid("select", "demo")
	c.untilSaid("arm", "--no-wait")
	c.untilSaid("press", "patient", "--run-dir", runDir)
	c.untilSaid("start")
	require.Equal(c.t, "treating", c.mode())
}

// stop ends it and waits for the slack rope.
func (c *table) stop() {
	c.t.Helper()
	c.untilSaid("stop")
	c.untilSaid("acknowledge")
	c.untilSaid("idle", "--wait", "1m")
}

// TestLifeOfAPackage: installed, upgraded in a treatment and after it, removed,
// purged and installed again.
func TestLifeOfAPackage(t *testing.T) {
	first := packageFile(t, "amd64")
	r := newRoot(t)
	install := func(file string) string { return r.run("dpkg", "--force-confold", "-i", r.bring(file)) }

	said := r.run("apt-get", "install", "--yes", "--no-install-recommends", r.bring(first)) // as README says
	assert.Contains(t, said, "nothing was started")
	assert.Equal(t, []string{"daemon-reload"}, r.asked())
	installed(t, r)

	// What a table gathers in its life.
	const socket, moved = "/run/traction/operator/control.sock", runDir + "/control.sock"
	mine := strings.Replace(r.read("/etc/traction/traction.toml"), socket, moved, 1)
	r.write("/etc/traction/traction.toml", mine, 0o644)
	const calibration = "/var/lib/traction/calibration.toml"
	kept := map[string]string{
		"/etc/traction/programmes/own.toml":           "# a programme\n",
		calibration:                                   "# a calibration\n",
		"/var/lib/traction-gateway/record.sqlite":     "records of people\n",
		"/var/lib/traction-gateway/record.sqlite-wal": "newer records\n",
	}
	for name, text := range kept {
		r.write(name, text, 0o640)
	}
	everythingIsThere := func() {
		t.Helper()
		for name, text := range kept {
			assert.Equal(t, text, r.read(name))
		}
	}

	// Killed in a treatment and not started again: the rope may be under tension.
	control := r.simulated()
	control.treat()
	control.endBy(syscall.SIGKILL)
	out, err := r.try("dpkg", "--remove", "traction")
	assert.Error(t, err, out)
	assert.Contains(t, out, "has left "+moved+" without an orderly end")
	assert.Contains(t, out, "not removed")
	assert.Empty(t, r.asked(), "nothing is stopped or disabled")
	assert.Equal(t, "installed", status(r))

	// Nothing runs: the new version's services, if they are on, are those to start.
	control = r.simulated()
	control.treat()
	said = install(newer(t, first, "1.1.0"))
	assert.Contains(t, said, "busy: the mode is treating")
	assert.Contains(t, said, "the version that runs goes on")
	assert.Equal(t, []string{"daemon-reload"}, r.asked(), "nothing is restarted, the gateway neither")
	assert.Equal(t, "treating", control.mode())
	assert.Equal(t, mine, r.read("/etc/traction/traction.toml"), "the table's own settings")
	assert.Contains(t, r.read("/etc/traction/traction.toml.dpkg-dist"), "as version 1.1.0 says", "the new ones beside them")
	assert.Contains(t, r.run("appliance"), "version 1.1.0")

	out, err = r.try("/usr/lib/traction/restart")
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, out)
	assert.Equal(t, 1, exit.ExitCode())

	out, err = r.try("dpkg", "--remove", "traction")
	assert.Error(t, err, out)
	assert.Contains(t, out, "not removed")
	assert.Equal(t, "treating", control.mode())
	assert.Empty(t, r.asked(), "nothing is stopped")
	assert.Equal(t, "installed", status(r))

	control.stop()
	r.run("/usr/lib/traction/restart")
	assert.Equal(t, []string{"try-restart traction-control.service traction-gateway.service"}, r.asked())
	install(newer(t, first, "1.2.0"))
	assert.Equal(t, []string{"daemon-reload", "try-restart traction-control.service traction-gateway.service"}, r.asked())

	// A process that does not answer may be in a treatment.
	require.NoError(t, control.cmd.Process.Signal(syscall.SIGSTOP))
	said = install(newer(t, first, "1.3.0"))
	require.NoError(t, control.cmd.Process.Signal(syscall.SIGCONT))
	assert.Contains(t, said, "cannot be known")
	assert.Equal(t, []string{"daemon-reload"}, r.asked())

	// Nor is it known while the service manager does not answer.
	r.write("/var/tmp/unreachable", "", 0o644)
	said = install(newer(t, first, "1.4.0"))
	assert.Contains(t, said, "the version that runs goes on")
	assert.Equal(t, []string{"daemon-reload"}, r.asked())
	out, err = r.try("dpkg", "--remove", "traction")
	assert.Error(t, err, out)
	require.NoError(t, os.Remove(r.path("/var/tmp/unreachable")))

	r.run("dpkg", "--remove", "traction")
	assert.Equal(t, []string{"disable --now traction-control.service traction-gateway.service", "daemon-reload"}, r.asked())
	control.end()
	assert.NoFileExists(t, r.path("/usr/bin/appliance"))
	assert.NoFileExists(t, r.path("/usr/lib/systemd/system/traction-control.service"))
	assert.Equal(t, mine, r.read("/etc/traction/traction.toml"))
	everythingIsThere()

	said = r.run("dpkg", "--purge", "traction")
	assert.Contains(t, said, "/var/lib/traction-gateway is left as it is")
	assert.NoFileExists(t, r.path("/etc/traction/traction.toml"))
	everythingIsThere()

	said = install(first)
	assert.Contains(t, said, "nothing was started")
	assert.NotContains(t, r.read("/etc/traction/traction.toml"), runDir)
	everythingIsThere()

	// Settings that nobody can read stand against a removal only while the service is
	// meant to run.
	r.write("/etc/traction/traction.toml", "[control\n", 0o644)
	r.write("/var/tmp/state", "activating\n", 0o644)
	out, err = r.try("dpkg", "--remove", "traction")
	assert.Error(t, err, out)
	assert.Contains(t, out, "cannot be known")
	require.NoError(t, os.Remove(r.path("/var/tmp/state")))
	said = r.run("dpkg", "--remove", "traction")
	assert.NotContains(t, said, "known", "a service that never ran is removed without a word")
	assert.NotContains(t, said, "traction:")
}

func status(r *root) string {
	return strings.TrimSpace(r.run("dpkg-query", "-W", "-f", "${db:Status-Status}", "traction"))
}

// installed looks at what the first installation has left.
func installed(t *testing.T, r *root) {
	t.Helper()
	assert.Equal(t, "installed", status(r))
	assert.Empty(t, r.run("dpkg", "--verify", "traction"), "each file is as it was packed")
	assert.Equal(t, "1.0.0\n", r.run("appliance", "--version"))
	assert.Contains(t, r.run("appliance", "programmes"), "lumbar-60-20")
	assert.Contains(t, r.run("appliance", "idle"), "does not run")

	id := func(file, name string) string {
		m := regexp.MustCompile(`(?m)^` + name + `:[^:]*:(\d+):`).FindStringSubmatch(r.read("/etc/" + file))
		require.NotNil(t, m, "%s has no %s", file, name)
		return m[1]
	}
	for _, name := range []string{"gpio", "spi", "traction", "traction-gateway", "traction-operator"} {
		id("group", name)
	}
	for _, row := range []struct{ path, user, group, mode string }{
		{"/run/traction/operator", "traction", "traction-operator", "dgrwxr-x---"},
		{"/run/traction/gateway", "traction", "traction-gateway", "dgrwxr-x---"},
		{"/var/lib/traction", "traction", "traction", "drwxr-x---"},
		{"/etc/traction", "root", "root", "drwxr-xr-x"},
		{"/etc/traction/programmes", "root", "root", "drwxr-xr-x"},
		{"/etc/traction/traction.toml", "root", "root", "-rw-r--r--"},
		{"/usr/bin/appliance", "root", "root", "-rwxr-xr-x"},
	} {
		info, err := os.Stat(r.path(row.path))
		require.NoError(t, err)
		owner := info.Sys().(*syscall.Stat_t)
		assert.Equal(t, id("passwd", row.user), fmt.Sprint(owner.Uid), row.path)
		assert.Equal(t, id("group", row.group), fmt.Sprint(owner.Gid), row.path)
		assert.Equal(t, row.mode, info.Mode().String(), row.path)
	}
	for _, unit := range []string{"traction-control.service", "traction-gateway.service"} {
		enabled, err := r.try(systemctl, "--root=/", "is-enabled", unit)
		assert.Error(t, err)
		assert.Equal(t, "disabled\n", enabled, unit)
		r.run(systemctl, "--root=/", "preset", unit)
		enabled, _ = r.try(systemctl, "--root=/", "is-enabled", unit) // its status says the same
		assert.Equal(t, "disabled\n", enabled, "%s, by the preset too", unit)
	}
}
