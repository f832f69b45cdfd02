package programmes_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/programmes"
	"traction/control/quantity/document"
)

func ExampleByName() {
	p, err := programmes.ByName("lumbar-60-20")
	if err != nil {
		panic(err)
	}
	fmt.Println(p.Title, p.HoldTime, p.RestTime, p.Duration)
	// Output: Lumbar, long holds 1m0s 20s 20m0s
}

func ExampleLibrary() {
	library := programmes.Library{Dir: "/etc/traction/programmes"}
	_, err := library.Programme("lumber")
	fmt.Println(errors.Is(err, programmes.ErrUnknown))
	// Output: true
}

const kgf = 9_806_650 * physic.MicroNewton

func TestBuiltinDoses(t *testing.T) {
	for _, row := range []struct {
		name               string
		hold, rest         physic.Force
		holdTime, restTime time.Duration
		most               time.Duration
		harness            control.Harness
	}{
		{"lumbar-60-20", 40 * kgf, 12 * kgf, 60 * time.Second, 20 * time.Second, 20 * time.Minute, control.Lumbar},
		{"lumbar-10-10", 30 * kgf, 10 * kgf, 10 * time.Second, 10 * time.Second, 20 * time.Minute, control.Lumbar},
		{"cervical", 8 * kgf, 3 * kgf, 10 * time.Second, 10 * time.Second, 15 * time.Minute, control.Cervical},
		{"static", 25 * kgf, 5 * kgf, 20 * time.Minute, 0, 20 * time.Minute, control.Lumbar},
		{"progressive-regressive", 40 * kgf, 12 * kgf, 60 * time.Second, 20 * time.Second, 25 * time.Minute, control.Lumbar},
		{"first-session", 20 * kgf, 8 * kgf, 60 * time.Second, 20 * time.Second, 8 * time.Minute, control.Lumbar},
		{"demo", 180 * physic.Newton, 60 * physic.Newton, 7 * time.Second, 4 * time.Second, 96 * time.Second, control.Lumbar},
	} {
		p, err := programmes.ByName(row.name)
		require.NoError(t, err)
		assert.Equal(t, row.name, p.Name)
		assert.Equal(t, row.hold, p.Hold, row.name)
		assert.Equal(t, row.rest, p.Rest, row.name)
		assert.Equal(t, row.holdTime, p.HoldTime, row.name)
		assert.Equal(t, row.restTime, p.RestTime, row.name)
		assert.Equal(t, row.most, p.Duration, row.name)
		assert.Equal(t, row.harness, p.Harness, row.name)
		assert.Greater(t, len(p.Source), 60, "%s says where its numbers come from", row.name)
		assert.Equal(t, row.name == "static", p.Static())
		assert.True(t, p.PauseRests, row.name)
		assert.NoError(t, p.Validate(), row.name)
	}
}

func TestBuiltinListsExactlyTheFiles(t *testing.T) {
	files, err := filepath.Glob("builtin/*.toml")
	require.NoError(t, err)
	var want []string
	for _, f := range files {
		want = append(want, strings.TrimSuffix(filepath.Base(f), ".toml"))
	}
	assert.ElementsMatch(t, want, programmes.Builtin())
	programmes.Builtin()[0] = "spoilt"
	assert.NotContains(t, programmes.Builtin(), "spoilt")
}

// The steps' holds and rests must be reachable: a rest under the least that keeps
// the cord taut would be no rest.
func TestStepsOfBuiltinsKeepTheRopeTaut(t *testing.T) {
	for _, name := range programmes.Builtin() {
		p, err := programmes.ByName(name)
		require.NoError(t, err)
		for _, n := range []int{p.Progressive, p.Regressive} {
			if n > 0 {
				first := p.Hold / physic.Force(n+1)
				assert.GreaterOrEqual(t, first, control.MinHold, name)
				assert.GreaterOrEqual(t, first*physic.Force(p.StepRest)/100, control.MinRest, name)
			}
		}
	}
}

const good = `title = "Mine"
source = "my own"
harness = "lumbar"
hold = "100 lbf"
hold_time = "1m30s"
rest = "20 lbf"
rest_time = "20 s"
ramp_up = "5 kgf/s"
ramp_down = "40 N/s"
duration = "10 min"
pause_rests = false
force_limit = "600 N"
heat = "100 F"
progressive = 1
regressive = 2
step_cycles = 3
step_rest_percent = 40
`

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestLoadReadsEveryField(t *testing.T) {
	p, err := programmes.Load(write(t, t.TempDir(), "mine.toml", good))
	require.NoError(t, err)
	assert.Equal(t, &control.Programme{Name: "mine", Title: "Mine", Source: "my own", Harness: control.Lumbar,
		Hold: 444_822_161_526, HoldTime: 90 * time.Second, Rest: 88_964_432_305, RestTime: 20 * time.Second,
		RampUp: 49_033_250_000, RampDown: 40 * control.NewtonPerSecond, Duration: 10 * time.Minute,
		ForceLimit: 600 * physic.Newton, Heat: 310_927_777_778, Progressive: 1, Regressive: 2, StepCycles: 3, StepRest: 40}, p)
}

func TestLoadReportsAllAtOnceWithLines(t *testing.T) {
	path := write(t, t.TempDir(), "Bad Name.toml", `title = ""
harness = "knee"
hold = "600 N"
hold_time = "0.5 s"
rest = "10 N"
rest_time = "20"
ramp_up = "40 N"
ramp_down = "200 N/s"
duration = "61 min"
hodl = "5 N"
progressive = 21
heat = "41 C"
force_limit = "950 N"
pause_rests = "yes"
`)
	_, err := programmes.Load(path)
	require.Error(t, err)
	text := strings.ReplaceAll(err.Error(), path, "F")
	for _, want := range []string{
		`F: name: "Bad Name" is not allowed: 1 to 40 lower-case letters, digits and dashes`,
		`F: source: is missing`,
		`F:1: title = "": allowed: 1 to 2000 characters`,
		`F:2: harness = "knee": harness: "knee" is unknown, allowed: [lumbar cervical]`,
		`F:3: hold = "600 N": `,
		`F:4: hold_time = "0.5 s": `,
		`F:5: rest = "10 N": `,
		`F:6: rest_time = "20": `,
		`F:7: ramp_up = "40 N": `,
		`F:8: ramp_down = "200 N/s": `,
		`F:9: duration = "61 min": `,
		`F:10: hodl = "5 N": unknown key, allowed here: title, source, harness, hold`,
		`F:11: progressive = 21: out of range, allowed: 0 to 20`,
		`F:12: heat = "41 C": `,
		`F:13: force_limit = "950 N": `,
		`F:14: pause_rests = "yes": is no truth value`,
	} {
		assert.Contains(t, text, want)
	}
	assert.Equal(t, 16, strings.Count(text, "\n")+1, "one line a problem:\n%s", text)
	var p *document.Problem
	require.ErrorAs(t, err, &p)
}

// Without a readable hold the ranges that end there must not be judged by 0 N.
func TestUnreadableHoldBlamesOnlyTheHold(t *testing.T) {
	_, err := programmes.Load(write(t, t.TempDir(), "x.toml", strings.Replace(good, "100 lbf", "100", 1)))
	require.Error(t, err)
	assert.Equal(t, 0, strings.Count(err.Error(), "\n"), err.Error())
	assert.Contains(t, err.Error(), `:4: hold = "100"`)
}

func TestLoadWithoutAFile(t *testing.T) {
	_, err := programmes.Load(filepath.Join(t.TempDir(), "none.toml"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = programmes.Load(write(t, t.TempDir(), "x.toml", "hold = \n"))
	require.ErrorContains(t, err, "x.toml:1: ")
}

func TestLibrary(t *testing.T) {
	dir := t.TempDir()
	l := programmes.Library{Dir: dir}
	write(t, dir, "mine.toml", good)
	write(t, dir, "notes.txt", "nothing")
	write(t, dir, ".hidden.toml", "nothing")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder.toml"), 0o700))
	require.NoError(t, l.Check())
	assert.Equal(t, append(programmes.Builtin(), "mine"), l.Programmes())

	p, err := l.Programme("mine")
	require.NoError(t, err)
	assert.Equal(t, "Mine", p.Title)
	p, err = l.Programme("static")
	require.NoError(t, err)
	assert.True(t, p.Static())

	_, err = l.Programme("yours")
	require.ErrorIs(t, err, programmes.ErrUnknown)
	assert.ErrorContains(t, err, `"yours", known: first-session, `)
	assert.ErrorContains(t, err, "demo, mine")

	// A name from the network is no path.
	write(t, filepath.Dir(dir), "outside.toml", good)
	for _, name := range []string{"../outside", "../" + filepath.Base(dir) + "/mine", "", ".", "/etc/passwd"} {
		_, err = l.Programme(name)
		assert.ErrorIs(t, err, programmes.ErrUnknown, name)
	}

	// An edited file counts from its next selection.
	write(t, dir, "mine.toml", strings.Replace(good, "Mine", "Yours", 1))
	p, err = l.Programme("mine")
	require.NoError(t, err)
	assert.Equal(t, "Yours", p.Title)
}

func TestLibraryRefusesToReplaceABuiltin(t *testing.T) {
	dir := t.TempDir()
	l := programmes.Library{Dir: dir}
	write(t, dir, "static.toml", good)
	write(t, dir, "broken.toml", "hold = 3")
	p, err := l.Programme("static")
	require.NoError(t, err)
	assert.Equal(t, "Static", p.Title)
	err = l.Check()
	assert.ErrorContains(t, err, "static is a built-in programme and cannot be replaced")
	assert.ErrorContains(t, err, "broken.toml:1: hold = 3")
	assert.Equal(t, 1, len(slices.DeleteFunc(l.Programmes(), func(n string) bool { return n != "static" })))
}

func TestLibraryWithoutAFolder(t *testing.T) {
	for _, l := range []programmes.Library{{}, {Dir: filepath.Join(t.TempDir(), "none")}} {
		assert.NoError(t, l.Check())
		assert.Equal(t, programmes.Builtin(), l.Programmes())
	}
	l := programmes.Library{Dir: write(t, t.TempDir(), "file", "")}
	assert.Error(t, l.Check())
	assert.Equal(t, programmes.Builtin(), l.Programmes())
	_, err := l.Programme("mine")
	assert.Error(t, err)
}

func TestLibraryIsBounded(t *testing.T) {
	dir := t.TempDir()
	for i := range 501 {
		write(t, dir, fmt.Sprintf("p%03d.toml", i), "")
	}
	assert.ErrorContains(t, programmes.Library{Dir: dir}.Check(), "more than 500")
}

func FuzzLoad(f *testing.F) {
	f.Add(good)
	for _, name := range programmes.Builtin() {
		data, err := os.ReadFile("builtin/" + name + ".toml")
		require.NoError(f, err)
		f.Add(string(data))
	}
	path := filepath.Join(f.TempDir(), "fuzz.toml")
	f.Fuzz(func(t *testing.T, text string) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		p, err := programmes.Load(path)
		if err == nil && p.Validate() != nil {
			t.Fatalf("accepted, but invalid: %v", p.Validate())
		}
	})
}
