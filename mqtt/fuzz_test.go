package mqtt

import (
	"encoding/json"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
	"traction/test/fuzz"
)

// arrived is a message as the client library hands it over.
type arrived struct {
	topic    string
	retained bool
	payload  []byte
}

func (a arrived) Duplicate() bool   { return false }
func (a arrived) Qos() byte         { return 1 }
func (a arrived) Retained() bool    { return a.retained }
func (a arrived) Topic() string     { return a.topic }
func (a arrived) MessageID() uint16 { return 1 }
func (a arrived) Payload() []byte   { return a.payload }
func (a arrived) Ack()              {}

// FuzzReceive lets the broker deliver anything on any topic. What is retained is
// cleared and never obeyed, nothing but the request topic asks for anything, and
// what goes on to the control process is right in every field.
func FuzzReceive(f *testing.F) {
	for _, s := range []string{
		`{"id":"7f","rev":1000,"command":"set","hold_n":120.5}`, `{"id":"7f","command":"stop"}`, `{"id":"7f","command":"pause"}`,
		`{"id":"7f","rev":1,"command":"select","programme":"lumbar-60-20","body_weight_kg":72.5}`, `{"command":"stop"`, "offline", "",
	} {
		f.Add(uint8(0), false, []byte(s))
		f.Add(uint8(0), true, []byte(s))
		f.Add(uint8(1), false, []byte(s))
		f.Add(uint8(2), false, []byte(s))
	}
	g, err := New(tcp1(), Parts{Dial: newTable().dial})
	require.NoError(f, err)
	topics := []string{g.topics.Request, g.topics.Availability, g.topics.State, "traction/other/request", "",
		g.topics.Request + "/home", g.topics.Request + "/", g.topics.Request + "/a/b", g.topics.Request + "s"}
	f.Fuzz(func(t *testing.T, which uint8, retained bool, payload []byte) {
		g.clients, g.refusals, g.own = newClients(), newLimiter(1, 1), make(map[Kind]*told)
		c := &connection{contradicted: make(chan struct{}, 1)}
		m := arrived{topics[int(which)%len(topics)], retained, payload}
		fuzz.Bounded(t, len(payload), func() { g.receive(c, m) })
		asked := drain(t, g)
		out := posted(t, g)

		told := len(g.telling)
		for len(g.telling) > 0 {
			<-g.telling
		}
		client := m.topic == g.topics.Request+"/home"
		require.Equal(t, m.topic == g.topics.Availability && !retained && string(payload) == Offline, len(c.contradicted) == 1)
		switch {
		case m.topic != g.topics.Request && !client || len(payload) == 0:
			require.Zero(t, asked+told)
			require.Empty(t, out)
		case retained:
			require.Zero(t, asked, "a retained request was obeyed")
			require.Equal(t, 1, told)
			require.Equal(t, []string{m.topic, strings.Replace(m.topic, "request", "response", 1)}, out)
		default:
			require.Equal(t, 1, asked+len(out))
			require.True(t, len(out) == 0 || out[0] == strings.Replace(m.topic, "request", "response", 1))
		}
	})
}

// drain takes the queues to the control process empty and counts what was in them.
func drain(t *testing.T, g *Gateway) (n int) {
	for queue, only := range map[chan incoming]control.CommandKind{g.stops: control.CommandStop, g.pauses: control.CommandPause, g.requests: control.NoCommand} {
		for ; len(queue) > 0; n++ {
			in := <-queue
			require.True(t, only == control.NoCommand || in.request.Command == only)
			if only == control.NoCommand {
				require.NotContains(t, []control.CommandKind{control.NoCommand, control.CommandStop, control.CommandPause}, in.request.Command)
			}
			if in.err == nil {
				require.NoError(t, in.request.Validate())
			}
		}
	}
	return n
}

// posted takes what the gateway wants to publish, checks it and gives its topics.
func posted(t *testing.T, g *Gateway) (topics []string) {
	for len(g.out) > 0 {
		o := <-g.out
		topics = append(topics, o.topic)
		if strings.HasPrefix(o.topic, g.topics.Request) {
			require.True(t, o.retained && len(o.payload) == 0, "only clearing is published there")
			continue
		}
		require.False(t, o.retained)
		require.True(t, json.Valid(o.payload), "%s", o.payload)
		require.Less(t, len(o.payload), 256<<10)
		if strings.HasPrefix(o.topic, g.topics.Response) {
			var r Response
			require.NoError(t, json.Unmarshal(o.payload, &r))
			require.Equal(t, link.StatusRefused, r.Status)
			require.NotEmpty(t, r.Message)
		}
	}
	return topics
}

// FuzzBroker reads any text as a broker's URL. What is accepted names host and
// port, and a password in it is never told again.
func FuzzBroker(f *testing.F) {
	for _, s := range []string{"tcp://127.0.0.1:1883", "wss://broker.example/mqtt?x=1", "tcp://[::1]", "mqtt://h", "http://h", "tcp://h:99999", "tcp://h/x", "://", "tcp://%zz",
		"tcp://::", "tcp://]", "tcp://[::%25]]", "tcp://broker::1883", "tcp://[fe80::1%25eth0]:1883"} {
		f.Add(s, "t1", "")
	}
	const password = "hunter2hunter2"
	f.Add("tcp://u:"+password+"@h:1883", "a/b", "x y")
	f.Add("tcp://u:"+password+"@h:1883/%zz", "#", "x")
	f.Add("tcp://u@v:"+password+"@h", "t1", "")
	f.Fuzz(func(t *testing.T, broker, table, client string) {
		c := Config{Broker: broker, TableID: table, ClientID: client}
		var err error
		fuzz.Bounded(t, len(broker)+len(table)+len(client), func() { err = c.Validate() })
		if err != nil {
			at := strings.Index(broker, password)
			if scheme := strings.Index(broker, "://"); at > scheme && scheme >= 0 && strings.Contains(broker[at:], "@") {
				require.NotContains(t, err.Error(), password)
			}
			return
		}
		require.Regexp(t, tableRule, table)
		require.Regexp(t, clientRule, c.clientID())
		u, err := parseBroker(broker)
		require.NoError(t, err)
		require.NotEmpty(t, u.Hostname())
		require.NotEmpty(t, u.Port())
		require.Nil(t, u.User)
		require.NotEmpty(t, ports[u.Scheme])
		host, port, err := net.SplitHostPort(u.Host)
		require.NoError(t, err)
		require.Equal(t, [2]string{u.Hostname(), u.Port()}, [2]string{host, port})
	})
}
