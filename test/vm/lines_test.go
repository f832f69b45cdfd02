//go:build linux

package vm_test

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traction/test/vm"
	"traction/test/vm/gpiosim"
	"traction/test/vm/plan"
)

// TestLines runs the checks of package hw/board and of test/vm/guest/lines on
// a kernel's GPIO lines.
func TestLines(t *testing.T) {
	parts := vm.Need(t)
	steps := []plan.Step{
		step("no chip", "board", "-test.run=TestOpenOnAMachineWithoutPins"),
		step("board", "board", "-test.run=TestRealLines"),
		step("table", "lines", "-test.skip=TestChipGoesAway|TestRaspberry"),
		step("chip goes away", "lines", "-test.run=TestChipGoesAway"),
	}
	first := gpiosim.Chip{Name: "first", Label: "first", Size: 8, Lines: map[int]string{0: "GPIO17", 4: "GPIO27"}}
	steps[1].Chips, steps[2].Gone, steps[2].Chips = []gpiosim.Chip{first}, []string{first.Name}, chips()
	m := boot(t, parts, steps, map[string]string{"board": "./hw/board", "lines": "./test/vm/guest/lines"})
	for _, s := range steps {
		t.Run(s.Name, func(t *testing.T) { m.Checks(t, s.Name) })
	}
	_, err := m.Wait()
	require.NoError(t, err)
}

// chips are a Raspberry Pi's, an expander with names that are taken, and one
// on a cable.
func chips() []gpiosim.Chip {
	pi := gpiosim.Raspberry()
	pi.Lines[28] = "WAKE"
	return []gpiosim.Chip{
		pi,
		{
			Name: "expander", Label: "expander", Size: 8,
			Lines: map[int]string{0: "WAKE", 1: "SPI_CE0", 2: "SAME", 3: "SAME"}, Hogs: map[int]string{1: "spi0 CS0"},
		},
		{Name: "cable", Label: "cable", Size: 4, Lines: map[int]string{1: "CABLE1", 2: "CABLE2"}},
	}
}

// step runs some tests of a binary.
func step(name, binary, which string) plan.Step {
	return plan.Step{
		Name: name, Args: []string{"/bin/" + binary, "-test.v=test2json", which}, Env: []string{"TRACTION_GUEST=1"}, Limit: time.Minute,
	}
}

// boot starts a guest with a plan and with the binaries of some packages' tests.
func boot(t *testing.T, parts vm.Parts, steps []plan.Step, tests map[string]string) *vm.Machine {
	p := plan.Plan{Steps: steps}
	modules, err := parts.Order("gpio-sim")
	require.NoError(t, err)
	for _, m := range modules {
		p.Modules = append(p.Modules, filepath.Base(m))
	}
	text, err := json.Marshal(p)
	require.NoError(t, err)
	return parts.Boot(t, vm.Guest{Counted: true, Limit: 5 * time.Minute, Fill: func(a *vm.Archive) {
		a.Copy("/init", 0o755, vm.Build(t, "./test/vm/guest", false))
		a.File(plan.File, 0o644, text)
		for _, m := range modules {
			a.Copy(filepath.Join(plan.Modules, filepath.Base(m)), 0o644, filepath.Join(parts.Modules, m))
		}
		a.Copy("/etc/traction/traction.toml", 0o644, "../../systemd/traction.toml")
		for name, pkg := range tests {
			a.Copy("/bin/"+name, 0o755, vm.Build(t, pkg, true))
		}
	}})
}
