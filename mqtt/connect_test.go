package mqtt

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
	"traction/test/parts"
)

// child is set in the process that TestLastWillOnKill kills.
const child = "TRACTION_TEST_GATEWAY_BROKER"

func TestMain(m *testing.M) {
	if addr := os.Getenv(child); addr != "" {
		g, err := New(Config{Broker: "tcp://" + addr, TableID: "t1"}, Parts{Dial: newTable().dial})
		if err == nil {
			err = g.Run(context.Background())
		}
		panic(err)
	}
	os.Exit(m.Run())
}

func TestLastWillOnKill(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		o := observe(t, b)
		self, err := os.Executable()
		require.NoError(t, err)
		gateway := exec.Command(self)
		gateway.Env = append(os.Environ(), child+"="+b.addr())
		process := parts.Start(t, gateway)
		o.available(Online)
		require.True(t, process.Alive())
		process.Kill()
		o.available(Offline)
		late := observe(t, b)
		late.available(Offline)
		assert.True(t, late.on("availability")[0].retained, "also for those who come later")
	})
}

func TestTroubleAfterALongTimeIsSaidAgain(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	gt := newGate(t, b)
	g := run(t, newTable(), tcp(gt.addr()), func(p *pace) { p.settled = 0 }) // every connection was long
	for n := 1; n <= 6; n++ {
		eventually(t, "connected", func() bool { return g.logs.count("mqtt: connected") >= n })
		gt.shut()
		eventually(t, "said", func() bool { return g.logs.count("not connected") >= n })
		gt.reopen()
	}
}

// Telemetry must not fill the way for what has to arrive, nor block the deciding
// goroutine, when a broker does not read.
func TestTelemetryGivesWay(t *testing.T) {
	g, err := New(tcp1(), Parts{Dial: newTable().dial})
	require.NoError(t, err)
	s := newSession(g, nil) // nobody writes
	g.view.begin(&fakeLink{})
	for range 100 {
		g.view.see(&control.Snapshot{})
		require.NoError(t, s.publishTelemetry())
	}
	assert.Len(t, s.wire, 1)
	for range window {
		s.publish("x", false, nil, func() {})
	}
}

func tcp1() Config { return Config{Broker: "tcp://127.0.0.1", TableID: "t1"} }

func TestNobodyListensIsSaidOnce(t *testing.T) {
	g := run(t, newTable(), Config{Broker: "tcp://" + parts.FreeAddress(t)})
	eventually(t, "said", func() bool { return g.logs.count("nobody listens at the broker's address") == 1 })
}

// serveMochi runs the embedded engine with listeners of the test's own.
func serveMochi(t *testing.T, hook mochi.Hook, l listeners.Listener) string {
	t.Helper()
	s := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, s.AddHook(hook, nil))
	require.NoError(t, s.AddListener(l))
	require.NoError(t, s.Serve())
	t.Cleanup(func() { s.Close() })
	return l.Address()
}

func TestWebSocket(t *testing.T) {
	// The engine's listener does not tell which port it took, and opens it in a goroutine of its own.
	at := serveMochi(t, new(auth.AllowHook), listeners.NewWebsocket(listeners.Config{ID: "ws", Address: parts.FreeAddress(t)}))
	eventually(t, "the engine listens", func() bool { return parts.Listens(at) })
	g := run(t, newTable(), Config{Broker: "ws://" + at + "/mqtt"})
	eventually(t, "connected", func() bool { return g.logs.count("mqtt: connected") == 1 })
	eventually(t, "online was acknowledged", func() bool { return g.view.snapshotSeen() })
	g.stop()
	assert.Zero(t, g.logs.count("not connected"))
}

func (v *view) snapshotSeen() bool {
	_, _, live := v.now()
	return live
}

// denied lets everybody in and forbids to read requests.
type denied struct{ auth.AllowHook }

func (*denied) OnACLCheck(_ *mochi.Client, topic string, write bool) bool {
	return write || !strings.HasSuffix(topic, "/request")
}

func TestForbiddenRequestsAreSaid(t *testing.T) {
	at := serveMochi(t, new(denied), listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:0"}))
	g := run(t, newTable(), tcp(at))
	eventually(t, "said", func() bool { return g.logs.count("the broker forbids to read requests") == 1 })
	assert.Contains(t, g.logs.String(), "traction/t1/request")
}

func TestFarTooLargeRequestIsCleared(t *testing.T) {
	for _, topic := range []string{"request", "request/home", "availability"} {
		t.Run(topic, func(t *testing.T) { farTooLarge(t, topic) })
	}
}

func farTooLarge(t *testing.T, topic string) {
	b := startMosquitto(t, "allow_anonymous true\n")
	o := observe(t, b)
	o.publish(topic, true, strings.Repeat("x", 2*maxInbound))
	g := run(t, newTable(), tcp(b.addr()))
	eventually(t, "told", func() bool { return o.last("event") != "" })
	assert.Equal(t, "oversize-request", decode[Event](t, o.last("event")).EventType)
	assert.Equal(t, 1, g.logs.count("far too large"))
	assert.Zero(t, g.logs.count("not connected"), "it costs nobody the connection")
	o.available(Online)
	// The event may arrive before what replaces the message.
	eventually(t, "replaced", func() bool { return len(o.last(topic)) < maxInbound })
	late := observe(t, b)
	eventually(t, "state", func() bool { return late.last("state") != "" })
	assert.Less(t, len(late.last(topic)), maxInbound, "and the broker does not keep it")
	o.publish("request", false, `{"id":"works","rev":1000,"command":"arm"}`)
	o.response("works", 1)
}

func TestOldResponsesAreUseless(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	gt := newGate(t, b)
	o := observe(t, b)
	g := run(t, newTable(), tcp(gt.addr()))
	o.available(Online)
	gt.shut()
	o.available(Offline)
	// The observer may know before the gateway does; what is posted until then is
	// written to a connection that is no more.
	eventually(t, "the gateway knows", func() bool { return g.logs.count("not connected") == 1 })
	g.postJSON(g.topics.Response, time.Now().Add(-time.Second), showResponse(link.Response{ID: "old", Status: link.StatusOK}, time.Now()))
	g.postJSON(g.topics.Response, time.Now().Add(generous), showResponse(link.Response{ID: "young", Status: link.StatusOK}, time.Now()))
	gt.reopen()
	o.response("young", 1)
	assert.Empty(t, o.responses("old"))
}

func TestEverythingEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		addr func(t *testing.T) string
	}{
		{"connected", func(t *testing.T) string {
			b := &embedded{at: "127.0.0.1:0"}
			b.start(t)
			t.Cleanup(func() { b.stop(t) })
			return b.addr()
		}},
		{"a broker that says nothing", func(t *testing.T) string {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			t.Cleanup(func() { l.Close() })
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					go func() { _, _ = io.Copy(io.Discard, conn) }()
				}
			}()
			return l.Addr().String()
		}},
		{"no broker", func(*testing.T) string { return "127.0.0.1:1" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb := newTable()
			g := run(t, tb, tcp(c.addr(t)))
			eventually(t, "it has begun", func() bool { return g.view.snapshotSeen() })
			g.stop()
			tb.mu.Lock()
			defer tb.mu.Unlock()
			assert.Empty(t, tb.links, "the link is closed")
			require.Error(t, g.Run(t.Context()), "not twice")
		})
	}
}

func TestForeignTableIsRefused(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	tb := newTable()
	tb.boot.Table = "t2"
	o := observe(t, b)
	g := run(t, tb, tcp(b.addr()))
	o.available(Offline)
	eventually(t, "said", func() bool { return g.logs.count(`is of table \"t2\"`) == 1 })
	assert.Empty(t, o.on("state"))
}
