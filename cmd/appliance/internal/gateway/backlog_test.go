package gateway

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
	"traction/mqtt"
	"traction/record"
)

var (
	began     = time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
	tableBoot = link.Boot{ID: "b007", Started: began, Table: "winch", Version: "1"}
	ownBoot   = link.Boot{ID: "9a7e", Started: began, Table: "winch", Version: "1"}
)

func open(t *testing.T) *record.Store {
	t.Helper()
	store, err := record.Open(filepath.Join(t.TempDir(), "record.sqlite"), record.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	return store
}

func own(seq uint64, at time.Duration) mqtt.OwnEvent {
	return mqtt.OwnEvent{Seq: seq, At: began.Add(at), Kind: mqtt.ControlLost, Text: fmt.Sprintf("text %d", seq)}
}

// names says which items there are, in their order.
func names(items []mqtt.Item) (out []string) {
	for _, i := range items {
		switch {
		case i.Own != nil:
			out = append(out, fmt.Sprintf("own %d", i.Own.Seq))
		case i.Report != nil:
			out = append(out, fmt.Sprintf("report %d", i.Report.Treatment))
		default:
			out = append(out, fmt.Sprintf("event %d", i.Event.Seq))
		}
	}
	return out
}

func TestBacklogIsInTheOrderOfTime(t *testing.T) {
	store := open(t)
	b := NewBacklog(store, quiet)
	require.NoError(t, b.Add(tableBoot, []control.Event{{Seq: 1, At: 1 * time.Second}, {Seq: 2, At: 5 * time.Second}, {Seq: 3, At: 9 * time.Second}},
		[]control.Report{{Treatment: 1, Ended: 6 * time.Second}}))
	for _, e := range []mqtt.OwnEvent{own(1, 2*time.Second), own(2, 7*time.Second)} {
		require.NoError(t, b.AddOwn(ownBoot, e))
	}
	all := []string{"event 1", "own 1", "event 2", "report 1", "own 2", "event 3"}
	items, err := b.Next(10)
	require.NoError(t, err)
	assert.Equal(t, all, names(items))
	assert.Equal(t, mqtt.Item{Boot: ownBoot, Own: new(own(1, 2*time.Second))}, items[1], "all of it")
	waiting, err := b.Waiting()
	require.NoError(t, err)
	assert.Equal(t, 6, waiting)
	for most := range all {
		items, err := b.Next(most)
		require.NoError(t, err)
		assert.Equal(t, all[:most:most], append([]string{}, names(items)...))
	}
	for i, item := range items {
		require.NoError(t, b.Acknowledge(item))
		left, err := b.Next(10)
		require.NoError(t, err)
		assert.Equal(t, all[i+1:], append([]string{}, names(left)...))
	}
	waiting, err = b.Waiting()
	require.NoError(t, err)
	assert.Zero(t, waiting)
}

// The wall clock is set back by an hour between two events.
func TestBacklogKeepsTheOrderOfNumbers(t *testing.T) {
	b := NewBacklog(open(t), quiet)
	require.NoError(t, b.AddOwn(ownBoot, own(1, time.Hour)))
	require.NoError(t, b.AddOwn(ownBoot, own(2, time.Second)))
	require.NoError(t, b.Add(tableBoot, []control.Event{{Seq: 1, At: 2 * time.Second}, {Seq: 2, At: 3 * time.Second}}, nil))
	items, err := b.Next(10)
	require.NoError(t, err)
	assert.Equal(t, []string{"event 1", "event 2", "own 1", "own 2"}, names(items))
}

func TestReports(t *testing.T) {
	store := open(t)
	r := Reports{Store: store}
	for _, name := range []string{"", "last", "b007-1", "nonsense", "b007"} {
		_, _, err := r.Report(name)
		assert.ErrorIs(t, err, mqtt.ErrNoReport, name)
	}
	require.NoError(t, NewBacklog(store, quiet).Add(tableBoot, nil, []control.Report{{Treatment: 1, Programme: "a"}, {Treatment: 2, Programme: "b"}}))
	for name, want := range map[string]string{"": "b", mqtt.SessionName("b007", 1): "a", record.SessionName("b007", 2): "b"} {
		boot, report, err := r.Report(name)
		require.NoError(t, err)
		assert.Equal(t, tableBoot, boot)
		assert.Equal(t, want, report.Programme)
	}
	require.NoError(t, store.Close())
	_, _, err := r.Report("")
	assert.Error(t, err)
	assert.NotErrorIs(t, err, mqtt.ErrNoReport, "not knowing is another answer than no")
}

func TestKeeper(t *testing.T) {
	store := open(t)
	var reports []control.Report
	for n := range 8 {
		reports = append(reports, control.Report{Treatment: uint32(n + 1)})
	}
	require.NoError(t, NewBacklog(store, quiet).Add(tableBoot, nil, reports)) // years ago
	k := Keeper{Store: store, Keep: record.Keep{Age: time.Hour}, Log: quiet}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		k.run(ctx, time.Millisecond, time.Millisecond, time.Millisecond)
		close(done)
	}()
	left := func() int {
		list, err := store.Sessions(0)
		require.NoError(t, err)
		return len(list)
	}
	eventually(t, "the old ones are gone", func() bool { return left() == 3 })
	require.NoError(t, NewBacklog(store, quiet).Add(tableBoot, nil, []control.Report{{Treatment: 9}}))
	eventually(t, "again", func() bool {
		_, err := store.Session("b007", 6)
		return err != nil && left() == 3
	})
	cancel()
	<-done
}

// What became too old for the backlog is told of, and what was so at the start only
// the log.
func TestKeeperTellsWhatIsOverdue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.sqlite")
	store, err := record.Open(path, record.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	b, l := NewBacklog(store, quiet), &listener{}
	k := Keeper{Store: store, Log: quiet, Tell: l.tell}
	// follow makes events, of which the last one comes 10,000 places after the others.
	follow := func(from, to uint64) {
		require.NoError(t, events(b, from, to))
		_, err := db.Exec("PRAGMA busy_timeout = 60000; UPDATE events SET n = n + 10000 WHERE seq = ?", to)
		require.NoError(t, err)
	}
	follow(1, 3)
	k.tellOverdue()
	k.tellOverdue()
	assert.Empty(t, l.all())
	follow(4, 10)
	k.tellOverdue()
	k.tellOverdue()
	require.Len(t, l.all(), 1)
	assert.Contains(t, l.all()[0], "journal-gap: The broker was away for so long that 7 more events and reports will not be published.")
}
