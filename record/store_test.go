package record

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

var (
	started  = time.Date(2026, 5, 4, 8, 10, 0, 0, time.UTC)
	testBoot = Boot{ID: "b00710", Started: started, Table: "room-2", Version: "1.0.0"}
)

// clock is the virtual time of a store.
type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }
func newClock() *clock                   { return &clock{t: started} }

// begin opens a new record with one boot in it.
func begin(t testing.TB, path string) (*Store, *clock) {
	t.Helper()
	c := newClock()
	s, err := Open(path, Options{Now: c.now})
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	require.NoError(t, s.Boot(testBoot))
	return s, c
}

// feed appends entries in the portions in which the gateway gets them.
func feed(t testing.TB, s *Store, c *clock, es []control.Entry) {
	t.Helper()
	for len(es) > 0 {
		n := min(16, len(es))
		c.advance(es[n-1].At - es[0].At)
		require.NoError(t, s.Append(testBoot.ID, es[:n], nil, nil))
		es = es[n:]
	}
}

func stored(t testing.TB, s *Store, treatment uint32) []control.Entry {
	t.Helper()
	var out []control.Entry
	for e, err := range s.Entries(testBoot.ID, treatment) {
		require.NoError(t, err)
		out = append(out, e)
	}
	return out
}

func next(t testing.TB, s *Store) [3]uint64 {
	t.Helper()
	entry, event, report, err := s.Next(testBoot.ID)
	require.NoError(t, err)
	return [3]uint64{entry, event, uint64(report)}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	require.NoError(t, err)
	defer in.Close()
	out, err := os.Create(to)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, out.Close())
}

func TestTreatmentComesBackAsItWas(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	x := treatment(3 * time.Minute)
	feed(t, s, c, x.entries)
	require.NoError(t, s.Append(testBoot.ID, nil, x.events, []control.Report{x.report}))

	assert.Equal(t, x.entries, stored(t, s, 1))
	events, err := s.Events(testBoot.ID, 1)
	require.NoError(t, err)
	assert.Equal(t, x.events, events)
	list, err := s.Sessions(10)
	require.NoError(t, err)
	want := Session{Boot: testBoot, Treatment: 1, Began: x.report.Started, Ended: x.report.Ended, Report: &x.report}
	assert.Equal(t, []Session{want}, list)
	got, err := s.Session(testBoot.ID, 1)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	missing, err := s.Missing(testBoot.ID)
	require.NoError(t, err)
	assert.Empty(t, missing)
	trace, err := s.Trace(testBoot.ID, 1)
	require.NoError(t, err)
	assert.Equal(t, Trace{Title: "lumbar-60-20", Started: started, Entries: x.entries, Events: x.events,
		Limit: x.report.Limit, Report: &x.report}, trace)

	_, err = s.Session(testBoot.ID, 2)
	assert.ErrorIs(t, err, ErrNotFound)
}

// A crash leaves the file and its log as they are at that moment.
// It shows R-RECORD.
func TestContinuesWithoutGapAfterCrash(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "record.db")
	s, c := begin(t, path)
	x := treatment(time.Minute)
	es := x.entries
	require.NoError(t, s.Append(testBoot.ID, nil, x.events[:3], nil))

	for crash, n := range []int{1, 16, 79, 80, 81, 1000, 1001} {
		feed(t, s, c, es[stop(t, s):n])
		copied := filepath.Join(dir, "crash", string(rune('a'+crash)))
		require.NoError(t, os.MkdirAll(filepath.Dir(copied), 0o750))
		copyFile(t, path, copied)
		copyFile(t, path+"-wal", copied+"-wal")

		s, err := Open(copied, Options{Now: c.now})
		require.NoError(t, err)
		require.Nil(t, s.Damage())
		require.Equal(t, [3]uint64{uint64(n) + 1, 4, 1}, next(t, s), "after a crash at entry %d", n)
		// The control process sends some of it again.
		feed(t, s, c, es[max(0, n-40):])
		require.NoError(t, s.Append(testBoot.ID, nil, x.events, nil))
		assert.Equal(t, es, stored(t, s, 1))
		session, err := s.Session(testBoot.ID, 1)
		require.NoError(t, err)
		assert.Equal(t, es[0].At, session.Began)
		missing, err := s.Missing(testBoot.ID)
		require.NoError(t, err)
		assert.Empty(t, missing)
		require.NoError(t, s.Close())
	}
}

// stop is how many entries are recorded.
func stop(t testing.TB, s *Store) int { return int(next(t, s)[0]) - 1 }

func TestAppendTwiceChangesNothing(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	x := tripped()
	for range 2 {
		feed(t, s, c, x.entries)
		require.NoError(t, s.Append(testBoot.ID, x.entries, x.events, []control.Report{x.report}))
	}
	assert.Equal(t, x.entries, stored(t, s, 3))
	events, err := s.Events(testBoot.ID, 3)
	require.NoError(t, err)
	assert.Equal(t, x.events, events)
	var packs, reports int
	require.NoError(t, s.queryRow("SELECT (SELECT sum(last - first + 1) FROM packs), (SELECT count(*) FROM reports)").Scan(&packs, &reports))
	assert.Equal(t, len(x.entries), packs)
	assert.Equal(t, 1, reports)
}

func TestMissingAndFilledLater(t *testing.T) {
	s, _ := begin(t, filepath.Join(t.TempDir(), "record.db"))
	x := treatment(time.Minute)
	es := x.entries
	for _, part := range [][2]int{{10, 200}, {300, 500}, {700, 701}} {
		require.NoError(t, s.Append(testBoot.ID, es[part[0]:part[1]], nil, nil))
	}
	require.NoError(t, s.Append(testBoot.ID, nil, []control.Event{x.events[2], x.events[4]}, nil))
	want := []Range{{StreamEntries, 1, 10}, {StreamEntries, 201, 300}, {StreamEntries, 501, 700},
		{StreamEvents, 1, 2}, {StreamEvents, 4, 4}}
	got, err := s.Missing(testBoot.ID)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	assert.Equal(t, [3]uint64{702, 6, 1}, next(t, s), "continue after the newest")

	// Also after a restart, and in any order.
	require.NoError(t, s.Close())
	s, err = Open(s.path, Options{})
	require.NoError(t, err)
	defer s.Close()
	got, err = s.Missing(testBoot.ID)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	for _, part := range [][2]int{{650, 1000}, {200, 651}, {0, 11}} {
		require.NoError(t, s.Append(testBoot.ID, es[part[0]:part[1]], nil, nil))
	}
	require.NoError(t, s.Append(testBoot.ID, nil, x.events, nil))
	got, err = s.Missing(testBoot.ID)
	require.NoError(t, err)
	assert.Empty(t, got)
	assert.Equal(t, es[:1000], stored(t, s, 1))
	session, err := s.Session(testBoot.ID, 1)
	require.NoError(t, err)
	assert.Equal(t, es[0].At, session.Began)
	var rows int
	require.NoError(t, s.queryRow("SELECT count(*) FROM spans").Scan(&rows))
	assert.Equal(t, 1, rows)
}

func TestIdleIsCountedNotKept(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	idle := func(from, n uint64, m control.Mode, treatment uint32) []control.Entry {
		var es []control.Entry
		for i := range n {
			es = append(es, control.Entry{Seq: from + i, At: time.Duration(from+i) * 250 * time.Millisecond, Mode: m, Treatment: treatment})
		}
		return es
	}
	const second, minute = 4, 240 // entries, fewer than in life
	seq := uint64(1)
	pass := func(n uint64, m control.Mode, treatment uint32) {
		feed(t, s, c, idle(seq, n, m, treatment))
		seq += n
	}
	pass(5*minute, control.Idle, 0)
	assert.Empty(t, stored(t, s, 0))
	assert.Equal(t, seq, next(t, s)[0])
	pass(5*minute, control.Armed, 0)
	assert.Len(t, stored(t, s, 0), minute, "of an armed table the first minute")
	pass(20*minute, control.Treating, 1)
	pass(second, control.Releasing, 1)
	pass(5*minute, control.Idle, 0)
	assert.Len(t, stored(t, s, 1), 20*minute+second+10*second, "motion always, and ten seconds after it")
	pass(minute, control.Armed, 0)
	pass(minute, control.Treating, 2)
	pass(20*minute, control.Tripped, 0)
	assert.Len(t, stored(t, s, 2), 16*minute, "of a trip a quarter of an hour")
	pass(minute, control.Recovering, 0)
	assert.Len(t, stored(t, s, 2), 17*minute)
	pass(second, control.Armed, 0)
	assert.Len(t, stored(t, s, 2), 17*minute, "who arms begins something new")
	pass(minute, control.Idle, 0)
	pass(minute, control.Recovering, 0)
	assert.Len(t, stored(t, s, 0), 3*minute+second, "not every motion is a treatment's")

	missing, err := s.Missing(testBoot.ID)
	require.NoError(t, err)
	assert.Empty(t, missing)
}

// A call that fails leaves no trace, in memory neither.
func TestFailedCallIsMissing(t *testing.T) {
	s, _ := begin(t, filepath.Join(t.TempDir(), "record.db"))
	es := treatment(time.Minute).entries
	require.NoError(t, s.Append(testBoot.ID, es[:16], nil, nil))
	_, err := s.conn.ExecContext(t.Context(), "ALTER TABLE packs RENAME TO elsewhere")
	require.NoError(t, err)
	require.Error(t, s.Append(testBoot.ID, es[16:32], nil, nil))
	_, err = s.conn.ExecContext(t.Context(), "ALTER TABLE elsewhere RENAME TO packs")
	require.NoError(t, err, "the failed transaction is over")

	require.NoError(t, s.Append(testBoot.ID, es[32:48], nil, nil))
	missing, err := s.Missing(testBoot.ID)
	require.NoError(t, err)
	assert.Equal(t, []Range{{StreamEntries, 17, 32}}, missing)
	assert.Equal(t, append(append([]control.Entry{}, es[:16]...), es[32:48]...), stored(t, s, 1))
	require.NoError(t, s.Append(testBoot.ID, es[16:32], nil, nil))
	assert.Equal(t, es[:48], stored(t, s, 1))
}

// What fills a gap says nothing about what the table does now.
func TestFillingAGapKeepsIdleOut(t *testing.T) {
	s, _ := begin(t, filepath.Join(t.TempDir(), "record.db"))
	send := func(from, to uint64, m control.Mode, treatment uint32) {
		var es []control.Entry
		for i := from; i <= to; i++ {
			es = append(es, control.Entry{Seq: i, At: time.Duration(i) * time.Second, Mode: m, Treatment: treatment})
		}
		require.NoError(t, s.Append(testBoot.ID, es, nil, nil))
	}
	send(1, 10, control.Treating, 1)
	send(21, 21, control.Releasing, 1)
	send(22, 60, control.Idle, 0)
	require.Len(t, stored(t, s, 1), 11+10)
	send(11, 20, control.Treating, 1)
	send(61, 65, control.Idle, 0)
	assert.Len(t, stored(t, s, 1), 21+10)
}

// At night nothing happens: writing once a minute is enough, and what a restart
// forgets is asked for again.
func TestIdleIsWrittenOnceAMinute(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	writes := func() (n int) {
		require.NoError(t, s.queryRow("SELECT coalesce((SELECT last FROM spans), 0)").Scan(&n))
		return n
	}
	seen := map[int]bool{}
	for i := range 5 * 600 { // ten minutes
		c.advance(200 * time.Millisecond)
		require.NoError(t, s.Append(testBoot.ID, []control.Entry{{Seq: uint64(i + 1), At: time.Duration(i) * 200 * time.Millisecond}}, nil, nil))
		seen[writes()] = true
	}
	assert.InDelta(t, 10, len(seen), 1)
	require.NoError(t, s.Close())
	s, err := Open(s.path, Options{})
	require.NoError(t, err)
	defer s.Close()
	assert.Equal(t, uint64(3001), next(t, s)[0], "closing writes the rest")
}

func TestPowerCutTakesAtMostASecond(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	x := treatment(30 * time.Second)
	last := c.t
	for es := x.entries; len(es) >= 16; es = es[16:] {
		c.advance(200 * time.Millisecond)
		require.NoError(t, s.Append(testBoot.ID, es[:16], nil, nil))
		if !s.unsynced {
			assert.Equal(t, levelFull, s.level)
			assert.LessOrEqual(t, c.t.Sub(last), syncPeriod+200*time.Millisecond)
			last = c.t
		}
		assert.Less(t, c.t.Sub(last), syncPeriod, "unsynced for too long")
	}
	assert.True(t, s.unsynced, "not each commit waits for the disk")
	require.NoError(t, s.Append(testBoot.ID, nil, x.events[:1], nil))
	assert.False(t, s.unsynced, "an event does")

	// The stream goes idle: the rest must still reach the disk.
	require.NoError(t, s.Append(testBoot.ID, x.entries[len(x.entries)-16:], nil, nil))
	require.True(t, s.unsynced)
	idle := control.Entry{Seq: x.seq + 1, At: x.at + time.Minute} // not worth storing
	c.advance(time.Second)
	require.NoError(t, s.Append(testBoot.ID, []control.Entry{idle}, nil, nil))
	assert.False(t, s.unsynced)
}

// The gateway restarts while the table is tripped, or has just let go.
func TestAftermathSurvivesRestart(t *testing.T) {
	for mode, x := range map[control.Mode]*scene{control.Tripped: tripped(), control.Idle: treatment(10 * time.Second)} {
		t.Run(mode.String(), func(t *testing.T) {
			s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
			n := len(x.entries) - 200
			require.Equal(t, mode, x.entries[n].Mode)
			feed(t, s, c, x.entries[:n])
			require.NoError(t, s.Close())
			s, err := Open(s.path, Options{Now: c.now})
			require.NoError(t, err)
			defer s.Close()
			feed(t, s, c, x.entries[n:])
			assert.Equal(t, x.entries, stored(t, s, x.number))
		})
	}
}

func TestUnknownBootAndOddNumbers(t *testing.T) {
	s, _ := begin(t, filepath.Join(t.TempDir(), "record.db"))
	assert.ErrorIs(t, s.Append("other", []control.Entry{{Seq: 1}}, nil, nil), ErrNotFound)
	assert.Error(t, s.Boot(Boot{}))
	assert.Error(t, s.Append(testBoot.ID, []control.Entry{{Seq: 0}}, nil, nil))
	assert.Error(t, s.Append(testBoot.ID, []control.Entry{{Seq: 1 << 63}}, nil, nil))
	assert.Error(t, s.Append(testBoot.ID, nil, []control.Event{{Seq: 0}}, nil))
	assert.Error(t, s.Append(testBoot.ID, nil, nil, []control.Report{{}}))
	entry, event, report, err := s.Next("other")
	require.NoError(t, err)
	assert.Equal(t, []any{uint64(1), uint64(1), uint32(1)}, []any{entry, event, report})
}

func TestClosed(t *testing.T) {
	s, _ := begin(t, filepath.Join(t.TempDir(), "record.db"))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	assert.ErrorIs(t, s.Append(testBoot.ID, []control.Entry{{Seq: 1}}, nil, nil), os.ErrClosed)
	assert.ErrorIs(t, s.Boot(testBoot), os.ErrClosed)
	_, err := s.Sessions(1)
	assert.Error(t, err)
}

// 25 minutes may take 3 MB.
func TestFileStaysSmall(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	feed(t, s, c, treatment(5*time.Minute).entries)
	require.NoError(t, s.Close())
	info, err := os.Stat(s.path)
	require.NoError(t, err)
	assert.Less(t, info.Size(), int64(3_000_000/5))
}

func TestTwoBoots(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	x := treatment(30 * time.Second)
	feed(t, s, c, x.entries)
	second := Boot{ID: "b2", Started: started.Add(time.Hour), Table: "room-2", Version: "1.0.1"}
	require.NoError(t, s.Boot(second))
	require.NoError(t, s.Append(second.ID, x.entries[:100], nil, nil))
	require.NoError(t, s.Append(testBoot.ID, x.entries[len(x.entries)-50:], nil, nil), "late and all known")
	assert.Equal(t, x.entries, stored(t, s, 1))
	list, err := s.Sessions(10)
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.Equal(t, second, list[0].Boot, "the newest first")
	assert.Nil(t, list[0].Report, "cut off")
	assert.Equal(t, x.entries[99].At, list[0].Ended)

	// The Pi has learnt the time.
	second.Started = second.Started.Add(3 * time.Second)
	require.NoError(t, s.Boot(second))
	got, err := s.Session(second.ID, 1)
	require.NoError(t, err)
	assert.Equal(t, second.Started.Add(x.entries[0].At), got.Wall(got.Began))
	list, err = s.Sessions(1)
	require.NoError(t, err)
	assert.Len(t, list, 1)
}
