package board

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/host/v3/gpioioctl"
)

// simulated finds the first chip of the kernel's gpio-sim and the folder where
// the kernel shows its other side.
func simulated(t *testing.T) (chip, side string) {
	sides, err := filepath.Glob("/sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio0")
	require.NoError(t, err)
	if len(sides) == 0 {
		t.Skip("needs the kernel's gpio-sim with a chip of 8 lines, GPIO17 the first and GPIO27 the fifth; test/vm has a guest with it")
	}
	side = filepath.Dir(sides[0])
	return filepath.Base(side), side
}

func TestOpenOnAMachineWithoutPins(t *testing.T) {
	if found, _ := filepath.Glob("/dev/gpiochip*"); len(found) > 0 {
		t.Skip("this machine has GPIO character devices")
	}
	_, err := Open(Config{Lines: Lines{Step: "GPIO17"}, CellSPI: "SPI0.0"})
	assert.ErrorContains(t, err, "no /dev/gpiochip*: this kernel shows no such device")
	if found, _ := filepath.Glob("/dev/spidev*"); len(found) == 0 {
		assert.ErrorContains(t, err, "CellSPI: no /dev/spidev*")
	}
}

func TestExplain(t *testing.T) {
	l := line{"gpiochip0", "pinctrl-rp1", 27, "GPIO27", "spi0 CS0"}
	assert.NoError(t, explain(nil, "GPIO27", l))
	for text, want := range map[string]string{
		"line_request ioctl: device or resource busy": `line "GPIO27", gpiochip0:27 (pinctrl-rp1): line_request ioctl: device or resource busy, held by "spi0 CS0"; stop that program`,
		"operation not permitted":                     `run as a user of group "gpio"`,
		"invalid argument":                            "invalid argument",
	} {
		assert.ErrorContains(t, explain(errors.New(text), "GPIO27", l), want)
	}
}

// TestRealLines runs on a kernel with gpio-sim.
func TestRealLines(t *testing.T) {
	chip, side := simulated(t)
	level := func(n string) string {
		text, err := os.ReadFile(filepath.Join(side, "sim_gpio"+n, "value"))
		require.NoError(t, err)
		return strings.TrimSpace(string(text))
	}
	pull := func(n, to string) {
		require.NoError(t, os.WriteFile(filepath.Join(side, "sim_gpio"+n, "pull"), []byte(to), 0))
	}
	lines := Lines{Step: "GPIO17", Dir: chip + ":1", CellData: chip + ":2", PatientSwitch: chip + ":3", EndPull: "GPIO27"}
	b, err := Open(Config{Lines: lines})
	require.NoError(t, err)
	pins := b.Pins()
	assert.Nil(t, pins.Enable)
	assert.Nil(t, b.CellSPI())

	require.NoError(t, pins.Step.Out(gpio.High))
	assert.Equal(t, "1", level("0"))
	require.NoError(t, pins.Dir.Out(gpio.High))
	assert.Equal(t, "1", level("1"))
	for n, pin := range map[string]gpio.PinIO{"2": pins.CellData, "3": pins.PatientSwitch, "4": pins.EndPull} {
		require.NoError(t, pin.In(gpio.PullUp, gpio.NoEdge))
		pull(n, "pull-down")
		assert.Equal(t, gpio.Low, pin.Read(), n)
		pull(n, "pull-up")
		assert.Equal(t, gpio.High, pin.Read(), n)
	}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		_ = pins.Step.Out(gpio.Low)
		_ = pins.Step.Out(gpio.High)
		pins.EndPull.Read()
		pins.CellData.Read()
	}))

	_, err = Open(Config{Lines: lines})
	for _, want := range []string{"pins.step: ", "pins.dir: ", "pins.cell_data: ", "this process has it open already", "pins.end_pull: ", "busy"} {
		assert.ErrorContains(t, err, want)
	}
	assert.Equal(t, "1", level("1"), "and the open one goes on")
	second, err := Open(Config{Lines: Lines{Buzzer: chip + ":5"}})
	require.NoError(t, err, "other lines can be opened")
	require.NoError(t, second.Pins().SafeOff())
	second, err = Open(Config{Lines: Lines{Heat: chip + ":5"}})
	require.NoError(t, err, "SafeOff gives them back")
	require.NoError(t, second.Pins().SafeOff())
	require.NoError(t, second.Pins().SafeOff(), "twice")
	third, err := Open(Config{Lines: Lines{Buzzer: chip + ":5"}})
	require.NoError(t, err)
	require.NoError(t, third.Pins().Buzzer.Out(gpio.High))
	assert.ErrorContains(t, second.Close(), "open already")
	assert.Equal(t, "1", level("5"), "an old board leaves the new one's line alone")
	require.NoError(t, third.Close())

	require.NoError(t, b.Close())
	assert.Equal(t, "0", level("1"), "closed at low")
	b, err = Open(Config{Lines: lines})
	require.NoError(t, err, "every line was given back")
	require.NoError(t, b.Close())

	other, err := gpioioctl.Chips[0].LineSet(gpioioctl.LineInput, gpio.NoEdge, gpio.PullUp, "GPIO17", "GPIO27")
	require.NoError(t, err)
	_, err = Open(Config{Lines: Lines{Step: "GPIO17", Heat: "GPIO99", EndSlack: "GPIO27", Dir: chip + ":1", Enable: chip + ":1"}})
	for _, want := range []string{
		`pins.step: line "GPIO17", ` + chip + ":0", "busy; stop that program", `pins.heat: no line "GPIO99"`,
		`pins.end_slack: line "GPIO27", ` + chip + ":4", "pins.enable: the same line as pins.dir",
	} {
		assert.ErrorContains(t, err, want)
	}
	require.NoError(t, other.Close())

	assert.Equal(t, gpio.High, pins.EndPull.Read(), "a switch that cannot be read counts as pressed")
}
