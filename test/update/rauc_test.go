package update

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

func TestMain(m *testing.M) { os.Exit(parts.Main(m)) }

// raucParts finds what RAUC needs: itself, a bus of its own, and the right to mount.
// A machine that grants no such right is no fault of its parts.
func raucParts(t *testing.T) {
	t.Helper()
	for program, debian := range map[string]string{"rauc": "rauc", "mksquashfs": "squashfs-tools", "dbus-run-session": "dbus", "openssl": "openssl"} {
		parts.Program(t, program, debian)
	}
	image, on := filepath.Join(t.TempDir(), "image"), t.TempDir()
	out, err := exec.Command("mksquashfs", on, image).CombinedOutput()
	require.NoError(t, err, "%s", out)
	if out, err := exec.Command("mount", "-o", "loop", image, on).CombinedOutput(); err != nil {
		t.Skipf("RAUC needs the right to mount what it installs: %s", out)
	}
	out, err = exec.Command("umount", on).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// board is a computer whose disk is made of files: two systems of a boot partition
// and a root partition each, and the first partition.
type board struct {
	*machine
	dir string
}

// newBoard has system A in use, this checkout's handlers, and a signing key. Of RAUC's
// settings, loader are the boot loader's and more are further handlers; %s is where
// the handlers are.
func newBoard(t *testing.T, loader, more string) *board {
	b := &board{machine: newMachine(t, "A")}
	b.write("proc/cmdline", "rauc.slot=A\n")
	b.dir = b.root
	for _, name := range []string{"boot0", "boot1", "root0", "root1"} {
		require.NoError(t, os.WriteFile(filepath.Join(b.dir, name), make([]byte, 256<<10), 0o644))
	}
	b.write("boot/autoboot.txt", "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n")
	b.key("key")
	b.key("stranger")

	b.program("appliance", fmt.Sprintf(`case $1 in
idle) [ ! -e %[1]s/busy ] || { echo "busy: the mode is treating" >&2; exit 1; } ;;
healthy) [ ! -e %[1]s/unwell ] ;;
*) exec %[2]s "$@" --boot %[1]s/boot --command-line %[1]s/proc/cmdline --reboot-param %[1]s/reboot-param ;;
esac`, b.dir, parts.Appliance(t)))
	b.program("systemctl", `[ "$1" != reboot ] || touch `+b.dir+`/rebooted`)

	here, err := filepath.Abs(handlers)
	require.NoError(t, err)
	b.write("system.conf", fmt.Sprintf(`[system]
compatible=traction-test
%[3]s
bundle-formats=plain
statusfile=%[1]s/status.raucs
mountprefix=%[1]s/mnt
[keyring]
path=%[1]s/key.crt
[handlers]
pre-install=%[2]s/pre-install
%[4]s
[slot.boot.0]
device=%[1]s/boot0
type=raw
parent=rootfs.0
[slot.boot.1]
device=%[1]s/boot1
type=raw
parent=rootfs.1
[slot.rootfs.0]
device=%[1]s/root0
type=raw
bootname=A
[slot.rootfs.1]
device=%[1]s/root1
type=raw
bootname=B
`, b.dir, here, loader, strings.ReplaceAll(more, "%s", here)))
	rauc, err := exec.LookPath("rauc")
	require.NoError(t, err)
	b.program("rauc", "exec "+rauc+" --conf="+b.dir+`/system.conf "$@"`) // on an image it finds them by itself
	return b
}

func (b *board) program(name, text string) {
	path := filepath.Join(b.dir, "bin", name)
	require.NoError(b.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(b.t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755))
}

func (b *board) key(name string) {
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
		"-keyout", filepath.Join(b.dir, name+".pem"), "-out", filepath.Join(b.dir, name+".crt"), "-days", "10000", "-subj", "/CN="+name).CombinedOutput()
	require.NoError(b.t, err, "%s", out)
}

// command runs one with a time limit, in the board's surroundings.
func (b *board) command(name string, args ...string) (string, error) {
	cmd := exec.CommandContext(b.t.Context(), "timeout", append([]string{"--kill-after=5", "60", name}, args...)...)
	cmd.Env = append(os.Environ(), "TRACTION_ROOT="+b.root, "PATH="+filepath.Join(b.dir, "bin")+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// bundle makes an update of a system with this content; signed by a key.
func (b *board) bundle(key string, root, boot []byte) (path string) {
	b.write("content/rootfs.img", string(root))
	b.write("content/boot.img", string(boot))
	b.write("content/manifest.raucm", "[update]\ncompatible=traction-test\nversion=2\n[image.rootfs]\nfilename=rootfs.img\n[image.boot]\nfilename=boot.img\n")
	path = filepath.Join(b.dir, key+fmt.Sprint(time.Now().UnixNano())+".raucb")
	at := func(name string) string { return filepath.Join(b.dir, name) }
	// Its own certificate vouches for it here, since only the board decides whom it trusts.
	out, err := b.command("rauc", "--cert="+at(key+".crt"), "--key="+at(key+".pem"), "--keyring="+at(key+".crt"), "bundle", at("content"), path)
	require.NoError(b.t, err, "%s", out)
	return path
}

// rauc runs commands against RAUC's service, which is started for them on a bus of
// its own and ends with them.
func (b *board) rauc(commands string) (string, error) {
	script := filepath.Join(b.dir, "rauc.sh")
	require.NoError(b.t, os.WriteFile(script, fmt.Appendf(nil, `export DBUS_STARTER_BUS_TYPE=session
cd %[1]s
rauc --override-boot-slot=%[3]s service &
service=$!
trap 'kill $service; wait $service' EXIT
i=0 # until it answers on the bus, which "rauc status" asks
until rauc status >/dev/null 2>&1; do
	i=$((i + 1))
	[ $i -lt 100 ] && kill -0 $service || exit 99
	sleep 0.1
done
%[2]s
`, b.dir, commands, b.runs()), 0o644))
	return b.command("dbus-run-session", "--", "sh", script)
}

// runs is what RAUC finds on a real kernel's command line.
func (b *board) runs() string {
	return strings.TrimPrefix(strings.TrimSpace(b.read("proc/cmdline")), "rauc.slot=")
}

// restart is what the firmware does: the trial counts once.
func (b *board) restart() (runs string) {
	runs = "A"
	if strings.HasPrefix(b.read("boot/autoboot.txt"), "[all]\ntryboot_a_b=1\nboot_partition=3\n") {
		runs = "B"
	}
	if b.read("reboot-param") == "0 tryboot\n" {
		runs = map[string]string{"A": "B", "B": "A"}[runs]
	}
	require.NoError(b.t, os.RemoveAll(filepath.Join(b.dir, "reboot-param")))
	b.starts(runs)
	return runs
}

// starts makes a system the one that runs, since a moment ago.
func (b *board) starts(name string) {
	b.write("proc/cmdline", "rauc.slot="+name+"\n")
	b.write("proc/sys/kernel/random/boot_id", fmt.Sprintf("%d\n", time.Now().UnixNano()))
}

func random(t *testing.T, n int) []byte {
	data := make([]byte, n)
	_, err := rand.Read(data)
	require.NoError(t, err)
	return data
}

// TestRAUC goes the whole way with RAUC itself: refused during a treatment, refused
// when signed by somebody else, installed, tried, kept; and another one that does not
// prove itself.
func TestRAUC(t *testing.T) {
	raucParts(t)
	b := newBoard(t, "bootloader=custom", "bootloader-custom-backend=%s/tryboot")
	root, boot := random(t, 100_000), random(t, 50_000)
	update := b.bundle("key", root, boot)
	here, err := filepath.Abs(handlers)
	require.NoError(t, err)
	install, keep := "rauc install ", "sh "+here+"/keep"

	b.write("busy", "")
	out, err := b.rauc(install + update)
	require.Error(t, err, "%s", out)
	assert.Contains(t, out, "busy: the mode is treating")
	assert.Equal(t, make([]byte, 256<<10), []byte(b.read("root1")), "nothing is written during a treatment")
	assert.Empty(t, b.read("reboot-param"))
	require.NoError(t, os.Remove(filepath.Join(b.dir, "busy")))

	out, err = b.rauc(install + b.bundle("stranger", root, boot))
	require.Error(t, err, "%s", out)
	assert.Contains(t, out, "signature")

	out, err = b.rauc(install + update)
	require.NoError(t, err, "%s", out)
	assert.True(t, bytes.HasPrefix([]byte(b.read("root1")), root))
	assert.True(t, bytes.HasPrefix([]byte(b.read("boot1")), boot))
	assert.Equal(t, make([]byte, 256<<10), []byte(b.read("root0")), "the system that runs is not touched")

	require.Equal(t, "B", b.restart())
	out, err = b.rauc(install + update)
	require.Error(t, err, "%s", out)
	assert.Contains(t, out, "is on trial itself")
	out, err = b.rauc(keep)
	require.NoError(t, err, "%s", out)
	assert.Contains(t, out, "has proven itself and is kept")
	require.Equal(t, "B", b.restart(), "also without the flag")

	// The next one, into A, does not prove itself.
	out, err = b.rauc(install + b.bundle("key", boot, root))
	require.NoError(t, err, "%s", out)
	require.Equal(t, "A", b.restart())
	b.write("unwell", "")
	out, err = b.rauc(keep)
	require.NoError(t, err, "%s", out)
	assert.FileExists(t, filepath.Join(b.dir, "rebooted"))
	require.Equal(t, "B", b.restart())
	out, err = b.rauc(keep)
	require.NoError(t, err, "%s", out)
	assert.Contains(t, out, "the update is lost: system A")
	require.Equal(t, "B", b.restart())
	assert.Empty(t, b.read(trial))
}
