package mqtt

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
)

func TestCleanStopSaysOffline(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		o := observe(t, b)
		g := run(t, newTable(), tcp(b.addr()))
		o.available(Online)
		g.stop()
		o.available(Offline)
		if m, ok := b.(*mosquitto); ok {
			eventually(t, "not by the last will", func() bool {
				return strings.Count(m.Said.String(), "Client "+g.config.clientID()+" disconnected.") == 1
			})
		}
	})
}

func TestControlProcessVanishes(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		tb := newTable()
		o := observe(t, b)
		run(t, tb, tcp(b.addr()))
		o.available(Online)
		tb.vanish()
		o.available(Offline)
		o.publish("request", false, `{"id":"a","rev":1000,"command":"acknowledge"}`)
		r := o.response("a", 1)
		assert.Equal(t, "unanswered", r.Code)
		assert.Nil(t, r.Rev)
		n := len(o.on("telemetry"))

		tb.mu.Lock()
		tb.boot.ID, tb.snapshot.Rev, tb.events = "b002", 77, nil
		tb.mu.Unlock()
		tb.happen(control.EventBoot)
		tb.appear()
		o.available(Online)
		eventually(t, "the new boot's state", func() bool { return decode[State](t, o.last("state")).BootID == "b002" })
		eventually(t, "telemetry goes on", func() bool { return len(o.on("telemetry")) > n })
		eventually(t, "told", func() bool {
			var kinds []string
			for _, s := range o.on("event") {
				kinds = append(kinds, decode[Event](t, s.payload).EventType)
			}
			return assert.ObjectsAreEqual([]string{"control-lost", "control-back", "boot"}, kinds) ||
				assert.ObjectsAreEqual([]string{"control-lost", "boot", "control-back"}, kinds)
		})
	})
}

// A link that is open but silent shows values of the past.
func TestSilentControlProcessIsOffline(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	tb := newTable()
	o := observe(t, b)
	c, err := New(Config{Broker: "tcp://" + b.addr(), TableID: "t1"}, Parts{Dial: func(ctx context.Context) (Link, error) {
		l, err := tb.dial(ctx)
		return &mute{Link: l}, err
	}, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	p := quick()
	p.stale = 50 * time.Millisecond
	p.redial = backoff{first: generous, most: generous}
	c.setPace(p)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	eventually(t, "online, then offline", func() bool {
		all := o.on("availability")
		return len(all) >= 2 && all[len(all)-2].payload == Online && all[len(all)-1].payload == Offline
	})
	cancel()
	require.NoError(t, <-done)
}

// mute is a link that shows one snapshot and then nothing.
type mute struct {
	Link
	said bool
}

func (m *mute) Next(ctx context.Context) (link.Update, error) {
	if !m.said {
		m.said = true
		return m.Link.Next(ctx)
	}
	<-ctx.Done()
	return link.Update{}, ctx.Err()
}

// A broker may send the last will of the connection before after this one began.
func TestSomebodyElseSaysOffline(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		o := observe(t, b)
		run(t, newTable(), tcp(b.addr()))
		o.available(Online)
		n := len(o.on("availability"))
		o.publish("availability", true, Offline)
		eventually(t, "corrected", func() bool { return len(o.on("availability")) >= n+2 && o.last("availability") == Online })
	})
}

func TestTakeOverEndsOnline(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		o := observe(t, b)
		g := newGate(t, b)
		// The broker does not notice that this one is gone: its side stays open.
		first := run(t, newTable(), Config{Broker: "tcp://" + g.addr(), ClientID: "same"}, func(p *pace) {
			p.reconnect = backoff{first: generous, most: generous}
		})
		o.available(Online)
		o.forget()
		run(t, newTable(), Config{Broker: "tcp://" + b.addr(), ClientID: "same"})
		eventually(t, "the first was thrown out", func() bool { return first.logs.count("not connected") == 1 })
		eventually(t, "the second is in and says so last", func() bool {
			return len(o.on("state")) > 0 && o.last("availability") == Online
		})
	})
}

// However often decisions stand still while nothing leaves, what is decided
// afterwards finds room: the deciding goroutine must never wait for the wire.
func TestStandingStillLeavesRoom(t *testing.T) {
	g, err := New(tcp1(), Parts{Dial: newTable().dial, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	s := newSession(g, new(connection))
	for range 3 {
		s.withdraw()
		s.away.Store(false)
	}
	assert.Len(t, s.wire, 1)
	const telemetry, diagnostics = 1, 1
	assert.GreaterOrEqual(t, cap(s.wire)-len(s.wire), window+telemetry+diagnostics)
}

// When the control process turns out to be there while "offline" is on its way,
// "online" follows at once and the rest after it.
func TestNothingOvertakesAvailability(t *testing.T) {
	g, err := New(tcp1(), Parts{Dial: newTable().dial})
	require.NoError(t, err)
	s := newSession(g, new(connection))
	written := func() (topics []string) {
		for len(s.wire) > 0 {
			topics = append(topics, strings.TrimPrefix((<-s.wire).topic, "traction/t1/"))
		}
		return topics
	}
	require.NoError(t, s.publishDue())
	assert.Equal(t, []string{"availability"}, written(), "offline")
	hello := helloOf("b1")
	g.view.hello = &hello
	g.view.see(&control.Snapshot{At: time.Second})
	require.NoError(t, s.publishState())
	require.NoError(t, s.publishDiscovery())
	assert.Empty(t, written(), "as if it came in between")
	require.NoError(t, g.backlog.Add(hello.Boot, []control.Event{{Seq: 1}}, nil))
	s.more = true
	require.NoError(t, s.publishDue())
	assert.Equal(t, []string{"availability", discoveryTopic, "state", "event"}, written(), "online")
	s.availability = "" // somebody said "offline"
	require.NoError(t, s.publishDue())
	assert.Empty(t, written(), "it is on its way")
	s.land(s.flights[0]) // offline
	require.NoError(t, s.publishDue())
	assert.Empty(t, written())
	s.land(s.flights[0])
	require.NoError(t, s.publishDue())
	assert.Equal(t, []string{"availability"}, written(), "said again")
}
