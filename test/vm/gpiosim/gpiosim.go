// Package gpiosim makes GPIO chips of the kernel's simulator and is what is on
// the other side of their lines: it sees what level a line has and pulls at it
// from outside (Documentation/admin-guide/gpio/gpio-sim.rst).
//
// It needs the module gpio-sim, configfs at its usual place, and root.
package gpiosim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	config  = "/sys/kernel/config/gpio-sim"
	devices = "/sys/devices/platform"
)

// Chip is one chip to be made.
type Chip struct {
	Name  string         // of the simulator's device, for Find and Remove
	Label string         // as gpioinfo shows it
	Size  int            // number of lines
	Lines map[int]string // names, by offset
	Hogs  map[int]string // who in the kernel holds a line as an input, by offset
}

// Raspberry is the header's chip of a Raspberry Pi 4, with its lines' names.
func Raspberry() Chip {
	c := Chip{Name: "raspberry", Label: "pinctrl-bcm2711", Size: 58, Lines: map[int]string{0: "ID_SDA", 1: "ID_SCL"}}
	for n := 2; n <= 27; n++ {
		c.Lines[n] = fmt.Sprintf("GPIO%d", n)
	}
	return c
}

// Make makes the chip and returns its other side. All lines are pulled down.
func (c Chip) Make() (*Side, error) {
	device := filepath.Join(config, c.Name)
	bank := filepath.Join(device, "bank0")
	err := os.MkdirAll(bank, 0o755)
	put := func(path, text string) {
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0)
		}
	}
	put(filepath.Join(bank, "num_lines"), strconv.Itoa(c.Size))
	put(filepath.Join(bank, "label"), c.Label)
	for offset, name := range c.Lines {
		line := filepath.Join(bank, fmt.Sprintf("line%d", offset))
		err = errors.Join(err, os.MkdirAll(line, 0o755))
		put(filepath.Join(line, "name"), name)
	}
	for offset, consumer := range c.Hogs {
		hog := filepath.Join(bank, fmt.Sprintf("line%d", offset), "hog")
		err = errors.Join(err, os.MkdirAll(hog, 0o755))
		put(filepath.Join(hog, "name"), consumer)
		put(filepath.Join(hog, "direction"), "input")
	}
	put(filepath.Join(device, "live"), "1")
	if err != nil {
		return nil, fmt.Errorf("gpiosim: %s: %w", c.Name, err)
	}
	return Find(c.Name)
}

// Remove takes a chip away, as if its device had been pulled out; whoever has
// its lines open keeps them and gets errors from them.
func Remove(name string) error {
	if err := os.WriteFile(filepath.Join(config, name, "live"), []byte("0"), 0); err != nil {
		return fmt.Errorf("gpiosim: %s: %w", name, err)
	}
	return nil
}

// Side is the other side of a chip's lines.
type Side struct {
	Chip string // the kernel's name for it, such as "gpiochip0"
	dir  string
}

// Find returns the other side of a chip that was made before, perhaps by
// another process.
func Find(name string) (*Side, error) {
	chip, err := text(filepath.Join(config, name, "bank0", "chip_name"))
	if err != nil {
		return nil, err
	}
	device, err := text(filepath.Join(config, name, "dev_name"))
	if err != nil {
		return nil, err
	}
	return &Side{Chip: chip, dir: filepath.Join(devices, device, chip)}, nil
}

// Level returns whether a line is high, whoever drives it or pulls at it.
func (s *Side) Level(offset int) (high bool, err error) {
	level, err := text(s.file(offset, "value"))
	return level == "1", err
}

// Pull pulls at a line from outside. What a process drives is stronger.
func (s *Side) Pull(offset int, up bool) error {
	to := "pull-down"
	if up {
		to = "pull-up"
	}
	if err := os.WriteFile(s.file(offset, "pull"), []byte(to), 0); err != nil {
		return fmt.Errorf("gpiosim: %w", err)
	}
	return nil
}

// PulledUp returns where a line is pulled to. The simulator does not tell
// whether that was from outside or a process's bias: the last one counts.
func (s *Side) PulledUp(offset int) (up bool, err error) {
	pull, err := text(s.file(offset, "pull"))
	return pull == "pull-up", err
}

func (s *Side) file(offset int, attribute string) string {
	return filepath.Join(s.dir, fmt.Sprintf("sim_gpio%d", offset), attribute)
}

func text(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("gpiosim: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}
