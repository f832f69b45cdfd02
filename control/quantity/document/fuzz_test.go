package document_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control/quantity/document"
	"traction/test/fuzz"
)

// hostile are files that cost more than they look like.
var hostile = []string{
	strings.Repeat("a.", 8000) + "a = 1",
	"[" + strings.Repeat("a.", 8000) + "a]",
	"[[" + strings.Repeat("a.", 8000) + "a]]",
	strings.Repeat("[[a]]\n", 4000),
	"a = [" + strings.Repeat("1,", 16000) + "1]",
	"a = " + strings.Repeat("[", 20000) + strings.Repeat("]", 20000),
	"a = " + strings.Repeat("[", 8000) + strings.Repeat("]", 8000),
	"a = " + strings.Repeat("{a=", 8000) + "1" + strings.Repeat("}", 8000),
	strings.Repeat("a", 40000) + " = 1",
	strings.Repeat("\n", 60000) + "a = 1",
}

// FuzzBind binds a key of each kind from any text. Whatever is wrong is told with
// file, line and key, and what is accepted keeps the range that was asked for.
func FuzzBind(f *testing.F) {
	f.Add("force = \"450 N\"\nname = \"x\"\ncount = 3\nshare = 0.5\non = true\ntime = \"1m30s\"\n[[point]]\nforce = \"10 N\"\n[[point]]\nforce = \"20 N\"\n")
	f.Add("force = 450\ncount = 99\nshare = nan\non = \"yes\"\ntime = \"90\"\nname = 1979-05-27\npoint = []\n")
	f.Add("a.\"b.c\".d = { e.f = [1, {g = ''}] }\n[a.h]\n")
	f.Fuzz(readAndBind)
}

// TestHostileFiles: they are no seeds, because the engine would spend its time on
// making them smaller.
func TestHostileFiles(t *testing.T) {
	for _, text := range hostile {
		readAndBind(t, text)
	}
}

func readAndBind(t *testing.T, text string) {
	fuzz.Bounded(t, len(text), func() {
		d, err := document.Parse("file.toml", []byte(text))
		if err != nil {
			var p *document.Problem
			require.ErrorAs(t, err, &p)
			require.Equal(t, "file.toml", p.File)
			require.NotEmpty(t, p.Message)
			return
		}
		bindEach(t, d)
		checkProblems(t, d, strings.Count(text, "\n")+1)
	})
}

// bindEach binds keys of each kind.
func bindEach(t *testing.T, d *document.Document) {
	force, share, count, on, name, span := physic.Force(-1), -1.0, -1, false, "-", time.Duration(-1)
	document.Within(d, "force", &force, 0, 900*physic.Newton)
	document.Within(d, "time", &span, 0, time.Hour)
	d.Float("share", &share, 0, 1)
	d.Int("count", &count, 0, 9)
	d.Bool("on", &on)
	d.String("name", &name, func(s string) error {
		if len(s) > 9 {
			return errors.New("allowed: 9 bytes")
		}
		return nil
	})
	require.True(t, force == -1 || force >= 0 && force <= 900*physic.Newton, force)
	require.True(t, span == -1 || span >= 0 && span <= time.Hour, span)
	require.True(t, share == -1 || share >= 0 && share <= 1, share)
	require.True(t, count == -1 || count >= 0 && count <= 9, count)
	require.LessOrEqual(t, len(name), 9)
	for key, taken := range map[string]bool{"force": force != -1, "time": span != -1, "share": share != -1, "count": count != -1} {
		require.Equal(t, taken, d.Has(key) && !d.Failed(key), "%s was neither taken nor refused", key)
	}
	n := d.Len("point", 20)
	require.LessOrEqual(t, n, 20)
	for i := range n {
		document.Quantity(d, fmt.Sprintf("point[%d].force", i), &force)
	}
}

// checkProblems wants of each problem what somebody needs who has to mend it.
func checkProblems(t *testing.T, d *document.Document, lines int) {
	err := d.Err()
	if err == nil {
		return
	}
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok, "%T", err)
	last := 0
	for _, e := range joined.Unwrap() {
		var p *document.Problem
		require.ErrorAs(t, e, &p)
		require.Equal(t, "file.toml", p.File)
		require.NotEmpty(t, p.Key)
		require.NotEmpty(t, p.Message)
		require.True(t, p.Line >= 1 && p.Line <= lines, "line %d of %d: %v", p.Line, lines, p)
		require.GreaterOrEqual(t, p.Line, last, "in the order of the file")
		require.LessOrEqual(t, len([]rune(p.Value)), 60)
		if slices.Contains(d.Known(), p.Key) && d.Has(p.Key) {
			require.NotEmpty(t, p.Value, "%v", p)
		}
		last = p.Line
	}
}

func TestNestingIsBounded(t *testing.T) {
	level := strings.Repeat("a.", 15)
	_, err := document.Parse("file.toml", []byte(level+"b = 1"))
	require.NoError(t, err)
	_, err = document.Parse("file.toml", []byte(level+"b.c = 1"))
	require.ErrorContains(t, err, level+"b.c: is nested too deeply, allowed: 16 levels")
	_, err = document.Parse("file.toml", []byte(level+"b = [1]"))
	require.ErrorContains(t, err, level+"b[0]: is nested too deeply")
}
