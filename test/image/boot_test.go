package image

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// uboot is Debian's build of U-Boot for QEMU; it starts boot.scr from the first
// partition as the image's own does.
const uboot = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"

// starter is a card in a machine that U-Boot starts.
type starter struct {
	*build
	disk    string
	stateAt int64
}

func newStarter(t *testing.T) *starter {
	parts.Heavy(t, "emulates a computer")
	need(t, map[string]string{"qemu-system-aarch64": "qemu-system-arm"})
	if _, err := os.Stat(uboot); err != nil {
		parts.Missing(t, uboot, "apt-get install u-boot-qemu")
	}
	s := &starter{build: newBuild(t, "qemu-aarch64")}
	s.disk = s.run() + ".img"
	s.stateAt = s.partitions(s.disk, "gpt")[5].Start * sector
	return s
}

// start is one start, until U-Boot hands over or gives up: what it says of the systems.
// The kernels are none, so each start ends with a reset.
func (s *starter) start() []string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53", "-m", "512M", "-nographic", "-no-reboot",
		"-accel", "tcg", "-nic", "none", "-bios", uboot, "-drive", "file="+s.disk+",if=none,format=raw,id=hd0", "-device", "virtio-blk-device,drive=hd0")
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, "%s", out)
	said := regexp.MustCompile(`(?m)^(Starting system .*|Neither system .*|System . cannot .*|.*import failed)\r?$`).FindAllStringSubmatch(string(out), -1)
	require.NotEmpty(s.t, said, "%s", out)
	var lines []string
	for _, m := range said {
		lines = append(lines, strings.TrimSpace(m[1]))
	}
	return lines
}

// state reads U-Boot's variables as fw_printenv does: a checksum, then texts that end
// with zero bytes.
func (s *starter) state() map[string]string {
	s.t.Helper()
	raw := make([]byte, sector)
	file, err := os.Open(s.disk)
	require.NoError(s.t, err)
	defer file.Close() //nolint:errcheck // only read
	_, err = file.ReadAt(raw, s.stateAt)
	require.NoError(s.t, err)
	require.Equal(s.t, crc32.ChecksumIEEE(raw[4:]), binary.LittleEndian.Uint32(raw))
	values := map[string]string{}
	for text := range strings.SplitSeq(string(raw[4:]), "\x00") {
		if key, value, found := strings.Cut(text, "="); found {
			values[key] = value
		}
	}
	return values
}

// set writes them as fw_setenv does.
func (s *starter) set(values ...string) {
	s.t.Helper()
	raw := make([]byte, sector)
	copy(raw[4:], strings.Join(values, "\x00"))
	binary.LittleEndian.PutUint32(raw, crc32.ChecksumIEEE(raw[4:]))
	s.writeState(raw)
}

func (s *starter) writeState(raw []byte) {
	s.t.Helper()
	file, err := os.OpenFile(s.disk, os.O_WRONLY, 0)
	require.NoError(s.t, err)
	_, err = file.WriteAt(raw, s.stateAt)
	require.NoError(s.t, err)
	require.NoError(s.t, file.Close())
}

// TestUBootChooses: a system is tried three times, then the other one, and never is
// neither tried any more.
func TestUBootChooses(t *testing.T) {
	s := newStarter(t)
	said := s.start()
	assert.Contains(t, said[0], "import failed", "a new card has no state yet")
	assert.Equal(t, []string{"Starting system A; tries left: A 2, B 3", "System A cannot be started"}, said[1:])
	assert.Equal(t, map[string]string{"BOOT_ORDER": "A B", "BOOT_A_LEFT": "2", "BOOT_B_LEFT": "3"}, s.state())
	assert.Equal(t, "Starting system A; tries left: A 1, B 3", s.start()[0])
	assert.Equal(t, "Starting system A; tries left: A 0, B 3", s.start()[0])
	assert.Equal(t, "Starting system B; tries left: A 0, B 2", s.start()[0])

	s.set("BOOT_ORDER=B A", "BOOT_A_LEFT=3", "BOOT_B_LEFT=1") // an update is to be tried
	assert.Equal(t, "Starting system B; tries left: A 3, B 0", s.start()[0])
	assert.Equal(t, "Starting system A; tries left: A 2, B 0", s.start()[0], "once")
	s.set("BOOT_ORDER=B A", "BOOT_A_LEFT=0", "BOOT_B_LEFT=0")
	assert.Equal(t, []string{"Neither system has a try left: both get three more"}, s.start())
	assert.Equal(t, map[string]string{"BOOT_ORDER": "B A", "BOOT_A_LEFT": "3", "BOOT_B_LEFT": "3"}, s.state())

	s.writeState(make([]byte, sector)) // damaged
	assert.Contains(t, s.start()[0], "import failed")
	assert.Equal(t, "2", s.state()["BOOT_A_LEFT"])
}

// TestPreinit runs the first process with stand-ins for what it calls.
func TestPreinit(t *testing.T) {
	const data = "/dev/mmcblk0p7"
	kept := []string{"e2fsck -p " + data, "mount -t ext4 -o noatime,nodev,nosuid " + data + " ROOT/var",
		"mount -t overlay -o nodev,nosuid,lowerdir=ROOT/etc,upperdir=ROOT/var/etc/upper,workdir=ROOT/var/etc/work overlay ROOT/etc"}
	lost := []string{"mount -t tmpfs -o nosuid,nodev,mode=0755,size=25% tmpfs ROOT/var", kept[2]}
	for _, c := range []struct {
		name    string
		answers map[string]string // a call's beginning, and its exit status
		calls   []string          // between the first mounts and systemd
		lost    bool
		says    string
	}{
		{"all is well", nil, kept, false, ""},
		{"repaired by itself", map[string]string{"e2fsck -p": "1"}, kept, false, ""},
		{"needs repair", map[string]string{"e2fsck -p": "4"}, []string{kept[0], "e2fsck -y " + data, kept[1], kept[2]}, false, ""},
		{"cannot be mounted", map[string]string{"mount -t ext4": "32"}, append(kept[:2:2], lost...), true, "cannot be used"},
		{"not there", map[string]string{"findfs": "1"}, lost, true, "no partition"},
		{"no overlay on it", map[string]string{"mount -t overlay": "32"}, append(kept[:3:3], lost...), true, "stays read-only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			for _, dir := range []string{"bin", "dev", "run", "etc", "var", "usr/lib/systemd"} {
				require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
			}
			stub := func(path, text string) {
				script := "#!/bin/sh\necho \"${0##*/} $*\" >>" + root + "/calls\n" + text
				require.NoError(t, os.WriteFile(filepath.Join(root, path), []byte(script), 0o755))
			}
			for _, name := range []string{"mount", "e2fsck", "findfs", "sleep"} {
				text := "case \"" + name + " $*\" in\n"
				for call, status := range c.answers {
					text += "\"" + call + "\"*) exit " + status + ";;\n"
				}
				stub("bin/"+name, text+"esac\n[ "+name+" != findfs ] || echo "+data+"\n")
			}
			stub("usr/lib/systemd/systemd", "")
			cmd := exec.Command("sh", filepath.Join(tree, "board/common/overlay/usr/lib/traction/preinit"), "splash")
			cmd.Env = append(os.Environ(), "TRACTION_ROOT="+root, "TRACTION_PATH="+root+"/bin:"+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			log, err := os.ReadFile(filepath.Join(root, "calls"))
			require.NoError(t, err)
			var calls []string
			for line := range strings.Lines(strings.ReplaceAll(string(log), root, "ROOT")) {
				if !strings.HasPrefix(line, "findfs") && !strings.HasPrefix(line, "sleep") {
					calls = append(calls, strings.TrimSpace(line))
				}
			}
			require.Greater(t, len(calls), 4)
			assert.Equal(t, "systemd splash", calls[len(calls)-1], "the kernel's arguments go on")
			assert.Equal(t, c.calls, calls[3:len(calls)-1])
			_, err = os.Stat(filepath.Join(root, "run/traction-no-data"))
			assert.Equal(t, c.lost, err == nil, "a note for who keeps or leaves this system")
			console, _ := os.ReadFile(filepath.Join(root, "dev/console"))
			assert.Contains(t, string(console), c.says)
		})
	}
}
