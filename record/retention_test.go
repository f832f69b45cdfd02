package record

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

// day is a boot with one short session on the n-th day, and what an armed table
// leaves before it.
func day(n int) (Boot, *scene) {
	b := testBoot
	b.ID, b.Started = fmt.Sprintf("da%d", n), started.AddDate(0, 0, n)
	x := newScene(uint64(n), 1)
	x.mode = control.Armed
	x.number = 0
	x.tell(control.Event{Kind: control.EventMode})
	x.run(control.NoPhase, 0, 1, time.Second)
	x.number = 1
	x.start()
	x.end(control.EndStopped, control.NoInterlock)
	return b, x
}

// recordDays stores so many days, all of it acknowledged by a broker or nothing.
func recordDays(t testing.TB, s *Store, c *clock, from, to int, sent bool) {
	t.Helper()
	for n := from; n < to; n++ {
		b, x := day(n)
		c.t = b.Started.Add(x.at)
		require.NoError(t, s.Boot(b))
		require.NoError(t, s.Append(b.ID, x.entries, x.events, []control.Report{x.report}))
		if !sent {
			continue
		}
		var seqs []uint64
		for _, e := range x.events {
			seqs = append(seqs, e.Seq)
		}
		require.NoError(t, s.MarkSent(b.ID, seqs...))
		require.NoError(t, s.MarkReportSent(b.ID, 1))
	}
}

// daysLeft are the days whose session is still listed, the newest first.
func daysLeft(t testing.TB, s *Store) (out []string) {
	t.Helper()
	list, err := s.Sessions(0)
	require.NoError(t, err)
	for _, x := range list {
		out = append(out, x.Boot.ID)
	}
	return out
}

// left counts rows.
func left(t testing.TB, s *Store, table, where string) (n int) {
	t.Helper()
	require.NoError(t, s.queryRow("SELECT count(*) FROM "+table+" WHERE "+where).Scan(&n))
	return n
}

const aDay = 24 * time.Hour

// whole checks that a day's session is all there.
func whole(t *testing.T, s *Store, n int) {
	t.Helper()
	b, x := day(n)
	var got []control.Entry
	for e, err := range s.Entries(b.ID, 1) {
		require.NoError(t, err)
		got = append(got, e)
	}
	want := x.entries
	for want[0].Treatment == 0 {
		want = want[1:]
	}
	require.Equal(t, want, got)
	events, err := s.Events(b.ID, 1)
	require.NoError(t, err)
	assert.Equal(t, x.events[1:], events)
	session, err := s.Session(b.ID, 1)
	require.NoError(t, err)
	assert.Equal(t, &x.report, session.Report)
}

func TestPruneByAge(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	recordDays(t, s, c, 0, 12, true)
	done, err := s.Prune(t.Context(), Keep{Age: 5*aDay + time.Hour, Waiting: true})
	require.NoError(t, err)
	assert.Equal(t, []string{"da11", "da10", "da9", "da8", "da7", "da6"}, daysLeft(t, s))
	assert.Equal(t, 6, done.Sessions)
	assert.Less(t, done.After, done.Before)
	for n := 6; n < 12; n++ {
		whole(t, s, n)
	}
	assert.Equal(t, 6, left(t, s, "boots", "id LIKE 'da%'"), "a boot goes with the last that is of it")
	assert.Zero(t, left(t, s, "boots", "id = 'b00710'"), "one without any session too")
	assert.Equal(t, 6, left(t, s, "(SELECT DISTINCT boot FROM packs WHERE treatment = 0)", "true"), "what came before a session goes with it")

	// Nothing more to do; and recording goes on.
	again, err := s.Prune(t.Context(), Keep{Age: 5*aDay + time.Hour, Waiting: true})
	require.NoError(t, err)
	assert.Zero(t, again.Sessions)
	recordDays(t, s, c, 12, 13, true)
	whole(t, s, 12)
	none, err := s.Prune(t.Context(), Keep{})
	require.NoError(t, err)
	assert.Zero(t, none.Sessions, "without bounds everything stays")
}

func TestPruneKeepsTheNewest(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	recordDays(t, s, c, 0, 5, true)
	// One that still runs.
	b, x := day(5)
	require.NoError(t, s.Boot(b))
	require.NoError(t, s.Append(b.ID, x.entries[:200], x.events[:2], nil))
	c.advance(10_000 * aDay)
	_, err := s.Prune(t.Context(), Keep{Age: aDay, Bytes: 1})
	require.NoError(t, err)
	assert.Equal(t, []string{"da5", "da4", "da3"}, daysLeft(t, s))
	require.NoError(t, s.Append(b.ID, x.entries[200:], x.events[2:], []control.Report{x.report}))
	whole(t, s, 5)
}

func TestPruneBySize(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	recordDays(t, s, c, 0, 40, true)
	before, err := s.used()
	require.NoError(t, err)
	done, err := s.Prune(t.Context(), Keep{Bytes: before / 2})
	require.NoError(t, err)
	assert.LessOrEqual(t, done.After, before/2)
	assert.InDelta(t, 20, done.Sessions, 4, "no more than needed")
	days := daysLeft(t, s)
	assert.Equal(t, "da39", days[0])
	assert.Len(t, days, 40-done.Sessions)
	whole(t, s, 39)
	whole(t, s, 40-len(days))
}

// The file becomes smaller, not only emptier.
func TestFileShrinks(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	for n := range 3 {
		b := Boot{ID: fmt.Sprintf("10%d", n), Started: started}
		require.NoError(t, s.Boot(b))
		x := treatment(15 * time.Minute)
		require.NoError(t, s.Append(b.ID, x.entries, nil, []control.Report{x.report}))
	}
	recordDays(t, s, c, 0, 3, true)
	require.NoError(t, s.Close())
	before, err := os.Stat(s.path)
	require.NoError(t, err)
	s, err = Open(s.path, Options{Now: c.now})
	require.NoError(t, err)
	_, err = s.Prune(t.Context(), Keep{Bytes: 1})
	require.NoError(t, err)
	used, err := s.used()
	require.NoError(t, err)
	require.NoError(t, s.Close())
	after, err := os.Stat(s.path)
	require.NoError(t, err)
	assert.Greater(t, before.Size(), int64(2<<20))
	assert.LessOrEqual(t, after.Size(), used+(spare+1)*4096)
	s, err = Open(s.path, Options{Now: c.now})
	require.NoError(t, err)
	defer s.Close()
	require.Nil(t, s.Damage())
	whole(t, s, 2)
}

// What a broker has not acknowledged stays; samples are for no broker.
func TestPruneKeepsWhatWaits(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	recordDays(t, s, c, 0, 8, false)
	events, err := s.UnsentEvents(10_000)
	require.NoError(t, err)
	reports, err := s.UnsentReports(10_000)
	require.NoError(t, err)
	require.Len(t, reports, 8)
	keep := Keep{Age: aDay, Bytes: 1, Waiting: true}
	done, err := s.Prune(t.Context(), keep)
	require.NoError(t, err)
	assert.Equal(t, []int{0, 5}, []int{done.Sessions, done.SamplesOnly})
	got, err := s.UnsentEvents(10_000)
	require.NoError(t, err)
	assert.Equal(t, events, got)
	gotReports, err := s.UnsentReports(10_000)
	require.NoError(t, err)
	assert.Equal(t, reports, gotReports)
	assert.Len(t, daysLeft(t, s), 8)
	assert.Equal(t, 3, left(t, s, "(SELECT DISTINCT boot FROM packs WHERE treatment = 1)", "true"))

	// Acknowledged, it goes.
	for _, e := range events {
		require.NoError(t, s.MarkSent(e.Boot.ID, e.Event.Seq))
	}
	for _, r := range reports {
		require.NoError(t, s.MarkReportSent(r.Boot.ID, r.Report.Treatment))
	}
	done, err = s.Prune(t.Context(), keep)
	require.NoError(t, err)
	assert.Equal(t, []int{5, 0}, []int{done.Sessions, done.SamplesOnly})

	// Without a broker nothing waits.
	recordDays(t, s, c, 8, 12, false)
	_, err = s.Prune(t.Context(), Keep{Age: aDay, Bytes: 1})
	require.NoError(t, err)
	assert.Len(t, daysLeft(t, s), keepNewest)
}

// A computer without a clock of its own begins in 1970, or years ahead.
func TestPruneWithAWrongClock(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	recordDays(t, s, c, 0, 4, true)
	wrong := Boot{ID: "1970", Started: time.Unix(60, 0).UTC(), Table: "room-2"}
	require.NoError(t, s.Boot(wrong))
	_, x := day(4)
	require.NoError(t, s.Append(wrong.ID, x.entries, x.events, []control.Report{x.report}))
	recordDays(t, s, c, 5, 9, true)
	_, err := s.Prune(t.Context(), Keep{Age: 6 * aDay})
	require.NoError(t, err)
	assert.Equal(t, []string{"da8", "da7", "da6", "da5", "1970", "da3"}, daysLeft(t, s), "as old as those beside it")

	// One that seems to be of the future keeps no others.
	ahead := Boot{ID: "2080", Started: started.AddDate(54, 0, 0), Table: "room-2"}
	require.NoError(t, s.Boot(ahead))
	require.NoError(t, s.Append(ahead.ID, x.entries, x.events, []control.Report{x.report}))
	recordDays(t, s, c, 9, 20, true)
	_, err = s.Prune(t.Context(), Keep{Age: 4 * aDay})
	require.NoError(t, err)
	left := daysLeft(t, s)
	assert.Equal(t, []string{"da17", "da16", "2080"}, left[len(left)-3:])

}

// A clock that is far ahead costs a bounded number of sessions a day.
func TestPruneIsBoundedByAge(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	var reports []control.Report
	for n := range agedAtOnce + 50 {
		r := control.Report{Treatment: uint32(n + 1), Started: time.Duration(n) * time.Hour}
		reports = append(reports, r)
	}
	require.NoError(t, s.Append(testBoot.ID, nil, nil, reports))
	c.advance(40_000 * aDay)
	done, err := s.Prune(t.Context(), Keep{Age: aDay})
	require.NoError(t, err)
	assert.Equal(t, agedAtOnce, done.Sessions)
	done, err = s.Prune(t.Context(), Keep{Age: aDay})
	require.NoError(t, err)
	assert.Equal(t, 50-keepNewest, done.Sessions)
}

// No transaction deletes more than a few rows, however much there is to delete.
func TestPruneWorksInSmallTransactions(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	b, x := day(0)
	require.NoError(t, s.Boot(b))
	for range 300 {
		x.run(control.NoPhase, 0, 150, time.Second)
		x.number = 1
	}
	for i := range x.entries {
		x.entries[i].Treatment = 1
	}
	for len(x.events) < 500 {
		x.tell(control.Event{Kind: control.EventWarning})
	}
	require.NoError(t, s.Append(b.ID, x.entries, x.events, []control.Report{x.report}))
	recordDays(t, s, c, 1, 4, true)
	_, err := s.conn.ExecContext(t.Context(), `
		CREATE TEMP TABLE deleted (what TEXT, at INTEGER);
		CREATE TEMP TRIGGER p AFTER DELETE ON packs BEGIN INSERT INTO deleted VALUES ('pack', old.n); END;
		CREATE TEMP TRIGGER e AFTER DELETE ON events BEGIN INSERT INTO deleted VALUES ('event', old.n); END`)
	require.NoError(t, err)
	most := map[string]int{}
	watch := func() {
		rows, err := s.conn.QueryContext(t.Context(), "SELECT what, count(*) FROM deleted GROUP BY what")
		require.NoError(t, err)
		for rows.Next() {
			var what string
			var n int
			require.NoError(t, rows.Scan(&what, &n))
			most[what] = max(most[what], n)
		}
		require.NoError(t, rows.Close())
		_, err = s.conn.ExecContext(t.Context(), "DELETE FROM deleted")
		require.NoError(t, err)
	}
	committed = watch
	defer func() { committed = nil }()
	_, err = s.Prune(t.Context(), Keep{Age: aDay})
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"pack": packsAtOnce, "event": eventsAtOnce}, most)
}

func TestPruneStopsWhenAsked(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	recordDays(t, s, c, 0, 6, true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Prune(ctx, Keep{Age: aDay})
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Prune(t.Context(), Keep{Age: aDay})
	require.NoError(t, err)
	assert.Len(t, daysLeft(t, s), 3, "the next one goes on")
	assert.Zero(t, left(t, s, "packs", "boot NOT IN (SELECT boot FROM treatments)"))
}
