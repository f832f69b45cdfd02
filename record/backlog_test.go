package record

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

func TestBacklog(t *testing.T) {
	s, _ := begin(t, filepath.Join(t.TempDir(), "record.db"))
	second := Boot{ID: "b2", Started: started.Add(time.Hour), Table: "room-2", Version: "2"}
	require.NoError(t, s.Boot(second))
	x, y := treatment(time.Minute), tripped()
	require.NoError(t, s.Append(testBoot.ID, nil, x.events, []control.Report{x.report}))
	require.NoError(t, s.Append(second.ID, nil, y.events, []control.Report{y.report}))
	var want []PendingEvent
	for _, e := range x.events {
		want = append(want, PendingEvent{testBoot, e})
	}
	for _, e := range y.events {
		want = append(want, PendingEvent{second, e})
	}
	got, err := s.UnsentEvents(1000)
	require.NoError(t, err)
	assert.Equal(t, want, got, "oldest first")
	got, err = s.UnsentEvents(3)
	require.NoError(t, err)
	assert.Equal(t, want[:3], got)

	// Acknowledged out of order; numbers of one boot say nothing of another.
	require.NoError(t, s.MarkSent(testBoot.ID, 3, 1))
	require.NoError(t, s.MarkSent("other", 2))
	require.NoError(t, s.MarkSent(testBoot.ID))
	got, err = s.UnsentEvents(2)
	require.NoError(t, err)
	assert.Equal(t, []PendingEvent{want[1], want[3]}, got)
	require.NoError(t, s.Append(testBoot.ID, nil, x.events, nil), "sent again by the control process")
	got, err = s.UnsentEvents(1000)
	require.NoError(t, err)
	assert.Len(t, got, len(want)-2, "what was acknowledged stays so")

	reports, err := s.UnsentReports(10)
	require.NoError(t, err)
	assert.Equal(t, []PendingReport{{testBoot, x.report}, {second, y.report}}, reports)
	require.NoError(t, s.MarkReportSent(testBoot.ID, 1))
	reports, err = s.UnsentReports(10)
	require.NoError(t, err)
	assert.Equal(t, []PendingReport{{second, y.report}}, reports)
}

func TestBacklogIsBounded(t *testing.T) {
	s, _ := begin(t, filepath.Join(t.TempDir(), "record.db"))
	events := make([]control.Event, backlogDepth+250)
	for i := range events {
		events[i] = control.Event{Seq: uint64(i + 1)}
	}
	require.NoError(t, s.Append(testBoot.ID, nil, events, nil))
	got, err := s.UnsentEvents(1)
	require.NoError(t, err)
	require.Len(t, got, 1)
	assert.Equal(t, uint64(251), got[0].Event.Seq)
	over, err := s.PassedOver()
	require.NoError(t, err)
	assert.Equal(t, 250, over)
	require.NoError(t, s.MarkSent(testBoot.ID, 1, 2, 251))
	over, err = s.PassedOver()
	require.NoError(t, err)
	assert.Equal(t, 248, over, "what was acknowledged in time is not passed over")
}

// A late number in a file that has begun anew would hide the earlier ones.
func TestAppendToKnowsItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.db")
	s, err := Open(path, Options{})
	require.NoError(t, err)
	defer s.Close()
	event := func(seq uint64) []control.Event { return []control.Event{{Seq: seq}} }
	require.NoError(t, s.AppendTo(nil, testBoot, event(1), nil), "the boot becomes known")
	require.NoError(t, s.AppendTo(nil, testBoot, event(2), []control.Report{{Treatment: 1}}))
	assert.Error(t, s.AppendTo(nil, Boot{}, event(3), nil), "no boot")
	assert.Error(t, s.AppendTo(nil, testBoot, event(0), nil), "no number")

	s.mu.Lock()
	require.NoError(t, s.replace(ErrCorrupt))
	s.mu.Unlock()
	require.NoError(t, s.Boot(testBoot), "somebody else has made it known")
	require.ErrorIs(t, s.AppendTo(nil, testBoot, event(3), nil), ErrReplaced)
	assert.Equal(t, [3]uint64{1, 1, 1}, next(t, s))
	require.NoError(t, s.AppendTo(s.Damage(), testBoot, event(1), nil))
	assert.Equal(t, [3]uint64{1, 2, 1}, next(t, s))

	// The call itself meets the damage.
	known := s.Damage()
	_, err = s.conn.ExecContext(t.Context(), "PRAGMA wal_checkpoint(truncate); PRAGMA shrink_memory") // all is in the file, and nothing in memory
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	overwrite(t, path, 4096, int(info.Size())-4096)
	require.ErrorIs(t, s.AppendTo(known, testBoot, event(2), nil), ErrReplaced)
	assert.NotSame(t, known, s.Damage())
	assert.Equal(t, [3]uint64{1, 1, 1}, next(t, s))
}

// set gives every field of a structure a value of its own that is not zero.
func set(t *testing.T, v reflect.Value, n *int64) {
	for i := range v.NumField() {
		f := v.Field(i)
		*n++
		switch f.Kind() {
		case reflect.Uint8:
			f.SetUint(1)
		case reflect.Uint16, reflect.Uint32, reflect.Uint64:
			f.SetUint(uint64(*n) * 2)
		case reflect.Int64, reflect.Int32:
			f.SetInt(*n * 3)
		case reflect.Float64:
			f.SetFloat(float64(*n) / 4)
		case reflect.String:
			f.SetString(fmt.Sprintf("text %d", *n))
		case reflect.Struct:
			set(t, f, n)
		case reflect.Bool:
			f.SetBool(true)
		default:
			t.Fatalf("field %s is a %s", v.Type().Field(i).Name, f.Kind())
		}
	}
}

// A field that is added to the contract has to be stored too.
func TestEveryFieldIsStored(t *testing.T) {
	s, _ := begin(t, filepath.Join(t.TempDir(), "record.db"))
	var (
		n      int64
		entry  control.Entry
		event  control.Event
		report control.Report
	)
	set(t, reflect.ValueOf(&entry).Elem(), &n)
	set(t, reflect.ValueOf(&event).Elem(), &n)
	set(t, reflect.ValueOf(&report).Elem(), &n)
	report.Trips = control.InterlockSet(0).With(control.ILCellLost).With(control.ILPadTime)
	entry.Mode = control.Treating
	require.NoError(t, s.Append(testBoot.ID, []control.Entry{entry}, []control.Event{event}, []control.Report{report}))
	assert.Equal(t, []control.Entry{entry}, stored(t, s, entry.Treatment))
	events, err := s.UnsentEvents(10)
	require.NoError(t, err)
	assert.Equal(t, []PendingEvent{{testBoot, event}}, events)
	reports, err := s.UnsentReports(10)
	require.NoError(t, err)
	assert.Equal(t, []PendingReport{{testBoot, report}}, reports)
}

// A name that a newer version wrote must not hide the other events.
func TestUnknownNames(t *testing.T) {
	s, _ := begin(t, filepath.Join(t.TempDir(), "record.db"))
	x := tripped()
	require.NoError(t, s.Append(testBoot.ID, nil, x.events, []control.Report{x.report}))
	for _, q := range []string{"UPDATE events SET kind = 'levitation' WHERE seq = 2", "UPDATE reports SET trips = 'levitation travel'",
		"UPDATE events SET sum = row_sum(boot, " + eventColumns + ")", "UPDATE reports SET sum = row_sum(boot, " + reportColumns + ")"} {
		_, err := s.conn.ExecContext(t.Context(), q)
		require.NoError(t, err)
	}
	got, err := s.UnsentEvents(1000)
	require.NoError(t, err)
	require.Len(t, got, len(x.events))
	assert.Equal(t, "unknown", got[1].Event.Kind.String())
	reports, err := s.UnsentReports(1)
	require.NoError(t, err)
	assert.Equal(t, control.InterlockSet(0).With(control.ILTravel), reports[0].Report.Trips)
}

func TestConcurrentUse(t *testing.T) {
	s, _ := begin(t, filepath.Join(t.TempDir(), "record.db"))
	x := treatment(time.Minute)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 6 {
				_, err := s.Sessions(10)
				assert.NoError(t, err)
				for _, err := range s.Entries(testBoot.ID, 1) {
					assert.NoError(t, err)
				}
				pending, err := s.UnsentEvents(5)
				assert.NoError(t, err)
				for _, p := range pending {
					assert.NoError(t, s.MarkSent(p.Boot.ID, p.Event.Seq))
				}
				_, err = s.Missing(testBoot.ID)
				assert.NoError(t, err)
			}
		})
	}
	for i := 0; i+16 <= len(x.entries); i += 16 {
		require.NoError(t, s.Append(testBoot.ID, x.entries[i:i+16], x.events[:min(i/16, len(x.events))], nil))
	}
	wg.Wait()
}
