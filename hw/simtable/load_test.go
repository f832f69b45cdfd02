package simtable

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

func TestBuiltIns(t *testing.T) {
	assert.Equal(t, []string{"double", "plain", "screw", "tired", "winch", "worm"}, Tables())
	for _, name := range Tables() {
		got, err := TableByName(name)
		require.NoError(t, err)
		assert.Equal(t, name, got.Name)
		assert.NotEmpty(t, got.Description, name)
		assert.NotEmpty(t, got.Source, name)
	}
	assert.GreaterOrEqual(t, len(Patients()), 14)
	for _, name := range Patients() {
		got, err := PatientByName(name)
		require.NoError(t, err)
		assert.Equal(t, name, got.Name)
		assert.NotEmpty(t, got.Description, name)
		assert.NotEmpty(t, got.Source, name)
		if !strings.Contains(name, "breathing") {
			assert.InDelta(t, 10, got.BreathingN, 0, name)
		}
		eventful := len(got.Coughs)+len(got.GettingUp)+len(got.Slips)+len(got.Shifts) > 0 || got.CoughsPerMinute > 0
		assert.Equal(t, name == "cougher" || name == "gets-up", eventful, name)
	}
}

func TestPatientsSpanThePublishedRanges(t *testing.T) {
	low, high := math.Inf(1), 0.0
	for _, name := range Patients() {
		p, err := PatientByName(name)
		require.NoError(t, err)
		series := 1 / (1/p.HarnessStiffnessNPerMM + 1/p.BodyStiffnessNPerMM)
		low, high = min(low, series), max(high, series)
		assert.LessOrEqual(t, p.FrictionN, 0.5*p.BodyWeightKg*9.81, "%s: half the body weight is the most", name)
		assert.GreaterOrEqual(t, p.CreepMM, 1.0, name)
		assert.LessOrEqual(t, p.CreepMM, 6.0, name)
		assert.GreaterOrEqual(t, p.CreepTimeConstantS, 300.0, name)
		assert.LessOrEqual(t, p.CreepTimeConstantS, 480.0, name)
		assert.GreaterOrEqual(t, p.BreathingHz, 0.2, name)
		assert.LessOrEqual(t, p.BreathingHz, 0.35, name)
	}
	assert.InDelta(t, 1.9, low, 0.05)
	assert.InDelta(t, 20, high, 0.1)
}

func TestUnknownNames(t *testing.T) {
	_, err := TableByName("bed")
	require.ErrorIs(t, err, ErrUnknown)
	require.ErrorContains(t, err, "double, plain, screw, tired, winch, worm")
	_, err = PatientByName("../tables/winch")
	require.ErrorIs(t, err, ErrUnknown)
	require.ErrorContains(t, err, "median")
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestErrorsComeAllAtOnce(t *testing.T) {
	_, err := LoadTable(write(t, `
name = "x"
colour = "red"
[cell]
capacity_n = -3
rate_per_s = 20
[drive]
steps_per_mm = nan
speed = 3
`))
	for _, want := range []string{
		"line 3: colour: no such key", "line 9: drive.speed: no such key",
		"cell.capacity_n = -3: allowed is 10 to 20000", "cell.rate_per_s = 20: allowed is 10 or 80",
		"drive.steps_per_mm = NaN: allowed is 1 to 10000", "drive.stall_force_n = 0: allowed is 10 to 20000",
		"cell.sensitivity_mv_per_v = 0: allowed is -10 to 10, not 0",
	} {
		assert.ErrorContains(t, err, want)
	}
	_, err = LoadPatient(write(t, `
sex = "x"
body_weight_kg = 1000
friction_static_ratio = 0.9
slip = [{at_s = 3, above_n = 4, mm = 999}]
coughs = [{at_s = -1, force_n = 2, duration_s = 3, loud = true}]
`))
	for _, want := range []string{
		"name is empty", `sex = "x": allowed is female, male or nothing`, "body_weight_kg = 1000: allowed is 2 to 300",
		"friction_static_ratio = 0.9: allowed is 1 to 2", "slip[0].mm = 999: allowed is 0 to 300",
		"exactly one of them", "coughs[0].at_s = -1: allowed is 0 to 86400", "no such key", "harness_stiffness_n_per_mm = 0",
	} {
		assert.ErrorContains(t, err, want)
	}
}

func TestWhatIsNoTOML(t *testing.T) {
	_, err := LoadTable(write(t, "name = "))
	require.ErrorContains(t, err, "line 1")
	_, err = LoadPatient(write(t, "name = \"x\"\nbody_weight_kg = \"heavy\"\n"))
	require.ErrorContains(t, err, "line 2")
	_, err = LoadPatient(write(t, strings.Repeat("#", maxFile+1)))
	require.ErrorContains(t, err, "too long")
	_, err = LoadTable(t.TempDir())
	require.Error(t, err)
}

func TestFilesLoadAsTheBuiltIns(t *testing.T) {
	want, err := TableByName("winch")
	require.NoError(t, err)
	got, err := LoadTable("tables/winch.toml")
	require.NoError(t, err)
	assert.Equal(t, want, got)
	p, err := LoadPatient("patients/cougher.toml")
	require.NoError(t, err)
	assert.Len(t, p.Coughs, 3)
}

func TestNewRefuses(t *testing.T) {
	tb, err := TableByName("winch")
	require.NoError(t, err)
	_, err = New(tb, Patient{Name: "nobody"}, NewVirtualClock(), 1)
	require.ErrorContains(t, err, `patient "nobody"`)
	pa, err := PatientByName("median")
	require.NoError(t, err)
	_, err = New(Table{}, pa, NewVirtualClock(), 1)
	require.ErrorContains(t, err, "cell.capacity_n")
}

// FuzzFiles decodes anything as each kind of file; what passes must run without a number going wild.
func FuzzFiles(f *testing.F) {
	for _, folder := range []string{"tables", "patients"} {
		for _, name := range names(folder) {
			data, err := builtIn.ReadFile(folder + "/" + name + ".toml")
			require.NoError(f, err)
			f.Add(data)
		}
	}
	f.Add([]byte("[[fault]]\nkind = \"cough\"\nat_s = 1\nvalue = 30\n"))
	winch, err := TableByName("winch")
	require.NoError(f, err)
	median, err := PatientByName("median")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, data []byte) {
		table, patient := winch, median
		if got, err := decodeTable("fuzz", data); err == nil {
			table = got
		}
		if got, err := decodePatient("fuzz", data); err == nil {
			patient = got
		}
		faults, _ := decodeFaults("fuzz", data)
		clock := NewVirtualClock()
		s, err := New(table, patient, clock, 1)
		require.NoError(t, err)
		if len(faults) < 100 {
			require.NoError(t, s.Inject(faults...))
		}
		p := s.Pins()
		_ = p.Heat.Out(gpio.High)
		treat(p, clock, 200*time.Millisecond)
		got := s.Truth()
		for _, v := range []float64{got.ForceN, got.PositionMM, got.PelvisMM, got.CreepMM, got.PadC, got.SkinC, got.SpeedMMPerS} {
			require.False(t, math.IsNaN(v) || math.IsInf(v, 0), "%+v", got)
		}
		require.GreaterOrEqual(t, got.ForceN, 0.0)
	})
}

func TestReadmeNamesEverything(t *testing.T) {
	data, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, name := range Tables() {
		assert.Contains(t, string(data), "| `"+name+"` |")
	}
}
