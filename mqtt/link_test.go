package mqtt

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
)

// source is a control process behind a real socket.
type source struct {
	*table
	mu       sync.Mutex
	stops    int
	commands []control.Command
}

func (s *source) Boot() link.Boot { return s.boot }

func (s *source) Snapshot() control.Snapshot {
	s.table.mu.Lock()
	defer s.table.mu.Unlock()
	return s.snapshot
}

func (s *source) Entries(uint64, []control.Entry) (int, uint64) { return 0, 0 }

func (s *source) Events(from uint64, buf []control.Event) (n int, oldest uint64) {
	s.table.mu.Lock()
	defer s.table.mu.Unlock()
	if len(s.events) == 0 {
		return 0, 0
	}
	from = max(from, 1)
	if from <= uint64(len(s.events)) {
		n = copy(buf, s.events[from-1:])
	}
	return n, 1
}

func (s *source) Reports(from uint32, buf []control.Report) int {
	s.table.mu.Lock()
	defer s.table.mu.Unlock()
	from = max(from, 1)
	if from > uint32(len(s.reports)) {
		return 0
	}
	return copy(buf, s.reports[from-1:])
}

func (s *source) Submit(_ context.Context, c control.Command) (control.Reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands = append(s.commands, c)
	return control.Reply{Kind: c.Kind, Code: control.Accepted, Mode: control.Armed, Rev: 1001}, nil
}

func (s *source) Stop(control.Origin) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stops++
}

func (s *source) stopped() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stops
}

// Programme and Programmes: no test here selects one.
func (s *source) Programme(string) (*control.Programme, error) { return nil, errors.New("none") }
func (s *source) Programmes() []string                         { return nil }

// serve opens the socket until stop is called.
func (s *source) serve(t *testing.T, socket string) (stop func()) {
	t.Helper()
	l, err := link.Listen(socket, 0o600)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- link.NewServer(s, s, link.Options{}).Serve(ctx, l, control.Remote) }()
	return sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-done)
	})
}

// The whole way, from an MQTT client to the control process's socket and back.
func TestOverTheRealLink(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		src := &source{table: newTable()}
		src.happen(control.EventBoot, control.EventMode)
		src.finish()
		socket := filepath.Join(t.TempDir(), "gateway.sock")
		stop := src.serve(t, socket)
		defer func() { stop() }()

		o := observe(t, b)
		g, err := New(Config{Broker: "tcp://" + b.addr(), TableID: "t1"}, Parts{Dial: Socket(socket), Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		p := quick()
		p.stale = 3 * time.Second
		g.setPace(p)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- g.Run(ctx) }()
		defer func() {
			cancel()
			require.NoError(t, <-done)
		}()

		o.available(Online)
		eventually(t, "events", func() bool { return len(o.eventSeqs()) == 2 && o.last("session") != "" })
		o.publish("request", false, `{"id":"arm-1","rev":1000,"command":"arm"}`)
		r := o.response("arm-1", 1)
		assert.Equal(t, link.StatusOK, r.Status)
		assert.Equal(t, uint64(1001), *r.Rev)
		src.mu.Lock()
		require.Len(t, src.commands, 1)
		assert.Equal(t, control.Remote, src.commands[0].Origin)
		src.mu.Unlock()
		for i := range 3 {
			o.publish("request", false, `{"id":"button","command":"stop"}`)
			assert.Equal(t, link.StatusOK, o.response("button", i+1).Status)
			assert.Equal(t, i+1, src.stopped())
		}
		for i := range 2 {
			o.publish("request", false, `{"id":"rest","command":"pause"}`)
			assert.Equal(t, link.StatusOK, o.response("rest", i+1).Status)
		}
		src.mu.Lock()
		require.Len(t, src.commands, 3, "a pause with the same id acts again")
		src.mu.Unlock()

		stop()
		o.available(Offline)
		stop = src.serve(t, socket)
		o.available(Online)
		src.happen(control.EventPhase)
		eventually(t, "it goes on after the last", func() bool { return len(o.eventSeqs()) == 3 })
		var all []uint64
		for _, s := range o.on("event") {
			if e := decode[Event](t, s.payload); e.Source == FromControl {
				all = append(all, e.Seq)
			}
		}
		assert.Equal(t, []uint64{1, 2, 3}, all, "nothing twice after a reconnect")
	})
}
