//go:build linux

package vm_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/vm"
)

// TestArchive lets another program read what a guest's kernel has to.
func TestArchive(t *testing.T) {
	parts := vm.Need(t)
	from := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(from, "etc", "left", "out"), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(from, "etc", "odd"), []byte("12345"), 0o600))
	require.NoError(t, os.Chmod(filepath.Join(from, "etc", "odd"), 0o4755|os.ModeSetuid))
	require.NoError(t, os.Symlink("etc", filepath.Join(from, "also")))

	var b bytes.Buffer
	a := vm.NewArchive(&b)
	a.File("/a/b/c", 0o640, []byte("x"))
	a.Link("/bin", "usr/bin")
	a.File("/bin/sh", 0o755, nil)
	a.Tree("/", from, "etc/left")
	require.NoError(t, a.Close())
	cmd := exec.Command(parts.Busybox, "cpio", "-tv")
	cmd.Stdin = &b
	list, err := cmd.Output()
	require.NoError(t, err)
	var got []string
	for line := range strings.Lines(string(list)) {
		f := strings.Fields(line) // mode, owner, size, date and time, name
		got = append(got, strings.Join(append([]string{f[0], f[2]}, f[5:]...), " "))
	}
	assert.Subset(t, got, []string{
		"drwxr-xr-x 0 dev", "drwxr-xr-x 0 a/b", "-rw-r----- 1 a/b/c", "lrwxrwxrwx 0 bin -> usr/bin", "-rwxr-xr-x 0 bin/sh",
		"drwxr-x--- 0 etc", "-rwsr-xr-x 5 etc/odd", "lrwxrwxrwx 0 also -> etc",
	}, string(list))
	assert.NotContains(t, string(list), "left")

	a = vm.NewArchive(&b)
	a.Copy("/a", 0o644, filepath.Join(from, "missing"))
	assert.ErrorContains(t, a.Close(), "vm: initramfs: open")
}

// A guest that does not end is killed, and one that cannot start says why.
func TestGuestThatDoesNotEnd(t *testing.T) {
	parts := vm.Need(t)
	empty := func(*vm.Archive) {}
	begin := time.Now()
	_, err := parts.Boot(t, vm.Guest{Limit: time.Second, Fill: empty}).Wait()
	assert.ErrorContains(t, err, "killed after 1s")
	assert.Less(t, time.Since(begin), time.Minute)
	_, err = parts.Boot(t, vm.Guest{Args: []string{"-no-such-option"}, Fill: empty}).Wait()
	assert.ErrorContains(t, err, "no-such-option: invalid option")
}

func TestModules(t *testing.T) {
	parts := vm.Need(t)
	order, err := parts.Order("virtio_blk", "gpio-sim")
	require.NoError(t, err)
	assert.Equal(t, []string{
		"kernel/drivers/virtio/virtio_ring.ko", "kernel/drivers/virtio/virtio.ko", "kernel/drivers/block/virtio_blk.ko",
		"kernel/fs/configfs/configfs.ko", "extra/gpio-sim.ko",
	}, order)
	_, err = parts.Order("gpio_sim", "bluetooth")
	assert.ErrorContains(t, err, "module bluetooth is not among those in "+parts.Modules)
}
