package broker

import (
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// listener accepts the broker's connections. It differs from the engine's own
// in three ways: a panic while a client's packet is decoded ends that connection
// and not the process, packets are handled one at a time, and closing it also
// closes connections that never said anything, which the engine would wait for.
type listener struct {
	addr   string
	socket net.Listener

	turns sync.Mutex // see turn

	mu      sync.Mutex
	conns   map[net.Conn]struct{}
	closed  bool
	serving sync.WaitGroup // connections; added to under mu, while not closed
}

func newListener(addr string) *listener {
	return &listener{addr: addr, conns: make(map[net.Conn]struct{})}
}

// ID names the listener to the engine.
func (l *listener) ID() string { return "loopback" }

// Protocol is for the engine's log.
func (l *listener) Protocol() string { return "tcp" }

// Address is the one in use once Init was called.
func (l *listener) Address() string {
	if l.socket == nil {
		return l.addr
	}
	return l.socket.Addr().String()
}

// Init opens the socket.
func (l *listener) Init(*slog.Logger) (err error) {
	l.socket, err = net.Listen("tcp", l.addr)
	return err
}

// Serve accepts until the socket is closed.
func (l *listener) Serve(establish listeners.EstablishFn) {
	for {
		conn, err := l.socket.Accept()
		if err != nil {
			return
		}
		if !l.add(conn) {
			_ = conn.Close()
			continue
		}
		go l.serve(conn, establish)
	}
}

// serve runs one connection to its end. A recovered panic leaves the engine
// with a client that is closed but still known; the next connection under the
// same client id takes its place.
func (l *listener) serve(conn net.Conn, establish listeners.EstablishFn) {
	defer l.serving.Done()
	defer l.remove(conn)
	defer func() {
		if p := recover(); p != nil {
			slog.Error("demo broker: a client's packet made the engine panic; its connection was closed",
				"remote", conn.RemoteAddr().String(), "panic", p, "stack", string(debug.Stack()))
		}
	}()
	t := &turn{Conn: conn, all: &l.turns}
	defer t.end()
	// The engine's error is the way that connections usually end.
	_ = establish(l.ID(), t)
}

// add remembers a connection; false means no more are taken.
func (l *listener) add(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.conns) >= maxClients {
		return false
	}
	l.conns[conn] = struct{}{}
	l.serving.Add(1)
	return true
}

func (l *listener) remove(conn net.Conn) {
	_ = conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, conn)
}

// Close stops accepting, lets the engine tell its clients, and closes what is left.
func (l *listener) Close(tell listeners.CloseFn) {
	l.mu.Lock()
	already := l.closed
	l.closed = true
	l.mu.Unlock()
	if already {
		return
	}
	_ = l.socket.Close()
	tell(l.ID())
	l.mu.Lock()
	for conn := range l.conns {
		_ = conn.Close()
	}
	l.mu.Unlock()
	// The engine counts a connection only once it establishes it, and waits for the
	// count right after this: none may begin meanwhile.
	ended := make(chan struct{})
	go func() {
		l.serving.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(drainMost):
	}
}

// drainMost bounds the wait for connections that were closed.
const drainMost = 2 * time.Second
