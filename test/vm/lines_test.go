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
	step := func(name, pattern string) plan.Step {
		return plan.Step{Name: name, Args: []string{"/bin/" + name, "-test.v=test2json", "-test.run", pattern}, Limit: time.Minute}
	}
	none, real := step("board", "."), step("board", "TestRealLines")
	none.Name, none.Args[4-1] = "no chip", "TestOpenOnAMachineWithoutPins"
	real.Name = "first lines"
	real.Chips = []gpiosim.Chip{{Name: "first", Label: "first", Size: 8, Lines: map[int]string{0: "GPIO17", 4: "GPIO27"}}}
	m := boot(t, parts, plan.Plan{Steps: []plan.Step{none, real}}, map[string]string{"board": "./hw/board"})
	for _, s := range []plan.Step{none, real} {
		t.Run(s.Name, func(t *testing.T) { m.Checks(t, s.Name) })
	}
	_, err := m.Wait()
	require.NoError(t, err)
}

// boot starts a guest with a plan and with the binaries of some packages' tests.
func boot(t *testing.T, parts vm.Parts, p plan.Plan, tests map[string]string) *vm.Machine {
	modules, err := parts.Order("gpio-sim")
	require.NoError(t, err)
	for _, m := range modules {
		p.Modules = append(p.Modules, filepath.Base(m))
	}
	text, err := json.Marshal(p)
	require.NoError(t, err)
	return parts.Boot(t, vm.Guest{Fill: func(a *vm.Archive) {
		a.Copy("/init", 0o755, vm.Build(t, "./test/vm/guest", false))
		a.File(plan.File, 0o644, text)
		for _, m := range modules {
			a.Copy(filepath.Join(plan.Modules, filepath.Base(m)), 0o644, filepath.Join(parts.Modules, m))
		}
		for name, pkg := range tests {
			a.Copy("/bin/"+name, 0o755, vm.Build(t, pkg, true))
		}
	}})
}
