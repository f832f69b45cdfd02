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
	frame frame
	// oversize: it has given up, which the library does not always say; the topic of
	// what was too large, empty = not known.
	oversize atomic.Pointer[string]
}

func (f *framed) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	bad := f.frame.follow(p[:n])
	// The library must not see the header, or it would make room for the packet.
	for bad == nil && err == nil && f.frame.inTopic {
		n, err = f.Conn.Read(p)
		bad = f.frame.follow(p[:n])
	}
	if bad != nil || f.frame.inTopic {
		topic := f.frame.oversizeTopic()
		f.oversize.Store(&topic)
		return 0, errOversize
	}
	return n, err
}

// frame is the place in a stream of MQTT packets (3.1.1, section 2.2): one byte
// of type and flags, one to four bytes of length with seven bits each, contents.
type frame struct {
	kind     byte // of the packet, with its flags
	inLength bool
	shift    uint
	length   int
	contents int // bytes still to come
	// inTopic: the packet is too large, and its topic is read to name it.
	inTopic bool
	topic   []byte // with its two bytes of length
}

// publish is the type of a PUBLISH packet (3.1.1, section 2.2.1).
const publish = 3

// mostTopic is longer than any topic that the gateway reads, in bytes.
const mostTopic = 256

// oversizeTopic is the topic of a packet that was too large, or empty.
func (f *frame) oversizeTopic() string {
	if len(f.topic) < 2 {
		return ""
	}
	if n := int(f.topic[0])<<8 | int(f.topic[1]); n <= mostTopic && len(f.topic) == 2+n {
		return string(f.topic[2:])
	}
	return ""
}

// name takes one byte of the topic of a packet that is too large, and is done when
// it is whole.
func (f *frame) name(b byte) error {
	f.topic = append(f.topic, b)
	if len(f.topic) < 2 {
		return nil
	}
	if n := int(f.topic[0])<<8 | int(f.topic[1]); n <= mostTopic && len(f.topic) < 2+n {
		return nil
	}
	return errOversize
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
		if f.inTopic {
			if err := f.name(b); err != nil {
				return err
			}
			continue
		}
		if !f.inLength {
			f.inLength, f.kind, f.shift, f.length = true, b, 0, 0
			continue
		}
		f.length |= int(b&0x7f) << f.shift
		f.shift += 7
		// A length that goes on for more than four bytes is malformed; the client
		// library itself would read on for ever.
		if f.shift > 28 {
			return errOversize
		}
		if b&0x80 != 0 {
			continue
		}
		f.inLength, f.contents = false, f.length
		if f.length > maxInbound {
			if f.kind>>4 != publish {
				return errOversize
			}
			f.inTopic, f.contents = true, 0
		}
	}
	return nil
}
