package record

import (
	"bytes"
	"encoding/xml"
	"image"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
	"pgregory.net/rapid"

	"traction/control"
)

func traceOf(s *scene) Trace {
	return Trace{Title: "lumbar-60-20 · patient 0417", Started: started, Entries: s.entries, Events: s.events,
		Limit: s.report.Limit, Report: &s.report}
}

func pngOf(t testing.TB, tr Trace) image.Image {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Plot(&b, "png", tr))
	img, err := png.Decode(&b)
	require.NoError(t, err)
	require.Equal(t, image.Pt(1600, 800), img.Bounds().Size())
	return img
}

// count is how many pixels of the main panel look like a colour.
func count(img image.Image, like func(r, g, b uint32) bool) (n int) {
	for y := 84; y < 440; y++ {
		for x := range img.Bounds().Dx() {
			if r, g, b, _ := img.At(x, y).RGBA(); like(r>>8, g>>8, b>>8) {
				n++
			}
		}
	}
	return n
}

func isBlue(r, g, b uint32) bool      { return r < 100 && g < 140 && b > 110 }
func isVermilion(r, g, b uint32) bool { return r > 190 && g > 60 && g < 130 && b < 60 }
func isOrange(r, g, b uint32) bool    { return r > 210 && g > 140 && g < 185 && b < 60 }

func TestPlotShowsEverything(t *testing.T) {
	img := pngOf(t, traceOf(tripped()))
	assert.Greater(t, count(img, isBlue), 2000, "the force")
	assert.Greater(t, count(img, isOrange), 1000, "the set-point")
	assert.Greater(t, count(img, isVermilion), 2000, "the limit and the trip")

	x := tripped()
	plain := traceOf(x)
	plain.Events = nil
	assert.Greater(t, count(pngOf(t, plain), isVermilion), 1000, "the limit")
	plain.Limit.Value = 0
	assert.Less(t, count(pngOf(t, plain), isVermilion), 50)
	// The force is not known while the cell is lost: no curve is made up.
	for i := range plain.Entries {
		plain.Entries[i].Fresh = i < 200
	}
	assert.Less(t, count(pngOf(t, plain), isBlue), 1500)
}

// longestRun is the longest vertical run of blue pixels in the upper panel.
func longestRun(img image.Image) (longest int) {
	for x := range 1600 {
		run := 0
		for y := range 430 {
			if r, g, b, _ := img.At(x, y).RGBA(); isBlue(r>>8, g>>8, b>>8) {
				run++
				longest = max(longest, run)
			} else {
				run = 0
			}
		}
	}
	return longest
}

// One sample of 120,000 that shoots up is seen.
func TestPlotShowsPeakOfOneSample(t *testing.T) {
	tr := Trace{Limit: control.Bound[physic.Force]{Value: 450 * physic.Newton, Reason: control.ReasonTable}}
	for i := range 120_000 {
		tr.Entries = append(tr.Entries, control.Entry{Seq: uint64(i + 1), At: time.Duration(i) * 12500 * time.Microsecond,
			Force: 300 * physic.Newton, SetPoint: 300 * physic.Newton, Mode: control.Treating, Phase: control.Hold, Fresh: true})
	}
	assert.Less(t, longestRun(pngOf(t, tr)), 20)
	tr.Entries[61_234].Force = 440 * physic.Newton
	assert.Greater(t, longestRun(pngOf(t, tr)), 60)
}

func TestPlotSVG(t *testing.T) {
	tr := traceOf(tripped())
	tr.Title = `<b>"Müller & Söhne"</b>`
	var b bytes.Buffer
	require.NoError(t, Plot(&b, "svg", tr))
	d := xml.NewDecoder(bytes.NewReader(b.Bytes()))
	var text strings.Builder
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		if c, ok := token.(xml.CharData); ok {
			text.Write(c)
		}
	}
	for _, want := range []string{tr.Title, "trip: patient-switch", "pause (remote)", "resume", "ended: tripped, slack",
		"limit 451.1 N (programme)", "2:30", "tripped by patient-switch",
		"force, N", "400", "hold error, N", "rope, mm", "time since the start, minutes:seconds"} {
		assert.Contains(t, text.String(), want)
	}
	assert.Less(t, b.Len(), 400_000, "120,000 samples or less make a small file")
}

func TestPlotRefuses(t *testing.T) {
	tr := traceOf(treatment(30 * time.Second))
	assert.ErrorContains(t, Plot(io.Discard, "bmp", tr), "png, svg")
	tr.Entries = tr.Entries[:1]
	assert.ErrorContains(t, Plot(io.Discard, "png", tr), "too few")
	tr.Entries = nil
	assert.Error(t, Plot(io.Discard, "png", tr))
	assert.Error(t, Plot(broken{}, "png", traceOf(treatment(30*time.Second))))
	assert.Error(t, Plot(broken{}, "svg", traceOf(treatment(30*time.Second))))
}

// Odd traces give odd pictures, but pictures.
func TestPlotNeverPanics(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 6).Draw(t, "n")
		var tr Trace
		for i := range n {
			tr.Entries = append(tr.Entries, control.Entry{
				At:       time.Duration(i)*rapid.SampledFrom([]time.Duration{1, time.Millisecond, time.Hour}).Draw(t, "step") + 1,
				Force:    physic.Force(rapid.Int64().Draw(t, "force")),
				SetPoint: physic.Force(rapid.Int64().Draw(t, "set")),
				Position: physic.Distance(rapid.Int64().Draw(t, "position")),
				Mode:     control.Mode(rapid.IntRange(0, 8).Draw(t, "mode")),
				Phase:    control.Phase(rapid.IntRange(0, 8).Draw(t, "phase")),
				Fresh:    rapid.Bool().Draw(t, "fresh"),
			})
			tr.Events = append(tr.Events, control.Event{At: tr.Entries[i].At, Kind: control.EventKind(rapid.IntRange(0, 20).Draw(t, "kind"))})
		}
		tr.Limit.Value = physic.Force(rapid.Int64().Draw(t, "limit"))
		_ = Plot(io.Discard, "svg", tr)
	})
}

func TestShownLeavesOutTheLongAftermath(t *testing.T) {
	s := tripped()
	moved := time.Duration(0)
	for _, e := range s.entries {
		if e.Mode == control.Releasing {
			moved = e.At
		}
	}
	s.run(control.NoPhase, 0, 1, 10*time.Minute)
	tr := traceOf(s)
	shown := tr.shown()
	assert.InDelta(t, tail.Seconds(), (shown[len(shown)-1].At - moved).Seconds(), samplePeriod.Seconds())
	// Tension that stays on the rope is shown to its end.
	s.entries[len(s.entries)-1].Force = 80 * physic.Newton
	tr = traceOf(s)
	assert.Len(t, tr.shown(), len(s.entries))
}

func TestThin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 400).Draw(t, "n")
		all := make([]sample, n)
		x := 0.0
		low, high := math.Inf(1), math.Inf(-1)
		gaps := 0
		for i := range all {
			x += rapid.SampledFrom([]float64{0, 0.0125, 0.025, 0.4, 3}).Draw(t, "dx")
			if i > 0 && x-all[i-1].x > gapBreak {
				gaps++
			}
			all[i] = sample{x, rapid.Float64Range(-1000, 1000).Draw(t, "y")}
			low, high = min(low, all[i].y), max(high, all[i].y)
		}
		columns := rapid.IntRange(1, 50).Draw(t, "columns")
		parts := thin(func(yield func(sample) bool) {
			for _, s := range all {
				if !yield(s) {
					return
				}
			}
		}, 0, x+1, columns)
		if len(parts) != gaps+1 {
			t.Fatalf("%d parts with %d gaps", len(parts), gaps)
		}
		gotLow, gotHigh := rangeOf(parts)
		if gotLow != low || gotHigh != high {
			t.Fatalf("range is %v to %v, want %v to %v", gotLow, gotHigh, low, high)
		}
		points, last := 0, math.Inf(-1)
		for _, part := range parts {
			points += len(part)
			for _, s := range part {
				if s.x < last {
					t.Fatal("time goes back")
				}
				last = s.x
			}
		}
		if points > 4*(columns+gaps+1) {
			t.Fatalf("%d points in %d columns", points, columns)
		}
	})
}

func TestPlaceNeverOverlaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const lo, hi, gap = 40.0, 800.0, 3.0
		ms := make([]mark, rapid.IntRange(1, 40).Draw(t, "n"))
		for i := range ms {
			ms[i] = mark{x: rapid.Float64Range(lo, hi).Draw(t, "x"), row: -1,
				rank: rapid.IntRange(0, rankOther).Draw(t, "rank"), text: strings.Repeat("x", rapid.IntRange(1, 30).Draw(t, "text"))}
		}
		at := func(m *mark) float64 { return m.x }
		width := func(m *mark) float64 { return 5 * float64(len(m.text)) }
		used := place(ms, at, width, lo, hi, gap)
		box := func(m *mark) (from, to float64) {
			if m.left {
				return m.x - width(m), m.x
			}
			return m.x, m.x + width(m)
		}
		for i := range ms {
			a := &ms[i]
			if a.row < 0 {
				continue
			}
			from, to := box(a)
			if from < lo-gap || to > hi+gap || a.row >= used {
				t.Fatalf("label %+v is outside", a)
			}
			for j := range ms {
				b := &ms[j]
				if i == j || b.row < a.row {
					continue
				}
				bf, bt := box(b)
				if b.row == a.row && from < bt && bf < to {
					t.Fatalf("labels overlap: %+v and %+v", a, b)
				}
				if b.row > a.row && b.x > from && b.x < to {
					t.Fatalf("the line of %+v runs through %+v", b, a)
				}
			}
		}
	})
}

func TestMarks(t *testing.T) {
	at := func(s float64, e control.Event) control.Event {
		e.At = time.Duration(s * float64(time.Second))
		return e
	}
	events := []control.Event{
		at(10, control.Event{Kind: control.EventPhase}),
		at(20, control.Event{Kind: control.EventWarning, Interlock: control.ILCellLate}),
		at(20.01, control.Event{Kind: control.EventWarning, Interlock: control.ILCellLate}),
		at(20.02, control.Event{Kind: control.EventTrip, Interlock: control.ILCellLost}),
		at(5, control.Event{Kind: control.EventCommand, Command: control.CommandPause, Origin: control.Remote}),
		at(500, control.Event{Kind: control.EventTrip}),
	}
	got, left := marks(events, 0, 0, 100)
	assert.Zero(t, left)
	assert.Equal(t, []mark{
		{x: 5, text: "pause (remote)", rank: rankOther, joined: 1, row: -1},
		{x: 20.02, text: "trip: cell-lost, warning: cell-late", rank: rankTrip, joined: 2, row: -1},
	}, got)

	var flood []control.Event
	for i := range 1000 {
		flood = append(flood, at(float64(i)/10, control.Event{Kind: control.EventCommand, Command: control.CommandSet}))
	}
	flood = append(flood, at(99, control.Event{Kind: control.EventTrip, Interlock: control.ILTravel}))
	got, left = marks(flood, 0, 0, 100)
	assert.Equal(t, 1001-mostMarks, left)
	assert.LessOrEqual(t, len(got), mostMarks)
	assert.Equal(t, rankTrip, got[len(got)-1].rank, "the trip stays")
}

func TestTicks(t *testing.T) {
	labels := func(from, to float64, most int, ofTime bool) (out []string) {
		ts := valueTicks(from, to, most)
		if ofTime {
			ts = timeTicks(from, to, most)
		}
		for _, t := range ts {
			if t.label != "" {
				out = append(out, t.label)
			}
		}
		return out
	}
	assert.Equal(t, []string{"0:00", "0:15", "0:30", "0:45", "1:00"}, labels(0, 61, 6, true))
	assert.Equal(t, []string{"0:00", "5:00", "10:00", "15:00", "20:00", "25:00"}, labels(0, 1510, 6, true))
	assert.Equal(t, []string{"0", "100", "200", "300", "400"}, labels(-5, 480, 7, false))
	assert.Equal(t, []string{"-2", "-1", "0", "1"}, labels(-2.9, 1.1, 5, false))
	assert.Equal(t, []string{"0.0", "0.2", "0.4"}, labels(0, 0.5, 3, false))
}

func BenchmarkPlot(b *testing.B) {
	tr := traceOf(treatment(25 * time.Minute))
	for _, format := range []string{"png", "svg"} {
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				if err := Plot(io.Discard, format, tr); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
