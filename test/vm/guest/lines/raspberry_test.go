//go:build linux

package lines

import (
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"

	"traction/hw/board"
)

// registers is what the driver of a Raspberry Pi's lines reads from the chip.
const registers = "/sys/kernel/debug/pinctrl/3f200000.gpio-pinctrl-bcm2835/pins"

// register is a line such as "pin 17 (gpio17) function gpio_out in hi; ...".
var register = regexp.MustCompile(`pin (\d+) \(gpio\d+\)[^\n]* function (\S+) in (hi|lo)`)

// TestRaspberry runs in an emulated Raspberry Pi 3, on the lines of its own
// driver. The emulation has no input levels.
func TestRaspberry(t *testing.T) {
	require.NoError(t, unix.Mount("debugfs", "/sys/kernel/debug", "debugfs", 0, ""))
	chip := func() map[string]string { // what each line is
		text, err := os.ReadFile(registers)
		require.NoError(t, err)
		is := map[string]string{}
		for _, m := range register.FindAllStringSubmatch(string(text), -1) {
			is[m[1]] = m[2] + " " + m[3]
		}
		require.Len(t, is, 54, "%s", text)
		return is
	}
	lines := board.Lines{
		Step: "GPIO17", Dir: "GPIO27", Enable: "pinctrl-bcm2835:22", Heat: "GPIO23", ChargePump: "gpiochip0:26", PatientSwitch: "GPIO5",
	}
	all := []string{"17", "22", "23", "26", "27"}
	b, err := board.Open(board.Config{Lines: lines})
	require.NoError(t, err)
	for _, n := range all {
		assert.Equal(t, "gpio_out lo", chip()[n], "line %s is open", n)
	}
	assert.Equal(t, "gpio_in", chip()["5"][:7])
	require.NoError(t, b.Pins().Enable.Out(gpio.High))
	assert.Equal(t, "gpio_out hi", chip()["22"])
	require.NoError(t, b.Close())

	var took []time.Duration
	for range 5 {
		holder, said := start(t, holdAll, lines, 0)
		require.Empty(t, said)
		for _, n := range all {
			require.Equal(t, "gpio_out hi", chip()[n], "line %s is held", n)
		}
		begin := time.Now()
		require.NoError(t, holder.Process.Kill())
		for driven := true; driven; {
			is := chip()
			driven = slices.ContainsFunc(all, func(n string) bool { return is[n][:8] == "gpio_out" })
			require.Less(t, time.Since(begin), 10*time.Second, "still driven: %v", is)
		}
		took = append(took, time.Since(begin).Round(10*time.Microsecond))
	}
	t.Logf("from kill -9 to the last of five outputs an input: %s", took)
}
