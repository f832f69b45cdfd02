package calfile

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
	"pgregory.net/rapid"

	"traction/control"
)

const capacity = 1000 * physic.Newton

func ExampleLoad() {
	_, err := Load("/nonexistent/calibration.toml", "table-1", capacity)
	fmt.Println(errors.Is(err, ErrNone))
	// Output: true
}

func sample() File {
	return File{Table: "table-1", Date: time.Date(2026, 1, 31, 9, 30, 0, 0, time.UTC), By: `A. "Bo" Müller \o/`,
		Calibration: control.Calibration{Zero: 41_943, PerNewton: 4294.967, Capacity: capacity},
		Points:      []Point{{Force: 98_066_500_000, Counts: 463_133}, {Force: 196_133_000_000, Counts: 884_330}}}
}

// two has a second cell, which is wired the other way round.
func two() File {
	f := sample()
	f.Second = Second{Calibration: control.Calibration{Zero: -85_899, PerNewton: -3865.47, Capacity: capacity},
		Points: []Point{{Force: 98_066_500_000, Counts: -464_972}, {Force: 196_133_000_000, Counts: -844_046}}}
	return f
}

func TestSecondCell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calibration.toml")
	require.NoError(t, Save(path, two()))
	got, err := Load(path, "table-1", capacity)
	require.NoError(t, err)
	assert.Equal(t, two(), got)
	assert.True(t, got.HasSecond())
	assert.Equal(t, two().Second.Calibration, got.SecondCell(true))
	assert.Zero(t, got.SecondCell(false), "a calibration of a cell that is not wired any more")

	require.NoError(t, Save(path, sample()))
	got, err = Load(path, "table-1", capacity)
	require.NoError(t, err, "the second one goes with the rest of the old file")
	assert.False(t, got.HasSecond())
	for name, f := range map[string]File{"never calibrated": {}, "calibrated before it was wired": got} {
		assert.Zero(t, f.SecondCell(false), name)
		c := f.SecondCell(true)
		assert.NotZero(t, c, "%s: the controller has to know that it is wired", name)
		assert.False(t, c.Valid(), name)
	}

	_, err = Load(path, "table-1", 2*capacity)
	assert.ErrorIs(t, err, ErrForeign)
}

func TestTextOfTheSecondCell(t *testing.T) {
	assert.Equal(t, strings.Split(string(encode(sample())), seal)[0]+`
[second]
zero_counts = -85899
counts_per_newton = -3865.47

[[second.point]]
force = "98.0665 N"
counts = -464972

[[second.point]]
force = "196.133 N"
counts = -844046
`, strings.Split(string(encode(two())), seal)[0])
}

func TestLoadRefusesASecondCell(t *testing.T) {
	for _, row := range []struct{ old, new, want string }{
		{"zero_counts = -85899\n", "", "second.zero_counts: is missing"},
		{"counts_per_newton = -3865.47\n", "", "second.counts_per_newton: is missing"},
		{"zero_counts = -85899\ncounts_per_newton = -3865.47\n", "", "unknown"},
		{"-3865.47", "3865.47", "second.point[0].counts = -464972: -464972 is -98.1 N by this calibration"},
		{"-3865.47", "nan", "second.counts_per_newton = NaN: out of range"},
		{"-3865.47", "0.5", "second.counts_per_newton = 0.5: 0.5, allowed: 1 to 1000000"},
		{"-85899", "-8388608", "second.zero_counts = -8388608: -8388608, allowed: -8388607"},
		{"counts = -844046\n", "", "second.point[1].counts: is missing"},
		{"counts = -844046", "counts = -800000", "off its weight"},
		{"[[second.point]]\nforce = \"98.0665 N\"\ncounts = -464972\n", "", "second.point: 1 of them, allowed: the first cell's, 2"},
		{"[[second.point]]\nforce = \"98.0665 N\"", "[[second.point]]\nforce = \"100 N\"", "second.point[0].force = \"100 N\": 100 N, allowed: the first cell's, 98.0665 N"},
		{"[second]\n", "[second]\ncapacity = \"1000 N\"\n", "unknown key"},
	} {
		body := strings.Split(string(encode(two())), seal)[0]
		require.Contains(t, body, row.old)
		body = strings.Replace(body, row.old, row.new, 1)
		_, err := decode("x", []byte(body+sealOf([]byte(body))))
		require.ErrorIs(t, err, ErrCorrupt, row.new)
		assert.ErrorContains(t, err, row.want)
	}
}

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calibration.toml")
	want := sample()
	require.NoError(t, Save(path, want))
	got, err := Load(path, "table-1", capacity)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	assert.True(t, got.Calibration.Valid())

	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing is left beside it")

	want.Calibration.PerNewton *= -1
	want.Calibration.Zero = 0
	want.Points = []Point{{Force: 98_066_500_000, Counts: -421_190}}
	require.NoError(t, Save(path, want))
	got, err = Load(path, "table-1", capacity)
	require.NoError(t, err)
	assert.Equal(t, want, got, "the old one is replaced")
}

// The text of the file is a promise: a later version must still read it.
func TestTextOfTheFile(t *testing.T) {
	assert.Equal(t, `# The load cell's calibration. Written by the calibration and sealed: a changed file is refused.
table = "table-1"
date = "2026-01-31T09:30:00Z"
by = "A. \"Bo\" Müller \\o/"
zero_counts = 41943
counts_per_newton = 4294.967
capacity = "1000 N"

[[point]]
force = "98.0665 N"
counts = 463133

[[point]]
force = "196.133 N"
counts = 884330
`, strings.Split(string(encode(sample())), seal)[0])
	assert.Contains(t, string(encode(sample())), "\n# checksum crc32c ")
	assert.Equal(t, "-1.0", float(-1))
}

// TestLoadRefuses: R-CALIBRATION-BELIEVED.
func TestLoadRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calibration.toml")
	load := func(data string) error {
		require.NoError(t, os.WriteFile(path, []byte(data), 0o600))
		f, err := Load(path, "table-1", capacity)
		assert.Equal(t, File{}, f)
		require.Error(t, err)
		assert.ErrorContains(t, err, "calibrate")
		return err
	}
	good := string(encode(sample()))

	// Cut off anywhere, an empty file included.
	for n := range len(good) {
		require.ErrorIs(t, load(good[:n]), ErrCorrupt, "%d bytes", n)
	}
	// Any bit turned over.
	for i := range good {
		spoilt := []byte(good)
		spoilt[i] ^= 1 << (i % 8)
		require.ErrorIs(t, load(string(spoilt)), ErrCorrupt, "byte %d", i)
	}
	require.ErrorIs(t, load(good+"x"), ErrCorrupt)
	require.ErrorIs(t, load(good+good), ErrCorrupt)
	require.ErrorIs(t, load(strings.Repeat("#", maxSize+1)), ErrCorrupt)

	// Sealed, but nonsense.
	for _, row := range []struct{ old, new, want string }{
		{`table = "table-1"` + "\n", "", "table: is missing"},
		{`"table-1"`, `"table-2"`, `it was made on table "table-2", this is "table-1"`},
		{`"1000 N"`, `"2000 N"`, "it was made with a cell of 2000 N, cell.capacity says 1000 N"},
		{`"1000 N"`, `"1000"`, "the unit is missing"},
		{`"1000 N"`, `"50 N"`, "allowed: 100 N to 5000 N"},
		{"4294.967", "0.0", "counts_per_newton = 0: 0, allowed: 1 to 1000000"},
		{"4294.967", "nan", "counts_per_newton = NaN: out of range"},
		{"4294.967", "inf", "counts_per_newton = +Inf: out of range"},
		{"4294.967", `"4294.967"`, "is no number"},
		{"4294.967", "-4294.967", "off its weight, allowed: 10.0 N"},
		{"4294.967", "4750.0", "point[1].counts = 884330: 884330 is 177.3 N by this calibration, -18.8 N off its weight, allowed: 10.0 N"},
		{"zero_counts = 41943", "zero_counts = 8388607", "zero_counts = 8388607: 8388607, allowed: -8388607 to 8388606"},
		{"zero_counts = 41943", "zero_counts = 4294967296", "out of range"},
		{"2026-01-31T09:30:00Z", "yesterday", "allowed: a time such as"},
		{"2026-01-31T09:30:00Z", "1970-01-01T00:00:00Z", "allowed: years 2000 to 9999"},
		{`by = `, `bye = `, "unknown key"},
		{`by = "A. `, `by = "A.\n`, "1 to 80 printable characters"},
		{"counts = 884330\n", "", "point[1].counts: is missing"},
		{`"196.133 N"`, `"-196.133 N"`, "allowed: above 0 N to the capacity 1000 N"},
		{"counts = 884330", "counts = -8388608", "allowed: -8388607 to 8388606"},
		{"[[point]]", "[[weight]]", "point: 0 of them, allowed: 1 to 20"},
	} {
		body := strings.Split(good, seal)[0]
		require.Contains(t, body, row.old)
		body = strings.ReplaceAll(body, row.old, row.new)
		err := load(body + sealOf([]byte(body)))
		assert.ErrorContains(t, err, row.want)
		if strings.Contains(row.want, "it was made") {
			assert.ErrorIs(t, err, ErrForeign)
		} else {
			assert.ErrorIs(t, err, ErrCorrupt)
		}
	}
}

func TestLoadWithoutAFile(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(filepath.Join(dir, "none.toml"), "table-1", capacity)
	require.ErrorIs(t, err, ErrNone)
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "calibrate with known weights")
	_, err = Load(dir, "table-1", capacity)
	require.ErrorIs(t, err, ErrCorrupt)
}

func TestSaveRefusesWhatLoadWould(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calibration.toml")
	for _, spoil := range []func(*File){
		func(f *File) { f.Table = "" },
		func(f *File) { f.Table = "../x" },
		func(f *File) { f.By = "" },
		func(f *File) { f.By = "a\nb" },
		func(f *File) { f.By = "\xff" },
		func(f *File) { f.Date = time.Time{} },
		func(f *File) { f.Points = nil },
		func(f *File) { f.Points = make([]Point, 21) },
		func(f *File) { f.Points = []Point{{Force: 40 * physic.Newton, Counts: 213_742}} },
		func(f *File) { f.Calibration.PerNewton = math.NaN() },
		func(f *File) { f.Calibration.PerNewton = math.Inf(-1) },
		func(f *File) { f.Calibration.Capacity = 0 },
		func(f *File) { f.Calibration.Zero = -1 << 23 },
		func(f *File) { f.Second = two().Second; f.Second.Calibration.Capacity /= 2 },
		func(f *File) { f.Second = two().Second; f.Second.Points = nil },
		func(f *File) { f.Second.Points = two().Second.Points },
		func(f *File) { f.Second.Calibration.PerNewton = math.NaN() },
	} {
		f := sample()
		spoil(&f)
		assert.Error(t, Save(path, f), "%+v", f)
	}
	assert.NoFileExists(t, path)
}

func TestSaveWhereItCannot(t *testing.T) {
	dir := t.TempDir()
	assert.Error(t, Save(filepath.Join(dir, "none", "calibration.toml"), sample()))
	taken := filepath.Join(dir, "taken")
	require.NoError(t, os.MkdirAll(filepath.Join(taken, "full"), 0o700))
	assert.Error(t, Save(taken, sample()))
	assert.NoFileExists(t, taken+".new", "what could not be renamed is taken away")
}

// Whatever can be saved comes back the same.
func TestEverythingComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := File{
			Table: rapid.StringMatching(`[a-zA-Z0-9_-]{1,40}`).Draw(t, "table"),
			By:    rapid.StringN(1, 20, 80).Draw(t, "by"),
			Date:  time.Unix(rapid.Int64Range(946_684_800, 253_402_300_799).Draw(t, "date"), 0).UTC(),
			Calibration: control.Calibration{
				Zero:      rapid.Int32Range(-1<<20, 1<<20).Draw(t, "zero"),
				PerNewton: rapid.Float64Range(1, 1e6).Draw(t, "per newton"),
				Capacity:  physic.Force(rapid.Int64Range(100e9, 5000e9).Draw(t, "capacity")),
			},
		}
		force := f.Calibration.Capacity / 4
		f.Points = []Point{{Force: force, Counts: f.Calibration.Zero + int32(float64(force)/1e9*f.Calibration.PerNewton)}}
		if rapid.Bool().Draw(t, "second") {
			f.Second.Calibration = f.Calibration
			f.Second.Calibration.PerNewton = rapid.Float64Range(-1e6, -1).Draw(t, "second per newton")
			f.Second.Points = []Point{{Force: force, Counts: f.Calibration.Zero + int32(float64(force)/1e9*f.Second.Calibration.PerNewton)}}
		}
		if f.Validate() != nil {
			t.Skip("a name that cannot be printed, or counts out of range")
		}
		got, err := decode("x", encode(f))
		require.NoError(t, err)
		require.Equal(t, f, got)
	})
}

// FuzzDecode seals whatever it is given, so that the reader behind the checksum
// is tried as well. What is accepted must be usable and come back the same.
func FuzzDecode(f *testing.F) {
	f.Add(strings.Split(string(encode(sample())), seal)[0])
	f.Add(string(encode(sample())))
	f.Add(strings.Split(string(encode(two())), seal)[0])
	f.Add("")
	f.Fuzz(func(t *testing.T, body string) {
		if _, err := decode("raw", []byte(body)); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
		got, err := decode("sealed", append([]byte(body), sealOf([]byte(body))...))
		if err != nil {
			return
		}
		if !got.Calibration.Valid() {
			t.Fatalf("accepted, but unusable: %+v", got)
		}
		again, err := decode("again", encode(got))
		if err != nil || !again.Date.Equal(got.Date) {
			t.Fatalf("%+v came back as %+v, %v", got, again, err)
		}
	})
}
