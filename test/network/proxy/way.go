package proxy

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// way is one connection through the proxy.
type way struct {
	proxy  *Proxy
	number int
	ends   [2]net.Conn // client and broker
	once   sync.Once
	closed chan struct{}
	flying map[uint16]*Publish // at QoS 1, guarded by proxy.mu
}

func (w *way) close() {
	w.once.Do(func() {
		close(w.closed)
		for _, c := range w.ends {
			_ = c.Close() // it is over in any case
		}
	})
}

// carry moves packets in one direction until that side has ended, and tells
// whether the other one hears of it.
func (w *way) carry(direction int) (heard bool) {
	from, to := bufio.NewReader(w.ends[direction]), w.ends[1-direction]
	for w.mayRead() {
		raw, err := readPacket(from)
		if err != nil {
			return !w.loses(direction)
		}
		if !w.mayRead() { // it came while the way had stalled
			break
		}
		if w.note(direction, raw) {
			continue
		}
		if _, err := to.Write(raw); err != nil && !w.loses(1-direction) {
			return true
		}
	}
	return true
}

func (w *way) loses(direction int) bool {
	w.proxy.mu.Lock()
	defer w.proxy.mu.Unlock()
	return w.proxy.fault.loses(direction)
}

// mayRead waits while the way is stalled, and tells whether it is still open.
func (w *way) mayRead() bool {
	for {
		w.proxy.mu.Lock()
		stalled, mended := w.proxy.fault == Stall, w.proxy.mended
		w.proxy.mu.Unlock()
		select {
		case <-w.closed:
			return false
		default:
		}
		if !stalled {
			return true
		}
		select {
		case <-mended:
		case <-w.closed:
			return false
		}
	}
}

// The kinds of packets that are counted, MQTT 3.1.1 table 2.1.
const (
	kindConnect = 1
	kindPublish = 3
	kindPuback  = 4
)

// note counts a packet and tells whether it is lost.
func (w *way) note(direction int, raw []byte) (lost bool) {
	p := w.proxy
	kind, body := raw[0]>>4, contents(raw)
	var message *Publish
	p.mu.Lock()
	lost = p.fault.loses(direction)
	switch {
	case direction == up && kind == kindConnect && !lost:
		p.counts.Connects = append(p.counts.Connects, time.Now())
	case direction == up && kind == kindPublish:
		p.counts.Publishes++
		var id uint16
		if message, id = readPublish(raw[0], body); message != nil {
			message.Connection = w.number
		}
		if id != 0 {
			w.flying[id] = message
			p.counts.InFlight = max(p.counts.InFlight, len(w.flying))
		}
	case direction == down && kind == kindPuback && !lost && len(body) >= 2:
		id := binary.BigEndian.Uint16(body)
		if flown := w.flying[id]; flown != nil {
			done := *flown
			done.Acknowledged = true
			message = &done
		}
		delete(w.flying, id)
	}
	p.mu.Unlock()
	if message != nil {
		message.At = time.Now()
		p.see(*message)
	}
	return lost
}

// readPublish takes a PUBLISH apart (MQTT 3.1.1, section 3.3); id is 0 at QoS 0.
func readPublish(header byte, body []byte) (m *Publish, id uint16) {
	if len(body) < 2 {
		return nil, 0
	}
	topic := int(binary.BigEndian.Uint16(body))
	rest := body[2:]
	if len(rest) < topic {
		return nil, 0
	}
	m = &Publish{Topic: string(rest[:topic]), QoS: header >> 1 & 3, Retained: header&1 != 0}
	rest = rest[topic:]
	if m.QoS > 0 && len(rest) >= 2 {
		id, rest = binary.BigEndian.Uint16(rest), rest[2:]
	}
	m.Payload = rest
	return m, id
}

// largest packet that goes through, in bytes: larger than all that a test sends.
const largest = 4 << 20

var errTooLarge = errors.New("proxy: a packet is too large")

// readPacket reads one packet as it stands: type and flags, one to four bytes of
// length with seven bits each, contents (MQTT 3.1.1, section 2.2).
func readPacket(r *bufio.Reader) ([]byte, error) {
	first, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	raw, length := []byte{first}, 0
	for shift := 0; ; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return nil, err
		}
		raw = append(raw, b)
		length |= int(b&0x7f) << shift
		if b&0x80 == 0 {
			break
		}
		if shift >= 21 {
			return nil, errTooLarge
		}
	}
	if length > largest {
		return nil, errTooLarge
	}
	head := len(raw)
	raw = append(raw, make([]byte, length)...)
	_, err = io.ReadFull(r, raw[head:])
	return raw, err
}

// contents is a packet without type, flags and length.
func contents(raw []byte) []byte {
	i := 1
	for raw[i]&0x80 != 0 {
		i++
	}
	return raw[i+1:]
}
