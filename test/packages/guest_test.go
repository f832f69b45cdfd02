//go:build linux

package packages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
	"traction/test/vm"
)

// story runs in the guest as a service of its own and reports what it sees.
const story = `#!/bin/sh
exec >/dev/ttyS1 2>&1
export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin
sockets="--run-dir /run/traction/operator"
` + vm.UntilIt + `package() {
	dpkg "$@" >/tmp/said 2>&1
	status=$?
	grep -v '^(Reading' /tmp/said
	return $status
}
pid() { systemctl show --property=MainPID --value "traction-$1.service"; }
begin() { control=$(pid control) gateway=$(pid gateway); }
compare() {
	sleep 3 # a restart that comes late is one, too
	echo "$1: control $([ "$(pid control)" = "$control" ] && echo same || echo new), gateway $([ "$(pid gateway)" = "$gateway" ] && echo same || echo new)"
}
arm() {
	until_it appliance acknowledge
	until_it appliance select demo
	until_it appliance arm --no-wait
}

package -i /packages/1.0.0.deb
echo "installed: $(systemctl is-enabled traction-control), $(systemctl is-active traction-control)"
systemctl enable --now traction-control traction-gateway
until_it appliance idle

arm
begin
package -i /packages/1.1.0.deb
compare "upgraded while busy"
[ -e "/proc/$control/exe" ] && [ ! "/proc/$control/exe" -ef /usr/bin/appliance ] && echo "the running program is the old one"

package --remove traction
echo "removed while busy: $? $(systemctl is-active traction-control)"

kill -KILL "$control"
until_it systemctl is-active traction-control
until_it appliance idle
begin
[ "/proc/$control/exe" -ef /usr/bin/appliance ] || echo "after a crash: $(readlink "/proc/$control/exe")"
package -i /packages/1.2.0.deb
/usr/lib/traction/restart --wait 2m >/dev/null # in case that the machine was too busy for the cell
compare "upgraded while idle"
echo "state: $(systemctl is-active traction-control), $(systemctl is-active traction-gateway)"

until_it appliance idle
package --remove traction
echo "removed: $? $(systemctl is-active traction-control), $(systemctl is-active traction-gateway), $(ls /var/lib | grep -c traction) folders left"
echo END
systemctl poweroff --force --force
`

// TestUnderTheServiceManager upgrades and removes the package where systemd runs for
// real, with the units as shipped: a whole Debian in QEMU. That the running program
// can be asked from outside its unit's name spaces shows only there.
func TestUnderTheServiceManager(t *testing.T) {
	guest := vm.Need(t)
	first := packageFile(t, "amd64")
	if _, err := os.Stat(debianRoot()); err != nil {
		parts.Missing(t, "a Debian root", ".ci/vm-root .cache/vm-root")
	}
	begin := time.Now()
	m := guest.Boot(t, vm.Guest{
		Memory: 1024, Limit: 15 * time.Minute, Append: "systemd.show_status=0 rdinit=/lib/systemd/systemd",
		Fill: func(a *vm.Archive) {
			a.Tree("/", debianRoot(), "boot", "dev", "proc", "sys", "run", "tmp", "var/cache", "var/log", "usr/share/doc", "usr/share/locale",
				"usr/share/man", "usr/share/i18n", "usr/share/zoneinfo", "usr/lib/udev/hwdb.d", "usr/lib/udev/hwdb.bin", "usr/lib/x86_64-linux-gnu/gconv", "usr/lib/x86_64-linux-gnu/perl-base",
				"usr/share/perl5", "usr/share/bash-completion", "usr/share/info", "usr/lib/apt", "var/lib/apt", "usr/lib/systemd/system-generators")
			for _, dir := range []string{"/dev", "/proc", "/sys", "/run", "/var/cache", "/var/log", "/packages"} {
				a.Dir(dir, 0o755)
			}
			a.Dir("/tmp", 0o777)
			for _, unit := range []string{"mosquitto.service", "getty.target", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer",
				"systemd-udev-trigger.service", "dbus.socket", "dbus.service", "systemd-logind.service", "systemd-timesyncd.service", "systemd-journal-flush.service",
				"e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer"} {
				a.Link("/etc/systemd/system/"+unit, "/dev/null")
			}
			for _, version := range []string{"1.0.0", "1.1.0", "1.2.0"} {
				a.Copy("/packages/"+version+".deb", 0o644, renumbered(t, first, version))
			}
			a.File("/etc/systemd/system/traction-control.service.d/bench.conf", 0o644, []byte(vm.SimulatedControl))
			a.File("/usr/local/bin/story", 0o755, []byte(story))
			a.File("/etc/systemd/system/story.service", 0o644, []byte("[Service]\nType=oneshot\nExecStart=/usr/local/bin/story\n"))
			a.Link("/etc/systemd/system/multi-user.target.wants/story.service", "/etc/systemd/system/story.service")
		},
	})
	_, lines := m.Until("END")
	said := strings.Join(lines, "\n")
	_, err := m.Wait()
	require.NoError(t, err)
	t.Logf("the whole guest: %s of this machine's time", time.Since(begin).Round(100*time.Millisecond))
	for _, want := range []string{
		"installed: disabled, inactive",
		"upgraded while busy: control same, gateway same",
		"the running program is the old one",
		"removed while busy: 1 active",
		"upgraded while idle: control new, gateway new",
		"state: active, active",
		"removed: 0 inactive, inactive, 2 folders left",
	} {
		assert.Contains(t, lines, want)
	}
	assert.Contains(t, said, "busy: the table is armed")
	assert.Contains(t, said, "the version that runs goes on")
	assert.NotContains(t, said, "NEVER:")
	assert.NotContains(t, said, "after a crash:", "the new program runs")
	if t.Failed() {
		t.Log(said)
	}
}

// renumbered is the same package with another version.
func renumbered(t *testing.T, file, version string) string {
	t.Helper()
	dir := unpacked(t, file)
	control := filepath.Join(dir, "DEBIAN", "control")
	data, err := os.ReadFile(control)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(control, []byte(strings.Replace(string(data), "Version: 1.0.0", "Version: "+version, 1)), 0o644))
	return packed(t, dir, version)
}
