//go:build linux

package lines

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"

	"traction/hw/board"
	"traction/test/vm/gpiosim"
)

func TestOutputs(t *testing.T) {
	r := newRig(t)
	b := r.open()
	assert.Empty(t, r.high(), "opened at low")
	for _, name := range outputs {
		require.NoError(t, pin(b, name).Out(gpio.High))
		assert.Equal(t, []string{name}, r.high(), "that one and no other")
		require.NoError(t, pin(b, name).Out(gpio.Low))
		assert.Empty(t, r.high())
	}
	record := newTrace(t, "pinctrl-bcm2711")
	for _, off := range []func() error{func() error { return b.Pins().SafeOff() }, func() error { return b.Close() }} {
		for _, name := range outputs {
			require.NoError(t, pin(b, name).Out(gpio.High))
		}
		assert.Equal(t, outputs, r.high())
		record.edges()
		require.NoError(t, off())
		assert.Empty(t, r.high())
		driven := map[int]bool{}
		for _, e := range record.edges() {
			assert.False(t, e.high)
			driven[e.line] = true
		}
		assert.Len(t, driven, len(outputs), "driven low, and not only let go of")
		b = r.open() // every line was given back
	}
}

func TestInputs(t *testing.T) {
	r := newRig(t)
	b := r.open()
	for _, name := range inputs {
		up, err := r.side.PulledUp(r.offset(name))
		require.NoError(t, err)
		assert.True(t, up, "%s has the pull-up of the computer", name)
		assert.Equal(t, gpio.High, pin(b, name).Read(), "%s without a wire", name)
	}
	for _, name := range inputs {
		r.contact(name, true)
		for _, other := range inputs {
			assert.Equal(t, gpio.Level(other != name), pin(b, other).Read(), "%s while %s is closed", other, name)
		}
		r.contact(name, false)
	}
	for _, name := range outputs {
		up, err := r.side.PulledUp(r.offset(name))
		require.NoError(t, err)
		assert.False(t, up, "%s is left to the table's own pull-down", name)
	}
}

// A line is the same by its name, by the kernel's name for its chip and by the
// chip's label.
func TestNames(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"GPIO17", r.side.Chip + ":17", "pinctrl-bcm2711:17"} {
		b, err := board.Open(board.Config{Lines: board.Lines{Step: name}})
		require.NoError(t, err, name)
		require.NoError(t, b.Pins().Step.Out(gpio.High))
		assert.Equal(t, []string{"Step"}, r.high(), name)
		require.NoError(t, b.Close())
		assert.Empty(t, r.high())
	}
	b, err := board.Open(board.Config{Lines: board.Lines{Step: "pinctrl-bcm2711:40", PatientSwitch: r.side.Chip + ":41"}})
	require.NoError(t, err, "lines that have no name")
	require.NoError(t, b.Pins().Step.Out(gpio.High))
	level, err := r.side.Level(40)
	require.NoError(t, err)
	assert.True(t, level)
	assert.Equal(t, gpio.High, b.Pins().PatientSwitch.Read())
	require.NoError(t, r.side.Pull(41, false))
	assert.Equal(t, gpio.Low, b.Pins().PatientSwitch.Read())
	require.NoError(t, b.Close())
}

// Nothing is driven high on the way to an open board, nor on the way out, not
// even for a moment: the kernel's own record has every write.
func TestNothingMovesWhileOpening(t *testing.T) {
	r := newRig(t)
	record := newTrace(t, "pinctrl-bcm2711")
	b := r.open()
	require.NoError(t, b.Close())
	seen := map[int]bool{}
	for _, e := range record.edges() {
		assert.False(t, e.high, "line %d was driven high", e.line)
		seen[e.line] = true
	}
	for _, name := range outputs {
		assert.True(t, seen[r.offset(name)], "%s was written", name)
	}
	assert.Len(t, seen, len(outputs), "and no input was")
}

// A chip that goes away, as an expander on a cable may, leaves safety switches
// pressed and outputs that say that they fail.
func TestChipGoesAway(t *testing.T) {
	c := gpiosim.Chip{Name: "cable", Label: "cable", Size: 4}
	side, err := gpiosim.Find(c.Name)
	require.NoError(t, err)
	b, err := board.Open(board.Config{Lines: board.Lines{Enable: "cable:0", PatientSwitch: "CABLE1", EndPull: "CABLE2"}})
	require.NoError(t, err)
	pins := b.Pins()
	for offset, p := range map[int]gpio.PinIO{1: pins.PatientSwitch, 2: pins.EndPull} {
		require.NoError(t, side.Pull(offset, false))
		require.Equal(t, gpio.Low, p.Read())
	}
	require.NoError(t, pins.Enable.Out(gpio.High))
	require.NoError(t, gpiosim.Remove(c.Name))
	assert.Equal(t, gpio.High, pins.PatientSwitch.Read())
	assert.Equal(t, gpio.High, pins.EndPull.Read())
	assert.Error(t, pins.Enable.Out(gpio.Low))
	assert.ErrorContains(t, b.Close(), "pin Enable: no such device")
}
