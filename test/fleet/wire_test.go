package fleet

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// wire is a way to a server that can be cut; it carries bytes of any kind, TLS too.
type wire struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	down  bool
	conns []net.Conn
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{listener: l, to: to}
	go w.accept()
	t.Cleanup(func() {
		_ = l.Close() // it may be closed
		w.cut()
	})
	return w
}

func (w *wire) addr() string { return w.listener.Addr().String() }

func (w *wire) accept() {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return
		}
		go w.join(in)
	}
}

// join carries both directions until one end closes.
func (w *wire) join(in net.Conn) {
	defer in.Close() //nolint:errcheck // nothing is left to send
	out, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer out.Close() //nolint:errcheck // the same
	w.mu.Lock()
	if w.down {
		w.mu.Unlock()
		return
	}
	w.conns = append(w.conns, in, out)
	w.mu.Unlock()
	go func() {
		_, _ = io.Copy(out, in)
		_ = out.Close()
	}()
	_, _ = io.Copy(in, out)
}

// cut ends all connections and lets none through until mend.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = true
	for _, c := range w.conns {
		_ = c.Close() // it may be closed
	}
	w.conns = nil
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = false
}
