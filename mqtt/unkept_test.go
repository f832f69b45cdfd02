package mqtt

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
)

// disk is a backlog on a disk that has its moods.
type disk struct {
	Memory
	mu      sync.Mutex
	full    bool          // Add and Acknowledge refuse
	blind   bool          // Next does
	hang    chan struct{} // Add waits for its end
	deaf    chan struct{} // Acknowledge does
	tries   int           // that it has refused
	wait    time.Duration // of each Add
	seqs    []uint64      // in the order in which they were taken
	reports []uint32
}

func (d *disk) Acknowledge(i Item) error {
	d.mu.Lock()
	deaf := d.deaf
	d.mu.Unlock()
	if deaf != nil {
		<-deaf
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		d.tries++
		return errors.New("no space left")
	}
	return d.Memory.Acknowledge(i)
}

func (d *disk) Next(most int) ([]Item, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.blind {
		d.tries++
		return nil, errors.New("busy")
	}
	return d.Memory.Next(most)
}

func (d *disk) set(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

func (d *disk) Add(boot link.Boot, events []control.Event, reports []control.Report) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	time.Sleep(d.wait)
	if d.hang != nil {
		d.tries++
		d.mu.Unlock()
		<-d.hang
		d.mu.Lock()
	}
	if d.full {
		d.tries++
		return errors.New("no space left")
	}
	for _, e := range events {
		d.seqs = append(d.seqs, e.Seq)
	}
	for _, r := range reports {
		d.reports = append(d.reports, r.Treatment)
	}
	return d.Memory.Add(boot, events, reports)
}

// linked is how often a link to the table was made.
func (t *table) linked() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.asks)
}

// keeping runs a gateway of tb with a backlog of its own, without a broker.
func keeping(t *testing.T, tb *table, b Backlog, tune func(*pace)) *Gateway {
	t.Helper()
	g, err := New(tcp1(), Parts{Dial: tb.dial, Backlog: b, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	p := quick()
	tune(&p)
	g.setPace(p)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { g.follow(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	eventually(t, "the state", func() bool { _, _, live := g.view.now(); return live })
	return g
}

// publishing runs a whole gateway with a backlog of its own.
func publishing(t *testing.T, tb *table, b testBroker, backlog Backlog, tune func(*pace)) {
	t.Helper()
	c := tcp(b.addr())
	c.TableID = "t1"
	g, err := New(c, Parts{Dial: tb.dial, Reports: tb.past, Backlog: backlog, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	p := quick()
	tune(&p)
	g.setPace(p)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = g.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

// What a full disk refuses comes into the backlog before what is newer: nobody asks
// for a number below the last one.
func TestRefusedByTheBacklogIsOfferedAgain(t *testing.T) {
	tb, d := newTable(), &disk{full: true}
	g := keeping(t, tb, d, func(p *pace) { p.keepAgain = 5 * time.Millisecond })
	tb.happen(control.EventTrip)
	tb.finish()
	eventually(t, "refused", func() (done bool) { d.set(func() { done = d.tries > 2 }); return })
	d.set(func() { d.full = false })
	tb.happen(control.EventMode, control.EventMode)
	eventually(t, "kept", func() (done bool) { d.set(func() { done = len(d.seqs) >= 3 }); return })
	d.set(func() {
		assert.Equal(t, []uint64{1, 2, 3}, d.seqs)
		assert.Equal(t, []uint32{1}, d.reports)
	})
	assert.Empty(t, g.telling, "the control process was there all the time")
	assert.Equal(t, 1, tb.linked())
}

// A backlog that has lost what it had is told everything again.
func TestBacklogThatBeginsAnewIsToldAgain(t *testing.T) {
	tb, d := newTable(), &disk{}
	g := keeping(t, tb, d, func(p *pace) { p.keepAgain = 5 * time.Millisecond })
	tb.happen(control.EventMode, control.EventTrip)
	eventually(t, "kept", func() (done bool) { d.set(func() { done = len(d.seqs) == 2 }); return })
	d.set(func() { d.full = true })
	tb.happen(control.EventMode)
	eventually(t, "refused", func() (done bool) { d.set(func() { done = d.tries > 0 }); return })
	d.set(func() {
		d.full, d.seqs = false, nil
		d.Memory.mu.Lock()
		defer d.Memory.mu.Unlock()
		d.items, d.events, d.event = nil, 0, 0
	})
	eventually(t, "told again", func() (done bool) { d.set(func() { done = len(d.seqs) >= 3 }); return })
	d.set(func() { assert.Equal(t, []uint64{1, 2, 3}, d.seqs) })
	assert.Empty(t, g.telling, "the control process was there all the time")
}

// What the broker has acknowledged is not published again on this connection, although
// the backlog cannot note that; once it can, what follows is published.
func TestAcknowledgedIsNotPublishedForEver(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	o, d := observe(t, b), &disk{}
	for n := range 2 * backlogWindow {
		require.NoError(t, d.Memory.Add(link.Boot{ID: "b001"}, []control.Event{{Seq: uint64(n + 1)}}, nil))
	}
	d.full = true
	publishing(t, newTable(), b, d, func(p *pace) { p.keepAgain = 5 * time.Millisecond })
	eventually(t, "tried again and again", func() (done bool) { d.set(func() { done = d.tries > 3*backlogWindow }); return })
	d.set(func() { d.full = false })
	eventually(t, "all are noted", func() bool { n, _ := d.Waiting(); return n == 0 })
	var got, want []uint64
	eventually(t, "the last one", func() bool {
		got = nil
		for _, e := range o.on("event") {
			got = append(got, decode[Event](t, e.payload).Seq)
		}
		return slices.Contains(got, 2*backlogWindow)
	})
	for n := range uint64(2 * backlogWindow) {
		want = append(want, n+1)
	}
	assert.Equal(t, want, got, "each once, in order")
}

// A backlog that could not be read is read again, although nothing is added to it.
func TestUnreadableBacklogIsReadAgain(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	o, d := observe(t, b), &disk{blind: true}
	require.NoError(t, d.Memory.Add(link.Boot{ID: "b001"}, []control.Event{{Seq: 1}}, nil))
	publishing(t, newTable(), b, d, func(p *pace) { p.refresh = 20 * time.Millisecond })
	eventually(t, "tried", func() (done bool) { d.set(func() { done = d.tries > 0 }); return })
	d.set(func() { d.blind = false })
	eventually(t, "published", func() bool { return len(o.on("event")) == 1 })
}

// A stop does not depend on the disk: not even when it hangs for so long that the
// link to the control process is lost and nobody is there to make another.
func TestStopActsWhileTheDiskHangs(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	o, d, tb := observe(t, b), &disk{hang: make(chan struct{})}, newTable()
	publishing(t, tb, b, d, func(p *pace) { p.stopping = generous })
	t.Cleanup(func() { close(d.hang) })
	o.available(Online)
	tb.happen(control.EventMode)
	eventually(t, "it hangs", func() (done bool) { d.set(func() { done = d.tries > 0 }); return })
	tb.vanish()
	tb.appear()
	o.publish("request", false, `{"id":"s","command":"stop"}`)
	assert.Equal(t, control.CommandStop, tb.next(t).Command)
	assert.Equal(t, link.StatusOK, o.response("s", 1).Status)
}

// What hangs must not look as if it worked: values that nobody renews are not online,
// whichever of the two goroutines the disk holds up. Afterwards all is well again.
func TestNothingIsOnlineWhileTheDiskHangs(t *testing.T) {
	for name, d := range map[string]*disk{"taking events": {hang: make(chan struct{})}, "noting what has arrived": {deaf: make(chan struct{})}} {
		t.Run(name, func(t *testing.T) {
			b := &embedded{at: "127.0.0.1:0"}
			b.start(t)
			defer b.stop(t)
			o, tb := observe(t, b), newTable()
			publishing(t, tb, b, d, func(p *pace) { p.stale, p.refresh = time.Second, 100*time.Millisecond })
			o.available(Online)
			tb.happen(control.EventMode)
			o.available(Offline)
			o.publish("request", false, `{"id":"s","command":"stop"}`)
			assert.Equal(t, control.CommandStop, tb.next(t).Command)
			assert.Equal(t, Offline, o.last("availability"))
			for _, c := range []chan struct{}{d.hang, d.deaf} {
				if c != nil {
					close(c)
				}
			}
			o.available(Online)
		})
	}
}

// Who refuses for ever costs a bounded amount of memory.
func TestUnkeptIsBounded(t *testing.T) {
	g, err := New(tcp1(), Parts{Dial: newTable().dial, Backlog: &disk{full: true}, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	var w unkept
	n := 0
	for ; err == nil && n < 10*maxUnkept; n++ {
		err = g.keep(link.Boot{ID: "b"}, &w, &link.Update{Events: []control.Event{{Seq: uint64(n + 1)}}})
	}
	assert.ErrorIs(t, err, errUnkept)
	assert.Equal(t, maxUnkept+1, n)
}

// A disk that takes longer than a silence may last is no silence.
func TestSlowBacklogIsNoSilence(t *testing.T) {
	tb, d := newTable(), &disk{wait: 2500 * time.Millisecond}
	g := keeping(t, tb, d, func(p *pace) { p.stale = 2 * time.Second })
	tb.happen(control.EventMode)
	eventually(t, "kept", func() (done bool) { d.set(func() { done = len(d.seqs) == 1 }); return })
	_, before, _ := g.view.now()
	eventually(t, "a snapshot after it", func() bool { _, s, live := g.view.now(); return live && s != before })
	assert.Equal(t, 1, tb.linked(), "one link all the time")
	assert.Empty(t, g.telling)
}
