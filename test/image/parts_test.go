package image

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// need looks for programs, by the Debian package that has them; scripts call them by
// their names.
func need(t *testing.T, packages map[string]string) {
	t.Helper()
	for program, debian := range packages {
		if _, err := exec.LookPath(program); err != nil {
			parts.Missing(t, program, "apt-get install "+debian)
		}
	}
}

// build is what Buildroot has ready when it calls the scripts of the tree: stand-ins
// for kernel, boot loader, firmware and system.
type build struct {
	t      *testing.T
	dir    string // its folders
	target string
	images string
	board  string
}

// builders are the tools that Buildroot would build and put into the scripts' way.
var builders = map[string]string{
	"genimage": "genimage", "mkdosfs": "dosfstools", "mcopy": "mtools", "mke2fs": "e2fsprogs", "mkfs.erofs": "erofs-utils",
	"mkimage": "u-boot-tools", "rauc": "rauc", "mksquashfs": "squashfs-tools", "openssl": "openssl", "systemctl": "systemd",
	"systemd-repart": "systemd", "sfdisk": "fdisk",
}

// newBuild prepares a board's build. The settings are the real ones, the kernel is not.
func newBuild(t *testing.T, board string) *build {
	need(t, builders)
	b := &build{t: t, dir: t.TempDir(), board: board}
	b.target, b.images = filepath.Join(b.dir, "target"), filepath.Join(b.dir, "images")
	b.write("target/etc/init.d/S01something", "#!/bin/sh\n")
	out, err := exec.Command("cp", "-r", filepath.Join(tree, "board/common/overlay")+"/.", b.target).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, unit := range []string{"traction-control.service", "traction-gateway.service"} {
		b.copy("../../systemd/"+unit, "target/usr/lib/systemd/system/"+unit)
	}
	for _, unit := range []string{"sshd", "chrony"} {
		b.write("target/usr/lib/systemd/system/"+unit+".service", "[Service]\nExecStart=/usr/sbin/"+unit+"\n[Install]\nWantedBy=multi-user.target\n")
	}
	b.copy("../../systemd/traction.toml", "target/etc/traction/traction.toml")
	b.write("images/Image", "a kernel for "+board+"\n")
	if strings.HasPrefix(board, "rpi") {
		b.write("images/some.dtb", "a device tree\n")
		b.write("images/rpi-firmware/start.elf", "firmware\n")
		b.write("images/rpi-firmware/overlays/w1-gpio.dtbo", "an overlay\n")
		b.write("images/u-boot.bin", "a boot loader\n")
	}
	b.write("build/.keep", "")
	b.write("config", "")
	systemctl, err := exec.LookPath("systemctl")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(b.dir, "host/bin"), 0o755))
	require.NoError(t, os.Symlink(systemctl, filepath.Join(b.dir, "host/bin/systemctl")))
	return b
}

func (b *build) write(path, text string) {
	b.t.Helper()
	path = filepath.Join(b.dir, path)
	require.NoError(b.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(b.t, os.WriteFile(path, []byte(text), 0o644))
}

func (b *build) copy(from, to string) {
	b.t.Helper()
	data, err := os.ReadFile(from)
	require.NoError(b.t, err)
	b.write(to, string(data))
}

func (b *build) read(path string) string {
	b.t.Helper()
	data, err := os.ReadFile(filepath.Join(b.dir, path))
	require.NoError(b.t, err)
	return string(data)
}

// script runs one of the two scripts as Buildroot does.
func (b *build) script(name, first string) (string, error) {
	b.t.Helper()
	external, err := filepath.Abs(tree)
	require.NoError(b.t, err)
	cmd := exec.CommandContext(b.t.Context(), filepath.Join(external, "scripts", name), first, filepath.Join(external, "board", b.board))
	cmd.Env = append(os.Environ(), "BR2_EXTERNAL_TRACTION_PATH="+external, "BR2_CONFIG="+filepath.Join(b.dir, "config"),
		"BASE_DIR="+b.dir, "BUILD_DIR="+filepath.Join(b.dir, "build"), "HOST_DIR="+filepath.Join(b.dir, "host"),
		"PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run makes target, file system, image and bundle, and gives the image's path without
// its ending.
func (b *build) run() string {
	b.t.Helper()
	out, err := b.script("post-build.sh", b.target)
	require.NoError(b.t, err, "%s", out)
	b.command("mkfs.erofs", "-zlz4hc", filepath.Join(b.images, "rootfs.erofs"), b.target)
	out, err = b.script("post-image.sh", b.images)
	require.NoError(b.t, err, "%s", out)
	found, err := filepath.Glob(filepath.Join(b.images, "traction-"+b.board+"-*.img"))
	require.NoError(b.t, err)
	require.Len(b.t, found, 1)
	return strings.TrimSuffix(found[0], ".img")
}

func (b *build) command(name string, args ...string) string {
	b.t.Helper()
	out, err := exec.CommandContext(b.t.Context(), name, args...).CombinedOutput()
	require.NoError(b.t, err, "%s %s: %s", name, strings.Join(args, " "), out)
	return string(out)
}

// partition is one of a card, as sfdisk tells it; in sectors of 512 bytes.
type partition struct {
	Name, Type  string
	Start, Size int64
	Bootable    bool
}

// partitions reads the table of an image, "gpt" or "dos".
func (b *build) partitions(image, kind string) []partition {
	b.t.Helper()
	out, err := exec.CommandContext(b.t.Context(), "sfdisk", "--json", "--label-nested", kind, image).Output()
	if kind == "gpt" {
		out, err = exec.CommandContext(b.t.Context(), "sfdisk", "--json", image).Output()
	}
	require.NoError(b.t, err)
	var table struct {
		PartitionTable struct {
			Label      string
			Partitions []partition
		}
	}
	require.NoError(b.t, json.Unmarshal(out, &table))
	require.Equal(b.t, kind, table.PartitionTable.Label)
	return table.PartitionTable.Partitions
}

// file reads one from a FAT file system that begins at a byte of an image.
func (b *build) file(image string, at int64, name string) string {
	b.t.Helper()
	return b.command("mtype", "-i", image+"@@"+itoa(at), "::"+name)
}
