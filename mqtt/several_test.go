package mqtt

import (
	"testing"

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
