package mqtt

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
	"traction/test/network/proxy"
)

// TestHalfOpen: a connection that loses everything in one direction or both, or
// that does not move at all, without a word to anybody. The ping gives it up;
// until then no more than the window is sent that has to be acknowledged. Then
// everything is made good, although the broker still holds the old connection
// and sends its last will when the new one begins.
func TestHalfOpen(t *testing.T) {
	for name, fault := range map[string]proxy.Fault{
		"up": proxy.LoseUp, "down": proxy.LoseDown, "both": proxy.LoseBoth, "stalled": proxy.Stall,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOutage(t)
			tb := newTable()
			tb.happen(control.EventBoot)
			g := run(t, tb, tcp(o.way.Addr()), func(p *pace) {
				p.keepAlive, p.ping = time.Second, 200*time.Millisecond // the library counts in whole seconds
				p.ack = generous                                        // the ping alone has to notice
				p.connect = 500 * time.Millisecond
			})
			eventually(t, "connected", func() bool { return o.has(t, 1, 0) })
			o.way.Set(fault)
			before := len(o.sent())
			const more = 500
			for i := range more {
				tb.happen(control.EventPhase)
				tb.change(func(s *control.Snapshot) { s.Rev = uint64(2000 + i) })
			}
			tb.finish()
			eventually(t, "given up", func() bool { return g.logs.count("does not answer in time") == 1 })
			assert.Equal(t, 1, g.logs.count("not connected"))
			assert.LessOrEqual(t, len(o.sent())-before, window, "messages that have to be acknowledged")
			o.way.Set(proxy.None)
			eventually(t, "everything was made good", func() bool { return o.has(t, more+1, 1) })
			o.inOrder(t)
			assert.LessOrEqual(t, o.way.Counts().InFlight, window)
			late := observe(t, o.broker)
			eventually(t, "online at the end, and the newest state", func() bool {
				return late.last("availability") == Online && late.last("state") != "" && decode[State](t, late.last("state")).Rev == 2000+more-1
			})
			// The broker has forgotten the old connection by now: requests arrive.
			late.publish("request", false, `{"id":"after","command":"stop"}`)
			assert.Equal(t, link.StatusOK, late.response("after", 1).Status)
		})
	}
}

// sent is what was published at QoS 1.
func (l *ledger) sent() []proxy.Publish {
	return l.published("traction/t1/availability", "traction/t1/state", "traction/t1/event", "traction/t1/session", "traction/t1/response")
}

// TestUnacknowledgedIsSentAgain: the broker gets everything and its
// acknowledgements are lost; sooner than the ping that ends the connection.
func TestUnacknowledgedIsSentAgain(t *testing.T) {
	o := newOutage(t)
	tb := newTable()
	g := run(t, tb, tcp(o.way.Addr()), func(p *pace) { p.ack = 100 * time.Millisecond })
	eventually(t, "connected", func() bool { return len(o.acknowledged("traction/t1/state")) > 0 })
	watcher := observe(t, o.broker)
	o.way.Set(proxy.LoseDown)
	for range 20 {
		tb.happen(control.EventPhase)
	}
	eventually(t, "given up", func() bool { return g.logs.count("does not answer in time") == 1 })
	o.way.Set(proxy.None)
	eventually(t, "everything", func() bool { return o.has(t, 20, 0) })
	eventually(t, "at least once, some twice", func() bool { return len(watcher.eventSeqs()) == 20 && len(watcher.on("event")) > 20 })
	o.inOrder(t)
}

// TestTwoGatewaysWithOneName throw each other out. They do so at the pace of the
// longest wait, say it once, and name the reason.
func TestTwoGatewaysWithOneName(t *testing.T) {
	o := newOutage(t)
	const rounds = 12
	slow := func(p *pace) { // defaultPace, a hundred times as fast
		p.reconnect = backoff{spread: 200 * time.Millisecond, first: 200 * time.Millisecond, most: 400 * time.Millisecond}
		p.settled = 600 * time.Millisecond
	}
	var both []*running
	for range 2 {
		both = append(both, run(t, newTable(), Config{Broker: "tcp://" + o.way.Addr(), ClientID: "same"}, slow))
	}
	began := time.Now()
	eventually(t, "many rounds", func() bool { return len(o.way.Counts().Connects) >= rounds })
	took := time.Since(began)
	// After the first two each connection needs a wait of at least 200 ms in one of
	// two gateways; a machine that stands still only makes it slower.
	assert.Greater(t, took, (rounds-4)/2*200*time.Millisecond, "a storm")
	for i, g := range both {
		assert.LessOrEqual(t, g.logs.count("not connected"), 1, "gateway %d", i)
		assert.LessOrEqual(t, g.logs.count("mqtt: connected"), 2, "gateway %d", i)
	}
	said := both[0].logs.String() + both[1].logs.String()
	assert.Contains(t, said, "another client with the same client_id have this effect")
	assert.Contains(t, said, "client_id=same")
	t.Logf("%d connections in %v", rounds, took.Round(time.Millisecond))
}

// TestExplainsSilence: a broker that does not answer is called so, however the
// client library has noticed it.
func TestExplainsSilence(t *testing.T) {
	for _, err := range []error{errUnacknowledged, errUnsubscribed, errConnectTimeout, fmt.Errorf("mqtt: connection lost: %w", errSilent)} {
		why, advice := explain(err)
		assert.Equal(t, "the broker does not answer in time", why)
		require.NotEmpty(t, advice)
	}
}
