//go:build linux

package update

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/vm"
)

// setVariable stands for U-Boot's fw_setenv: a line for each variable, on a real disk.
const setVariable = `#!/bin/sh
at=1
[ "$1" != BOOT_ORDER ] || at=2
printf '%-63s\n' "$1=$2" | dd of=/dev/vda bs=64 seek=$at conv=notrunc,fsync status=none
`

// treated runs in the guest: the rope is pulled when the computer is told to end.
const treated = `#!/bin/sh
exec >/dev/ttyS1 2>&1
` + vm.UntilIt + `until_it systemctl is-active traction-activate.service
echo B >/run/traction-update-ready
until_it appliance acknowledge
until_it appliance select demo
until_it appliance arm --no-wait
until_it appliance press patient --run-dir /run/traction/operator
until_it appliance start
until_it sh -c 'appliance status | grep -Eq "^Force +[1-9][0-9]"'
appliance idle
echo END
systemctl poweroff
`

// TestActivateAtTheEnd: at an orderly end under systemd the new system is put first, by
// the hardened unit, on a disk, and only after control has released: a treatment is under
// way when the end begins, and while it is, nothing is activated.
func TestActivateAtTheEnd(t *testing.T) {
	guest, root := vm.Need(t), vm.NeedRoot(t)
	disk := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(disk, make([]byte, 1<<20), 0o600))
	m := guest.Boot(t, vm.Guest{
		Memory: 1024, Limit: 10 * time.Minute, Append: "systemd.show_status=0 rdinit=/lib/systemd/systemd rauc.slot=A",
		Args: []string{"-drive", "file=" + disk + ",if=none,format=raw,id=hd0", "-device", "virtio-blk-pci,drive=hd0"},
		Fill: func(a *vm.Archive) {
			a.Tree("/", root, "boot", "dev", "proc", "sys", "run", "tmp", "var/cache", "var/log", "var/lib/apt", "var/lib/dpkg", "usr/share/doc", "usr/share/locale",
				"usr/share/man", "usr/share/i18n", "usr/share/zoneinfo", "usr/share/perl5", "usr/lib/udev/hwdb.d", "usr/lib/udev/hwdb.bin", "usr/lib/apt",
				"usr/lib/x86_64-linux-gnu/gconv", "usr/lib/x86_64-linux-gnu/perl-base", "usr/lib/systemd/system-generators")
			for _, dir := range []string{"/dev", "/proc", "/sys", "/run", "/var/cache", "/var/log"} {
				a.Dir(dir, 0o755)
			}
			a.Dir("/tmp", 0o777)
			for _, unit := range []string{"mosquitto.service", "getty.target", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "dbus.socket",
				"dbus.service", "systemd-logind.service", "systemd-timesyncd.service", "systemd-journal-flush.service", "systemd-remount-fs.service", "fstrim.timer"} {
				a.Link("/etc/systemd/system/"+unit, "/dev/null")
			}
			a.Tree("/usr/lib/modules/"+guest.ABI, guest.Modules)
			a.File("/etc/modules-load.d/guest.conf", 0o644, []byte("virtio_pci\nvirtio_blk\n"))
			a.Copy("/usr/bin/appliance", 0o755, vm.Build(t, "./cmd/appliance", false))
			for from, to := range map[string]string{
				"../../systemd/traction-control.service":                  "/usr/lib/systemd/system/traction-control.service",
				"../../systemd/traction.sysusers":                         "/usr/lib/sysusers.d/traction.conf",
				"../../systemd/traction.tmpfiles":                         "/usr/lib/tmpfiles.d/traction.conf",
				"../../systemd/traction.toml":                             "/etc/traction/traction.toml",
				overlay + "/" + unitFolder + "/traction-activate.service": "/usr/lib/systemd/system/traction-activate.service",
			} {
				a.Copy(to, 0o644, from)
			}
			a.Copy("/usr/lib/rauc/activate", 0o755, handlers+"/activate")
			a.File("/usr/bin/fw_setenv", 0o755, []byte(setVariable))
			a.File("/etc/fw_env.config", 0o644, []byte("/dev/vda\t0x0\t0x200\n"))
			a.File("/etc/systemd/system/traction-control.service.d/simulated.conf", 0o644, []byte(vm.SimulatedControl))
			a.File("/usr/local/bin/treated", 0o755, []byte(treated))
			a.File("/etc/systemd/system/treated.service", 0o644, []byte("[Service]\nType=oneshot\nExecStart=/usr/local/bin/treated\n"))
			for _, unit := range []string{"treated", "traction-control", "traction-activate"} {
				a.Link("/etc/systemd/system/multi-user.target.wants/"+unit+".service", "/usr/lib/systemd/system/"+unit+".service")
			}
		},
	})
	_, said := m.Until("END")
	_, err := m.Wait()
	require.NoError(t, err)
	assert.Contains(t, strings.Join(said, "\n"), "busy: the mode is treating")
	assert.NotContains(t, strings.Join(said, "\n"), "NEVER:")
	written, err := os.ReadFile(disk)
	require.NoError(t, err)
	assert.Equal(t, []string{"BOOT_B_LEFT=1", "BOOT_ORDER=B", "A"}, strings.Fields(string(bytes.Trim(written, "\x00"))), "%s", m.Console())
}
