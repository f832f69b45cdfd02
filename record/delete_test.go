package record

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

// twice records two treatments of one boot and tells all that was journalled.
func twice(t *testing.T, s *Store) (entries []control.Entry, events []control.Event, reports []control.Report) {
	x := newScene(3, 1)
	x.start()
	x.end(control.EndStopped, control.NoInterlock)
	reports = append(reports, x.report)
	x.number = 2
	x.start()
	x.end(control.EndCompleted, control.NoInterlock)
	reports = append(reports, x.report)
	require.NoError(t, s.Append(testBoot.ID, x.entries, x.events, reports))
	return x.entries, x.events, reports
}

func TestDelete(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	entries, events, reports := twice(t, s)
	other, err := Open(s.path, Options{Beside: true, Now: c.now})
	require.NoError(t, err)
	defer other.Close()
	kept := stored(t, s, 1)

	n, report, err := other.Unsent(testBoot.ID, 2)
	require.NoError(t, err)
	assert.True(t, report)
	assert.Positive(t, n)
	require.NoError(t, other.Delete(t.Context(), testBoot.ID, 2))
	_, err = s.Session(testBoot.ID, 2)
	assert.ErrorIs(t, err, ErrNotFound)
	assert.ErrorIs(t, other.Delete(t.Context(), testBoot.ID, 2), ErrNotFound)
	_, _, err = other.Unsent("other", 2)
	assert.ErrorIs(t, err, ErrNotFound)
	assert.Empty(t, stored(t, s, 2))
	assert.Equal(t, kept, stored(t, s, 1))
	pending, err := s.UnsentReports(10)
	require.NoError(t, err)
	assert.Equal(t, []PendingReport{{testBoot, reports[0]}}, pending)

	// The control process is not asked for it again, does not bring it back, and its
	// aftermath, which still arrives, is not kept either.
	assert.Equal(t, [3]uint64{uint64(len(entries)) + 1, uint64(len(events)) + 1, 3}, next(t, s))
	require.NoError(t, s.Append(testBoot.ID, entries, events, reports))
	last := entries[len(entries)-1]
	var late []control.Entry
	for range 200 {
		last.Seq, last.At = last.Seq+1, last.At+samplePeriod
		late = append(late, last)
	}
	require.NoError(t, s.Append(testBoot.ID, late, nil, nil))
	assert.Empty(t, stored(t, s, 2))
	missing, err := s.Missing(testBoot.ID)
	require.NoError(t, err)
	assert.Empty(t, missing)
	list, err := s.Sessions(10)
	require.NoError(t, err)
	assert.Len(t, list, 1)

	// Nor after a restart.
	require.NoError(t, s.Close())
	s, err = Open(s.path, Options{Now: c.now})
	require.NoError(t, err)
	defer s.Close()
	assert.Equal(t, [3]uint64{late[199].Seq + 1, uint64(len(events)) + 1, 3}, next(t, s))
	require.NoError(t, s.Append(testBoot.ID, nil, events, reports))
	assert.Zero(t, left(t, s, "packs", "treatment = 2")+left(t, s, "events", "treatment = 2")+left(t, s, "reports", "treatment = 2"))
}

// While a pack grows its treatment is deleted by another program.
func TestDeleteInTheAftermath(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	x := newScene(3, 1)
	x.start()
	x.end(control.EndStopped, control.NoInterlock)
	cut := len(x.entries) - 100
	require.NoError(t, s.Append(testBoot.ID, x.entries[:cut], x.events, []control.Report{x.report}))
	other, err := Open(s.path, Options{Beside: true, Now: c.now})
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, other.Delete(t.Context(), testBoot.ID, 1))
	feed(t, s, c, x.entries[cut:])
	assert.Zero(t, left(t, s, "packs", "true"))
	x.number = 2
	x.entries, x.events = nil, nil
	x.start()
	feed(t, s, c, x.entries)
	assert.Equal(t, x.entries, stored(t, s, 2), "the next one is kept whole")
}

// What happens after a session was deleted is kept and published: its number stands
// in every event until the next treatment begins.
func TestDeleteHidesNothingThatComesLater(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	_, events, _ := twice(t, s)
	other, err := Open(s.path, Options{Beside: true, Now: c.now})
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, other.Delete(t.Context(), testBoot.ID, 2))
	trip := events[len(events)-1]
	trip.Seq, trip.Kind, trip.Interlock, trip.Treatment = trip.Seq+1, control.EventTrip, control.ILEmergencyStop, 2
	require.NoError(t, s.Append(testBoot.ID, nil, append(events, trip), nil))
	_, err = s.Prune(t.Context(), Keep{})
	require.NoError(t, err)
	waits, err := s.UnsentEvents(1000)
	require.NoError(t, err)
	require.NotEmpty(t, waits)
	got := waits[len(waits)-1].Event
	trip.Treatment = 0
	assert.Equal(t, trip, got)
	assert.Zero(t, left(t, s, "events", "treatment = 2"))
	assert.Equal(t, trip.Seq+1, next(t, s)[1], "it is not asked for again")
	missing, err := s.Missing(testBoot.ID)
	require.NoError(t, err)
	assert.Empty(t, missing)
}

func TestDeleteRefusesTheRunningOne(t *testing.T) {
	s, _ := begin(t, filepath.Join(t.TempDir(), "record.db"))
	x := treatment(10 * time.Second)
	require.NoError(t, s.Append(testBoot.ID, x.entries[:400], x.events[:2], nil))
	assert.ErrorIs(t, s.Delete(t.Context(), testBoot.ID, 1), ErrRunning)
	assert.Len(t, stored(t, s, 1), 400)
	// Another boot has come: that one was cut off.
	require.NoError(t, s.Boot(Boot{ID: "b2", Started: started.Add(time.Hour)}))
	require.NoError(t, s.Delete(t.Context(), testBoot.ID, 1))
	assert.Empty(t, stored(t, s, 1))

	r, err := Open(s.path, Options{ReadOnly: true})
	require.NoError(t, err)
	defer r.Close()
	assert.ErrorIs(t, r.Delete(t.Context(), testBoot.ID, 1), ErrReadOnly)
}

func TestInterruptedDeleteIsFinished(t *testing.T) {
	s, _ := begin(t, filepath.Join(t.TempDir(), "record.db"))
	twice(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	committed = cancel
	err := s.Delete(ctx, testBoot.ID, 1)
	committed = nil
	require.ErrorIs(t, err, context.Canceled)
	assert.Positive(t, left(t, s, "packs", "treatment = 1"), "not a test of anything otherwise")
	list, err := s.Sessions(10)
	require.NoError(t, err)
	require.Len(t, list, 1)
	_, err = s.Prune(t.Context(), Keep{})
	require.NoError(t, err)
	assert.Zero(t, left(t, s, "packs", "treatment = 1")+left(t, s, "events", "treatment = 1"))
	assert.NotEmpty(t, stored(t, s, 2))
}

func TestBesideDoesNothingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	_, err := Open(path, Options{Beside: true})
	require.Error(t, err)
	assert.NoFileExists(t, path, "nothing is created")
	s, _ := begin(t, path)
	o, err := Open(path, Options{Beside: true})
	require.NoError(t, err)
	defer o.Close()
	assert.ErrorIs(t, o.Boot(testBoot), ErrReadOnly)
	assert.ErrorIs(t, o.Append(testBoot.ID, nil, tripped().events, nil), ErrReadOnly)
	assert.ErrorIs(t, o.MarkSent(testBoot.ID, 1), ErrReadOnly)
	assert.ErrorIs(t, o.AppendOwn(testBoot, 1, started, "x", "y"), ErrReadOnly)
	_, err = s.Sessions(1)
	require.NoError(t, err)
}
