// Package image tests the tree that images for the table are built from, as far as
// that goes without building one: what its files say about each other, its scripts
// with the real tools that Buildroot would call, U-Boot's script in a real U-Boot, and,
// where TRACTION_BUILDROOT names a Buildroot tree, its configurations in there.
package image

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tree is the BR2_EXTERNAL tree.
const tree = "../../buildroot"

func read(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{tree}, path...)...))
	require.NoError(t, err)
	return string(data)
}

// boards are the folders with a meta file, by name.
func boards(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(tree, "board", "*", "meta"))
	require.NoError(t, err)
	var names []string
	for _, path := range found {
		names = append(names, filepath.Base(filepath.Dir(path)))
	}
	require.Len(t, names, 5)
	return names
}

// meta reads the values that the scripts read from a board's meta file.
func meta(t *testing.T, board string) map[string]string {
	t.Helper()
	values := map[string]string{}
	for line := range strings.Lines(read(t, "meta") + read(t, "board", board, "meta")) {
		if key, value, found := strings.Cut(strings.TrimSpace(line), "="); found && !strings.HasPrefix(key, "#") {
			values[key] = strings.Trim(value, `"`)
		}
	}
	return values
}

func TestMeta(t *testing.T) {
	for _, board := range boards(t) {
		m := meta(t, board)
		assert.Equal(t, board, m["BOARD_ID"])
		assert.Contains(t, []string{"tryboot", "uboot"}, m["BOOTLOADER"], board)
		assert.Contains(t, []string{"gpt", "hybrid"}, m["PARTITION_TABLE"], board)
		for _, key := range []string{"BOARD_NAME", "PRODUCT_ID", "PRODUCT_NAME", "BOOT_SIZE", "SLOT_BOOT_SIZE", "SLOT_ROOT_SIZE", "DATA_SIZE"} {
			assert.NotEmpty(t, m[key], "%s: %s", board, key)
		}
	}
}

// The kernel's command line is one line; the firmware of a Raspberry Pi reads no more.
func TestCommandLines(t *testing.T) {
	for _, board := range boards(t) {
		line := read(t, "board", board, "cmdline.txt")
		assert.Equal(t, 1, strings.Count(line, "\n"), board)
		assert.True(t, strings.HasSuffix(line, "\n"), board)
		words := strings.Fields(line)
		cpu := meta(t, board)["ISOLATED_CPU"]
		for _, want := range []string{"ro", "rootwait", "rootfstype=erofs", "init=/usr/lib/traction/preinit", "net.ifnames=0",
			"isolcpus=managed_irq,domain," + cpu, "nohz_full=" + cpu, "rcu_nocbs=" + cpu, "irqaffinity=0-2"} {
			assert.Contains(t, words, want, board)
		}
		// The one who is to be woken when all else has failed is the watchdog, and a
		// panic has to come to an end.
		assert.True(t, slices.ContainsFunc(words, func(w string) bool { return regexp.MustCompile(`^panic=[1-9]\d?$`).MatchString(w) }), board)
		if strings.HasPrefix(board, "rpi") {
			assert.Contains(t, line, ".persist_gpio_outputs=n", "outputs keep their level when the controller dies")
		}
		for _, word := range words {
			assert.False(t, strings.HasPrefix(word, "root=") || strings.HasPrefix(word, "rauc."), "%s: %s differs between the systems", board, word)
			assert.Equal(t, 1, strings.Count(" "+strings.Join(words, " ")+" ", " "+word+" "), "%s: %s twice", board, word)
		}
	}
}

func TestFirmwareSettings(t *testing.T) {
	common := strings.Split(read(t, "board", "raspberrypi", "config-common.txt"), "\n")
	for _, want := range []string{"dtparam=strict_gpiod", "dtparam=spi=on", "dtoverlay=w1-gpio"} {
		assert.Contains(t, common, want)
	}
	for _, board := range boards(t) {
		if !strings.HasPrefix(board, "rpi") {
			continue
		}
		kernel := "kernel=Image"
		if meta(t, board)["BOOTLOADER"] == "uboot" {
			kernel = "kernel=u-boot.bin"
		}
		assert.Contains(t, strings.Split(read(t, "board", board, "config.txt"), "\n"), kernel, board)
	}
}

// TestSPIIsOff: drawings and examples use its lines for a second cell and the supply
// monitor. Every driver of a port that the kernels have stays away until somebody asks.
func TestSPIIsOff(t *testing.T) {
	drivers := map[string]bool{}
	for _, file := range []string{"raspberrypi", "rpi5-64"} {
		for _, m := range regexp.MustCompile(`(?m)^CONFIG_(SPI_\w+)=(.)$`).FindAllStringSubmatch(read(t, "board", file, "linux.fragment"), -1) {
			assert.Equal(t, "m", m[2], "%s: what is no module cannot stay away", m[1])
			drivers["blacklist "+strings.ToLower(m[1])] = m[1] != "SPI_SPIDEV" // that one drives no port
		}
	}
	require.Len(t, drivers, 3)
	off := strings.Split(read(t, "board/common/overlay/usr/lib/modprobe.d/traction-spi.conf"), "\n")
	for line, want := range drivers {
		assert.Equal(t, want, slices.Contains(off, line), line)
	}
}

// TestConfigurations: what they name is there, and they differ only where boards do.
func TestConfigurations(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(tree, "configs", "traction_*_defconfig"))
	require.NoError(t, err)
	require.Len(t, found, 5)
	path := regexp.MustCompile(`\$\(BR2_EXTERNAL_TRACTION_PATH\)/([^ "]+)`)
	args := regexp.MustCompile(`BR2_ROOTFS_POST_SCRIPT_ARGS="\$\(BR2_EXTERNAL_TRACTION_PATH\)/board/([^"]+)"`)
	var used []string
	for _, file := range found {
		text := read(t, "configs", filepath.Base(file))
		for _, m := range path.FindAllStringSubmatch(text, -1) {
			info, err := os.Stat(filepath.Join(tree, m[1]))
			if assert.NoError(t, err, file) && strings.HasSuffix(m[1], ".sh") {
				assert.NotZero(t, info.Mode()&0o111, m[1])
			}
		}
		board := args.FindStringSubmatch(text)
		require.NotNil(t, board, file)
		used = append(used, board[1])
		for _, want := range []string{"/board/common/linux-rt.fragment", "/board/common/linux-units.fragment",
			"/board/common/linux-system.fragment", "/board/common/linux-isolation.fragment",
			"BR2_DOWNLOAD_FORCE_CHECK_HASHES=y", "BR2_TARGET_ROOTFS_EROFS=y", "BR2_PACKAGE_RAUC=y", "BR2_PACKAGE_TRACTION=y",
			"# BR2_TARGET_ENABLE_ROOT_LOGIN is not set", "# BR2_TARGET_GENERIC_REMOUNT_ROOTFS_RW is not set"} {
			assert.Contains(t, text, want, file)
		}
		uboot := meta(t, board[1])["BOOTLOADER"] == "uboot"
		assert.Equal(t, uboot, strings.Contains(text, "BR2_TARGET_UBOOT=y"), file)
		assert.Equal(t, uboot, strings.Contains(text, "BR2_PACKAGE_LIBUBOOTENV=y"), file)
	}
	assert.ElementsMatch(t, boards(t), used)
}

// TestPartitionNames: one file makes them, many look for them.
func TestPartitionNames(t *testing.T) {
	made := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\tpartition (\S+) {`).FindAllStringSubmatch(read(t, "board", "common", "genimage.cfg"), -1) {
		made[m[1]] = true
	}
	require.Len(t, made, 7)
	name := regexp.MustCompile(`(?:by-partlabel/|PARTLABEL=|Label=)(traction-[a-z-]*)(%s)?`)
	for _, file := range []string{"rauc/system.conf.in", "board/common/overlay/etc/fstab", "board/common/overlay/usr/lib/repart.d/50-data.conf",
		"board/common/overlay/usr/lib/traction/preinit", "scripts/post-build.sh", "scripts/post-image.sh"} {
		found := name.FindAllStringSubmatch(read(t, file), -1)
		assert.NotEmpty(t, found, file)
		for _, m := range found {
			if m[2] != "" { // of system a and b
				assert.True(t, made[m[1]+"a"] && made[m[1]+"b"], "%s: %s", file, m[0])
				continue
			}
			assert.True(t, made[m[1]], "%s: %s", file, m[0])
		}
	}
}

// TestPresets: a unit with a wrong name is passed over in silence, and then enabled.
func TestPresets(t *testing.T) {
	others := []string{"sshd.service", "chrony.service", "systemd-networkd-wait-online.service"} // of Buildroot's packages
	for _, file := range []string{"board/common/overlay/usr/lib/systemd/system-preset/10-traction-image.preset", "package/traction/50-traction.preset"} {
		seen := 0
		for line := range strings.Lines(read(t, file)) {
			verb, unit, found := strings.Cut(strings.TrimSpace(line), " ")
			if !found || strings.HasPrefix(line, "#") {
				continue
			}
			seen++
			assert.Contains(t, []string{"enable", "disable"}, verb, file)
			assert.True(t, slices.Contains(others, unit) || exists(t, unit), "%s: %s", file, unit)
		}
		assert.NotZero(t, seen, file)
	}
}

// exists tells whether this project has a unit of that name.
func exists(t *testing.T, unit string) bool {
	t.Helper()
	for _, dir := range []string{"../../systemd", filepath.Join(tree, "board/common/overlay/usr/lib/systemd/system")} {
		if _, err := os.Stat(filepath.Join(dir, unit)); err == nil {
			return true
		}
	}
	return false
}

// TestHandlers: RAUC's settings and the units name programs that the build installs.
func TestHandlers(t *testing.T) {
	const units = "board/common/overlay/usr/lib/systemd/system/"
	var named [][]string
	for _, file := range []string{"rauc/system.conf.in", "scripts/common.sh", units + "traction-keep.service", units + "traction-activate.service"} {
		found := regexp.MustCompile(`=/usr/lib/rauc/([a-z-]+)`).FindAllStringSubmatch(read(t, file), -1)
		require.NotEmpty(t, found, file)
		named = append(named, found...)
	}
	for _, m := range named {
		info, err := os.Stat(filepath.Join(tree, "board/common/rauc", m[1]))
		require.NoError(t, err)
		assert.NotZero(t, info.Mode()&0o111, m[1])
	}
}

// TestFragmentsAreChecked tries the script that ends a build: on a configuration that
// is what the fragments ask for, and on ones that are not.
func TestFragmentsAreChecked(t *testing.T) {
	var fragments []string
	for _, pattern := range []string{"board/common/*.fragment", "board/raspberrypi/*.fragment", "board/rpi5-64/*.fragment", "board/qemu-aarch64/linux.fragment"} {
		found, err := filepath.Glob(filepath.Join(tree, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		fragments = append(fragments, found...)
	}
	var all []byte
	for _, path := range fragments {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		all = append(all, data...)
	}
	check := func(config string) (string, error) {
		path := filepath.Join(t.TempDir(), "config")
		require.NoError(t, os.WriteFile(path, []byte(config), 0o644))
		out, err := exec.Command("sh", append([]string{filepath.Join(tree, "scripts/check-fragments.sh"), path}, fragments...)...).CombinedOutput()
		return string(out), err
	}
	out, err := check(string(all))
	require.NoError(t, err, "%s", out)
	for was, is := range map[string]string{
		"CONFIG_PREEMPT_RT=y\n":             "# CONFIG_PREEMPT_RT is not set\n",
		"CONFIG_SPI_SPIDEV=m\n":             "CONFIG_SPI_SPIDEV=y\n",
		"# CONFIG_COREDUMP is not set\n":    "CONFIG_COREDUMP=y\n",
		"CONFIG_DEVTMPFS_MOUNT=y\n":         "",
		"CONFIG_BOOTDELAY=-2\n":             "CONFIG_BOOTDELAY=2\n",
		"# CONFIG_DOS_PARTITION is not set": "CONFIG_DOS_PARTITION=y",
	} {
		require.Contains(t, string(all), was)
		out, err := check(strings.ReplaceAll(string(all), was, is))
		require.Error(t, err, "%s", was)
		assert.Contains(t, out, strings.Trim(strings.SplitN(strings.TrimPrefix(was, "# "), "=", 2)[0], " \n")[:12])
	}
}

// TestLicencesOfThePackage: Buildroot's list names what the program says is in it.
func TestLicencesOfThePackage(t *testing.T) {
	data, err := os.ReadFile("../../cmd/appliance/licences.go")
	require.NoError(t, err)
	mk := read(t, "package/traction/traction.mk")
	for _, m := range regexp.MustCompile(`":\s+"([^"]+)"`).FindAllStringSubmatch(string(data), -1) {
		for _, one := range regexp.MustCompile(` AND | OR `).Split(m[1], -1) {
			one = strings.ReplaceAll(one, "-or-later", "+")
			assert.Contains(t, mk, one)
		}
	}
}

// TestThePackageInstallsWhatIsThere: files that the recipe takes from the checkout.
func TestThePackageInstallsWhatIsThere(t *testing.T) {
	mk := read(t, "package/traction/traction.mk")
	taken := regexp.MustCompile(`\$\(@D\)/(systemd/\S+)`).FindAllStringSubmatch(mk, -1)
	require.Greater(t, len(taken), 5)
	for _, m := range taken {
		assert.FileExists(t, filepath.Join("../..", m[1]))
	}
	for _, m := range regexp.MustCompile(`\$\(TRACTION_PKGDIR\)/(\S+)`).FindAllStringSubmatch(mk, -1) {
		assert.FileExists(t, filepath.Join(tree, "package/traction", m[1]))
	}
	// The users of the image are those that sysusers makes elsewhere.
	data, err := os.ReadFile("../../systemd/traction.sysusers")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`(?m)^[ug] (\S+)`).FindAllStringSubmatch(string(data), -1) {
		assert.Regexp(t, `(?m)^\t(- - )?`+regexp.QuoteMeta(m[1])+` 88\d `, mk)
	}
}
