//go:build linux

package vm_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traction/test/vm"
)

var which = flag.String("units", "", "which checks TestUnits runs in its guest, as for -run (default: all)")

// TestUnits boots Debian with systemd, with the units and all that belongs to them
// where a package puts it, and runs the checks of test/vm/guest/units. Time in the
// guest is counted in instructions, so a control loop of 1 kHz is never late because
// this machine is busy.
func TestUnits(t *testing.T) {
	parts, root := vm.Need(t), vm.NeedRoot(t)
	begin := time.Now()
	m := parts.Boot(t, vm.Guest{
		Memory: 1024, Limit: 10 * time.Minute, Counted: true,
		Append: "systemd.show_status=0 rdinit=/lib/systemd/systemd", Args: []string{"-device", "i6300esb"},
		Fill: func(a *vm.Archive) {
			system(t, a, parts, root)
			product(t, a)
			bench(t, a)
		},
	})
	m.Checks(t, "units")
	_, err := m.Wait()
	require.NoError(t, err)
	t.Logf("the whole guest: %s of this machine's time", time.Since(begin).Round(100*time.Millisecond))
}

// unneeded is what a guest can do without: what is only for people, for building, or
// for other machines.
var unneeded = []string{
	"boot", "dev", "proc", "sys", "run", "tmp", "var/cache", "var/lib/apt", "var/lib/dpkg", "var/log",
	"usr/games", "usr/include", "usr/src", "usr/share/bash-completion", "usr/share/common-licenses", "usr/share/debconf", "usr/share/doc",
	"usr/share/i18n", "usr/share/info", "usr/share/keyrings", "usr/share/locale", "usr/share/man", "usr/share/perl5", "usr/share/zoneinfo",
	"usr/lib/apt", "usr/lib/dpkg", "usr/lib/systemd/system-generators", "usr/lib/udev/hwdb.d", "usr/lib/udev/hwdb.bin", "usr/lib/x86_64-linux-gnu/gconv", "usr/lib/x86_64-linux-gnu/perl-base",
}

// elsewhere are units of Debian that cost a guest seconds and have nothing to do
// with ours.
var elsewhere = []string{
	"apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer",
	"systemd-tmpfiles-clean.timer", "motd-news.timer", "getty.target", "getty-static.service", "dbus.service", "dbus.socket",
	"systemd-logind.service", "systemd-random-seed.service", "systemd-timesyncd.service", "systemd-udev-trigger.service",
	"systemd-update-utmp.service", "systemd-update-utmp-runlevel.service", "systemd-user-sessions.service", "systemd-remount-fs.service",
	"systemd-journal-flush.service", "systemd-pcrphase.service", "systemd-pcrphase-sysinit.service",
	"kmod-static-nodes.service", "dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-fs-fuse-connections.mount",
	"modprobe@dm_mod.service", "modprobe@drm.service", "modprobe@efi_pstore.service", "modprobe@fuse.service", "modprobe@loop.service",
}

// system is Debian as it was installed, and the kernel's modules.
func system(t *testing.T, a *vm.Archive, parts vm.Parts, root string) {
	a.Tree("/", root, unneeded...)
	for _, dir := range []string{"/dev", "/proc", "/sys", "/run", "/var/cache", "/var/log"} {
		a.Dir(dir, 0o755)
	}
	for _, dir := range []string{"/tmp", "/var/tmp"} {
		a.Dir(dir, 0o777)
	}
	for _, unit := range elsewhere {
		a.Link("/etc/systemd/system/"+unit, "/dev/null")
	}
	modules := "/usr/lib/modules/" + parts.ABI
	a.Tree(modules, parts.Modules)
	a.File("/etc/modules-load.d/guest.conf", 0o644, []byte("gpio-sim\ni6300esb\n"))
}

// product is what the appliance's package installs.
func product(t *testing.T, a *vm.Archive) {
	a.Copy("/usr/bin/appliance", 0o755, vm.Build(t, "./cmd/appliance", false))
	for from, to := range map[string]string{
		"traction-control.service": "/usr/lib/systemd/system/traction-control.service",
		"traction-gateway.service": "/usr/lib/systemd/system/traction-gateway.service",
		"traction-mosquitto.conf":  "/etc/systemd/system/mosquitto.service.d/50-traction.conf",
		"traction-watchdog.conf":   "/usr/lib/systemd/system.conf.d/50-traction-watchdog.conf",
		"traction.sysctl":          "/usr/lib/sysctl.d/50-traction.conf",
		"traction.sysusers":        "/usr/lib/sysusers.d/traction.conf",
		"traction.tmpfiles":        "/usr/lib/tmpfiles.d/traction.conf",
		"70-traction.rules":        "/usr/lib/udev/rules.d/70-traction.rules",
	} {
		a.Copy(to, 0o644, filepath.Join("../../systemd", from))
	}
	for _, unit := range []string{"traction-control.service", "traction-gateway.service"} {
		a.Link("/etc/systemd/system/multi-user.target.wants/"+unit, "/usr/lib/systemd/system/"+unit)
	}
	settings, err := os.ReadFile("../../systemd/traction.toml")
	require.NoError(t, err)
	const proof = `proof_of_release = "16 h"`
	require.Contains(t, string(settings), proof)
	a.File("/etc/traction/traction.toml", 0o644, []byte(strings.Replace(string(settings), proof, `proof_of_release = "0 s"`, 1)))
}

// bench is what only the guest has: chips of lines, a table that is simulated as far
// as lines do not reach, a programme that does not take long, and the checks.
func bench(t *testing.T, a *vm.Archive) {
	a.Copy("/usr/local/bin/checks", 0o755, vm.Build(t, "./test/vm/guest/units", true))
	a.File("/etc/systemd/system/traction-control.service.d/bench.conf", 0o644, []byte(`[Service]
ExecStart=
ExecStart=/usr/bin/appliance control --kernel-lines --table worm --simulate-state /var/lib/traction/bench
`))
	a.File("/etc/systemd/system/chips.service", 0o644, []byte(`[Unit]
DefaultDependencies=no
After=systemd-modules-load.service sys-kernel-config.mount systemd-udevd.service
Requires=sys-kernel-config.mount
Before=traction-control.service
[Service]
Type=oneshot
RemainAfterExit=yes
Environment=TRACTION_ROLE=chips
ExecStart=/usr/local/bin/checks
ExecStartPost=udevadm settle
`))
	a.File("/etc/systemd/system/checks.service", 0o644, []byte(`[Unit]
After=chips.service
[Service]
Environment=TRACTION_ROLE=checks HOME=/root "TRACTION_RUN=`+*which+`"
WorkingDirectory=/tmp
ExecStart=/usr/local/bin/checks
StandardError=tty
TTYPath=/dev/console
`))
	for _, unit := range []string{"chips.service", "checks.service"} {
		a.Link("/etc/systemd/system/multi-user.target.wants/"+unit, "/etc/systemd/system/"+unit)
	}
	a.File("/etc/traction/programmes/short.toml", 0o644, []byte(`title = "Short"
source = "a test"
harness = "lumbar"
hold = "100 N"
hold_time = "4 s"
rest = "60 N"
rest_time = "2 s"
ramp_up = "60 N/s"
ramp_down = "60 N/s"
duration = "30 s"
pause_rests = false
`))
}
