package mqtt

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
)

// maxInbound is the largest packet that is read from the broker, in bytes. The
// largest that makes sense is a request with its topic; MQTT 3.1.1 allows 256 MiB
// and gives the receiver no say.
const maxInbound = 64 << 10

// errMalformed: what arrives is not MQTT, or a packet that no broker makes so large.
var errMalformed = errors.New("mqtt: the broker sends what is not MQTT")

// The types of packets that matter here (MQTT 3.1.1, table 2.1).
const (
	publish = 3
	puback  = 4
)

// framed is a connection that reads the packets' headers itself (MQTT 3.1.1,
// section 2.2: one byte of type and flags, one to four bytes of length with seven
// bits each, contents). A message that is too large is acknowledged and passed
// over, so that it is never in memory, and whoever sends it costs nobody the
// connection, and with it the stop: everything else goes to the reader as it is.
// Read belongs to one goroutine.
type framed struct {
	net.Conn
	in       *bufio.Reader
	head     []byte // of the packet that is handed out, still to come
	contents int    // of that packet, still to come
	// passed hears of each message that was passed over.
	passed func(topic string, retained bool)
}

func newFramed(c net.Conn, passed func(topic string, retained bool)) *framed {
	return &framed{Conn: c, in: bufio.NewReader(newPrompt(c)), passed: passed}
}

// Read hands out what is left of a packet, else what there is of the next one.
func (f *framed) Read(p []byte) (int, error) {
	for len(f.head) == 0 && f.contents == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	if len(f.head) > 0 {
		n := copy(p, f.head)
		f.head = f.head[n:]
		return n, nil
	}
	n, err := f.in.Read(p[:min(len(p), f.contents)])
	f.contents -= n
	return n, err
}

// next reads the header of a packet, and the whole of one that is too large.
func (f *framed) next() error {
	kind, err := f.in.ReadByte()
	if err != nil {
		return err
	}
	head, length := []byte{kind}, 0
	for shift := 0; ; shift += 7 {
		b, err := f.in.ReadByte()
		if err != nil {
			return err
		}
		head = append(head, b)
		length |= int(b&0x7f) << shift
		if b&0x80 == 0 {
			break
		}
		// A length that goes on for more than four bytes is malformed; the client
		// library itself would read on for ever.
		if shift == 21 {
			return errMalformed
		}
	}
	switch {
	case length <= maxInbound:
		f.head, f.contents = head, length
		return nil
	case kind>>4 == publish:
		return f.passOver(kind, length)
	default:
		return errMalformed
	}
}

// passOver reads a message without keeping it. However large it is: the client
// library's ping, whose answer waits behind it, bounds the time.
func (f *framed) passOver(kind byte, length int) error {
	var two [2]byte
	if _, err := io.ReadFull(f.in, two[:]); err != nil {
		return err
	}
	topic := make([]byte, binary.BigEndian.Uint16(two[:]))
	left := length - len(two) - len(topic)
	acknowledged := kind>>1&3 > 0
	if acknowledged {
		left -= len(two)
	}
	if left < 0 {
		return errMalformed
	}
	if _, err := io.ReadFull(f.in, topic); err != nil {
		return err
	}
	if acknowledged {
		if _, err := io.ReadFull(f.in, two[:]); err != nil {
			return err
		}
	}
	if _, err := f.in.Discard(left); err != nil {
		return err
	}
	f.passed(string(topic), kind&1 != 0)
	if !acknowledged {
		return nil
	}
	// Without it the broker would send it again, and nothing more after twenty of
	// them. The library, too, writes each packet in one go, so it comes between two.
	_, err := f.Conn.Write([]byte{puback << 4, 2, two[0], two[1]})
	return err
}

// tooLarge is told of a message that was not read. If the broker keeps it, it is
// replaced, or every connection would begin with it.
func (g *Gateway) tooLarge(c *connection, topic string, retained bool) {
	g.drop("a message that is far too large; the broker's access rules can forbid it")
	if !g.topics.requests(topic) && topic != g.topics.Availability {
		return
	}
	g.Tell(OversizeRequest, "Something far too large was published to "+topic+" and was not read. Find its sender.")
	switch {
	case topic == g.topics.Availability:
		if _, _, live := g.view.now(); live {
			signal(c.contradicted)
		} else {
			g.post(outgoing{topic: topic, retained: true, payload: []byte(Offline)})
		}
	case retained:
		g.post(outgoing{topic: topic, retained: true})
	}
}
