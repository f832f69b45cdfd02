package mqtt

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
	"traction/test/network/proxy"
)

// TestOutageAtBoot: the broker comes later than the gateway.
func TestOutageAtBoot(t *testing.T) {
	o := newOutage(t)
	o.broker.stop(t)
	tb := newTable()
	tb.happen(control.EventBoot, control.EventMode)
	tb.finish()
	g := run(t, tb, tcp(o.broker.addr()))
	eventually(t, "said", func() bool { return g.logs.count("nobody listens at the broker's address") == 1 })
	assert.Zero(t, g.logs.count("mqtt: connected"))
	o.broker.start(t)
	eventually(t, "there", func() bool { return g.logs.count("mqtt: connected") == 1 })
	eventually(t, "everything was published", func() bool {
		items, err := g.backlog.Next(1)
		return err == nil && len(items) == 0
	})
	late := observe(t, o.broker)
	late.available(Online)
	assert.Equal(t, uint64(1000), decode[State](t, late.retainedOn("state")).Rev)
	assert.Equal(t, uint32(1), decode[Session](t, late.retainedOn("session")).Treatment)
}

// TestOutagesInATreatment kills the broker again and again while a treatment goes
// on: no event and no report is lost, and what stays retained is the newest.
func TestOutagesInATreatment(t *testing.T) {
	kills := 50
	if testing.Short() {
		kills = 10
	}
	o := newOutage(t)
	tb := newTable()
	tb.past = tb // a broker that was killed has forgotten a report that it had acknowledged
	g := run(t, tb, tcp(o.way.Addr()))
	events, reports := uint64(0), 0
	live := func(n int) { // so many things happen
		for range n {
			tb.happen(control.EventPhase)
			events++
			tb.change(func(s *control.Snapshot) { s.Rev++; s.Mode, s.Cycle = control.Treating, s.Cycle+1 })
		}
	}
	for i := range kills {
		before := len(o.acknowledged("traction/t1/state"))
		live(7)
		if i%10 == 9 {
			tb.finish()
			reports++
		}
		eventually(t, "a connection", func() bool { return len(o.acknowledged("traction/t1/state")) > before })
		live(7) // some of them are in flight when it dies
		o.broker.stop(t)
		live(7)
		o.broker.start(t)
	}
	eventually(t, "all of it", func() bool { return o.has(t, events, reports) })
	o.inOrder(t)
	want := tb.rev()
	eventually(t, "the newest state", func() bool {
		acked := o.acknowledged("traction/t1/state")
		return decode[State](t, string(acked[len(acked)-1].Payload)).Rev == want
	})
	assert.Equal(t, want, decode[State](t, o.retained(t, "state")).Rev)
	assert.Equal(t, uint32(reports), decode[Session](t, o.retained(t, "session")).Treatment)
	assert.Equal(t, Online, o.retained(t, "availability"))
	assert.LessOrEqual(t, o.way.Counts().InFlight, window)
	assert.LessOrEqual(t, g.logs.count("not connected"), 3, "one line for each reason, not for each outage")
	t.Logf("%d kills, %d connections, %d events published %d times, at most %d in flight", kills, len(o.way.Counts().Connects),
		events, len(o.published("traction/t1/event")), o.way.Counts().InFlight)
}

// TestOutageOfAnHour: what happened in an hour without a broker comes in its
// order, after what is true now, with no more in flight than a broker takes.
func TestOutageOfAnHour(t *testing.T) {
	const events, reports = 600, 4 // ten events a minute, a treatment each quarter of an hour
	o := newOutage(t)
	o.way.Set(proxy.Drop)
	tb := newTable()
	g := run(t, tb, tcp(o.way.Addr()))
	for range reports {
		for range events / reports {
			tb.happen(control.EventPhase)
		}
		tb.finish()
	}
	tb.change(func(s *control.Snapshot) { s.Rev = 5000 })
	eventually(t, "the gateway has it all", func() bool {
		items, err := g.backlog.Next(events + reports)
		_, s, live := g.view.now()
		return err == nil && len(items) == events+reports && live && s.Rev == 5000
	})
	began := time.Now()
	o.way.Set(proxy.None)
	eventually(t, "all of it", func() bool { return o.has(t, events, reports) })
	t.Logf("%d events and %d reports in %v, at most %d in flight", events, reports, time.Since(began).Round(time.Millisecond), o.way.Counts().InFlight)
	o.inOrder(t)
	states := o.published("traction/t1/state")
	assert.Equal(t, uint64(5000), decode[State](t, string(states[0].Payload)).Rev, "live state first")
	for i, seq := range seqs(t, o.published("traction/t1/event")) {
		require.Equal(t, uint64(i+1), seq, "each once")
	}
	assert.LessOrEqual(t, o.way.Counts().InFlight, window)
}

// TestRefusingBroker: something at the broker's address ends each connection.
func TestRefusingBroker(t *testing.T) {
	o := newOutage(t)
	o.way.Set(proxy.Drop)
	g := run(t, newTable(), tcp(o.way.Addr()))
	saidOnce(t, g, func() int { return len(o.way.Counts().Accepted) }, "the broker closed the connection")
	o.way.Set(proxy.None)
	observe(t, o.broker).available(Online)
}

// TestMuteBroker: it takes connections and answers nothing, not even CONNECT.
func TestMuteBroker(t *testing.T) {
	o := newOutage(t)
	o.way.Set(proxy.LoseDown)
	g := run(t, newTable(), tcp(o.way.Addr()), func(p *pace) { p.connect = 50 * time.Millisecond })
	saidOnce(t, g, func() int { return len(o.way.Counts().Accepted) }, "the broker does not answer in time")
	o.way.Set(proxy.None)
	observe(t, o.broker).available(Online)
}

// TestFullWindowAtTheEnd: not even the farewell is one too many.
func TestFullWindowAtTheEnd(t *testing.T) {
	o := newOutage(t)
	tb := newTable()
	g := run(t, tb, tcp(o.way.Addr()), func(p *pace) { p.ack, p.farewell = generous, 50*time.Millisecond })
	eventually(t, "state", func() bool { return len(o.acknowledged("traction/t1/state")) == 1 })
	o.way.Set(proxy.LoseDown)
	for i := range 3 * window {
		tb.happen(control.EventPhase)
		g.postJSON(g.topics.Response, time.Time{}, Response{ID: fmt.Sprint(i)})
	}
	eventually(t, "a full window", func() bool { return o.way.Counts().InFlight == window })
	g.stop()
	assert.Equal(t, window, o.way.Counts().InFlight)
}

// TestReconnectsLeaveNothing: memory and goroutines are the same after two
// hundred connections.
func TestReconnectsLeaveNothing(t *testing.T) {
	reconnects := 200
	if testing.Short() {
		reconnects = 50
	}
	o := newOutage(t)
	way, err := proxy.Listen(o.broker.addr(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, way.Close()) })
	run(t, newTable(), tcp(way.Addr()), func(p *pace) { p.reconnect = backoff{first: time.Millisecond, most: 2 * time.Millisecond} })
	connect := func(n int) {
		for range n {
			before := way.Counts()
			eventually(t, "published something", func() bool { return way.Counts().Publishes > before.Publishes })
			way.Cut()
			eventually(t, "reconnected", func() bool { return len(way.Counts().Connects) > len(before.Connects) })
		}
	}
	connect(20) // until pools are filled
	heap, goroutines := footprint(1<<62, 1<<30)
	connect(reconnects)
	const (
		moreHeap       = 1 << 20 // bytes; each client of the library has some 40 KB
		moreGoroutines = 20      // one connection that is coming while another goes
	)
	heapAfter, goroutinesAfter := footprint(heap+moreHeap, goroutines+moreGoroutines)
	t.Logf("%d reconnects: heap from %d to %d KiB, goroutines from %d to %d", reconnects, heap>>10, heapAfter>>10, goroutines, goroutinesAfter)
	assert.LessOrEqual(t, heapAfter, heap+moreHeap)
	assert.LessOrEqual(t, goroutinesAfter, goroutines+moreGoroutines)
}

// footprint measures heap in use and goroutines. What has just ended takes a
// moment to be gone, so it looks again, for two seconds at most, until both are
// within bounds.
func footprint(heapMost uint64, goroutinesMost int) (heap uint64, goroutines int) {
	for range 40 {
		time.Sleep(50 * time.Millisecond)
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if heap, goroutines = m.HeapAlloc, runtime.NumGoroutine(); heap <= heapMost && goroutines <= goroutinesMost {
			break
		}
	}
	return heap, goroutines
}

// TestReportsAreDoneWithInTheirOrder: the last treatment's report is what stays
// retained, also when a connection ends before all acknowledgements are known.
func TestReportsAreDoneWithInTheirOrder(t *testing.T) {
	g, err := New(tcp1(), Parts{Dial: newTable().dial})
	require.NoError(t, err)
	require.NoError(t, g.backlog.Add(link.Boot{ID: "b"}, nil, []control.Report{{Treatment: 1}, {Treatment: 2}}))
	s := newSession(g, nil)
	require.NoError(t, s.publishBacklog())
	first, second := <-s.wire, <-s.wire
	waiting := func() int {
		items, err := g.backlog.Next(10)
		require.NoError(t, err)
		return len(items)
	}
	s.land(second.flight)
	assert.Equal(t, 2, waiting(), "the first is not known to be there")
	s.land(first.flight)
	assert.Zero(t, waiting())
	assert.Empty(t, s.flights)
}
