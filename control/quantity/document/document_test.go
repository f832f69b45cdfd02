package document_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/quantity"
	"traction/control/quantity/document"
)

func ExampleParse() {
	d, err := document.Parse("table.toml", []byte("force = \"450\"\n[cell]\nrate = \"90 Hz\"\nrat = 1\n"))
	if err != nil {
		panic(err)
	}
	var force physic.Force
	var rate physic.Frequency
	document.Within(d, "force", &force, 50*physic.Newton, 900*physic.Newton)
	document.Within(d, "cell.rate", &rate, 10*physic.Hertz, 80*physic.Hertz)
	fmt.Println(d.Err())
	// Output:
	// table.toml:1: force = "450": force "450": wrong or missing unit: the unit is missing; allowed units: N, kN, kgf, lbf
	// table.toml:3: cell.rate = "90 Hz": out of range, allowed: 10 Hz to 80 Hz
	// table.toml:4: cell.rat = 1: unknown key, allowed here: rate
}

const full = `
name = "a"
on = true
count = 3
share = 1
ratio = 0.5
hold = "450 N"
remote = "adjust"

[[point]]
force = "98.1 N"
[[point]]
force = "196.2 N"

[a.b]
c.d = "1m30s"
`

// bound is what bindAll reads.
type bound struct {
	name         string
	on           bool
	count        int
	share, ratio float64
	hold         physic.Force
	remote       control.Permission
	points       []physic.Force
	span         time.Duration
}

func bindAll(d *document.Document) (b bound) {
	d.String("name", &b.name, func(s string) error {
		if s == "" {
			return errors.New("is empty")
		}
		return nil
	})
	d.Bool("on", &b.on)
	d.Int("count", &b.count, 1, 5)
	d.Float("share", &b.share, 0, 1)
	d.Float("ratio", &b.ratio, 0, 1)
	document.Within(d, "hold", &b.hold, 20*physic.Newton, 500*physic.Newton)
	d.Text("remote", &b.remote)
	for i := range d.Len("point", 4) {
		var f physic.Force
		document.Quantity(d, fmt.Sprintf("point[%d].force", i), &f)
		b.points = append(b.points, f)
	}
	document.Quantity(d, "a.b.c.d", &b.span)
	return b
}

func TestBindsEveryKind(t *testing.T) {
	d, err := document.Parse("x", []byte(full))
	require.NoError(t, err)
	got := bindAll(d)
	require.NoError(t, d.Err())
	assert.Equal(t, bound{name: "a", on: true, count: 3, share: 1, ratio: 0.5, hold: 450 * physic.Newton, remote: control.Adjust,
		points: []physic.Force{98100 * physic.MilliNewton, 196200 * physic.MilliNewton}, span: 90 * time.Second}, got)
	assert.True(t, d.Has("hold"))
	assert.False(t, d.Has("rest"))
	assert.Equal(t, "name", d.Known()[0])
}

func TestReportsAllAtOnce(t *testing.T) {
	d, err := document.Parse("x.toml", []byte(`name = ""
on = 1
count = 9
share = nan
ratio = "half"
hold = 450
remote = "root"
point = "none"
hodl = "450 N"
"a.b.c.d" = "1 s"
[a.b]
c.d = 1979-05-27
[later]
`))
	require.NoError(t, err)
	got := bindAll(d)
	d.Require("rest")
	assert.Equal(t, bound{}, got, "a wrong value is never taken over")
	lines := strings.Split(d.Err().Error(), "\n")
	want := []string{
		`x.toml: rest: is missing`,
		`x.toml:1: name = "": is empty`,
		`x.toml:2: on = 1: is no truth value, allowed: true, false`,
		`x.toml:3: count = 9: out of range, allowed: 1 to 5`,
		`x.toml:4: share = NaN: out of range, allowed: 0 to 1`,
		`x.toml:5: ratio = "half": is no number, allowed: 0 to 1`,
		`x.toml:6: hold = 450: a quantity is a text in quotes with a unit; force "450": wrong or missing unit: the unit is missing; allowed units: N, kN, kgf, lbf`,
		`x.toml:7: remote = "root": permission: "root" is unknown, allowed: [monitor stop adjust full]`,
		`x.toml:8: point = "none": is no array`,
		`x.toml:9: hodl = "450 N": unknown key, allowed here: name, on, count, share, ratio, hold, remote, point, [a]`,
		`x.toml:10: "a.b.c.d" = "1 s": unknown key, allowed here: nothing`,
		`x.toml:12: a.b.c.d = 1979-05-27: a quantity is a text in quotes with a unit; duration "1979-05-27": wrong or missing unit: the unit is missing; allowed units: s, h, min, m, ms, us, µs, ns`,
		`x.toml:13: later: unknown section, allowed here: name, on, count, share, ratio, hold, remote, point, [a]`,
	}
	assert.Equal(t, want, lines)
	var p *document.Problem
	require.ErrorAs(t, d.Err(), &p)
	assert.ErrorIs(t, d.Err(), quantity.ErrUnit)
	assert.True(t, d.Failed("hold"))
	assert.False(t, d.Failed("later"))
}

func TestRangesIncludeTheirEnds(t *testing.T) {
	for _, row := range []struct {
		hold, count, share string
		good               bool
	}{
		{`"20 N"`, "1", "0", true}, {`"500 N"`, "5", "1.0", true},
		{`"19.999999999 N"`, "0", "-0.1", false}, {`"500.000000001 N"`, "6", "1.1", false},
		{`"-50 N"`, "-1", "-inf", false},
	} {
		for key, value := range map[string]string{"hold": row.hold, "count": row.count, "share": row.share} {
			d, err := document.Parse("x", []byte(key+" = "+value+"\n"))
			require.NoError(t, err)
			bindAll(d)
			assert.Equal(t, row.good, d.Err() == nil, "%s = %s: %v", key, value, d.Err())
		}
	}
}

func TestSyntaxErrorHasItsLine(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"a = 1\nb = \n", "x:2: "},
		{"a = 1\nb = 2\na = 3\n", "x:3: key a is already defined"},
		{"[a]\n[a]\n", "x:2: table a already exists"},
		{strings.Repeat("#", 64<<10) + "\n", "x: is too large, allowed: 65536 bytes"},
	} {
		_, err := document.Parse("x", []byte(row.text))
		var p *document.Problem
		require.ErrorAs(t, err, &p)
		assert.Contains(t, err.Error(), row.want)
	}
}

func TestTooManyElements(t *testing.T) {
	d, err := document.Parse("x", []byte("point = [1, 2, 3]\nnone = []\n"))
	require.NoError(t, err)
	assert.Equal(t, 2, d.Len("point", 2))
	assert.Equal(t, 0, d.Len("none", 2))
	assert.ErrorContains(t, d.Err(), "x:1: point: has 3 elements, allowed: at most 2")
	assert.ErrorContains(t, d.Err(), "x:1: point[0] = 1: unknown key")
}

func TestExplainKeepsLinesAndSkipsWhatWasNeverRead(t *testing.T) {
	d, err := document.Parse("x", []byte("hold = \"600 N\"\nrest = \"5\"\nprogressive = 4\n[a]\nb = \"\"\n"))
	require.NoError(t, err)
	var hold, rest physic.Force
	var steps int
	document.Quantity(d, "hold", &hold)
	document.Quantity(d, "rest", &rest)
	d.Int("progressive", &steps, 0, 20)
	d.String("a.b", new(string), nil)
	d.Explain(nil)
	d.Explain(errors.Join(errors.New("hold: too much"), errors.New("rest: too little"), errors.New("progressive/regressive: too many"), errors.New("odd: at all"),
		errors.New("a: b, c: neither")))
	d.Refuse("hold", "is %s", "odd")
	assert.Equal(t, []string{
		`x: odd: at all`,
		`x:1: hold = "600 N": too much`,
		`x:1: hold = "600 N": is odd`,
		`x:2: rest = "5": force "5": wrong or missing unit: the unit is missing; allowed units: N, kN, kgf, lbf`,
		`x:3: progressive = 4: too many`,
		`x:5: a.b = "": neither`,
	}, strings.Split(d.Err().Error(), "\n"))
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	_, err := document.Read(filepath.Join(dir, "none.toml"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = document.Read(dir)
	require.ErrorContains(t, err, "is no ordinary file")
	path := filepath.Join(dir, "a.toml")
	require.NoError(t, os.WriteFile(path, []byte(full), 0o600))
	d, err := document.Read(path)
	require.NoError(t, err)
	bindAll(d)
	require.NoError(t, d.Err())
	require.NoError(t, os.WriteFile(path, make([]byte, 1<<20), 0o600))
	_, err = document.Read(path)
	require.ErrorContains(t, err, "is too large")
}

// FuzzParse checks that nothing panics and that each unknown key is named with
// the line where it stands.
func FuzzParse(f *testing.F) {
	f.Add(full)
	f.Add("a = [{b = 1}, [2, {\"c d\" = 3}]]\n[[x]]\n[[x.y]]\nz = 1\n[x.w]\nv = 2\n[[x]]\n[[x.y]]\nz=1")
	f.Add("a.\"b.c\".d = { e.f = '' }\n\n[e]\n")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := document.Parse("x", []byte(text))
		if err != nil {
			return
		}
		err = d.Err()
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok {
			return
		}
		lines := strings.Count(text, "\n") + 1
		for _, e := range joined.Unwrap() {
			var p *document.Problem
			if !errors.As(e, &p) || p.Line < 1 || p.Line > lines {
				t.Fatalf("%q: %v", text, e)
			}
		}
	})
}
