package security

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
	"traction/test/parts"
)

// scene is a table that a good start would move: the network may do everything, it
// is armed, and the patient switch is proven.
type scene struct {
	t                   *testing.T
	b                   *broker
	tb                  *table
	watcher, anna, home *client
	used                string // a start that has moved the table once
	old                 string // a good start of an armed state that is over
	ids                 int
}

// start is a good start on the state s, under an id of its own.
func (sc *scene) start(s *control.Snapshot) string {
	sc.ids++
	return fmt.Sprintf(`{"id":"t%d","rev":%d,"command":"start"}`, sc.ids, s.Rev)
}

// count of the events that satisfy.
func (sc *scene) count(ok func(*event) bool) (n int) {
	for _, e := range sc.watcher.events() {
		if ok(&e) {
			n++
		}
	}
	return n
}

// ofGateway and refused are the two kinds of events that a trick can leave.
func ofGateway(kind string) func(*event) bool {
	return func(e *event) bool { return e.Source == "gateway" && e.EventType == kind }
}

func refused(code string) func(*event) bool {
	return func(e *event) bool {
		return e.EventType == "refused" && e.Details.Command == "start" && e.Details.Origin == "remote" && e.Details.Code == code
	}
}

// started: the control process has obeyed a start, or a treatment has begun.
func started(e *event) bool {
	return e.EventType == "command" && e.Details.Command == "start" || e.EventType == "treatment-started"
}

// mark makes sure that all that was published before has been dealt with: it asks
// for what is always refused, and waits for the answer.
func (sc *scene) mark() {
	sc.t.Helper()
	sc.ids++
	id := fmt.Sprintf("mark%d", sc.ids)
	sc.anna.request(false, fmt.Sprintf(`{"id":%q,"rev":1,"command":"arm"}`, id))
	require.Equal(sc.t, "only_at_table", sc.anna.answer(id, 1).Code)
}

// online waits until the gateway is connected and shows live values.
func (sc *scene) online() {
	sc.t.Helper()
	parts.Eventually(sc.t, "online", func() bool { return sc.watcher.newest("traction/table-1/availability") == "online" })
}

// without lets something happen while the gateway does not run.
func (sc *scene) without(do func()) {
	sc.t.Helper()
	restart(sc.t, sc.tb.gateway, func() {
		parts.Eventually(sc.t, "offline", func() bool { return sc.watcher.newest("traction/table-1/availability") == "offline" })
		do()
		sc.tb.startGateway()
	})
	sc.online()
}

// trick is one way to make a table move that must not.
type trick struct {
	name string
	// do gets the state in which a good start would move the table.
	do func(sc *scene, s *control.Snapshot)
	// leaves is the event that each message of it leaves, and how many there are; nil
	// where nothing reaches the appliance.
	leaves   func(*event) bool
	messages int
	// disarms: the trick itself takes the table out of the state that it found.
	disarms bool
}

// TestNoTrickStarts: none of them moves the table, each that arrives leaves an event,
// and a good start moves it before and after, so that they had a chance.
// It shows R-REV, R-RETAINED and R-ONE-ACTION.
func TestNoTrickStarts(t *testing.T) {
	parts.Heavy(t, "takes half a minute of real time")
	b := newBroker(t)
	sc := &scene{t: t, b: b, tb: newTable(t, b, "table-1", nil)}
	sc.tb.startControl()
	sc.tb.startGateway()
	sc.watcher, sc.anna, sc.home = b.as(t, "recorder"), b.as(t, "anna"), b.as(t, "homeassistant")
	sc.online()
	sc.old = sc.start(sc.tb.ready())
	sc.tb.disarm()
	sc.used = sc.moves(1)

	for _, k := range tricks {
		t.Run(k.name, func(t *testing.T) { sc.on(t).try(k) })
	}
	sc.on(t).moves(2)
	assert.Equal(t, 2*2, sc.count(started), "two starts were obeyed, two treatments have begun")
	for _, c := range []*client{sc.watcher, sc.anna, sc.home} {
		c.validated(t)
	}
}

// on makes everything fail the test that runs now.
func (sc *scene) on(t *testing.T) *scene {
	sc.t, sc.tb.t, sc.watcher.t, sc.anna.t, sc.home.t = t, t, t, t, t
	return sc
}

// moves shows that a good start moves the table, and gives it.
func (sc *scene) moves(n int) (start string) {
	sc.t.Helper()
	start = sc.start(sc.tb.ready())
	sc.home.request(false, start)
	require.Equal(sc.t, "ok", sc.home.answer(decode[response](sc.t, start).ID, 1).Code)
	sc.tb.await("the rope moves", func(s *control.Snapshot) bool {
		return s.Mode == control.Treating && s.Position > 0 && s.Phase != control.NoPhase
	})
	parts.Eventually(sc.t, "told", func() bool { return sc.count(started) == 2*n })
	sc.anna.request(false, `{"id":"enough","command":"stop"}`)
	sc.tb.await("slack", func(s *control.Snapshot) bool { return s.Mode == control.Idle || s.Mode == control.Tripped })
	return start
}

// try does one trick.
func (sc *scene) try(k trick) {
	t := sc.t
	before := 0
	if k.leaves != nil {
		before = sc.count(k.leaves)
	}
	sc.online()
	s, obeyed := sc.tb.ready(), sc.count(started)
	k.do(sc, s)
	sc.mark()
	after := sc.tb.now()
	require.Empty(t, after.Trips.IDs())
	if !k.disarms {
		assert.Equal(t, control.Armed, after.Mode)
		assert.Equal(t, s.Rev, after.Rev)
	}
	assert.NotContains(t, []control.Mode{control.Treating, control.Releasing}, after.Mode)
	assert.Equal(t, obeyed, sc.count(started), "nothing was started")
	if k.leaves != nil {
		parts.Eventually(t, fmt.Sprintf("%d events", k.messages), func() bool { return sc.count(k.leaves) >= before+k.messages })
	}
}

// asAnna is a trick of one or several requests of Anna's.
func asAnna(requests func(sc *scene, s *control.Snapshot) []string) func(*scene, *control.Snapshot) {
	return func(sc *scene, s *control.Snapshot) {
		for _, r := range requests(sc, s) {
			sc.anna.request(false, r)
		}
	}
}

var tricks = []trick{
	{name: "decided an hour ago, the mode has changed since", leaves: refused("stale_rev"), messages: 1,
		do: asAnna(func(sc *scene, _ *control.Snapshot) []string { return []string{sc.old} })},
	{name: "replayed", leaves: ofGateway("repeated-request"), messages: 2,
		do: func(sc *scene, _ *control.Snapshot) {
			sc.home.request(false, sc.used)
			sc.home.request(false, sc.used)
		}},
	{name: "replayed under another id", leaves: refused("stale_rev"), messages: 1,
		do: asAnna(func(sc *scene, _ *control.Snapshot) []string {
			sc.ids++
			return []string{strings.Replace(sc.used, `"id":"`, fmt.Sprintf(`"id":"again%d-`, sc.ids), 1)}
		})},
	{name: "replayed by another user", leaves: ofGateway("repeated-request"), messages: 1,
		do: asAnna(func(sc *scene, _ *control.Snapshot) []string { return []string{sc.used} })},
	{name: "duplicated by the network", do: duplicated, leaves: ofGateway("repeated-request"), messages: 2},
	{name: "guessed rev", leaves: refused("stale_rev"), messages: 7,
		do: asAnna(func(sc *scene, s *control.Snapshot) (out []string) {
			for _, rev := range []uint64{0, 1, s.Rev - 1, s.Rev + 1, s.Rev ^ 1<<40, 1<<53 - 1, 1<<64 - 1} {
				sc.ids++
				out = append(out, fmt.Sprintf(`{"id":"guess%d","rev":%d,"command":"start"}`, sc.ids, rev))
			}
			return out
		})},
	{name: "malformed, a start inside", do: asAnna(malformed), leaves: ofGateway("malformed-request"), messages: 9},
	{name: "oversize", leaves: ofGateway("oversize-request"), messages: 1,
		do: asAnna(func(sc *scene, s *control.Snapshot) []string {
			return []string{strings.TrimSuffix(sc.start(s), "}") + strings.Repeat(" ", 5000) + "}"}
		})},
	{name: "too large for the broker", do: tooLarge},
	{name: "of another table", do: func(sc *scene, s *control.Snapshot) {
		sc.forbidden("table-2", s, "traction/table-1/request", "traction/table-1/request/table-2", "traction/table-1/request/anna")
	}},
	{name: "of a user who is not listed", do: func(sc *scene, s *control.Snapshot) {
		sc.forbidden("bert", s, "traction/table-1/request", "traction/table-1/request/bert", "traction/table-1/request/anna")
	}},
	{name: "in the name of others", do: func(sc *scene, s *control.Snapshot) {
		for _, topic := range []string{"traction/table-1/request", "traction/table-1/request/homeassistant", "traction/table-1/request/anna/x"} {
			sc.anna.publish(topic, false, sc.start(s))
			parts.Eventually(sc.t, "denied", func() bool { return sc.b.denied("anna", topic) > 0 })
		}
	}},
	{name: "retained", leaves: ofGateway("retained-request"), messages: 2,
		do: func(sc *scene, s *control.Snapshot) {
			sc.without(func() {
				sc.anna.request(true, sc.start(s))
				sc.home.request(true, sc.start(s))
			})
			for _, topic := range []string{sc.anna.requests(), sc.home.requests()} {
				parts.Eventually(sc.t, "cleared", func() bool { return sc.watcher.newest(topic) == "" })
			}
		}},
	{name: "queued for the gateway while it was away", do: queuedForGateway},
	{name: "queued for a program that sends it on", do: queuedForOthers, leaves: refused("stale_rev"), messages: 1, disarms: true},
	{name: "the last will of a client that dies later", do: will, leaves: refused("stale_rev"), messages: 1, disarms: true},
	{name: "in the wrong mode", leaves: refused("wrong_mode"), messages: 1, disarms: true,
		do: func(sc *scene, _ *control.Snapshot) {
			sc.tb.disarm()
			sc.anna.request(false, sc.start(sc.tb.now()))
		}},
	{name: "before the patient switch was tried", leaves: refused("not_ready"), messages: 1, disarms: true,
		do: func(sc *scene, _ *control.Snapshot) {
			sc.tb.disarm()
			s := sc.tb.await("ready to arm", func(s *control.Snapshot) bool { return s.Missing == 0 })
			sc.tb.order(link.Request{Command: control.CommandArm}, s)
			sc.anna.request(false, sc.start(sc.tb.await("armed", func(s *control.Snapshot) bool { return s.Mode == control.Armed })))
		}},
	{name: "replayed after a restart of the gateway", leaves: ofGateway("repeated-request"), messages: 1,
		do: func(sc *scene, _ *control.Snapshot) {
			sc.without(func() {})
			sc.home.request(false, sc.used)
		}},
	{name: "replayed after a restart of the table", leaves: refused("stale_rev"), messages: 2,
		do: func(sc *scene, s *control.Snapshot) {
			restart(sc.t, sc.tb.control, func() { sc.tb.startControl() })
			sc.tb.ready()
			sc.online()
			sc.anna.request(false, sc.used)
			sc.anna.request(false, sc.start(s))
		}, disarms: true},
}

// malformed are requests with a good start in them that must not be understood.
func malformed(sc *scene, s *control.Snapshot) []string {
	good := sc.start(s)
	rev := fmt.Sprint(s.Rev)
	return []string{
		good + `{}`,
		"\ufeff" + good,
		`[` + good + `]`,
		strings.Replace(good, rev, `"`+rev+`"`, 1),
		strings.Replace(good, rev, rev+".0", 1),
		strings.Replace(good, `"start"`, `"START"`, 1),
		strings.Replace(good, `}`, `,"now":true}`, 1),
		strings.Replace(good, `}`, `,"command":"pause"}`, 1),
		`{"rev":` + rev + `,"command":"start"}`,
	}
}

// forbidden publishes good starts as another user, whom the broker stops.
func (sc *scene) forbidden(user string, s *control.Snapshot, topics ...string) {
	other := sc.b.as(sc.t, user)
	defer other.client.Disconnect(0)
	for _, topic := range topics {
		before := sc.b.denied(user, topic)
		other.publish(topic, false, sc.start(s))
		parts.Eventually(sc.t, "the broker's log tells of "+topic, func() bool { return sc.b.denied(user, topic) == before+1 })
		assert.Empty(sc.t, other.on(topic))
	}
}

// raw connects as Home Assistant, packet by packet.
func raw(sc *scene, id string, change func(*packets.ConnectPacket)) net.Conn {
	conn, err := net.Dial("tcp", sc.b.plain)
	require.NoError(sc.t, err)
	require.NoError(sc.t, conn.SetDeadline(time.Now().Add(parts.Patience)))
	c := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	c.ProtocolName, c.ProtocolVersion, c.CleanSession, c.ClientIdentifier = "MQTT", 4, true, id
	c.UsernameFlag, c.Username, c.PasswordFlag, c.Password = true, "homeassistant", true, []byte(passwords["homeassistant"])
	change(c)
	exchange(sc, conn, c)
	return conn
}

// exchange sends a packet and waits for its acknowledgement.
func exchange(sc *scene, conn net.Conn, p packets.ControlPacket) {
	require.NoError(sc.t, p.Write(conn))
	_, err := packets.ReadPacket(conn)
	require.NoError(sc.t, err)
}

// duplicated sends the packet of the start that has acted twice more, marked as a
// duplicate (MQTT 3.1.1, section 3.3.1.1).
func duplicated(sc *scene, _ *control.Snapshot) {
	conn := raw(sc, "raw", func(*packets.ConnectPacket) {})
	defer conn.Close() //nolint:errcheck // a test
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload, p.Qos, p.Dup, p.MessageID = sc.home.requests(), []byte(sc.used), 1, true, 7
	exchange(sc, conn, p)
	exchange(sc, conn, p)
}

// tooLarge for max_packet_size: the broker throws the sender out.
func tooLarge(sc *scene, s *control.Snapshot) {
	large := sc.b.as(sc.t, "homeassistant", func(o *paho.ClientOptions) { o.SetClientID("large") })
	payload := strings.TrimSuffix(sc.start(s), "}") + strings.Repeat(" ", 70_000) + "}"
	assert.Error(sc.t, paho.WaitTokenTimeout(large.client.Publish(sc.home.requests(), 1, false, payload), parts.Patience))
	assert.Empty(sc.t, large.on(sc.home.requests()))
}

// queuedForGateway: a session that the broker keeps under the gateway's own name
// gets a start while the gateway is away.
func queuedForGateway(sc *scene, s *control.Snapshot) {
	mine, theirs := sc.start(s), sc.start(s)
	sc.without(func() {
		session := paho.NewClient(sc.b.options(sc.t, "table-1").SetCleanSession(false))
		require.NoError(sc.t, paho.WaitTokenTimeout(session.Connect(), parts.Patience))
		require.NoError(sc.t, paho.WaitTokenTimeout(session.SubscribeMultiple(map[string]byte{sc.anna.requests(): 1, sc.home.requests(): 1}, nil), parts.Patience))
		session.Disconnect(100)
		sc.anna.request(false, mine)
		sc.home.request(false, theirs)
	})
	sc.mark()
	assert.Empty(sc.t, sc.anna.answers(decode[response](sc.t, mine).ID), "it never arrived")
	assert.Empty(sc.t, sc.home.answers(decode[response](sc.t, theirs).ID), "it never arrived")
}

// queuedForOthers: a program whose session the broker keeps comes back later and
// sends on what has waited for it.
func queuedForOthers(sc *scene, s *control.Snapshot) {
	connect := func(heard func(string)) paho.Client {
		o := sc.b.options(sc.t, "homeassistant").SetClientID("forwarder").SetCleanSession(false)
		o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { heard(string(m.Payload())) })
		c := paho.NewClient(o)
		require.NoError(sc.t, paho.WaitTokenTimeout(c.Connect(), parts.Patience))
		return c
	}
	c := connect(func(string) {})
	require.NoError(sc.t, paho.WaitTokenTimeout(c.Subscribe("traction/table-1/telemetry/later", 1, nil), parts.Patience))
	c.Disconnect(100)
	sc.without(func() { // only the table itself may write there; its key is the best that a thief could have
		thief := paho.NewClient(sc.b.options(sc.t, "table-1"))
		require.NoError(sc.t, paho.WaitTokenTimeout(thief.Connect(), parts.Patience))
		require.NoError(sc.t, paho.WaitTokenTimeout(thief.Publish("traction/table-1/telemetry/later", 1, false, sc.start(s)), parts.Patience))
		thief.Disconnect(100)
	})
	sc.tb.disarm()
	sc.tb.ready()
	waiting := make(chan string, 1)
	c = connect(func(payload string) { waiting <- payload })
	defer c.Disconnect(0)
	select {
	case payload := <-waiting:
		sc.home.request(false, payload)
		sc.home.answer(decode[response](sc.t, payload).ID, 1)
	case <-time.After(parts.Patience):
		require.Fail(sc.t, "the broker has not kept it")
	}
}

// will: a start that the broker publishes once its sender has died.
func will(sc *scene, s *control.Snapshot) {
	conn := raw(sc, "dying", func(c *packets.ConnectPacket) {
		c.WillFlag, c.WillTopic, c.WillMessage, c.WillQos = true, sc.home.requests(), []byte(sc.start(s)), 1
	})
	sc.tb.disarm()
	sc.tb.ready()
	require.NoError(sc.t, conn.Close())
}
