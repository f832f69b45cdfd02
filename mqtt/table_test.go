package mqtt

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
	"traction/test/parts"
)

// generous is a time that only a broken program needs; no test waits for it to pass.
const generous = 30 * time.Second

// table is a control process in memory: what it is asked and what it shows.
type table struct {
	mu       sync.Mutex
	boot     link.Boot
	remote   control.Permission
	past     Reports
	down     bool
	snapshot control.Snapshot
	events   []control.Event
	reports  []control.Report
	links    map[*fakeLink]bool
	asks     []link.Subscription
	// answer decides about a request; it may wait.
	answer func(context.Context, link.Request) (link.Response, error)
	// asked gets every request.
	asked chan link.Request
}

func newTable() *table {
	t := &table{
		boot:     link.Boot{ID: "b001", Started: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), Table: "t1", Version: "test"},
		snapshot: control.Snapshot{At: time.Second, Rev: 1000, Mode: control.Idle, Cell: control.CellOK},
		links:    make(map[*fakeLink]bool),
		asked:    make(chan link.Request, 4096),
	}
	t.answer = func(_ context.Context, r link.Request) (link.Response, error) {
		return link.Answer(r.ID, control.Reply{Kind: r.Command, Rev: t.rev(), Mode: control.Idle}), nil
	}
	return t
}

func (t *table) rev() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.snapshot.Rev
}

func (t *table) dial(context.Context) (Link, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.down {
		return nil, link.ErrNotRunning
	}
	l := &fakeLink{table: t, hello: link.Hello{Boot: t.boot, Schema: link.Schema, Remote: t.remote}, wake: make(chan struct{}, 1), closed: make(chan struct{})}
	t.links[l] = true
	return l, nil
}

// change changes what the table shows and tells every link.
func (t *table) change(f func(*control.Snapshot)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.snapshot.At += 100 * time.Millisecond
	f(&t.snapshot)
	t.wakeAll()
}

// happen adds events, numbering them.
func (t *table) happen(kinds ...control.EventKind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range kinds {
		t.events = append(t.events, control.Event{Seq: uint64(len(t.events) + 1), At: time.Minute, Kind: k, Force: 100 * physic.Newton})
	}
	t.wakeAll()
}

// finish adds the report of one more treatment.
func (t *table) finish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reports = append(t.reports, control.Report{Treatment: uint32(len(t.reports) + 1), Programme: "demo", End: control.EndCompleted,
		Started: time.Minute, Ended: 2 * time.Minute, Peak: 200 * physic.Newton})
	t.wakeAll()
}

// Report makes the table's own reports a record of past treatments.
func (t *table) Report(string) (link.Boot, control.Report, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.reports) == 0 {
		return link.Boot{}, control.Report{}, ErrNoReport
	}
	return t.boot, t.reports[len(t.reports)-1], nil
}

func (t *table) wakeAll() {
	for l := range t.links {
		signal(l.wake)
	}
}

// vanish ends all links, and lets nobody in until appear.
func (t *table) vanish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.down = true
	for l := range t.links {
		l.once.Do(func() { close(l.closed) })
		delete(t.links, l)
	}
}

func (t *table) appear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.down = false
}

// fakeLink is one link to a table.
type fakeLink struct {
	table  *table
	hello  link.Hello
	wake   chan struct{}
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex
	event   uint64 // next to hand out
	report  uint32
	started bool
	shown   control.Snapshot
}

func (l *fakeLink) Hello() link.Hello { return l.hello }

func (l *fakeLink) Subscribe(s link.Subscription) error {
	l.table.mu.Lock()
	defer l.table.mu.Unlock()
	l.table.asks = append(l.table.asks, s)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.event, l.report = *s.EventsFrom, *s.ReportsFrom
	signal(l.wake)
	return nil
}

func (l *fakeLink) Next(ctx context.Context) (link.Update, error) {
	tick := time.NewTicker(20 * time.Millisecond) // a snapshot although nothing changed
	defer tick.Stop()
	for {
		if u, ok := l.pending(false); ok {
			return u, nil
		}
		select {
		case <-l.closed:
			return link.Update{}, fmt.Errorf("%w: %w", link.ErrClosed, io.EOF)
		case <-ctx.Done():
			return link.Update{}, ctx.Err()
		case <-l.wake:
		case <-tick.C:
			if u, ok := l.pending(true); ok {
				return u, nil
			}
		}
	}
}

// pending is the next thing to tell; with measured set a snapshot counts
// although it is no other.
func (l *fakeLink) pending(measured bool) (link.Update, bool) {
	l.table.mu.Lock()
	defer l.table.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.event > 0 && l.event <= uint64(len(l.table.events)) {
		e := l.table.events[l.event-1]
		l.event++
		return link.Update{Events: []control.Event{e}}, true
	}
	if l.report > 0 && l.report <= uint32(len(l.table.reports)) {
		r := l.table.reports[l.report-1]
		l.report++
		return link.Update{Report: &r}, true
	}
	if s := l.table.snapshot; !l.started || measured || s.Rev != l.shown.Rev || s.Mode != l.shown.Mode {
		l.started, l.shown = true, s
		return link.Update{Snapshot: &s}, true
	}
	return link.Update{}, false
}

func (l *fakeLink) Request(ctx context.Context, r link.Request) (link.Response, error) {
	select {
	case <-l.closed:
		return link.Response{}, link.ErrClosed
	default:
	}
	l.table.asked <- r
	return l.table.answer(ctx, r)
}

func (l *fakeLink) Close() error {
	l.once.Do(func() { close(l.closed) })
	l.table.mu.Lock()
	defer l.table.mu.Unlock()
	delete(l.table.links, l)
	return nil
}

// quick is a pace for tests: the same order of things, sooner.
func quick() pace {
	p := defaultPace()
	p.telemetry = 20 * time.Millisecond
	p.redial = backoff{first: 5 * time.Millisecond, most: 20 * time.Millisecond}
	p.reconnect = backoff{first: 5 * time.Millisecond, most: 50 * time.Millisecond}
	p.stale = generous
	return p
}

// running is a gateway under test.
type running struct {
	*Gateway
	logs *logs
	stop func() // ends it and waits
}

// run starts a gateway of table t1 and ends it with the test.
func run(t *testing.T, tb *table, c Config, tune ...func(*pace)) *running {
	t.Helper()
	if c.TableID == "" {
		c.TableID = "t1"
	}
	r := &running{logs: new(logs)}
	g, err := New(c, Parts{Dial: tb.dial, Reports: tb.past, Log: slog.New(slog.NewTextHandler(r.logs, nil))})
	require.NoError(t, err)
	p := quick()
	for _, f := range tune {
		f(&p)
	}
	g.setPace(p)
	r.Gateway = g
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(generous):
			t.Error("the gateway did not end")
		}
	})
	t.Cleanup(func() {
		r.stop()
		if t.Failed() {
			r.logs.Log(t, "the gateway")
		}
	})
	return r
}

// logs collects log lines.
type logs struct{ parts.Output }

// count of the lines that hold s.
func (l *logs) count(s string) (n int) {
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, s) {
			n++
		}
	}
	return n
}

// eventually waits for a condition; it passes as soon as that holds. It waits no
// longer than generous, so that what a test has slowed down so far cannot be what
// makes the condition true.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.True(t, parts.Await(generous, holds), what)
}
