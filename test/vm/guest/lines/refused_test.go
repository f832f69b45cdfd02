//go:build linux

package lines

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/hw/board"
	"traction/test/vm/gpiosim"
)

// Every line that cannot be had is named with its field and what to do, all at
// once, and none of the others is held afterwards.
func TestRefusals(t *testing.T) {
	r := newRig(t)
	other, err := gpiosim.Find("expander")
	require.NoError(t, err)
	holder, said := start(t, holdAll, board.Lines{Buzzer: "GPIO18", CellData: "GPIO20"}, 0)
	require.Empty(t, said)

	lines := r.lines
	lines.Heat = "GPIO99"
	lines.LampAlarm = r.side.Chip + ":58"
	lines.LampCaution = "WAKE" // as 2712_WAKE of a Raspberry Pi 5
	lines.ChargePump = "SAME"
	lines.Enable = lines.Dir
	lines.EndPull = "SPI_CE0"
	_, said = start(t, tryRole, lines, 0)
	by := fmt.Sprintf(`held by "other@%d"; stop that program or choose another line (gpioinfo shows who holds what)`, holder.Process.Pid)
	for _, want := range []string{
		`pins.buzzer: line "GPIO18", ` + r.side.Chip + `:18 (pinctrl-bcm2711): `, by,
		`pins.cell_data: line "GPIO20", ` + r.side.Chip + `:20 (pinctrl-bcm2711): `,
		`pins.end_pull: line "SPI_CE0", ` + other.Chip + `:1 (expander): `, `device or resource busy, held by "spi0 CS0"; stop that program`,
		`pins.heat: no line "GPIO99"; gpioinfo lists the lines that there are, the chips are ` + r.side.Chip + ` (pinctrl-bcm2711), `,
		`pins.lamp_alarm: no line "` + r.side.Chip + `:58"`,
		`pins.lamp_caution: line "WAKE" is ambiguous: ` + r.side.Chip + `:28 (pinctrl-bcm2711), ` + other.Chip + `:0 (expander); name one as chip:offset`,
		`pins.charge_pump: line "SAME" is ambiguous: ` + other.Chip + `:2 (expander), ` + other.Chip + `:3 (expander); name one as chip:offset`,
		`pins.enable: the same line as pins.dir`,
	} {
		assert.Contains(t, said, want)
	}
	assert.NotContains(t, said, "pins.step", "what can be had is not complained about")
	t.Log(said)

	_, said = start(t, survey, board.Lines{Step: "GPIO17", Buzzer: "GPIO18", Heat: "GPIO99", EndPull: "SPI_CE0", EndSlack: "expander:4"}, 0)
	assert.ElementsMatch(t, []string{
		"pins.step GPIO17 " + r.side.Chip + ":17 (pinctrl-bcm2711) ",
		fmt.Sprintf("pins.buzzer GPIO18 %s:18 (pinctrl-bcm2711) other@%d", r.side.Chip, holder.Process.Pid),
		"pins.heat GPIO99  ",
		"pins.end_pull SPI_CE0 " + other.Chip + ":1 (expander) spi0 CS0",
		"pins.end_slack expander:4 " + other.Chip + ":4 (expander) ",
	}, strings.Split(strings.TrimSuffix(said, "\n"), "\n"))

	_, said = start(t, tryRole, board.Lines{Step: lines.Step, Dir: lines.Dir, PatientSwitch: lines.PatientSwitch}, 0)
	assert.Empty(t, said, "and it was given back")
	require.NoError(t, holder.Process.Kill())
	_ = holder.Wait()
	_, said = start(t, tryRole, r.lines, 0)
	assert.Empty(t, said, "all can be had when its holder is gone")
}

// Users that udev's rule does not know of, and one that it does.
func TestForbidden(t *testing.T) {
	const nobody, group = 65534, 990
	r := newRig(t)
	other, err := gpiosim.Find("expander")
	require.NoError(t, err)
	main, second := "/dev/"+r.side.Chip, "/dev/"+other.Chip
	cable, err := gpiosim.Find("cable")
	require.NoError(t, err)
	for _, path := range []string{main, second, "/dev/" + cable.Chip} {
		require.NoError(t, os.Chmod(path, 0o660))
	}
	_, said := start(t, tryRole, r.lines, nobody)
	assert.Contains(t, said, `permission denied; run as a user of group "gpio" (usermod -aG gpio USER, then log in again)`)
	assert.Contains(t, said, "/dev/gpiochip")
	t.Log("all: ", said)

	require.NoError(t, os.Chown(second, 0, group))
	_, said = start(t, tryRole, board.Lines{Step: "GPIO17", Dir: "SAME"}, group)
	assert.Contains(t, said, main+`: permission denied; run as a user of group "gpio"`, "one of the chips alone")
	assert.Contains(t, said, `pins.step: no line "GPIO17"`)
	t.Log("one: ", said)

	require.NoError(t, os.Chown(main, 0, group))
	_, said = start(t, tryRole, r.lines, group)
	assert.Empty(t, said, "group gpio may have all of it, as no root")
}
