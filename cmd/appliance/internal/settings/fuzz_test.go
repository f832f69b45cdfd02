package settings_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/settings"
	"traction/control"
	"traction/control/quantity/document"
	"traction/hw"
	"traction/hw/simtable"
	"traction/test/fuzz"
)

// FuzzSettings reads any text as both processes do. What is accepted opens a
// table, makes a controller and uses each line once; what is wrong is told with
// file and key.
func FuzzSettings(f *testing.F) {
	data, err := os.ReadFile(shipped)
	require.NoError(f, err)
	f.Add(string(data))
	f.Add("[table]\nid = \"a b\"\nforce = \"2000 N\"\n[cell]\nrate = \"10\"\nshape = 3\n[mqtt]\nbroker = \"tcp://u:secret@host\"\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) { loadAny(t, dir, text) })
}

// FuzzSettingsValue puts any value into one line of the shipped file, or in place
// of the line, so that the rest of the file stays right.
func FuzzSettingsValue(f *testing.F) {
	data, err := os.ReadFile(shipped)
	require.NoError(f, err)
	lines := strings.Split(string(data), "\n")
	for i, l := range lines {
		if _, value, found := strings.Cut(l, " = "); found && !strings.HasPrefix(l, "#") {
			f.Add(uint8(i), value)
			for _, other := range []string{`"-5 N"`, `"900 N"`, `"35 mm/s"`, `""`, "true"} {
				f.Add(uint8(i), other)
			}
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, at uint8, value string) {
		changed := append([]string(nil), lines...)
		i := int(at) % len(lines)
		if key, _, found := strings.Cut(changed[i], " = "); found {
			value = key + " = " + value
		}
		changed[i] = value
		loadAny(t, dir, strings.Join(changed, "\n"))
	})
}

// loadAny loads a text for both processes.
func loadAny(t *testing.T, dir, text string) {
	path := filepath.Join(dir, "fuzz.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	var s settings.Settings
	fuzz.Bounded(t, len(text), func() {
		var err error
		if s, err = settings.Load(path); err != nil {
			checkProblems(t, err, path)
			require.Zero(t, s)
		}
		g, gatewayErr := settings.LoadGateway(path)
		if gatewayErr != nil {
			checkProblems(t, gatewayErr, path)
			return
		}
		require.NoError(t, err, "the gateway accepts what the control process refuses")
		require.Equal(t, s, g)
	})
	if s.Table.ID != "" {
		checkUsable(t, s)
	}
}

func checkProblems(t *testing.T, err error, path string) {
	var joined interface{ Unwrap() []error }
	all := []error{err}
	if errors.As(err, &joined) {
		all = joined.Unwrap()
	}
	for _, e := range all {
		var p *document.Problem
		require.ErrorAs(t, e, &p)
		require.Equal(t, path, p.File)
		require.NotEmpty(t, p.Message)
		require.True(t, p.Key != "" || len(all) == 1, "what is it about? %v", p)
	}
}

// checkUsable builds what the processes build of their settings.
func checkUsable(t *testing.T, s settings.Settings) {
	_, err := control.New(s.Config(control.Calibration{}, 1))
	require.NoError(t, err)
	used := map[string]bool{}
	lines := reflect.ValueOf(s.Lines().Lines)
	for i := range lines.NumField() {
		name := lines.Field(i).String()
		require.False(t, name != "" && used[name], "%s has two uses", name)
		used[name] = true
	}
	require.NotEqual(t, s.Control.OperatorSocket, s.Control.GatewaySocket)
	if s.Cell.Interface == settings.SPI {
		return // a port cannot be simulated beside the pins
	}
	table, err := simtable.TableByName("winch")
	require.NoError(t, err)
	patient, err := simtable.PatientByName("median")
	require.NoError(t, err)
	clock := simtable.NewVirtualClock()
	sim, err := simtable.New(table, patient, clock, 1)
	require.NoError(t, err)
	pins := hw.Pins(sim.Pins())
	if !s.Pad.Present {
		pins.Heat = nil
	}
	_, err = hw.Open(s.Hardware(pins, nil, clock.Now, clock.Spend))
	require.NoError(t, err, "accepted, and no table can be opened with it")
}
