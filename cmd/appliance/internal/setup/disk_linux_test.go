package setup

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// partition is a file system in a file.
type partition struct {
	t                 *testing.T
	kind, image, path string
	mounted           bool
}

// newPartition makes one of a kind that this kernel knows.
func newPartition(t *testing.T, kind string, options ...string) *partition {
	t.Helper()
	known, err := os.ReadFile("/proc/filesystems")
	require.NoError(t, err)
	if !slices.Contains(strings.Fields(string(known)), kind) {
		t.Skipf("this kernel knows no %s", kind)
	}
	mkfs := parts.Program(t, "mkfs."+kind, "dosfstools e2fsprogs")
	p := &partition{t: t, kind: kind, image: filepath.Join(t.TempDir(), "image"), path: t.TempDir()}
	require.NoError(t, os.WriteFile(p.image, make([]byte, 2<<20), 0o600))
	p.run(mkfs, append(options, p.image)...)
	if out, err := exec.Command("mount", "-o", "loop", p.image, p.path).CombinedOutput(); err != nil {
		t.Skipf("a partition in a file needs the right to mount one: %s", out)
	}
	p.mounted = true
	t.Cleanup(p.unmount)
	p.unmount()
	return p
}

func (p *partition) run(name string, args ...string) {
	p.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(p.t, err, "%s", out)
}

func (p *partition) mount(options string) {
	p.t.Helper()
	p.run("mount", "-t", p.kind, "-o", "loop,noatime"+options, p.image, p.path)
	p.mounted = true
}

func (p *partition) unmount() {
	if p.mounted {
		p.run("umount", p.path)
		p.mounted = false
	}
}

// fill leaves no room, not even what a file system sets aside and gives back when it
// has written everything.
func (p *partition) fill() {
	p.t.Helper()
	f, err := os.Create(filepath.Join(p.path, "full"))
	require.NoError(p.t, err)
	for size, again := 1<<20, true; again; {
		_, err = f.Write(make([]byte, size))
		require.NoError(p.t, f.Sync())
		if again = err == nil || size > 1; err != nil {
			size = max(1, size/2)
		}
	}
	require.NoError(p.t, f.Close())
}

// TestOnADisk: nothing of a password is left anywhere on the partition, in free space
// neither. FAT is what it is about; where the kernel knows none, the other one shows
// that files are changed where they are.
func TestOnADisk(t *testing.T) {
	t.Run("vfat", func(t *testing.T) { onADisk(t, newPartition(t, "vfat", "-F", "12"), ",umask=0077") })
	t.Run("ext2", func(t *testing.T) { onADisk(t, newPartition(t, "ext2", "-q", "-m", "0"), "") })
}

func onADisk(t *testing.T, p *partition, options string) {
	c := newComputer(t)
	c.Folder = p.path

	p.mount(options)
	c.give(Name, twoSecrets)
	p.unmount()
	disk, err := os.ReadFile(p.image)
	require.NoError(t, err)
	require.Equal(t, 1, bytes.Count(disk, []byte("top secret")), "so it can be found")

	p.mount(options)
	p.run("mount", "-o", "remount,ro", p.path)
	c.refused("the boot partition cannot be written", "read-only")
	p.run("mount", "-o", "remount,rw", p.path)
	p.fill()
	c.refused("the boot partition cannot be written", "no space")
	require.NoError(t, os.Remove(filepath.Join(p.path, "full")))

	c.applied()
	c.secretsKept()
	p.unmount()
	disk, err = os.ReadFile(p.image)
	require.NoError(t, err)
	assert.Zero(t, bytes.Count(disk, []byte("top secret")))
	assert.Zero(t, bytes.Count(disk, []byte("\"password\"")))
	p.mount(options)
	c.secretsKept()
	require.NoError(t, c.start())
	assert.Contains(t, c.out.String(), "nothing to do")
}
