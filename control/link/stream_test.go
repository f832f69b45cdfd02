package link

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// fill gives the executive entries and events from..to.
func fill(e *executive, from, to uint64) {
	e.entries, e.events = nil, nil
	for seq := from; seq <= to; seq++ {
		e.entries = append(e.entries, control.Entry{Seq: seq, At: time.Duration(seq) * 12_500 * time.Microsecond})
		e.events = append(e.events, control.Event{Seq: seq, Kind: control.EventPhase})
	}
}

// next reads n updates.
func next(t *testing.T, c *Client, n int) (out []Update) {
	t.Helper()
	for range n {
		u, err := c.Next(t.Context())
		require.NoError(t, err)
		out = append(out, u)
	}
	return out
}

func TestNothingUnasked(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		fill(r.exec, 1, 3)
		r.exec.reports = []control.Report{{Treatment: 1}}
		c := r.client()
		defer c.Close()
		require.NoError(t, c.Subscribe(Subscription{}))
		time.Sleep(time.Minute)
		assert.Empty(t, c.updates)
	})
}

func TestEntriesAndEventsFromTheOldest(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		fill(r.exec, 11, 210)
		c := r.client()
		defer c.Close()
		require.NoError(t, c.Subscribe(Subscription{EntriesFrom: new(uint64), EventsFrom: new(uint64)}))
		var entries []control.Entry
		var events []control.Event
		for len(entries) < 200 || len(events) < 200 {
			u := next(t, c, 1)[0]
			assert.Nil(t, u.Gap)
			entries, events = append(entries, u.Entries...), append(events, u.Events...)
		}
		assert.Equal(t, r.exec.entries, entries)
		assert.Equal(t, r.exec.events, events)

		// And what comes later.
		r.exec.change(func(e *executive) { fill(e, 11, 211) })
		got := next(t, c, 2)
		assert.Equal(t, uint64(211), got[0].Events[0].Seq)
		assert.Equal(t, []control.Entry{r.exec.entries[200]}, got[1].Entries)
	})
}

func TestGap(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		fill(r.exec, 101, 101)
		c := r.client()
		defer c.Close()
		require.NoError(t, c.Subscribe(Subscription{EntriesFrom: new(uint64(7)), EventsFrom: new(uint64(101))}))
		got := next(t, c, 3)
		assert.Equal(t, uint64(101), got[0].Events[0].Seq)
		assert.Equal(t, &Gap{Of: Entries, From: 7, To: 100}, got[1].Gap)
		assert.Equal(t, uint64(101), got[2].Entries[0].Seq)

		// Overrun while connected.
		r.exec.change(func(e *executive) { fill(e, 150, 151) })
		got = next(t, c, 5)
		assert.Equal(t, &Gap{Of: Events, From: 102, To: 149}, got[0].Gap)
		assert.Equal(t, uint64(151), got[2].Events[0].Seq)
		assert.Equal(t, &Gap{Of: Entries, From: 102, To: 149}, got[3].Gap)
		assert.Len(t, got[4].Entries, 2)
	})
}

// Numbers may be missing inside the journal too, where it could not keep up.
func TestGapInside(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		fill(r.exec, 1, 9)
		r.exec.entries = append(r.exec.entries[:3], r.exec.entries[6:]...) // 1 2 3 7 8 9
		r.exec.events = append(r.exec.events[:1], r.exec.events[8:]...)    // 1 9
		c := r.client()
		defer c.Close()
		require.NoError(t, c.Subscribe(Subscription{EntriesFrom: new(uint64), EventsFrom: new(uint64)}))
		got := next(t, c, 6)
		assert.Equal(t, uint64(1), got[0].Events[0].Seq)
		assert.Equal(t, &Gap{Of: Events, From: 2, To: 8}, got[1].Gap)
		assert.Equal(t, uint64(9), got[2].Events[0].Seq)
		assert.Len(t, got[3].Entries, 3)
		assert.Equal(t, &Gap{Of: Entries, From: 4, To: 6}, got[4].Gap)
		assert.Len(t, got[5].Entries, 3)
	})
}

// Rows that were lost before any could be had.
func TestGapBeforeAnEmptyJournal(t *testing.T) {
	s := &stream{src: emptied{}, nextEntry: 5, nextEvent: 5}
	assert.Equal(t, `{"gap":{"of":"events","from":5,"to":8}}`+"\n", string(s.pollEvents(nil)))
	assert.Equal(t, `{"gap":{"of":"entries","from":5,"to":8}}`+"\n", string(s.pollEntries(nil)))
	assert.Empty(t, s.pollEntries(s.pollEvents(nil)), "told once")
}

// emptied is a Source that holds rows from 9 on but has none yet.
type emptied struct{ Source }

func (emptied) Entries(uint64, []control.Entry) (n int, oldest uint64) { return 0, 9 }
func (emptied) Events(uint64, []control.Event) (n int, oldest uint64)  { return 0, 9 }

// Catching up a quarter of an hour takes seconds and is done in portions.
func TestCatchUp(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		const rows = 15 * 60 * 80
		fill(r.exec, 1, rows)
		r.exec.events = nil
		c := r.client()
		defer c.Close()
		began := time.Now()
		require.NoError(t, c.Subscribe(Subscription{EntriesFrom: new(uint64(1))}))
		want := uint64(1)
		for want <= rows {
			entries := next(t, c, 1)[0].Entries
			assert.LessOrEqual(t, len(entries), batch)
			for _, e := range entries {
				require.Equal(t, want, e.Seq)
				want++
			}
		}
		assert.Less(t, time.Since(began), 6*time.Second)
		assert.Greater(t, time.Since(began), 4*time.Second, "not all at once")
	})
}

func TestReports(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		r.exec.reports = []control.Report{{Treatment: 1}, {Treatment: 2, Programme: "lumbar", Peak: 412 * physic.Newton}, {Treatment: 3}}
		c := r.client()
		defer c.Close()
		require.NoError(t, c.Subscribe(Subscription{ReportsFrom: new(uint32(2))}))
		got := next(t, c, 2)
		assert.Equal(t, &r.exec.reports[1], got[0].Report)
		assert.Equal(t, &r.exec.reports[2], got[1].Report)
		time.Sleep(time.Second)
		assert.Empty(t, c.updates, "each once")
	})
}

func TestSnapshotRate(t *testing.T) {
	for _, hz := range []int{1, 5, 10, 20} {
		inRoom(t, control.Remote, func(t *testing.T, r *room) {
			c := r.client()
			defer c.Close()
			require.NoError(t, c.Subscribe(Subscription{Snapshots: physic.Frequency(hz) * physic.Hertz}))
			time.Sleep(10*time.Second + pollEvery)
			synctest.Wait()
			assert.InDelta(t, 10*hz, len(c.updates), 1, "%d Hz for 10 s", hz)
		})
	}
}

// What people act on is told at once; what only moves waits for its turn.
func TestSnapshotAtOnceOnChange(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		c := r.client()
		defer c.Close()
		require.NoError(t, c.Subscribe(Subscription{Snapshots: physic.Hertz}))
		assert.Equal(t, &r.exec.snapshot, next(t, c, 1)[0].Snapshot)
		for _, change := range []func(s *control.Snapshot){
			func(s *control.Snapshot) { s.Rev++ },
			func(s *control.Snapshot) { s.Mode = control.Treating },
			func(s *control.Snapshot) { s.Phase = control.Pull },
			func(s *control.Snapshot) { s.Trips = s.Trips.With(control.ILTravel) },
			func(s *control.Snapshot) { s.Active = s.Active.With(control.ILTravel) },
		} {
			began := time.Now()
			r.exec.change(func(e *executive) { change(&e.snapshot) })
			assert.Equal(t, r.exec.Snapshot(), *next(t, c, 1)[0].Snapshot)
			assert.LessOrEqual(t, time.Since(began), pollEvery)
		}
		began := time.Now()
		r.exec.change(func(e *executive) { e.snapshot.Force = physic.Newton })
		assert.Equal(t, r.exec.Snapshot(), *next(t, c, 1)[0].Snapshot)
		assert.Greater(t, time.Since(began), time.Second/2)
	})
}

func TestLaterSubscriptionReplaces(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		fill(r.exec, 1, 5)
		c := r.client()
		defer c.Close()
		require.NoError(t, c.Subscribe(Subscription{Snapshots: physic.Hertz}))
		next(t, c, 1)
		require.NoError(t, c.Subscribe(Subscription{EntriesFrom: new(uint64(4))}))
		got := next(t, c, 1)
		assert.Len(t, got[0].Entries, 2)
		time.Sleep(10 * time.Second)
		assert.Empty(t, c.updates)
		assert.ErrorContains(t, c.Subscribe(Subscription{Snapshots: 21 * physic.Hertz}), "snapshots_hz: 21 is out of range")
	})
}

func TestSubscriptionRoundTrip(t *testing.T) {
	for _, want := range []Subscription{{}, {Snapshots: 2500 * physic.MilliHertz},
		{EntriesFrom: new(uint64(1<<64 - 1)), EventsFrom: new(uint64(0)), ReportsFrom: new(uint32(7)), Snapshots: MaxSnapshots}} {
		l, err := parseClientLine(appendSubscription(nil, &want))
		require.NoError(t, err)
		assert.Equal(t, &want, l.subscribe)
	}
}

// The control process must not make garbage while somebody is being treated.
func TestStreamingMakesNoGarbage(t *testing.T) {
	e := newExecutive()
	fill(e, 1, batch)
	e.events = e.events[:eventsAtOnce]
	s := &stream{src: e}
	require.True(t, s.subscribe(Subscription{EntriesFrom: new(uint64(1)), EventsFrom: new(uint64(1)), ReportsFrom: new(uint32(0)), Snapshots: MaxSnapshots}))
	now := time.Unix(1000, 0)
	out := s.poll(nil, now)
	require.Contains(t, string(out), `"snapshot"`)
	assert.Zero(t, testing.AllocsPerRun(200, func() {
		s.nextEntry, s.nextEvent = 1, 1
		now = now.Add(pollEvery)
		e.snapshot.Rev++
		e.reports = append(e.reports[:0], control.Report{Treatment: s.nextReport, Programme: "lumbar"})
		out = s.poll(out[:0], now)
	}))
	for _, kind := range []string{"entries", "event", "report", "snapshot"} {
		assert.Equal(t, map[string]int{"entries": 1, "event": eventsAtOnce, "report": 1, "snapshot": 1}[kind],
			strings.Count(string(out), `{"`+kind+`":`), kind)
	}
}

func BenchmarkPoll(b *testing.B) {
	e := newExecutive()
	fill(e, 1, 2)
	s := &stream{src: e}
	s.subscribe(Subscription{EntriesFrom: new(uint64(1)), EventsFrom: new(uint64(3)), Snapshots: MaxSnapshots})
	now := time.Unix(1000, 0)
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		s.nextEntry = 1
		now = now.Add(pollEvery)
		out = s.poll(out[:0], now)
	}
}
