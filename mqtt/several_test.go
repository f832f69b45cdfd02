package mqtt

import (
	"strings"
	"sync"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/stretchr/testify/assert"
)

// TestSeveralBrokers: the gateway goes to the next node when it has lost one, and
// stays there although the first one is back.
func TestSeveralBrokers(t *testing.T) {
	a, b := &embedded{at: "127.0.0.1:0"}, &embedded{at: "127.0.0.1:0"}
	for _, e := range []*embedded{a, b} {
		e.start(t)
		t.Cleanup(func() { e.stop(t) })
	}
	atA, atB := observe(t, a), observe(t, b)
	g := run(t, newTable(), Config{Broker: "tcp://" + a.addr() + " tcp://" + b.addr()})
	atA.available(Online)
	assert.Empty(t, atB.on("availability"), "one at a time")

	a.stop(t)
	atB.available(Online)
	a.start(t)
	atA = observe(t, a)
	n := len(atB.on("telemetry"))
	eventually(t, "it stays", func() bool { return len(atB.on("telemetry")) > n+5 })
	assert.Empty(t, atA.on("availability"))

	b.stop(t)
	atA.available(Online)
	assert.Equal(t, 2, g.logs.count(`msg="mqtt: connected" broker=tcp://`+a.addr()), "the log names the node")
	assert.Equal(t, 1, g.logs.count(`msg="mqtt: connected" broker=tcp://`+b.addr()))
}

// TestRoundOf: a node that is well must not wait for what dead ones before it took.
func TestRoundOf(t *testing.T) {
	for _, c := range []struct{ failures, brokers, want int }{
		{1, 1, 1}, {2, 1, 2}, {7, 1, 7},
		{1, 3, 1}, {3, 3, 1}, {4, 3, 2}, {6, 3, 2}, {7, 3, 3},
	} {
		assert.Equal(t, c.want, roundOf(c.failures, c.brokers), "%+v", c)
	}
}

func TestSpreadOver(t *testing.T) {
	for brokers, want := range map[int]time.Duration{1: 12 * time.Second, 2: 12 * time.Second, 3: 6 * time.Second, 5: 3 * time.Second} {
		assert.Equal(t, want, spreadOver(12*time.Second, brokers), brokers)
	}
}

// moody is an access rule that refuses the first so many subscriptions to a filter.
type moody struct {
	mochi.HookBase
	refusals int

	mu    sync.Mutex
	tries map[string]int
}

func (*moody) ID() string { return "moody" }

func (*moody) Provides(b byte) bool { return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck }

func (*moody) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

func (m *moody) OnACLCheck(_ *mochi.Client, topic string, write bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if write || !strings.HasPrefix(topic, "traction/t1/request") {
		return true
	}
	m.tries[topic]++
	return m.tries[topic] > m.refusals
}

// TestRefusedSubscriptionIsTriedAgain: a cluster without a node refuses QoS 1 for
// some time. The table takes QoS 0 meanwhile, and does not stay deaf to a stop.
func TestRefusedSubscriptionIsTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		refusals int
		deaf     int
	}{"QoS 1 once": {1, 0}, "both, several times": {5, 1}} {
		t.Run(name, func(t *testing.T) {
			at := serveMochi(t, &moody{refusals: c.refusals, tries: make(map[string]int)}, listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:0"}))
			o := observe(t, &embedded{at: at})
			// The engine acknowledges a subscription and then looks for retained messages,
			// without a lock against who retains one. It has done so when it answers this.
			o.publish("request/nobody", false, "")
			g := run(t, newTable(), tcp(at), func(p *pace) { p.reask = backoff{first: time.Millisecond, most: 5 * time.Millisecond} })
			o.available(Online)
			eventually(t, "it hears a stop", func() bool {
				o.publish("request/anna", false, `{"id":"halt","command":"stop"}`)
				return len(o.on("response/anna")) > 0
			})
			assert.Equal(t, c.deaf, g.logs.count("the broker forbids to read requests"), "said once")
			assert.Equal(t, c.deaf, g.logs.count("requests are read again"))
			assert.Equal(t, 1, g.logs.count("mqtt: connected"), "over the same connection")
		})
	}
}

// TestRetainedIsPublishedAgain: a cluster that elects a leader can acknowledge a
// message and forget to retain it.
func TestRetainedIsPublishedAgain(t *testing.T) {
	b := startMosquitto(t, "allow_anonymous true\n")
	o := observe(t, b)
	run(t, newTable(), tcp(b.addr()), func(p *pace) { p.refresh = 20 * time.Millisecond })
	o.available(Online)
	o.publish("availability", true, "") // what was retained is gone, and nobody said "offline"
	o.publish("state", true, "")
	eventually(t, "both again", func() bool { return o.last("availability") == Online && o.last("state") != "" })
}
