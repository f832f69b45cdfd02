package clients

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/test/parts"
)

// aedes is a second implementation of a broker, and one that tells what it sees.
type aedes struct {
	js, port string
	before   []sighting // of earlier runs
	*process
}

// sighting is one line of aedes.mjs.
type sighting struct {
	What, Client, Topic, Payload string
	QoS                          int
	Retain                       bool
}

func startAedes(t *testing.T) *aedes {
	t.Helper()
	a := &aedes{js: node(t, "aedes"), port: parts.FreePort(t)}
	a.start(t)
	return a
}

func (a *aedes) start(t *testing.T) {
	t.Helper()
	a.process = launch(t, "", a.js, "aedes.mjs", a.port)
	parts.Eventually(t, "aedes listens", func() bool { return parts.Listens("127.0.0.1:" + a.port) })
}

func (a *aedes) url() string { return "tcp://127.0.0.1:" + a.port }

// run is what the present process has seen; a line that is still being written is left out.
func (a *aedes) run(t *testing.T) (all []sighting) {
	t.Helper()
	for line := range strings.Lines(a.out.String()) {
		if strings.HasSuffix(line, "\n") {
			var s sighting
			require.NoError(t, json.Unmarshal([]byte(line), &s), line)
			all = append(all, s)
		}
	}
	return all
}

// restart kills the broker with all it knows and starts it anew after doing something.
func (a *aedes) restart(t, whole *testing.T, meanwhile func()) {
	t.Helper()
	a.Kill()
	a.before = append(a.before, a.run(t)...)
	meanwhile()
	a.start(whole)
}

// seen is everything since the beginning.
func (a *aedes) seen(t *testing.T) []sighting { return append(slices.Clone(a.before), a.run(t)...) }

// gateway is the client id of the table's gateway.
func (a *aedes) gateway(t *testing.T) string {
	t.Helper()
	for _, s := range a.seen(t) {
		if s.What == "connected" && strings.HasPrefix(s.Client, "traction-"+tableID+"-") {
			return s.Client
		}
	}
	return ""
}

// published is what the gateway has published on a topic in the present run.
func (a *aedes) published(t *testing.T, topic string) (out []sighting) {
	t.Helper()
	id := a.gateway(t)
	for _, s := range a.run(t) {
		if s.What == "publish" && s.Client == id && s.Topic == root+topic {
			out = append(out, s)
		}
	}
	return out
}

// identity is that of an event; the same event may come twice.
type identity struct {
	Source string
	BootID string `json:"boot_id"`
	Seq    uint64
}

// event is what the test needs of one.
type event struct {
	identity
	EventType string `json:"event_type"`
	Details   *struct{ Command string }
}

// events are all that arrived since the beginning, in order, each once.
func (a *aedes) events(t *testing.T) (out []event) {
	t.Helper()
	known := map[identity]bool{}
	for _, s := range a.seen(t) {
		if s.What == "publish" && s.Topic == root+"event" {
			var e event
			require.NoError(t, json.Unmarshal([]byte(s.Payload), &e))
			if !known[e.identity] {
				known[e.identity] = true
				out = append(out, e)
			}
		}
	}
	return out
}

// commands counts the events of a command of the table's.
func (a *aedes) commands(t *testing.T, command string) (n int) {
	t.Helper()
	for _, e := range a.events(t) {
		if e.Details != nil && e.EventType == "command" && e.Details.Command == command {
			n++
		}
	}
	return n
}

// answer is the code of the response to an id, as an observer saw it, or "".
func answer(t *testing.T, o *observer, topic, id string) string {
	t.Helper()
	for _, m := range o.seen() {
		if m.topic == topic {
			var r struct{ ID, Code string }
			require.NoError(t, json.Unmarshal([]byte(m.payload), &r))
			if r.ID == id {
				return r.Code
			}
		}
	}
	return ""
}

// TestAedes: the gateway's whole life with a broker that is not Mosquitto.
func TestAedes(t *testing.T) {
	parts.Heavy(t, "starts real processes and takes real time")
	t.Parallel()
	whole := t // what starts here lives longer than one part
	part := func(name string, f func(t *testing.T)) {
		if !t.Failed() { // each part goes on from the one before
			t.Run(name, f)
		}
	}
	a := startAedes(t)
	tb := startTable(t, a.url())
	tb.treat(t)

	part("greets", func(t *testing.T) {
		o := observe(t, a.url(), "late")
		parts.Eventually(t, "what is retained", func() bool {
			return o.last("availability") == "online" && o.last("state") != "" && o.last("telemetry") != ""
		})
		for _, m := range o.seen() {
			if m.topic == "telemetry" || m.topic == "event" {
				assert.False(t, m.retained, m.topic)
			}
		}
		assert.NotEmpty(t, a.published(t, "diagnostics"))
		assert.True(t, a.published(t, "state")[0].Retain)
		assert.Equal(t, 1, a.published(t, "state")[0].QoS)
	})

	part("answers requests", func(t *testing.T) {
		o := observe(t, a.url(), "somebody")
		o.publish(t, "request/somebody", false, `{"id":"p1","command":"pause"}`)
		s := tb.mode(t, control.Paused)
		parts.Eventually(t, "the answer", func() bool { return answer(t, o, "response/somebody", "p1") == "ok" })
		o.publish(t, "request", false, fmt.Sprintf(`{"id":"p2","rev":%d,"command":"resume"}`, s.Rev-1))
		parts.Eventually(t, "the refusal", func() bool { return answer(t, o, "response", "p2") == "stale_rev" })
		o.publish(t, "request", false, fmt.Sprintf(`{"id":"p3","rev":%d,"command":"resume"}`, s.Rev))
		tb.mode(t, control.Treating)
		parts.Eventually(t, "the answer", func() bool { return answer(t, o, "response", "p3") == "ok" })
		parts.Eventually(t, "the event", func() bool { return a.commands(t, "resume") == 1 })
	})

	part("outlives the broker", func(t *testing.T) {
		done := a.commands(t, "resume")
		a.restart(t, whole, func() {
			tb.pause(t)
			tb.resume(t)
		})
		parts.Eventually(t, "what happened meanwhile", func() bool { return a.commands(t, "resume") == done+1 })
		require.NotEmpty(t, a.published(t, "availability"))
		assert.Equal(t, "online", a.published(t, "availability")[0].Payload)
		assert.NotEmpty(t, a.published(t, "state"))
	})

	part("is declared dead and comes back", func(t *testing.T) {
		o := observe(t, a.url(), "witness")
		parts.Eventually(t, "online", func() bool { return o.last("availability") == "online" })
		tb.gateway.Kill()
		parts.Eventually(t, "the last will", func() bool { return o.last("availability") == "offline" })
		done := a.commands(t, "resume")
		tb.pause(t)
		tb.resume(t)
		o.publish(t, "request", true, `{"id":"r1","command":"stop"}`)
		o.publish(t, "request/somebody", true, `{"id":"r2","command":"pause"}`)
		tb.gateway = startGateway(whole, tb.dir, a.url())
		parts.Eventually(t, "online", func() bool { return o.last("availability") == "online" })
		parts.Eventually(t, "what happened meanwhile", func() bool { return a.commands(t, "resume") == done+1 })
		parts.Eventually(t, "the refusal of what was retained", func() bool {
			return answer(t, o, "response", "r1") == "retained" && answer(t, o, "response/somebody", "r2") == "retained"
		})
		parts.Eventually(t, "nothing retained any more", func() bool {
			fresh := observe(t, a.url(), fmt.Sprintf("fresh-%d", len(a.run(t))))
			parts.Eventually(t, "the state", func() bool { return fresh.last("state") != "" })
			return fresh.last("request") == "" && fresh.last("request/somebody") == ""
		})
		tb.until(t, "still treating", func(s *control.Snapshot) bool {
			require.Equal(t, control.Treating, s.Mode)
			return true
		})
	})

	part("wins back its client id", func(t *testing.T) {
		id := a.gateway(t)
		connections := func() (n int) {
			for _, s := range a.run(t) {
				if s.What == "connected" && s.Client == id {
					n++
				}
			}
			return n
		}
		before := connections()
		impostor := paho.NewClient(paho.NewClientOptions().AddBroker(a.url()).SetClientID(id).SetAutoReconnect(false))
		require.NoError(t, paho.WaitTokenTimeout(impostor.Connect(), parts.Patience))
		parts.Eventually(t, "the gateway's return", func() bool { return connections() >= before+2 })
		o := observe(t, a.url(), "afterwards")
		parts.Eventually(t, "online", func() bool { return o.last("availability") == "online" && o.last("telemetry") != "" })
		parts.Eventually(t, "the impostor's end", func() bool { return !impostor.IsConnectionOpen() })
		assert.Equal(t, before+2, connections(), "the impostor and the gateway, once each")
	})

	part("stops and reports", func(t *testing.T) {
		o := observe(t, a.url(), "last")
		o.publish(t, "request", false, `{"id":"s1","command":"stop"}`)
		tb.mode(t, control.Idle)
		parts.Eventually(t, "the report", func() bool { return o.last("session") != "" })
		o.publish(t, "request/last", false, `{"id":"s2","command":"report"}`)
		parts.Eventually(t, "the report once more", func() bool { return o.last("report") != "" })
		tb.gateway.End()
		parts.Eventually(t, "offline", func() bool { return o.last("availability") == "offline" })
	})

	part("lost nothing", func(t *testing.T) {
		next := map[string]uint64{}
		for _, e := range a.events(t) {
			who := e.Source + " " + e.BootID
			next[who]++
			assert.Equal(t, next[who], e.Seq, who)
		}
		assert.GreaterOrEqual(t, len(next), 2, "the control process and a gateway")
	})

	part("keeps the contract", func(t *testing.T) {
		var all []sent
		for _, s := range a.seen(t) {
			if s.What == "publish" && strings.HasPrefix(s.Topic, root) {
				all = append(all, sent{s.Topic, s.Payload, s.QoS, s.Retain, s.Client == a.gateway(t) && s.Payload != ""})
			}
		}
		judge(t, all).Succeed(t)
	})
}
