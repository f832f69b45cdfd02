package setup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/settings"
)

func TestAWholeFileOfSettings(t *testing.T) {
	c := newComputer(t)
	shipped := c.has(settings.Path)
	c.give(SettingsName, strings.Replace(shipped, `force = "500 N"`, `force = "450 N"`, 1))
	c.setup("[table]\nid = \"table-7\"")
	c.applied()
	assert.Equal(t, "table-7", c.settings().Table.ID, "the setup file has the last word")
	assert.Contains(t, c.has(settings.Path), `force = "450 N"`)

	// Later changes on the computer stay, whatever else changes on the partition.
	c.put(settings.Path, strings.Replace(c.has(settings.Path), `force = "450 N"`, `force = "400 N"`, 1))
	c.setup("[table]\nname = \"Seven\"")
	c.applied()
	assert.Contains(t, c.has(settings.Path), `force = "400 N"`)
	assert.Equal(t, "table-7", c.settings().Table.ID)
	require.NoError(t, os.Remove(filepath.Join(c.Folder, SettingsName)))
	require.NoError(t, c.start())
	assert.Contains(t, c.has(settings.Path), `force = "400 N"`)

	c.give(SettingsName, strings.Replace(shipped, `force = "500 N"`, `force = "5000 N"`, 1))
	c.refused("traction.toml:18: table.force = \"5000 N\": out of range")
	require.NoError(t, os.Remove(filepath.Join(c.Folder, Name)))
	c.give(SettingsName, shipped)
	c.applied()
	assert.Equal(t, shipped, c.has(settings.Path), "also without a setup file")
}

func TestANewIDNeedsANewCalibration(t *testing.T) {
	c := newComputer(t)
	c.setup("[table]\nid = \"table-7\"")
	c.applied()
	assert.NotContains(t, c.onBoot(logName), "NOTE")
	c.put("/var/lib/traction/calibration.toml", "x")
	c.setup("[table]\nname = \"Seven\"")
	c.applied()
	assert.NotContains(t, c.onBoot(logName), "NOTE")
	c.setup("[table]\nid = \"table-8\"")
	c.applied()
	assert.Contains(t, c.onBoot(logName), `NOTE: the load cell was calibrated for table "table-7": calibrate it again for "table-8"`)
}

func TestSettingsThatCannotBeChanged(t *testing.T) {
	c := newComputer(t)
	require.NoError(t, os.Remove(c.at(settings.Path)))
	c.setup("[table]\nid = \"table-7\"")
	c.refused("does not exist; write a whole traction.toml beside")
	c.setup("[system]\nhostname = \"table-7\"")
	c.applied()

	c.put(settings.Path, "table.force = \"450 N\"\n")
	c.setup("[table]\nid = \"table-7\"")
	c.refused("change it by hand")

	c = newComputer(t)
	c.put(settings.Path, strings.Replace(c.has(settings.Path), `force = "500 N"`, `force = "5000 N"`, 1))
	c.setup("[table]\nid = \"table-7\"")
	c.refused(settings.Path+", as it would become:18: table.force", "out of range")
}
