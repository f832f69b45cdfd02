package gateway

import (
	"context"
	"database/sql"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/mqtt"
	"traction/mqtt/broker"
	"traction/record"
)

// refuse makes a record refuse what is written to it, neither full nor damaged, as a
// card does that can only be read any more; mend ends that.
func refuse(t *testing.T, path string) (mend func()) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	each := func(statement string) {
		t.Helper()
		for _, table := range []string{"packs", "spans", "events", "reports", "own_events"} {
			for _, what := range []string{"INSERT", "UPDATE"} {
				_, err := db.Exec(strings.NewReplacer("NAME", "refuse_"+table+what, "WHAT", what, "TABLE", table).Replace("PRAGMA busy_timeout = 60000; " + statement))
				require.NoError(t, err)
			}
		}
	}
	each("CREATE TRIGGER NAME BEFORE WHAT ON TABLE BEGIN SELECT raise(ABORT, 'it refuses'); END")
	return func() { each("DROP TRIGGER NAME") }
}

func event(seq uint64) control.Event {
	return control.Event{Seq: seq, At: time.Duration(seq) * time.Second}
}

// offered is what a backlog offers.
func offered(t *testing.T, b *Backlog) []string {
	t.Helper()
	items, err := b.Next(100)
	require.NoError(t, err)
	return names(items)
}

func acknowledge(t *testing.T, b *Backlog, n int) {
	t.Helper()
	items, err := b.Next(n)
	require.NoError(t, err)
	require.Len(t, items, n)
	for _, i := range items {
		require.NoError(t, b.Acknowledge(i))
	}
}

func events(b *Backlog, from, to uint64) error {
	for n := from; n <= to; n++ {
		if err := b.Add(tableBoot, []control.Event{event(n)}, nil); err != nil {
			return err
		}
	}
	return nil
}

// The record refuses for a while: all is published meanwhile, each once and in order,
// and all is in the record afterwards and noted as published.
func TestRefusedIsPublishedAndThenWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.sqlite")
	store, err := record.Open(path, record.Options{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, store.Close()) }()
	b, reports := NewBacklog(store, quiet), Reports{Store: store}
	reports.Backlog = b
	require.NoError(t, events(b, 1, 3))
	require.NoError(t, b.AddOwn(ownBoot, own(1, 2500*time.Millisecond)))
	mend := refuse(t, path)
	require.NoError(t, events(b, 4, 5))
	require.NoError(t, b.AddOwn(ownBoot, own(2, 4500*time.Millisecond)))
	require.NoError(t, b.Add(tableBoot, []control.Event{event(6)}, []control.Report{{Treatment: 1, Ended: 5500 * time.Millisecond}}))
	require.NoError(t, b.Add(tableBoot, []control.Event{event(6)}, []control.Report{{Treatment: 1}}), "once more")
	assert.Equal(t, []string{"event 1", "event 2", "own 1", "event 3", "event 4", "own 2", "event 5", "report 1", "event 6"}, offered(t, b))
	last, treatment, err := b.Last(tableBoot.ID)
	require.NoError(t, err)
	assert.Equal(t, uint64(6), last, "nobody is to ask for it again")
	assert.Equal(t, uint32(1), treatment)
	_, report, err := reports.Report("")
	require.NoError(t, err)
	assert.Equal(t, uint32(1), report.Treatment)
	_, _, err = reports.Report(mqtt.SessionName(tableBoot.ID, 1))
	require.NoError(t, err)
	_, _, err = reports.Report(mqtt.SessionName(tableBoot.ID, 2))
	require.ErrorIs(t, err, mqtt.ErrNoReport)

	acknowledge(t, b, 6) // four of them the record cannot note
	assert.Equal(t, []string{"event 5", "report 1", "event 6"}, offered(t, b))
	waiting, err := b.Waiting()
	require.NoError(t, err)
	assert.Equal(t, 3, waiting)
	require.Error(t, b.Keep())
	assert.Equal(t, []string{"event 5", "report 1", "event 6"}, offered(t, b))

	mend()
	// The recorder is there first, with what the control process holds.
	require.NoError(t, store.Append(tableBoot.ID, nil, []control.Event{event(4), event(5), event(6), event(7)}, nil))
	assert.Equal(t, []string{"event 5", "report 1", "event 6", "event 7"}, offered(t, b))
	require.NoError(t, b.Keep())
	assert.Empty(t, b.refused.items)
	assert.Empty(t, b.refused.marks)
	fresh := NewBacklog(store, quiet) // as after a restart
	assert.Equal(t, []string{"event 5", "report 1", "event 6", "event 7"}, offered(t, fresh))
	acknowledge(t, b, 4)
	assert.Empty(t, offered(t, fresh))
	missing, err := store.Missing(tableBoot.ID)
	require.NoError(t, err)
	assert.Empty(t, missing)
}

// A record that cannot even be read: what came after all that it had is published.
func TestRefusedIsPublishedWhenNothingCanBeRead(t *testing.T) {
	for _, c := range []struct {
		name  string
		acked int
		want  []string
	}{
		{"nothing waited in it", 2, []string{"event 3", "event 4"}},
		{"something did, which comes first", 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, err := record.Open(filepath.Join(t.TempDir(), "record.sqlite"), record.Options{})
			require.NoError(t, err)
			b := NewBacklog(store, quiet)
			require.NoError(t, events(b, 1, 2))
			acknowledge(t, b, c.acked)
			_, err = b.Next(8)
			require.NoError(t, err)
			require.NoError(t, store.Close())
			require.NoError(t, events(b, 3, 4))
			items, err := b.Next(8)
			assert.Equal(t, c.want, names(items))
			assert.Equal(t, c.want == nil, err != nil)
			last, _, err := b.Last(tableBoot.ID)
			require.NoError(t, err)
			assert.Equal(t, uint64(4), last)
		})
	}
}

// Who refuses for ever costs a bounded amount of memory.
func TestRefusedIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a record with thousands of events")
	}
	path := filepath.Join(t.TempDir(), "record.sqlite")
	store, err := record.Open(path, record.Options{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, store.Close()) }()
	b := NewBacklog(store, quiet)
	var before []control.Event
	for n := range uint64(refusedMost + 10) {
		before = append(before, event(n+1))
	}
	require.NoError(t, b.Add(tableBoot, before, nil))
	refuse(t, path)
	b.refused.marks = make([]mqtt.Item, refusedMost-1) // the broker has them all
	for i := range b.refused.marks {
		b.refused.marks[i] = mqtt.Item{Boot: tableBoot, Event: &before[i]}
	}
	acknowledge(t, b, 1)
	items, err := b.Next(1)
	require.NoError(t, err)
	require.Error(t, b.Acknowledge(items[0]), "there is no room to note it")
	assert.Len(t, b.refused.marks, refusedMost)

	first := uint64(len(before) + 1)
	var after []control.Event
	for n := range uint64(refusedMost) {
		after = append(after, event(first+n))
	}
	require.NoError(t, b.Add(tableBoot, after, nil))
	b.refused.items[0].sent = true
	require.NoError(t, events(b, first+refusedMost, first+refusedMost), "the broker has what makes room")
	err = events(b, first+refusedMost+1, first+refusedMost+1)
	require.ErrorContains(t, err, "the oldest 1 of 4096 were dropped")
	require.NoError(t, events(b, first+refusedMost+1, first+refusedMost+1), "the new one is in")
	assert.Len(t, b.refused.items, refusedMost)
	assert.Equal(t, first+2, b.refused.items[0].Event.Seq)
}

// The file is damaged while something waits for it: a new one begins with the
// first number that the control process still holds.
func TestRefusedComesAgainAfterDamage(t *testing.T) {
	b := NewBacklog(open(t), quiet)
	require.NoError(t, events(b, 1, 2))
	earlier := tableBoot
	earlier.ID = "before"
	b.refused.add(mqtt.Item{Boot: earlier, Event: new(event(9))})
	b.refused.add(mqtt.Item{Boot: ownBoot, Own: new(own(1, time.Hour))})
	b.refused.marks = []mqtt.Item{{Boot: tableBoot, Event: new(event(1))}}
	require.NoError(t, events(b, 3, 3))
	b.damage = new(record.Damage) // as good as another file than the one there is
	require.NoError(t, b.Keep())
	require.Len(t, b.refused.items, 3, "nothing is written before Add knows of it")
	require.ErrorIs(t, events(b, 4, 4), errAnew)
	assert.Len(t, b.refused.items, 2, "of an earlier boot nothing comes again")
	assert.Empty(t, b.refused.marks)
	require.NoError(t, events(b, 1, 4))
	require.NoError(t, b.Keep())
	assert.Empty(t, b.refused.items)
}

// All of it together: trips reach those who listen while the record refuses.
func TestEventsArePublishedWhileTheRecordRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.sqlite")
	store, err := record.Open(path, record.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	b, err := broker.Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	var mu sync.Mutex
	var got []uint64
	seqs := func() []uint64 {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(got)
	}
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + b.Addr()).SetClientID("observer"))
	require.NoError(t, paho.WaitTokenTimeout(c.Connect(), time.Minute))
	t.Cleanup(func() { c.Disconnect(0) })
	require.NoError(t, paho.WaitTokenTimeout(c.Subscribe("traction/winch/event", 1, func(_ paho.Client, m paho.Message) {
		var e struct {
			Seq    uint64
			Source string
		}
		assert.NoError(t, json.Unmarshal(m.Payload(), &e))
		mu.Lock()
		defer mu.Unlock()
		if e.Source == string(mqtt.FromControl) {
			got = append(got, e.Seq)
		}
	}), time.Minute))

	p := &process{oldest: 1, newest: 100}
	socket, backlog := serve(t, p), NewBacklog(store, quiet)
	g, err := mqtt.New(mqtt.Config{Broker: "tcp://" + b.Addr(), TableID: "winch"}, mqtt.Parts{Dial: mqtt.Socket(socket), Backlog: backlog, Log: quiet})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { assert.NoError(t, g.Run(ctx)) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	run(t, &Recorder{Socket: socket, Store: store, Log: quiet, Tell: g.Tell, Earlier: backlog.Keep})

	p.happen()
	eventually(t, "the first event", func() bool { return len(seqs()) == 1 })
	mend := refuse(t, path)
	for n := range 20 {
		p.happen()
		eventually(t, "the next one, at once", func() bool { return len(seqs()) == n+2 })
	}
	mend()
	p.happen()
	eventually(t, "all is in the record, and noted", func() bool {
		_, next, _, err := store.Next(tableBoot.ID)
		unsent, unread := store.UnsentEvents(100)
		return err == nil && next == 23 && unread == nil && len(unsent) == 0
	})
	want := make([]uint64, 22)
	for i := range want {
		want[i] = uint64(i + 1)
	}
	assert.Equal(t, want, seqs(), "each once, in order")
}
