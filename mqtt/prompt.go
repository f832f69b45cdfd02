package mqtt

import (
	"net"
	"syscall"
)

// prompt is a connection whose packets are acknowledged to the broker's computer
// at once. By default the kernel waits up to 40 ms for something to send along,
// and a broker that holds small packets back until earlier ones are acknowledged
// (RFC 896), as Mosquitto does by default, waits with it: in a flood each stop
// would wait 20 ms on average.
type prompt struct {
	net.Conn
	raw syscall.RawConn // nil where there is none
}

func newPrompt(c net.Conn) *prompt {
	p := &prompt{Conn: c}
	for {
		inner, wrapped := c.(interface{ NetConn() net.Conn }) // TLS, websocket
		if !wrapped {
			break
		}
		c = inner.NetConn()
	}
	if s, ok := c.(syscall.Conn); ok {
		p.raw, _ = s.SyscallConn() // without it everything is only slower
	}
	return p
}

// Read acknowledges what it has read. The kernel goes back to waiting by itself,
// so it is told each time (tcp(7), TCP_QUICKACK).
func (p *prompt) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if p.raw != nil && n > 0 {
		_ = p.raw.Control(acknowledge) // fails only on a closed connection
	}
	return n, err
}
