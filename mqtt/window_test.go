package mqtt

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

// deaf is a broker that takes everything and acknowledges no publish.
type deaf struct {
	listener  net.Listener
	published chan *packets.PublishPacket
	connects  chan struct{}
}

func newDeaf(t *testing.T) *deaf {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d := &deaf{listener: l, published: make(chan *packets.PublishPacket, 4096), connects: make(chan struct{}, 4096)}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go d.serve(conn)
		}
	}()
	return d
}

func (d *deaf) serve(conn net.Conn) {
	defer conn.Close()
	for {
		in, err := packets.ReadPacket(conn)
		if err != nil {
			return
		}
		switch p := in.(type) {
		case *packets.ConnectPacket:
			d.connects <- struct{}{}
			_ = packets.NewControlPacket(packets.Connack).Write(conn)
		case *packets.SubscribePacket:
			ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			ack.MessageID, ack.ReturnCodes = p.MessageID, make([]byte, len(p.Topics))
			_ = ack.Write(conn)
		case *packets.PublishPacket:
			d.published <- p
		case *packets.DisconnectPacket:
			return
		}
	}
}

func TestUnacknowledgedEndsTheConnection(t *testing.T) {
	d := newDeaf(t)
	g := run(t, newTable(), tcp(d.listener.Addr().String()), func(p *pace) {
		p.ack, p.farewell = 20*time.Millisecond, 20*time.Millisecond
	})
	eventually(t, "connected again and again", func() bool { return len(d.connects) > 2 })
	eventually(t, "said once", func() bool { return g.logs.count("does not answer in time") == 1 })
}

// flights counts what a deaf broker was sent at QoS 1.
type flights struct {
	d     *deaf
	all   int
	topic map[string]int
}

func (f *flights) take() (qos byte) {
	p := <-f.d.published
	if p.Qos == 1 {
		f.all++
		f.topic[strings.TrimPrefix(p.TopicName, "traction/t1/")]++
	}
	return p.Qos
}

// settle takes until five messages of telemetry came: anything else that is
// published at all has come by then.
func (f *flights) settle() {
	for n := 0; n < 5; {
		if f.take() == 0 {
			n++
		}
	}
}

func TestWindow(t *testing.T) {
	start := func(t *testing.T) (*running, *table, *flights) {
		d, tb := newDeaf(t), newTable()
		g := run(t, tb, tcp(d.listener.Addr().String()), func(p *pace) { p.ack, p.farewell = generous, 20*time.Millisecond })
		f := &flights{d: d, topic: make(map[string]int)}
		for f.topic["state"] == 0 {
			f.take()
		}
		return g, tb, f
	}
	t.Run("the backlog leaves room for responses", func(t *testing.T) {
		g, tb, f := start(t)
		for range 100 {
			tb.happen(control.EventPhase)
		}
		for f.topic["event"] < backlogWindow {
			f.take()
		}
		for range 40 {
			g.postJSON(g.topics.Response, time.Time{}, Response{})
		}
		for f.all < window {
			f.take()
		}
		f.settle()
		assert.Equal(t, window, f.all)
		assert.Equal(t, backlogWindow, f.topic["event"])
	})
	t.Run("the backlog takes no more than is left", func(t *testing.T) {
		g, tb, f := start(t)
		const responses = 10
		for range responses {
			g.postJSON(g.topics.Response, time.Time{}, Response{})
		}
		for f.topic["response"] < responses {
			f.take()
		}
		for range 100 {
			tb.happen(control.EventPhase)
		}
		for f.all < window {
			f.take()
		}
		f.settle()
		assert.Equal(t, window, f.all)
	})
}
