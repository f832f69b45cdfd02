package mqtt

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"traction/mqtt/broker"
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

// mosquitto is a process of our own on a port of its own.
type mosquitto struct {
	program, conf, at string
	process           *exec.Cmd
	out               *logs
}

// startMosquitto runs Debian's Mosquitto with one listener on loopback and these
// further lines of configuration.
func startMosquitto(t *testing.T, lines string) *mosquitto {
	t.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto" // Debian keeps it out of users' PATH
		_, err = os.Stat(program)
	}
	if err != nil {
		if os.Getenv("TRACTION_REQUIRE_PARTS") == "1" {
			t.Fatal("mosquitto is missing and TRACTION_REQUIRE_PARTS=1: apt-get install mosquitto")
		}
		t.Skip("mosquitto is missing, so this is not tested against it: apt-get install mosquitto")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	at := free.Addr().String()
	require.NoError(t, free.Close())
	_, port, _ := net.SplitHostPort(at)
	m := &mosquitto{program: program, at: at, conf: filepath.Join(t.TempDir(), "mosquitto.conf"), out: new(logs)}
	conf := "user root\npersistence false\nlog_dest stderr\nlistener " + port + " 127.0.0.1\n" + lines
	require.NoError(t, os.WriteFile(m.conf, []byte(conf), 0o600))
	m.start(t)
	t.Cleanup(func() {
		m.stop(t)
		if t.Failed() {
			t.Log(m.out.String())
		}
	})
	return m
}

func (m *mosquitto) addr() string { return m.at }

func (m *mosquitto) start(t *testing.T) {
	t.Helper()
	m.process = exec.Command(m.program, "-c", m.conf)
	m.process.Stdout, m.process.Stderr = m.out, m.out
	require.NoError(t, m.process.Start())
	eventually(t, "mosquitto listens", func() bool {
		c, err := net.Dial("tcp", m.at)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (m *mosquitto) stop(t *testing.T) {
	t.Helper()
	if m.process != nil {
		require.NoError(t, m.process.Process.Kill())
		_ = m.process.Wait() // says that it was killed
		m.process = nil
	}
}

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
