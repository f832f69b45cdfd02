package setup

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/settings"
)

// computer is a root folder and a boot partition.
type computer struct {
	t *testing.T
	*Setup
	out  bytes.Buffer
	name string // that the kernel was given
}

const example = "../../../../buildroot/board/common/boot/traction-setup.example.toml"

func newComputer(t *testing.T) *computer {
	t.Helper()
	c := &computer{t: t}
	dir := t.TempDir()
	c.Setup = &Setup{Folder: filepath.Join(dir, "boot"), Root: filepath.Join(dir, "root"), Out: &c.out,
		Now:         func() time.Time { return time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC) },
		SetHostname: func(name string) error { c.name = name; return nil }}
	require.NoError(t, os.MkdirAll(c.Folder, 0o755))
	shipped, err := os.ReadFile("../../../../systemd/traction.toml")
	require.NoError(t, err)
	c.put(settings.Path, string(shipped))
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"} {
		c.put(filepath.Join(zones, zone), "TZif2")
	}
	return c
}

// put writes a file of the computer.
func (c *computer) put(path, text string) {
	c.t.Helper()
	path = c.at(path)
	require.NoError(c.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(c.t, os.WriteFile(path, []byte(text), 0o644))
}

// give writes a file on the boot partition.
func (c *computer) give(name, text string) {
	c.t.Helper()
	require.NoError(c.t, os.WriteFile(filepath.Join(c.Folder, name), []byte(text), 0o644))
}

// setup gives a setup file of these lines.
func (c *computer) setup(lines string) { c.give(Name, lines+"\n[end]\n") }

func (c *computer) has(path string) string {
	c.t.Helper()
	data, err := os.ReadFile(c.at(path))
	require.NoError(c.t, err)
	return string(data)
}

func (c *computer) onBoot(name string) string {
	data, err := os.ReadFile(filepath.Join(c.Folder, name))
	if err != nil {
		return ""
	}
	return string(data)
}

// start runs the setup as at a start of the computer.
func (c *computer) start() error {
	c.out.Reset()
	c.name = ""
	return c.Run()
}

func (c *computer) applied() {
	c.t.Helper()
	require.NoError(c.t, c.start(), c.out.String())
	assert.Empty(c.t, c.onBoot(errorsName))
	assert.Contains(c.t, c.onBoot(logName), "Applied 2026-05-04 03:02:01 UTC.")
}

// refused runs the setup and checks that nothing of the computer has changed.
func (c *computer) refused(says ...string) {
	c.t.Helper()
	before, given := c.all(c.Root), c.onBoot(Name)
	require.ErrorIs(c.t, c.start(), ErrRefused)
	assert.Equal(c.t, before, c.all(c.Root), "nothing may be changed")
	assert.Equal(c.t, given, c.onBoot(Name))
	for _, s := range says {
		assert.Contains(c.t, c.out.String(), s)
	}
	if c.onBoot(errorsName) != "" {
		assert.Equal(c.t, c.out.String(), c.onBoot(errorsName))
	}
}

// all is every file below a folder, with mode and contents.
func (c *computer) all(dir string) []string {
	c.t.Helper()
	var out []string
	require.NoError(c.t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if d.Type()&fs.ModeSymlink != 0 {
			to, err := os.Readlink(path)
			out = append(out, path+" -> "+to)
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		out = append(out, path+" "+info.Mode().String()+" "+string(data))
		return err
	}))
	sort.Strings(out)
	return out
}

func (c *computer) mode(path string) fs.FileMode {
	c.t.Helper()
	info, err := os.Stat(c.at(path))
	require.NoError(c.t, err)
	return info.Mode().Perm()
}

// settings are those of the computer now.
func (c *computer) settings() settings.Settings {
	c.t.Helper()
	s, err := settings.Load(c.at(settings.Path))
	require.NoError(c.t, err)
	return s
}
