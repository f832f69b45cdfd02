package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
)

// The golden files were written by this test and read through by hand; the
// forces and times in them are those of the entries below.
var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got))
}

// withoutTexts takes the sentences about events out: they may be reworded.
func withoutTexts(b []byte, events []control.Event) []byte {
	for _, e := range events {
		whole := strings.TrimSuffix(link.Text(e), ".")
		part, _, _ := strings.Cut(whole, "; ")
		trip := ""
		if e.Kind == control.EventTrip {
			trip = TripText(e.Interlock)
		}
		for _, text := range []string{whole + ".", part, trip} {
			if text == "" {
				continue
			}
			b = bytes.ReplaceAll(b, []byte(text), []byte("TEXT"))
		}
	}
	return b
}

// short is a session of three entries with odd values.
func short() (Session, []control.Event, []control.Entry) {
	n := physic.Newton
	entries := []control.Entry{
		{Seq: 4711, At: 90*time.Second + 12_018_004, Force: 392_266_000_001, SetPoint: 392*n + 266*physic.MilliNewton,
			Position: 60_346_875, Counts: 923_004, Treatment: 2, Step: 1, Cycle: 3, Mode: control.Treating, Phase: control.Hold, Fresh: true},
		{Seq: 4712, At: 90*time.Second + 25*time.Millisecond, Force: -1, SetPoint: 1, Position: -500_000,
			Counts: -8_388_608, Treatment: 2, Mode: control.Releasing, Action: control.Release},
		{Seq: 4713, At: 91 * time.Second, Mode: control.Tripped},
	}
	events := []control.Event{
		{Seq: 8, At: 89 * time.Second, Kind: control.EventTreatmentStarted, Mode: control.Treating, Phase: control.Slack, Treatment: 2},
		{Seq: 9, At: 89500 * time.Millisecond, Kind: control.EventPhase, Mode: control.Treating, Phase: control.Pull, Treatment: 2},
		{Seq: 10, At: 90*time.Second + 20*time.Millisecond, Kind: control.EventTrip, Mode: control.Treating, Phase: control.Hold,
			Interlock: control.ILPatientSwitch, Treatment: 2, Force: 392*n + 266*physic.MilliNewton, Position: 60_346_875},
		{Seq: 11, At: 92 * time.Second, Kind: control.EventTreatmentEnded, Mode: control.Tripped, End: control.EndTripped, Treatment: 2},
	}
	x := Session{Boot: testBoot, Treatment: 2, Began: 89 * time.Second, Ended: 92 * time.Second, Report: &control.Report{
		Treatment: 2, Programme: "lumbar-60-20", Started: 89 * time.Second, Ended: 92 * time.Second, Elapsed: 754 * time.Second,
		Cycles: 9, End: control.EndTripped, Trips: control.InterlockSet(0).With(control.ILPatientSwitch), Peak: 401_250 * physic.MilliNewton,
		Limit:    control.Bound[physic.Force]{Value: 451 * n, Reason: control.ReasonProgramme},
		MeanHold: 392_100 * physic.MilliNewton, MeanHoldError: 640 * physic.MilliNewton, HoldWithin5: 0.9987, Holds: 36_120,
		TimeToSlack: 2740 * time.Millisecond, MaxTravel: 63_500 * physic.MicroMetre}}
	return x, events, entries
}

// each yields the entries and, after the first, the error.
func each(es []control.Entry, err error) iter.Seq2[control.Entry, error] {
	return func(yield func(control.Entry, error) bool) {
		for i, e := range es {
			if !yield(e, nil) || i == 0 && err != nil && !yield(control.Entry{}, err) {
				return
			}
		}
	}
}

func TestWriteCSV(t *testing.T) {
	x, _, es := short()
	var b bytes.Buffer
	require.NoError(t, WriteCSV(&b, x, each(es, nil)))
	golden(t, "session.csv", b.Bytes())
	for line := range strings.Lines(b.String()) {
		assert.Equal(t, strings.Count(csvHeader, ","), strings.Count(line, ","))
	}
}

func TestWriteJSONL(t *testing.T) {
	x, events, es := short()
	var b bytes.Buffer
	require.NoError(t, WriteJSONL(&b, x, events, each(es, nil)))
	golden(t, "session.jsonl", withoutTexts(b.Bytes(), events))
	for line := range strings.Lines(b.String()) {
		assert.True(t, json.Valid([]byte(line)), line)
	}
	x.Report = nil
	b.Reset()
	require.NoError(t, WriteJSONL(&b, x, nil, each(nil, nil)))
	assert.Contains(t, b.String(), `"report":null`)
}

// One document says what the lines say.
func TestWriteJSON(t *testing.T) {
	x, events, es := short()
	decode := func(b []byte) (d struct {
		Schema  int
		Session map[string]any
		Events  []map[string]any
		Samples []map[string]any
	}) {
		require.NoError(t, json.Unmarshal(b, &d))
		return d
	}
	var whole, lines bytes.Buffer
	require.NoError(t, WriteJSON(&whole, x, events, each(es, nil)))
	require.NoError(t, WriteJSONL(&lines, x, events, each(es, nil)))
	d := decode(whole.Bytes())
	assert.Equal(t, exportSchema, d.Schema)
	for line := range strings.Lines(lines.String()) {
		var v map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		kind := v["type"]
		delete(v, "type")
		switch kind {
		case "session":
			delete(v, "schema")
			assert.Equal(t, d.Session, v)
		case "event":
			require.NotEmpty(t, d.Events)
			assert.Equal(t, d.Events[0], v)
			d.Events = d.Events[1:]
		default:
			assert.Equal(t, "sample", kind)
			require.NotEmpty(t, d.Samples)
			assert.Equal(t, d.Samples[0], v)
			d.Samples = d.Samples[1:]
		}
	}
	assert.Empty(t, d.Events)
	assert.Empty(t, d.Samples)

	whole.Reset()
	require.NoError(t, WriteJSON(&whole, x, nil, nil))
	assert.NotContains(t, whole.String(), "samples")
	d = decode(whole.Bytes())
	assert.Empty(t, d.Events)
	assert.NotNil(t, d.Events, "an empty list is a list")

	var list []map[string]any
	whole.Reset()
	require.NoError(t, WriteSessions(&whole, []Session{x, x}))
	require.NoError(t, json.Unmarshal(whole.Bytes(), &list))
	assert.Equal(t, []map[string]any{d.Session, d.Session}, list)
	whole.Reset()
	require.NoError(t, WriteSessions(&whole, nil))
	require.NoError(t, json.Unmarshal(whole.Bytes(), &list))
	assert.NotNil(t, list)
}

// A treatment without a hold has no share of it, and one without a limit no limit.
func TestWriteJSONOfNothing(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, WriteSessions(&b, []Session{{Boot: testBoot, Treatment: 1, Report: &control.Report{HoldWithin5: math.NaN()}}}))
	assert.Contains(t, b.String(), `"hold_within_5_percent":null`)
	assert.Contains(t, b.String(), `"force_limit_n":{"value":null,"reason":"none"}`)
	assert.Contains(t, b.String(), `"trips":[]`)
}

func TestWriteSummary(t *testing.T) {
	x, events, _ := short()
	var b bytes.Buffer
	require.NoError(t, WriteSummary(&b, x, events))
	golden(t, "summary.txt", withoutTexts(b.Bytes(), events))

	// However much happened, it fits a screen.
	x.Report.End, x.Report.Holds, x.Report.TimeToSlack = control.EndStopped, 0, 0
	for range 6 {
		events = append(events, events...)
	}
	b.Reset()
	require.NoError(t, WriteSummary(&b, x, events))
	assert.LessOrEqual(t, strings.Count(b.String(), "\n"), 24)
	assert.Contains(t, b.String(), "slack was not confirmed")
	assert.Contains(t, b.String(), "trips          patient-switch")

	x.Report = nil
	b.Reset()
	require.NoError(t, WriteSummary(&b, x, nil))
	assert.Contains(t, b.String(), "cut off")
}

// What can be read is written, and the damage is told.
func TestExportOfDamage(t *testing.T) {
	x, events, es := short()
	damage := fmt.Errorf("entries 5 to 9: %w", ErrDamaged)
	other := errors.New("the card was pulled out")
	var whole, got bytes.Buffer
	require.NoError(t, WriteCSV(&whole, x, each(es, nil)))
	require.ErrorIs(t, WriteCSV(&got, x, each(es, damage)), ErrDamaged)
	assert.Equal(t, whole.String(), got.String())
	assert.ErrorIs(t, WriteCSV(&got, x, each(es, other)), other)

	whole.Reset()
	got.Reset()
	require.NoError(t, WriteJSONL(&whole, x, events, each(es, nil)))
	require.ErrorIs(t, WriteJSONL(&got, x, events, each(es, damage)), ErrDamaged)
	assert.Equal(t, whole.String(), got.String())
	assert.ErrorIs(t, WriteJSONL(&got, x, events, each(es, other)), other)

	whole.Reset()
	got.Reset()
	require.NoError(t, WriteJSON(&whole, x, events, each(es, nil)))
	require.ErrorIs(t, WriteJSON(&got, x, events, each(es, damage)), ErrDamaged)
	assert.Equal(t, whole.String(), got.String())
	assert.ErrorIs(t, WriteJSON(&got, x, events, each(es, other)), other)

	// A reader that went away.
	assert.ErrorIs(t, WriteJSON(broken{}, x, events, each(es, nil)), os.ErrClosed)
	assert.ErrorIs(t, WriteSessions(broken{}, []Session{x}), os.ErrClosed)
	assert.ErrorIs(t, WriteCSV(broken{}, x, each(es, nil)), os.ErrClosed)
	assert.ErrorIs(t, WriteJSONL(broken{}, x, events, each(es, nil)), os.ErrClosed)
	assert.ErrorIs(t, WriteSummary(broken{}, x, events), os.ErrClosed)
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestDecimal(t *testing.T) {
	tests := []struct {
		v      int64
		places int
		want   string
	}{
		{0, 9, "0"}, {1, 9, "0.000000001"}, {-1, 9, "-0.000000001"}, {1_000_000_000, 9, "1"},
		{392_266_000_000, 9, "392.266"}, {-1_500_000, 6, "-1.5"}, {999_999_999, 9, "0.999999999"}, {10_000_000_000, 9, "10"},
		{math.MaxInt64, 9, "9223372036.854775807"}, {math.MinInt64, 9, "-9223372036.854775808"}, {7, 0, "7"},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, string(decimal{tt.v, tt.places}.append(nil)))
	}
}
