package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// verdictWait is how long a broker's complaint may take that was sent before its
// end of the connection was closed; what has arrived is read at once.
const verdictWait = 200 * time.Millisecond

// verdict is a TLS connection that tells why the broker has ended it. In TLS 1.3
// our side of the handshake is done before the broker has looked at our
// certificate (RFC 8446, section 4.4.2.4), so its complaint can cross our first
// packet. Whether writing that packet fails is a matter of microseconds; the
// complaint has been received all the same, and says more than "reset by peer".
type verdict struct {
	*tls.Conn
	heard atomic.Bool // the broker has answered, so that it was content with us
}

// dialTLS connects and shakes hands; it ends with ctx.
func dialTLS(ctx context.Context, addr string, c *tls.Config) (net.Conn, error) {
	d := tls.Dialer{Config: c}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &verdict{Conn: conn.(*tls.Conn)}, nil // as the documentation of tls.Dialer says
}

// Read is the connection's.
func (v *verdict) Read(p []byte) (int, error) {
	n, err := v.Conn.Read(p)
	if n > 0 {
		v.heard.Store(true)
	}
	return n, err
}

// Write is the connection's, but its error is the broker's complaint if there is
// one. The library reads nothing before its first packet is written.
func (v *verdict) Write(p []byte) (int, error) {
	n, err := v.Conn.Write(p)
	if err == nil || v.heard.Load() {
		return n, err
	}
	if late := v.SetReadDeadline(time.Now().Add(verdictWait)); late != nil {
		return n, err
	}
	var op *net.OpError
	if _, why := v.Conn.Read(make([]byte, 1)); errors.As(why, &op) && op.Op == "remote error" {
		return n, why
	}
	return n, err
}
