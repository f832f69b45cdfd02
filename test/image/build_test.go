package image

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// Types of partitions (UAPI group's specification of discoverable partitions, and
// Microsoft's "basic data", which the firmware of a Raspberry Pi looks for).
const (
	basicData = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
	rootArm64 = "B921B045-1DF0-41C3-AF44-4C6F280D3FAE"
	reserved  = "8DA63339-0007-60C0-C436-083AC8230908"
	linux     = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
)

const sector = 512

// TestBuild makes the image and the bundle of each board with the real tools, from
// stand-ins for what Buildroot compiles.
func TestBuild(t *testing.T) {
	parts.Heavy(t, "seconds for each board")
	for _, board := range boards(t) {
		t.Run(board, func(t *testing.T) {
			b := newBuild(t, board)
			name := b.run()
			b.checkTarget()
			b.checkCard(name + ".img")
			b.checkBundle(name + ".raucb")
			b.checkGrowth(name + ".img")
		})
	}
}

// checkTarget: what depends on the board is in the system.
func (b *build) checkTarget() {
	t, m := b.t, meta(b.t, b.board)
	assert.Contains(t, b.read("target/etc/traction/traction.toml"), "\ncpu = "+m["ISOLATED_CPU"]+"\n")
	assert.Contains(t, b.read("target/usr/lib/os-release"), "VARIANT_ID="+b.board+"\n")
	assert.Empty(t, b.read("target/etc/machine-id"))
	assert.NoDirExists(t, filepath.Join(b.target, "etc/init.d"))
	for _, handler := range []string{"pre-install", "installed", "activate", "keep", "tryboot"} {
		info, err := os.Stat(filepath.Join(b.target, "usr/lib/rauc", handler))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o755), info.Mode().Perm(), handler)
	}
	conf := b.read("target/etc/rauc/system.conf")
	assert.NotContains(t, conf, "@")
	assert.Contains(t, conf, "compatible=traction-"+b.board+"\n")
	if m["BOOTLOADER"] == "uboot" {
		assert.Contains(t, conf, "bootloader=uboot\n")
		assert.NotContains(t, conf, "custom")
		assert.Contains(t, conf, "\nactivate-installed=false\nboot-attempts-primary=1\n", "no power cut starts a new system")
		assert.Contains(t, conf, "\npost-install=/usr/lib/rauc/installed\n")
		assert.Equal(t, "/dev/disk/by-partlabel/traction-state\t0x0\t0x200\n", b.read("target/etc/fw_env.config"))
	} else {
		assert.Contains(t, conf, "bootloader=custom\n")
		assert.Contains(t, conf, "bootloader-custom-backend=/usr/lib/rauc/tryboot\n")
	}
	enabled := filepath.Join(b.target, "etc/systemd/system/multi-user.target.wants")
	assert.NoFileExists(t, filepath.Join(enabled, "traction-control.service"), "an example's lines may switch anything")
	for _, unit := range []string{"traction-gateway.service", "traction-keep.service", "traction-activate.service", "sshd.service", "chrony.service"} {
		_, err := os.Lstat(filepath.Join(enabled, unit))
		assert.NoError(t, err, unit)
	}
	// Nothing that signs an update may be on a table.
	out, err := exec.Command("grep", "-rl", "PRIVATE KEY", b.target).Output()
	assert.Error(t, err, "%s", out)
	info, err := os.Stat(filepath.Join(b.dir, "update-keys/key.pem"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// checkCard looks into the partitions.
func (b *build) checkCard(image string) {
	t, m := b.t, meta(b.t, b.board)
	var got []partition
	for _, p := range b.partitions(image, "gpt") {
		assert.Zero(t, p.Start*sector%(4<<20), "%s is not aligned", p.Name)
		got = append(got, partition{Name: p.Name, Type: p.Type, Size: p.Size * sector >> 20})
	}
	assert.Equal(t, []partition{
		{Name: "traction-boot", Type: basicData, Size: 64},
		{Name: "traction-boot-a", Type: basicData, Size: 128},
		{Name: "traction-boot-b", Type: basicData, Size: 128},
		{Name: "traction-root-a", Type: rootArm64, Size: 512},
		{Name: "traction-root-b", Type: rootArm64, Size: 512},
		{Name: "traction-state", Type: reserved, Size: 1},
		{Name: "traction-data", Type: linux, Size: 128},
	}, got)
	if m["PARTITION_TABLE"] == "hybrid" {
		mbr := b.partitions(image, "dos")
		require.Len(t, mbr, 2)
		assert.Equal(t, "c", mbr[0].Type, "FAT, for the ROM")
		assert.True(t, mbr[0].Bootable)
		assert.Equal(t, "ee", mbr[1].Type)
	}
	p := b.partitions(image, "gpt")
	first, a := p[0].Start*sector, p[1].Start*sector
	assert.Contains(t, b.file(image, first, "README.txt"), "traction-setup.toml")
	assert.Equal(t, "a kernel for "+b.board+"\n", b.file(image, a, "Image"))
	arguments := func(system string) string {
		return strings.TrimSpace(read(t, "board", b.board, "cmdline.txt")) + " root=PARTLABEL=traction-root-" + strings.ToLower(system) + " rauc.slot=" + system + "\n"
	}
	if m["BOOTLOADER"] == "tryboot" {
		assert.Equal(t, "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n", b.file(image, first, "autoboot.txt"))
		assert.Equal(t, arguments("A"), b.file(image, a, "cmdline.txt"))
		assert.Equal(t, arguments("B"), b.file(image, a, "cmdline-b.txt"))
		b.checkFirmware(image, a)
		return
	}
	assert.Contains(t, b.file(image, first, "boot.scr"), "BOOT_A_LEFT")
	assert.Equal(t, "bootargs="+arguments("A"), b.file(image, a, "slot-a.txt"))
	assert.Equal(t, "bootargs="+arguments("B"), b.file(image, a, "slot-b.txt"))
	if strings.HasPrefix(b.board, "rpi") {
		b.checkFirmware(image, first)
		assert.Equal(t, "a boot loader\n", b.file(image, first, "u-boot.bin"))
	}
}

// checkFirmware: the firmware finds its settings, of the board and of all boards.
func (b *build) checkFirmware(image string, at int64) {
	config := b.file(image, at, "config.txt")
	assert.Contains(b.t, config, "\narm_64bit=1\n")
	assert.Contains(b.t, config, "\ndtparam=strict_gpiod\n")
	assert.Equal(b.t, "a device tree\n", b.file(image, at, "some.dtb"))
	assert.Equal(b.t, "an overlay\n", b.file(image, at, "overlays/w1-gpio.dtbo"))
}

// checkBundle: RAUC takes it with this build's authority, not with another one's, and
// it is for this board.
func (b *build) checkBundle(bundle string) {
	t := b.t
	said := b.command("rauc", "--keyring="+filepath.Join(b.target, "etc/rauc/keyring.pem"), "info", "--output-format=shell", bundle)
	assert.Contains(t, said, "RAUC_MF_COMPATIBLE='traction-"+b.board+"'")
	stranger := filepath.Join(b.dir, "stranger")
	b.command(filepath.Join(tree, "scripts/update-keys.sh"), stranger)
	out, err := exec.Command("rauc", "--keyring="+filepath.Join(stranger, "ca.pem"), "info", bundle).CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "signature verification failed")

	b.command("rauc", "--keyring="+filepath.Join(b.target, "etc/rauc/keyring.pem"), "extract", bundle, filepath.Join(b.dir, "content"))
	manifest := b.read("content/manifest.raucm")
	tryboot := meta(t, b.board)["BOOTLOADER"] == "tryboot"
	assert.Equal(t, tryboot, strings.Contains(manifest, "hooks=post-install"))
	if tryboot {
		assert.FileExists(t, filepath.Join(b.dir, "content/hook"))
	}
	root := filepath.Join(b.dir, "system")
	b.command("fsck.erofs", "--extract="+root, "--preserve", filepath.Join(b.dir, "content/rootfs.img"))
	epoch, err := os.Stat(filepath.Join(root, "usr/lib/clock-epoch"))
	require.NoError(t, err)
	block, _ := pem.Decode([]byte(b.read("update-keys/cert.pem")))
	require.NotNil(t, block)
	signer, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	assert.False(t, epoch.ModTime().Before(signer.NotBefore), "a clock that starts from %v takes no update: valid from %v", epoch.ModTime(), signer.NotBefore)
}

// checkGrowth lets systemd-repart do what it does at the first start: on a card of
// 8 GB the data partition, and nothing else, becomes larger.
func (b *build) checkGrowth(image string) {
	t := b.t
	before := b.partitions(image, "gpt")
	require.NoError(t, os.Truncate(image, 8e9))
	grow := func() {
		b.command("systemd-repart", "--dry-run=no", "--no-pager", "--definitions="+filepath.Join(b.target, "usr/lib/repart.d"), image)
	}
	grow()
	after := b.partitions(image, "gpt")
	require.Len(t, after, len(before))
	last := len(before) - 1
	assert.Equal(t, before[:last], after[:last])
	assert.Equal(t, before[last].Start, after[last].Start)
	assert.Greater(t, after[last].Size*sector, int64(6e9))
	grow()
	assert.Equal(t, after, b.partitions(image, "gpt"), "it grows once")
	if meta(t, b.board)["PARTITION_TABLE"] == "hybrid" {
		assert.Equal(t, "c", b.partitions(image, "dos")[0].Type, "the ROM still finds its partition")
	}
}

// TestHook: the kernel partition of an update names the system that it is written for.
func TestHook(t *testing.T) {
	for _, c := range []struct {
		class, name, want string
		ok                bool
	}{
		{"boot", "A", "of A", true},
		{"boot", "B", "of B", true},
		{"boot", "C", "as in the bundle", false},
		{"rootfs", "B", "as in the bundle", true},
	} {
		dir := t.TempDir()
		for file, text := range map[string]string{"cmdline.txt": "as in the bundle", "cmdline-a.txt": "of A", "cmdline-b.txt": "of B"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644))
		}
		cmd := exec.Command(filepath.Join(tree, "rauc/hook"), "slot-post-install")
		cmd.Env = append(os.Environ(), "RAUC_SLOT_CLASS="+c.class, "RAUC_SLOT_BOOTNAME="+c.name, "RAUC_SLOT_MOUNT_POINT="+dir)
		out, err := cmd.CombinedOutput()
		assert.Equal(t, c.ok, err == nil, "%v: %s", c, out)
		got, err := os.ReadFile(filepath.Join(dir, "cmdline.txt"))
		require.NoError(t, err)
		assert.Equal(t, c.want, string(got))
	}
}

// TestKeysAreKept: a second build signs with the keys of the first one, and half a set
// is not completed with keys that nobody trusts.
func TestKeysAreKept(t *testing.T) {
	need(t, map[string]string{"openssl": "openssl"})
	dir := filepath.Join(t.TempDir(), "keys")
	make := func() (string, error) {
		out, err := exec.Command(filepath.Join(tree, "scripts/update-keys.sh"), dir).CombinedOutput()
		return string(out), err
	}
	out, err := make()
	require.NoError(t, err, out)
	assert.Contains(t, out, "new keys")
	first, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	require.NoError(t, err)
	out, err = make()
	require.NoError(t, err, out)
	again, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	require.NoError(t, err)
	assert.Equal(t, first, again)
	require.NoError(t, os.Remove(filepath.Join(dir, "key.pem")))
	out, err = make()
	require.Error(t, err)
	assert.Contains(t, out, "not complete")
}
