package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/mqtt"
	"traction/record"
)

var yesterday = time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)

// treated makes up a treatment: samples of a minute, and what belongs to it.
func treated(number uint32, from time.Duration, seq, event uint64) (es []control.Entry, events []control.Event, r control.Report) {
	for i := range 80 * 60 {
		at := from + time.Duration(i)*12500*time.Microsecond
		es = append(es, control.Entry{Seq: seq + uint64(i), At: at, Mode: control.Treating, Phase: control.Hold, Treatment: number, Cycle: 1, Step: 1,
			Force: 300*physic.Newton + physic.Force(i%7)*100*physic.MilliNewton, SetPoint: 300 * physic.Newton, Fresh: true,
			Position: physic.Distance(i) * physic.MicroMetre, Counts: int32(i)})
	}
	end := es[len(es)-1].At
	kinds := []control.EventKind{control.EventTreatmentStarted, control.EventPhase, control.EventSlackConfirmed, control.EventTreatmentEnded}
	for i, k := range kinds {
		events = append(events, control.Event{Seq: event + uint64(i), At: from + time.Duration(i)*10*time.Second, Kind: k, Treatment: number,
			Mode: control.Treating, End: control.EndCompleted, Force: 300 * physic.Newton})
	}
	r = control.Report{Treatment: number, Programme: "lumbar-60-20", Started: from, Ended: end, Elapsed: 58 * time.Second, Cycles: 1,
		End: control.EndCompleted, Peak: 301 * physic.Newton, Limit: control.Bound[physic.Force]{Value: 450 * physic.Newton, Reason: control.ReasonPatient},
		MeanHold: 300 * physic.Newton, MeanHoldError: 300 * physic.MilliNewton, HoldWithin5: 1, Holds: 4000, TimeToSlack: 2500 * time.Millisecond,
		MaxTravel: 5 * physic.MilliMetre}
	return es, events, r
}

// pastRecord is a record with a completed session, a tripped one, and one that
// runs; the first is acknowledged by a broker.
func pastRecord(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "record.sqlite")
	s, err := record.Open(path, record.Options{})
	require.NoError(t, err)
	first := record.Boot{ID: "aa11", Started: yesterday, Table: "winch", Version: "1.2.3"}
	second := record.Boot{ID: "bb22", Started: yesterday.AddDate(0, 0, 1), Table: "winch", Version: "1.2.3"}
	require.NoError(t, s.Boot(first))
	es, events, r := treated(1, time.Minute, 1, 1)
	require.NoError(t, s.Append(first.ID, es, events, []control.Report{r}))
	require.NoError(t, s.MarkSent(first.ID, 1, 2, 3, 4))
	require.NoError(t, s.MarkReportSent(first.ID, 1))
	es, events, r = treated(2, time.Hour, 10_001, 5)
	r.End, r.Trips = control.EndTripped, control.InterlockSet(0).With(control.ILPatientSwitch)
	events[2].Kind, events[2].Interlock = control.EventTrip, control.ILPatientSwitch
	require.NoError(t, s.Append(first.ID, append(es[:1000:1000], es[1100:]...), events, []control.Report{r}))
	require.NoError(t, s.Boot(second))
	es, events, _ = treated(1, time.Minute, 1, 1)
	require.NoError(t, s.Append(second.ID, es, events[:1], nil))
	t.Cleanup(func() { assert.NoError(t, s.Close()) }) // it is written all the time, as a gateway does
	return path
}

// now is one day after the first session.
var now = yesterday.AddDate(0, 0, 1).Add(time.Hour)

func listed(t *testing.T, c sessionsListCommand) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, c.run(&out, now))
	return out.String()
}

func TestSessionsList(t *testing.T) {
	path := pastRecord(t)
	flags := recordFlags{Record: path}
	assert.Equal(t, `SESSION  BEGAN             TOOK  PROGRAMME     PEAK     END
bb22-1   2026-11-21 09:31  0:59  –             –        no report
aa11-2   2026-11-20 10:30  0:59  lumbar-60-20  301.0 N  tripped by patient-switch
aa11-1   2026-11-20 09:31  0:59  lumbar-60-20  301.0 N  completed
`, listed(t, sessionsListCommand{recordFlags: flags}))
	assert.Equal(t, 2, strings.Count(listed(t, sessionsListCommand{recordFlags: flags, Limit: 1}), "\n"))
	for since, want := range map[sinceFlag]int{
		"2026-11-20": 3, "2026-11-21": 1, "2026-11-22": 0, "2026-11-20 10:00": 2, "2026-11-20T10:30:00Z": 2, "2 d": 3, "1 day": 2, "12 h": 1, "30 min": 0,
	} {
		var list []map[string]any
		out := listed(t, sessionsListCommand{recordFlags: flags, Since: since, JSON: true})
		require.NoError(t, json.Unmarshal([]byte(out), &list))
		assert.Len(t, list, want, since)
	}
	assert.Equal(t, "No session.\n", listed(t, sessionsListCommand{recordFlags: flags, Since: "2027-01-01"}))
	var list []struct {
		Session string
		Began   time.Time
		Report  *struct {
			End   string
			Trips []struct{ ID string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(listed(t, sessionsListCommand{recordFlags: flags, JSON: true})), &list))
	assert.Nil(t, list[0].Report)
	assert.Equal(t, "aa11-2", list[1].Session)
	assert.Equal(t, "patient-switch", list[1].Report.Trips[0].ID)
	assert.Equal(t, yesterday.Add(time.Minute), list[2].Began)
}

func TestSessionsShow(t *testing.T) {
	path := pastRecord(t)
	show := func(name string, all bool) string {
		var out bytes.Buffer
		c := sessionsShowCommand{sessionFlags: sessionFlags{recordFlags{Record: path}, name}, All: all}
		require.NoError(t, c.run(&out, time.UTC))
		return out.String()
	}
	text := show("aa11-2", false)
	for _, want := range []string{
		"Session     aa11-2, table winch, control process 1.2.3\n", "Programme   lumbar-60-20\n", "Began       2026-11-20 10:30:00 UTC\n",
		"10:30:59, 0:59 later: tripped by patient-switch\n", "0:58 in 1 cycle\n", "peak 301.0 N, limit 450.0 N (patient)\n",
		"mean 300.0 N, mean error 0.3 N, 100.0 % of 4000 samples within 5 %\n", "5.0 mm at most\n", "slack after 2.5 s\n",
		"Samples     4700, 100 are missing\n", "Trips       patient-switch: ", "\n10:30:20    300 N   ", "(without changes of phase and mode, 1; --all shows them)\n",
	} {
		assert.Contains(t, text, want)
	}
	for line := range strings.Lines(text) {
		assert.LessOrEqual(t, textWidth(line), statusWidth+1)
	}
	assert.NotContains(t, show("aa11-2", true), "--all")
	assert.Contains(t, show("aa11-1", false), "4800, none is missing")
	assert.Contains(t, show("last", false), "no report: it still runs")
	assert.Equal(t, show("bb22-1", false), show("bb", false))

	var out bytes.Buffer
	c := sessionsShowCommand{sessionFlags: sessionFlags{recordFlags{Record: path}, "aa11-1"}, JSON: true}
	require.NoError(t, c.run(&out, time.UTC))
	var d map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &d))
	assert.Len(t, d["events"], 4)
	assert.NotContains(t, d, "samples")
}

func TestSessionsExport(t *testing.T) {
	path, dir := pastRecord(t), t.TempDir()
	export := func(format, output string) (string, error) {
		var out bytes.Buffer
		c := sessionsExportCommand{sessionFlags: sessionFlags{recordFlags{Record: path}, "aa11-1"}, Format: format, Output: output}
		err := c.run(context.Background(), &out)
		return out.String(), err
	}
	for format, lines := range map[string]int{"csv": 1 + 4800, "": 1 + 4800, "jsonl": 1 + 4 + 4800, "json": 4 + 4 + 4800 + 1} {
		text, err := export(format, "")
		require.NoError(t, err)
		assert.InDelta(t, lines, strings.Count(text, "\n"), 2, format)
		if format == "" {
			continue
		}
		to := filepath.Join(dir, "session."+strings.ToUpper(format))
		said, err := export("", to)
		require.NoError(t, err)
		assert.Equal(t, "Export of aa11-1: "+to+"\n", said)
		written, err := os.ReadFile(to)
		require.NoError(t, err)
		assert.Equal(t, text, string(written))
		info, err := os.Stat(to)
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, "not for everyone's eyes")
		_, err = export(format, to)
		require.NoError(t, err, "again, over it")
	}
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, names, 3, "nothing else is left")
}

// What has gone wrong in the middle leaves no file, and an old one as it was.
func TestSessionsLeaveNoHalfFile(t *testing.T) {
	path, dir := pastRecord(t), t.TempDir()
	to := filepath.Join(dir, "session.csv")
	require.NoError(t, os.WriteFile(to, []byte("the old one"), 0o600))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, run := range []func() error{
		func() error {
			c := sessionsExportCommand{sessionFlags: sessionFlags{recordFlags{Record: path}, "aa11-1"}, Output: to}
			return c.run(ctx, io.Discard)
		},
		func() error {
			c := sessionsPlotCommand{sessionFlags: sessionFlags{recordFlags{Record: path}, "aa11-1"}, Output: filepath.Join(dir, "x.png")}
			return c.run(ctx, io.Discard, time.UTC)
		},
		func() error {
			return whole(context.Background(), to, func(f *os.File) error {
				_, err := f.WriteString("half of")
				require.NoError(t, err)
				return os.ErrClosed
			})
		},
		func() error { return whole(context.Background(), dir, nil) },
		func() error { return whole(context.Background(), os.DevNull, nil) },
		func() error { return whole(context.Background(), filepath.Join(dir, "none", "x.csv"), nil) },
	} {
		require.Error(t, run())
		names, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, names, 1)
		text, err := os.ReadFile(to)
		require.NoError(t, err)
		assert.Equal(t, "the old one", string(text))
	}
}

func TestSessionsPlot(t *testing.T) {
	path, dir := pastRecord(t), t.TempDir()
	plot := func(name, to string) error {
		c := sessionsPlotCommand{sessionFlags: sessionFlags{recordFlags{Record: path}, name}, Output: to}
		return c.run(context.Background(), io.Discard, time.UTC)
	}
	require.NoError(t, plot("aa11-2", filepath.Join(dir, "a.png")))
	f, err := os.Open(filepath.Join(dir, "a.png"))
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // a test
	picture, err := png.Decode(f)
	require.NoError(t, err)
	assert.Equal(t, 1600, picture.Bounds().Dx())
	require.NoError(t, plot("aa11-2", filepath.Join(dir, "a.SVG")))
	svg, err := os.ReadFile(filepath.Join(dir, "a.SVG"))
	require.NoError(t, err)
	assert.Contains(t, string(svg), "patient-switch")
	t.Chdir(dir)
	require.NoError(t, plot("last", ""))
	assert.FileExists(t, filepath.Join(dir, "bb22-1.png"))
}

func TestSessionsDelete(t *testing.T) {
	path := pastRecord(t)
	remove := func(answers string, asks, yes bool, names ...string) (string, error) {
		var out bytes.Buffer
		c := sessionsDeleteCommand{recordFlags: recordFlags{Record: path}, Sessions: names, Yes: yes}
		err := c.run(context.Background(), strings.NewReader(answers), &out, asks)
		return out.String(), err
	}
	left := func() string {
		return strings.Join(strings.Fields(listed(t, sessionsListCommand{recordFlags: recordFlags{Record: path}})), " ")
	}
	_, err := remove("y\n", false, false, "aa11-1")
	assert.ErrorContains(t, err, "use --yes")
	for _, answer := range []string{"", "\n", "n\n", "no\n", "what?\nmaybe\nhm\n"} {
		out, err := remove(answer, true, false, "aa11-2")
		require.NoError(t, err)
		assert.Contains(t, out, "kept")
		assert.Contains(t, out, "No broker has acknowledged its report and 4 of its events yet; they go too.")
	}
	assert.Contains(t, left(), "aa11-2")
	_, err = remove("", true, true, "aa11-2", "aa11-7")
	assert.ErrorIs(t, err, record.ErrNotFound)
	assert.Contains(t, left(), "aa11-2", "all or none")

	out, err := remove("Y\nn\n", true, false, "aa11-1", "aa11-2")
	require.NoError(t, err)
	assert.Contains(t, out, "Session aa11-1, ")
	assert.Equal(t, 1, strings.Count(out, "No broker"), "the first was acknowledged")
	assert.NotContains(t, left(), "aa11-1")
	assert.Contains(t, left(), "aa11-2")
	_, err = remove("", false, true, "aa11-2")
	require.NoError(t, err)
	assert.NotContains(t, left(), "aa11-2")
	_, err = remove("", false, true, "last")
	assert.ErrorIs(t, err, record.ErrRunning)
	assert.Contains(t, left(), "bb22-1")
}

func TestSessionsErrors(t *testing.T) {
	path := pastRecord(t)
	foreign := filepath.Join(t.TempDir(), "letter.txt")
	require.NoError(t, os.WriteFile(foreign, bytes.Repeat([]byte("Dear Sir, "), 1000), 0o600))
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"list", "--record", path, "--since", "tuesday"}, []string{"--since", "tuesday", "allowed", "2026-11-21", "7 d"}},
		{[]string{"list", "--record", path, "--since=-1 h"}, []string{"--since", "-1 h", "allowed"}},
		{[]string{"list", "--record", path, "--limit=-1"}, []string{"--limit", "-1", "allowed: 0 (all) to"}},
		{[]string{"list", "--record", path, "--limit=-1", "--since", "x"}, []string{"--limit", "--since"}},
		{[]string{"list", "--record", path + "x"}, []string{"record: open " + path + "x: no such file or directory; the gateway begins one", "--record RUN-DIR"}},
		{[]string{"list", "--record", foreign}, []string{foreign, "damaged"}},
		{[]string{"list", "--record", filepath.Dir(path)}, []string{filepath.Dir(path), "is not a file", "RUN-DIR/record.sqlite"}},
		{[]string{"export", "--record", path, "aa11-1", "-o", "/nowhere/x.csv"}, []string{"aa11-1: cannot write to the folder /nowhere: no such file or directory"}},
		{[]string{"delete", "--record", path, "--yes", "bb22-1"}, []string{"session bb22-1: it still runs; stop the treatment"}},
		{[]string{"list", "--config", path + ".toml"}, []string{path + ".toml", "--record"}},
		{[]string{"show", "--record", path, "aa11-9"}, []string{"aa11-9", "not in the record", "sessions list"}},
		{[]string{"show", "--record", path, "AA11-1"}, []string{"AA11-1", "allowed", "last"}},
		{[]string{"show", "--record", path, "aa"}, []string{"fits several", "aa11-1", "aa11-2"}},
		{[]string{"export", "--record", path, "--format", "xml"}, []string{"--format", "xml", "csv, json, jsonl"}},
		{[]string{"export", "--record", path, "-o", "x.xlsx"}, []string{"-o", "xlsx", "csv, json, jsonl"}},
		{[]string{"plot", "--record", path, "-o", "x.gif"}, []string{"-o", "x.gif", ".png, .svg"}},
		{[]string{"delete", "--record", path}, []string{"session"}},
	} {
		err := run(context.Background(), append([]string{"sessions"}, c.args...))
		require.Error(t, err, c.args)
		for _, s := range c.says {
			assert.ErrorContains(t, err, s)
		}
	}
}

// The names in an export are those of the MQTT contract, where it has them.
func TestExportNamesAreTheContracts(t *testing.T) {
	path := pastRecord(t)
	var out bytes.Buffer
	c := sessionsExportCommand{sessionFlags: sessionFlags{recordFlags{Record: path}, "aa11-2"}, Format: "json"}
	require.NoError(t, c.run(context.Background(), &out))
	var d struct {
		Session map[string]any
		Events  []map[string]any
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &d))
	names := func(types ...reflect.Type) (out []string) {
		for _, t := range types {
			for _, f := range reflect.VisibleFields(t) {
				out = append(out, strings.Split(f.Tag.Get("json"), ",")[0])
			}
		}
		return out
	}
	session := names(reflect.TypeFor[mqtt.Session]())
	report := d.Session["report"].(map[string]any)
	for _, name := range session {
		_, outside := d.Session[name]
		_, inside := report[name]
		assert.True(t, outside || inside || name == "schema", name)
	}
	for name := range report {
		assert.Contains(t, session, name)
	}
	assert.IsType(t, map[string]any{}, report["force_limit_n"])
	event := names(reflect.TypeFor[mqtt.Event](), reflect.TypeFor[mqtt.EventDetails]())
	for name := range d.Events[0] {
		assert.Contains(t, event, name)
	}
}
