package proxy

import (
	"bufio"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// generous is a time that only a broken program needs.
const generous = 30 * time.Second

// The packets that the tests send: CONNECT without contents, PUBLISH at QoS 1
// with id 1 and 2, their PUBACKs.
const (
	connect  = "\x10\x00"
	publish1 = "\x33\x06\x00\x01t\x00\x01x"
	publish2 = "\x32\x06\x00\x01t\x00\x02y"
	puback1  = "\x40\x02\x00\x01"
)

// wire is a client, the proxy and what stands for a broker.
type wire struct {
	t              *testing.T
	p              *Proxy
	client, broker net.Conn
	seen           chan Publish
}

func newWire(t *testing.T) *wire {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	w := &wire{t: t, seen: make(chan Publish, 16)}
	w.p, err = Listen(l.Addr().String(), func(m Publish) {
		assert.WithinDuration(t, time.Now(), m.At, generous)
		m.At = time.Time{}
		w.seen <- m
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, w.p.Close()) })
	w.client, err = net.Dial("tcp", w.p.Addr())
	require.NoError(t, err)
	w.broker, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = w.client.Close(), w.broker.Close() })
	return w
}

func (w *wire) send(from net.Conn, packet string) {
	_, err := from.Write([]byte(packet))
	require.NoError(w.t, err)
}

func (w *wire) get(at net.Conn, want string) {
	w.t.Helper()
	require.NoError(w.t, at.SetReadDeadline(time.Now().Add(generous)))
	got, err := readPacket(bufio.NewReader(at))
	require.NoError(w.t, err)
	require.Equal(w.t, want, string(got))
}

func TestCounts(t *testing.T) {
	w := newWire(t)
	for _, packet := range []string{connect, publish1, publish2} {
		w.send(w.client, packet)
		w.get(w.broker, packet)
	}
	assert.Equal(t, Publish{Connection: 1, Topic: "t", QoS: 1, Retained: true, Payload: []byte("x")}, <-w.seen)
	assert.Equal(t, Publish{Connection: 1, Topic: "t", QoS: 1, Payload: []byte("y")}, <-w.seen)
	w.send(w.broker, puback1)
	w.get(w.client, puback1)
	assert.Equal(t, Publish{Acknowledged: true, Connection: 1, Topic: "t", QoS: 1, Retained: true, Payload: []byte("x")}, <-w.seen)
	w.send(w.client, publish1)
	w.get(w.broker, publish1)
	c := w.p.Counts()
	assert.Equal(t, []int{1, 1, 3, 2, 1}, []int{len(c.Accepted), len(c.Connects), c.Publishes, c.InFlight, c.Open})
	assert.Equal(t, 1, w.p.Cut())
	_, err := w.client.Read(make([]byte, 1))
	assert.Error(t, err)
}

func TestLoss(t *testing.T) {
	for name, c := range map[string]struct {
		fault    Fault
		up, down bool // goes through
	}{
		"up": {LoseUp, false, true}, "down": {LoseDown, true, false}, "both": {LoseBoth, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t)
			w.p.Set(c.fault)
			w.send(w.client, publish1)
			w.send(w.broker, puback1)
			if c.up {
				w.get(w.broker, publish1)
			}
			if c.down {
				w.get(w.client, puback1)
			}
			require.Equal(t, byte('x'), (<-w.seen).Payload[0], "lost or not")
			if !c.up { // nor does the broker hear of the end
				require.NoError(t, w.client.Close())
				require.Eventually(t, func() bool { return w.p.Counts().Publishes == 1 }, generous, time.Millisecond)
				require.NoError(t, w.broker.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
				_, err := w.broker.Read(make([]byte, 1))
				var timeout net.Error
				require.ErrorAs(t, err, &timeout)
				assert.True(t, timeout.Timeout())
			}
		})
	}
}

func TestStallEnds(t *testing.T) {
	w := newWire(t)
	w.p.Set(Stall)
	w.send(w.client, publish1)
	w.p.Set(None)
	w.get(w.broker, publish1)
}

func TestDrop(t *testing.T) {
	w := newWire(t)
	w.p.Set(Drop)
	c, err := net.Dial("tcp", w.p.Addr())
	require.NoError(t, err)
	_, err = c.Read(make([]byte, 1))
	assert.Error(t, err)
	assert.Len(t, w.p.Counts().Accepted, 2)
}

func TestStorm(t *testing.T) {
	zero := time.Now()
	var m []time.Time
	for _, ms := range []int{0, 500, 999, 1000, 1400, 3000} {
		m = append(m, zero.Add(time.Duration(ms)*time.Millisecond))
	}
	assert.Equal(t, 4, Storm(m), "500 to 1400")
	assert.Zero(t, Storm(nil))
}
