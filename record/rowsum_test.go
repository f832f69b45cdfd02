package record

import (
	"database/sql/driver"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

func TestRowSumTellsRowsApart(t *testing.T) {
	seen := map[int64]int{}
	for i, row := range [][]driver.Value{
		{}, {nil}, {int64(0)}, {0.0}, {""}, {[]byte{}}, {int64(1)}, {"a", "b"}, {"ab", ""}, {"ab"}, {"", "ab"}, {int64(1), int64(0)}, {int64(0), int64(1)},
	} {
		sum, err := rowSum(row)
		require.NoError(t, err)
		assert.NotContains(t, seen, sum, "row %d", i)
		seen[sum] = i
	}
	_, err := rowSum([]driver.Value{time.Now()})
	assert.Error(t, err)
}

// A number with one bit turned over is told from the one that was written, in
// every column that somebody reads, and spoils no other row.
func TestDamagedRows(t *testing.T) {
	x := tripped()
	fill := func(t *testing.T) (*Store, *clock) {
		s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
		require.NoError(t, s.Append(testBoot.ID, x.entries, x.events, []control.Report{x.report}))
		require.NoError(t, s.AppendOwn(testBoot, 1, started, "k", "t"))
		require.NoError(t, s.AppendOwn(testBoot, 2, started, "k", "t"))
		return s, c
	}
	damage := func(t *testing.T, s *Store, q string) {
		res, err := s.conn.ExecContext(t.Context(), q)
		require.NoError(t, err)
		n, err := res.RowsAffected()
		require.NoError(t, err)
		require.Equal(t, int64(1), n)
	}
	t.Run("event", func(t *testing.T) {
		s, _ := fill(t)
		damage(t, s, "UPDATE events SET force = force + 1 WHERE seq = 2")
		events, err := s.Events(testBoot.ID, 3)
		assert.ErrorIs(t, err, ErrDamaged)
		assert.ErrorContains(t, err, "1 row")
		assert.Equal(t, append(append([]control.Event{}, x.events[0]), x.events[2:]...), events)
		pending, err := s.UnsentEvents(2)
		assert.ErrorIs(t, err, ErrDamaged)
		assert.Equal(t, []PendingEvent{{testBoot, x.events[0]}, {testBoot, x.events[2]}}, pending, "what follows does not wait for it")
		trace, err := s.Trace(testBoot.ID, 3)
		assert.ErrorIs(t, err, ErrDamaged)
		assert.Len(t, trace.Events, len(events))
		assert.Equal(t, x.entries, trace.Entries)
	})
	for _, column := range []string{"peak = peak + 1", "trips = ''", "hold_within_5 = 0.5", "programme = 'x'", "ended = 7"} {
		t.Run("report "+column, func(t *testing.T) {
			s, _ := fill(t)
			damage(t, s, "UPDATE reports SET "+column)
			_, _, err := s.Report("")
			assert.ErrorIs(t, err, ErrDamaged)
			_, err = s.Session(testBoot.ID, 3)
			assert.ErrorIs(t, err, ErrDamaged)
			list, err := s.Sessions(10)
			assert.ErrorIs(t, err, ErrDamaged)
			assert.Len(t, list, 1)
			pending, err := s.UnsentReports(10)
			assert.ErrorIs(t, err, ErrDamaged)
			assert.Empty(t, pending)
		})
	}
	for _, q := range []string{"UPDATE treatments SET began = 5", "UPDATE boots SET started = 5"} {
		t.Run(q, func(t *testing.T) {
			s, _ := fill(t)
			damage(t, s, q)
			list, err := s.Sessions(10)
			assert.ErrorIs(t, err, ErrDamaged)
			assert.Empty(t, list)
		})
	}
	t.Run("own", func(t *testing.T) {
		s, _ := fill(t)
		damage(t, s, "UPDATE own_events SET text = 'u' WHERE seq = 1")
		own, err := s.UnsentOwn(10)
		assert.ErrorIs(t, err, ErrDamaged)
		require.Len(t, own, 1)
		assert.Equal(t, uint64(2), own[0].Seq)
	})
	// A span that is too long would keep samples from being asked for.
	t.Run("span", func(t *testing.T) {
		s, c := fill(t)
		damage(t, s, "UPDATE spans SET last = last + 5000")
		require.NoError(t, s.Close())
		s, err := Open(s.path, Options{Now: c.now})
		require.NoError(t, err)
		defer s.Close()
		assert.Equal(t, uint64(len(x.entries))+1, next(t, s)[0])
		require.NoError(t, s.Append(testBoot.ID, x.entries, nil, nil), "nothing stands in the way")
		assert.Equal(t, x.entries, stored(t, s, 3))
	})
	t.Run("pack's numbers", func(t *testing.T) {
		s, _ := fill(t)
		damage(t, s, "UPDATE packs SET last = last + 1 WHERE n = 2")
		_, err := s.Trace(testBoot.ID, 3)
		assert.ErrorIs(t, err, ErrDamaged)
	})
}
