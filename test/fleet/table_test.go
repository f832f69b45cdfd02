package fleet

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
	"traction/mqtt"
	"traction/test/parts"
)

// table is a control process in memory that does a lot: something happens ten
// times a second, and a treatment ends every two.
type table struct {
	id string

	mu       sync.Mutex
	snapshot control.Snapshot
	events   []control.Event
	reports  []control.Report
	asked    []link.Request
}

func newTable(id string) *table {
	return &table{id: id, snapshot: control.Snapshot{At: time.Second, Rev: 1000, Mode: control.Armed, Cell: control.CellOK}}
}

// lifeTick is a tenth of a second, lifeTreatment a treatment's length in it.
const (
	lifeTick      = 100 * time.Millisecond
	lifeTreatment = 20
)

// live lets things happen until ctx ends.
func (t *table) live(ctx context.Context) {
	tick := time.NewTicker(lifeTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.happen()
		}
	}
}

// happen adds one event, and now and then a report.
func (t *table) happen() {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.snapshot
	s.At += lifeTick
	s.Rev++
	s.Force = 100 * physic.Newton
	t.events = append(t.events, control.Event{Seq: uint64(len(t.events) + 1), At: s.At, Kind: control.EventMode, Mode: s.Mode, Force: s.Force})
	if len(t.events)%lifeTreatment == 0 {
		n := uint32(len(t.reports) + 1)
		t.reports = append(t.reports, control.Report{Treatment: n, Programme: "demo", End: control.EndCompleted, Started: s.At - time.Second, Ended: s.At})
	}
}

// told is how much has happened so far.
func (t *table) told() (events, reports int, rev uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.events), len(t.reports), t.snapshot.Rev
}

// obeyed counts the requests of a kind that reached the control process.
func (t *table) obeyed(k control.CommandKind) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.asked {
		if r.Command == k {
			n++
		}
	}
	return n
}

// requests are those that reached the control process.
func (t *table) requests() []link.Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.asked)
}

// gateway runs a real gateway of this table until the test ends; its password is
// the one of all users here.
func (t *table) gateway(test *testing.T, c mqtt.Config) {
	test.Helper()
	c.TableID, c.Username = t.id, t.id
	c.PasswordFile = passwordFile(test)
	logs := new(parts.Output)
	g, err := mqtt.New(c, mqtt.Parts{Dial: t.dial, Log: slog.New(slog.NewTextHandler(logs, nil))})
	require.NoError(test, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = g.Run(ctx) // it returns nil
	}()
	test.Cleanup(func() {
		cancel()
		<-done
		if test.Failed() {
			logs.Log(test, "the gateway of "+t.id)
		}
	})
}

func passwordFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(path, []byte(password+"\n"), 0o600))
	return path
}

func (t *table) dial(context.Context) (mqtt.Link, error) {
	boot := link.Boot{ID: "boot-" + t.id, Started: time.Now(), Table: t.id, Version: "test"}
	return &tableLink{table: t, hello: link.Hello{Boot: boot, Schema: link.Schema}, closed: make(chan struct{})}, nil
}

// tableLink is one link to a table.
type tableLink struct {
	table  *table
	hello  link.Hello
	closed chan struct{}
	once   sync.Once

	// Only Subscribe and Next use these, one after the other.
	event  uint64
	report uint32
}

func (l *tableLink) Hello() link.Hello { return l.hello }

func (l *tableLink) Subscribe(s link.Subscription) error {
	l.event, l.report = *s.EventsFrom, *s.ReportsFrom
	return nil
}

// Next tells ten times a second what is new.
func (l *tableLink) Next(ctx context.Context) (link.Update, error) {
	if u := l.news(); u != nil {
		return *u, nil
	}
	tick := time.NewTimer(lifeTick)
	defer tick.Stop()
	select {
	case <-l.closed:
		return link.Update{}, fmt.Errorf("%w: %w", link.ErrClosed, io.EOF)
	case <-ctx.Done():
		return link.Update{}, ctx.Err()
	case <-tick.C:
		l.table.mu.Lock()
		defer l.table.mu.Unlock()
		s := l.table.snapshot
		return link.Update{Snapshot: &s}, nil
	}
}

func (l *tableLink) news() *link.Update {
	l.table.mu.Lock()
	defer l.table.mu.Unlock()
	if n := uint64(len(l.table.events)); l.event <= n {
		from := l.event
		l.event = n + 1
		return &link.Update{Events: l.table.events[from-1 : n : n]}
	}
	if l.report <= uint32(len(l.table.reports)) {
		r := l.table.reports[l.report-1]
		l.report++
		return &link.Update{Report: &r}
	}
	return nil
}

// Request obeys everything whose rev is right, and a stop in any case.
func (l *tableLink) Request(_ context.Context, r link.Request) (link.Response, error) {
	l.table.mu.Lock()
	defer l.table.mu.Unlock()
	l.table.asked = append(l.table.asked, r)
	code := control.Accepted
	if r.Command != control.CommandStop && (r.Rev == nil || *r.Rev != l.table.snapshot.Rev) {
		code = control.StaleRev
	}
	return link.Answer(r.ID, control.Reply{Kind: r.Command, Code: code, Rev: l.table.snapshot.Rev, Mode: l.table.snapshot.Mode}), nil
}

func (l *tableLink) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}
