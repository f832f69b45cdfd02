package commission

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"traction/mqtt"
)

// Machine is what a check asks of the computer; tests have their own.
type Machine struct {
	// Root is the file system from / on: of sys, proc, run, dev, etc and boot some
	// files are read.
	Root fs.FS
	// Kernel is name, release and version as uname has them.
	Kernel string
	// Superuser: no limit binds this process, so what it is granted says nothing
	// about the service.
	Superuser bool
	// Now is the wall clock.
	Now func() time.Time
	// Synchronised tells whether a time server keeps the wall clock right.
	Synchronised func() (bool, error)
	// Space tells about the file system that a folder is on.
	Space func(folder string) (Space, error)
	// Show asks the service manager for properties of a unit, of itself when the
	// unit is "".
	Show func(ctx context.Context, unit string, properties ...string) (map[string]string, error)
	// Reach tries to get to the broker.
	Reach func(context.Context, mqtt.Config) ([]mqtt.Reached, error)
	// Probe prepares this very program to run one of the probes.
	Probe func(args ...string) *exec.Cmd
}

// Space is how full a file system is.
type Space struct {
	Device   uint64 // tells file systems apart
	Free     uint64 // bytes that an ordinary user may still write
	Size     uint64 // bytes
	Files    uint64 // how many there can be; 0 = does not count them
	NoFiles  bool   // not one more file can be made
	ReadOnly bool
}

// ThisMachine is the computer that the program runs on.
func ThisMachine() Machine {
	return Machine{Root: os.DirFS("/"), Kernel: kernelName(), Superuser: os.Geteuid() == 0, Now: time.Now,
		Synchronised: synchronised, Space: space, Show: show, Reach: mqtt.Reach, Probe: probe}
}

// text reads a small file of the kernel without the line end; "" when there is none.
func (m *Machine) text(path string) string {
	b, err := fs.ReadFile(m.Root, path)
	if err != nil {
		return ""
	}
	return strings.Trim(string(b), " \t\n\x00") // the device tree ends its texts with a zero
}

// exists tells whether there is such a file or folder.
func (m *Machine) exists(path string) bool {
	_, err := fs.Stat(m.Root, path)
	return err == nil
}

// find lists what fits a pattern; the patterns of this package are well formed.
func (m *Machine) find(pattern string) []string {
	found, _ := fs.Glob(m.Root, pattern)
	return found
}

// hasSystemd as sd_booted(3) asks for it.
func (m *Machine) hasSystemd() bool { return m.exists("run/systemd/system") }

// showWait bounds a question to the service manager.
const showWait = 5 * time.Second

// show runs systemctl, which knows drop-ins and defaults.
func show(ctx context.Context, unit string, properties ...string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, showWait)
	defer cancel()
	args := []string{"show", "--property=" + strings.Join(properties, ",")}
	if unit != "" {
		args = append(args, unit)
	}
	out, err := exec.CommandContext(ctx, "systemctl", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("systemctl show %s: %w", unit, err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			values[key] = value
		}
	}
	return values, nil
}

// probe runs this program again, see Burden and Rights.
func probe(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0] // then it is found by its name, or its start fails
	}
	return exec.Command(self, append([]string{"probe"}, args...)...)
}

// above is the nearest folder that can be asked for its space: one that a service
// makes at its first start is not there yet.
func (m *Machine) above(folder string) (string, Space, error) {
	s, err := m.Space(folder)
	for err != nil && filepath.Dir(folder) != folder {
		folder = filepath.Dir(folder)
		s, err = m.Space(folder)
	}
	return folder, s, err
}
