package link

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// executive is a Source that tests can steer.
type executive struct {
	mu       sync.Mutex
	boot     Boot
	snapshot control.Snapshot
	entries  []control.Entry
	events   []control.Event
	reports  []control.Report
	stops    []control.Origin
	commands []control.Command
	looks    int // calls of Snapshot
	// reply answers commands; nil accepts at once.
	reply func(ctx context.Context, c control.Command) (control.Reply, error)
}

func newExecutive() *executive {
	return &executive{
		boot:     Boot{ID: "c0ffee", Started: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Table: "room-2", Version: "1.0"},
		snapshot: control.Snapshot{Rev: 42, Mode: control.Armed},
	}
}

func (e *executive) Boot() Boot { return e.boot }

func (e *executive) Snapshot() control.Snapshot {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.looks++
	return e.snapshot
}

func (e *executive) Entries(from uint64, buf []control.Entry) (n int, oldest uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range e.entries {
		if x.Seq >= from && n < len(buf) {
			buf[n] = x
			n++
		}
	}
	if len(e.entries) > 0 {
		oldest = e.entries[0].Seq
	}
	return n, oldest
}

func (e *executive) Events(from uint64, buf []control.Event) (n int, oldest uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range e.events {
		if x.Seq >= from && n < len(buf) {
			buf[n] = x
			n++
		}
	}
	if len(e.events) > 0 {
		oldest = e.events[0].Seq
	}
	return n, oldest
}

func (e *executive) Reports(from uint32, buf []control.Report) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range e.reports {
		if x.Treatment >= from && n < len(buf) {
			buf[n] = x
			n++
		}
	}
	return n
}

func (e *executive) Submit(ctx context.Context, c control.Command) (control.Reply, error) {
	e.mu.Lock()
	e.commands = append(e.commands, c)
	reply := e.reply
	e.mu.Unlock()
	if reply != nil {
		return reply(ctx, c)
	}
	return control.Reply{Kind: c.Kind, Mode: control.Armed, Rev: 43}, nil
}

func (e *executive) Stop(o control.Origin) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stops = append(e.stops, o)
}

// change steers the executive from a test.
func (e *executive) change(f func(*executive)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(e)
}

// got returns what reached the executive.
func (e *executive) got() (stops []control.Origin, commands []control.Command) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append(stops, e.stops...), append(commands, e.commands...)
}

// shelf is a Library with one programme.
type shelf struct{}

var lumbar = control.Programme{Name: "lumbar", Hold: 400 * physic.Newton}

func (shelf) Programme(name string) (*control.Programme, error) {
	if name == lumbar.Name {
		return &lumbar, nil
	}
	return nil, errors.New("there is no such programme")
}

func (shelf) Programmes() []string { return []string{"lumbar", "neck"} }

// pipes is a listener without a kernel, so that tests run in virtual time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// dial connects a raw client.
func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}
