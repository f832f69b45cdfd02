package fleet

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// seen is one message at a reader.
type seen struct {
	payload  string
	retained bool
	at       time.Time
}

// reader is any other client: an archive, a dashboard, an operator. It keeps what
// it has seen for each topic.
type reader struct {
	t      *testing.T
	client paho.Client

	mu  sync.Mutex
	all map[string][]seen
}

// options of a client of the test; several URLs are tried in turn.
func options(a *authority, user, id string, clean bool, urls ...string) *paho.ClientOptions {
	o := paho.NewClientOptions().SetProtocolVersion(4).SetClientID(id).SetUsername(user).SetPassword(password).SetCleanSession(clean).
		SetConnectTimeout(5 * time.Second).SetWriteTimeout(5 * time.Second).SetAutoReconnect(true).SetMaxReconnectInterval(time.Second)
	if a != nil {
		o.SetTLSConfig(a.tls())
	}
	for _, u := range urls {
		o.AddBroker(u)
	}
	return o
}

// connect makes one connection to one node.
func (c *cluster) connect(n *node, user, id string, clean bool) (paho.Client, error) {
	client := paho.NewClient(options(c.authority, user, id, clean, n.url()))
	token := client.Connect()
	if !token.WaitTimeout(10 * time.Second) {
		return nil, fmt.Errorf("no answer from %s", n.name)
	}
	return client, token.Error()
}

// read subscribes to a filter until the test ends: at QoS 1, or at 0 if it keeps no
// session anyway. Whoever keeps one comes back to it at any of its servers; whoever
// does not subscribes again after each loss, and until the server grants it.
func read(t *testing.T, o *paho.ClientOptions, filter string) *reader {
	t.Helper()
	r := &reader{t: t, all: make(map[string][]seen)}
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.all[m.Topic()] = append(r.all[m.Topic()], seen{string(m.Payload()), m.Retained(), time.Now()})
	})
	qos, granted := byte(1), make(chan struct{})
	if o.CleanSession {
		qos = 0
	}
	var once sync.Once
	o.SetOnConnectHandler(func(client paho.Client) {
		for client.IsConnectionOpen() {
			token := client.Subscribe(filter, qos, nil)
			if token.WaitTimeout(10*time.Second) && token.Error() == nil && token.(*paho.SubscribeToken).Result()[filter] == qos {
				once.Do(func() { close(granted) })
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	r.client = paho.NewClient(o)
	require.NoError(t, paho.WaitTokenTimeout(r.client.Connect(), parts.Patience))
	t.Cleanup(func() { r.client.Disconnect(0) })
	select {
	case <-granted:
	case <-time.After(parts.Patience):
		require.Fail(t, "not allowed to read "+filter)
	}
	return r
}

// granted is the server's answer to a subscription at QoS 0.
func granted(t *testing.T, client paho.Client, filter string) byte {
	t.Helper()
	token := client.Subscribe(filter, 0, nil)
	require.True(t, token.WaitTimeout(10*time.Second))
	return token.(*paho.SubscribeToken).Result()[filter]
}

// on is what was seen on a topic.
func (r *reader) on(topic string) []seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all[topic])
}

// last is the newest on a topic; false = there was nothing.
func (r *reader) last(topic string) (seen, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all[topic]
	if len(all) == 0 {
		return seen{}, false
	}
	return all[len(all)-1], true
}

// publish sends at QoS 1 and tells whether that was acknowledged.
func (r *reader) publish(topic string, retained bool, payload string) bool {
	token := r.client.Publish(topic, 1, retained, payload)
	return token.WaitTimeout(15*time.Second) && token.Error() == nil
}

// numbers are the different sequence numbers, or treatments, seen on a table's
// topic from one boot, each once.
func (r *reader) numbers(table, topic, boot string) map[uint64]bool {
	found := make(map[uint64]bool)
	for _, s := range r.on("traction/" + table + "/" + topic) {
		var m struct {
			Boot      string `json:"boot_id"`
			Seq       uint64 `json:"seq"`
			Treatment uint64 `json:"treatment"`
		}
		if json.Unmarshal([]byte(s.payload), &m) == nil && m.Boot == boot {
			found[max(m.Seq, m.Treatment)] = true
		}
	}
	return found
}

// missing is what of 1 to n is not there.
func missingOf(found map[uint64]bool, n int) (gaps []uint64) {
	for i := uint64(1); i <= uint64(n); i++ {
		if !found[i] {
			gaps = append(gaps, i)
		}
	}
	return gaps
}

// response is what a test looks at of one.
type response struct{ ID, Status, Code string }

// answered finds the answer to a request.
func (r *reader) answered(topic, id string, answer *response) bool {
	for _, s := range r.on(topic) {
		if strings.Contains(s.payload, `"id":"`+id+`"`) {
			return json.Unmarshal([]byte(s.payload), answer) == nil
		}
	}
	return false
}

// response waits for the answer to a request.
func (r *reader) response(topic, id string) (answer response) {
	r.t.Helper()
	parts.Eventually(r.t, "response to "+id, func() bool { return r.answered(topic, id, &answer) })
	return answer
}
