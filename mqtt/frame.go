package mqtt

import (
	"errors"
	"net"
	"sync/atomic"
)

// maxInbound is the largest packet that is read from the broker, in bytes. The
// largest that makes sense is a request with its topic; MQTT 3.1.1 allows 256 MiB
// and gives the receiver no say, so the connection ends before that is read.
const maxInbound = 64 << 10

// errOversize: somebody published a packet larger than maxInbound on a topic the
// gateway subscribes to.
var errOversize = errors.New("mqtt: a packet larger than 65536 bytes arrived")

// framed is a connection that follows the packets' headers as they are read,
// and gives up on a packet that is too large before it is in memory.
type framed struct {
	net.Conn
	frame    frame
	oversize atomic.Bool // it has given up: the library does not always say so
}

func (f *framed) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if bad := f.frame.follow(p[:n]); bad != nil {
		f.oversize.Store(true)
		return 0, bad
	}
	return n, err
}

// frame is the place in a stream of MQTT packets (3.1.1, section 2.2): one byte
// of type and flags, one to four bytes of length with seven bits each, contents.
type frame struct {
	inLength bool
	shift    uint
	length   int
	contents int // bytes still to come
}

// follow moves along the bytes of the stream.
func (f *frame) follow(p []byte) error {
	for len(p) > 0 {
		if f.contents > 0 {
			skip := min(f.contents, len(p))
			f.contents -= skip
			p = p[skip:]
			continue
		}
		b := p[0]
		p = p[1:]
		if !f.inLength {
			f.inLength, f.shift, f.length = true, 0, 0
			continue
		}
		f.length |= int(b&0x7f) << f.shift
		f.shift += 7
		// A length that goes on for more than four bytes is malformed; the client
		// library itself would read on for ever.
		if f.length > maxInbound || f.shift > 28 {
			return errOversize
		}
		if b&0x80 == 0 {
			f.inLength, f.contents = false, f.length
		}
	}
	return nil
}
