package broker

import (
	"net"
	"sync"
	"time"
)

// writeTimeout ends a client that does not read what it is sent, so that nobody
// keeps the turn for longer.
const writeTimeout = 2 * time.Second

// turn is a connection whose packets are handled while those of no other
// connection are. The engine handles them at the same time and reads a
// retained message's name without a lock while another client changes it.
// It handles a packet between two reads in one goroutine, so that is where the
// turn begins and ends.
type turn struct {
	net.Conn
	all  *sync.Mutex // held by the connection whose turn it is
	mine bool        // used by the reading goroutine only
}

func (t *turn) Read(p []byte) (int, error) {
	t.end()
	n, err := t.Conn.Read(p)
	t.all.Lock()
	t.mine = true
	return n, err
}

// end must be called once more after the last read.
func (t *turn) end() {
	if t.mine {
		t.mine = false
		t.all.Unlock()
	}
}

// Write ends the connection when it takes too long.
func (t *turn) Write(p []byte) (int, error) {
	if err := t.Conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	n, err := t.Conn.Write(p)
	if err != nil {
		_ = t.Conn.Close() // the error that matters is the write's
	}
	return n, err
}
