package homeassistant

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"traction/mqtt/contract"
	"traction/test/parts"
)

// The topics, as the contract names them for anybody.
const (
	availabilityTopic = "traction/" + tableID + "/availability"
	stateTopic        = "traction/" + tableID + "/state"
	telemetryTopic    = "traction/" + tableID + "/telemetry"
	diagnosticsTopic  = "traction/" + tableID + "/diagnostics"
	eventTopic        = "traction/" + tableID + "/event"
	sessionTopic      = "traction/" + tableID + "/session"
	requestTopic      = "traction/" + tableID + "/request"
	responseTopic     = "traction/" + tableID + "/response"

	birthTopic = "homeassistant/status" // Home Assistant's own
)

// message is one that the observer has seen.
type message struct {
	at       time.Time
	topic    string
	payload  string
	retained bool // told by the broker from its store, not live
}

// observer sees all that passes the broker.
type observer struct {
	client paho.Client

	mu   sync.Mutex
	last map[string]message // of each topic
	all  []message          // but telemetry's older ones
	bad  []error            // against the contract
}

// telemetryKept is how many messages of telemetry are kept: four seconds.
const telemetryKept = 20

// observe connects an observer that comes back after the broker was away.
func observe(t *testing.T, b *parts.Mosquitto) *observer {
	t.Helper()
	o := &observer{last: make(map[string]message)}
	options := paho.NewClientOptions().AddBroker(b.URL()).SetClientID("observer").SetConnectRetry(true).
		SetConnectRetryInterval(200 * time.Millisecond).SetMaxReconnectInterval(200 * time.Millisecond).
		SetOnConnectHandler(func(c paho.Client) {
			c.SubscribeMultiple(map[string]byte{"traction/#": 1, "homeassistant/#": 1}, o.receive)
		})
	o.client = paho.NewClient(options)
	token := o.client.Connect()
	require.True(t, token.WaitTimeout(parts.Patience), "the observer connects")
	require.NoError(t, token.Error())
	t.Cleanup(func() { o.client.Disconnect(100) })
	return o
}

func (o *observer) receive(_ paho.Client, m paho.Message) {
	seen := message{at: time.Now(), topic: m.Topic(), payload: string(m.Payload()), retained: m.Retained()}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last[seen.topic] = seen
	if err := judge(seen.topic, m.Payload()); err != nil {
		o.bad = append(o.bad, err)
	}
	o.all = append(o.all, seen)
	if seen.topic == telemetryTopic && len(o.on(seen.topic)) > telemetryKept {
		first := slices.IndexFunc(o.all, func(m message) bool { return m.topic == seen.topic })
		o.all = slices.Delete(o.all, first, first+1)
	}
}

// judge holds a message of the table against the contract.
func judge(topic string, payload []byte) error {
	if !strings.HasPrefix(topic, "traction/") {
		return nil // Home Assistant's own; what the test clears is empty
	}
	return contract.Validate(topic, payload)
}

// faults are the first messages that the contract does not allow.
func (o *observer) faults() []error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bad[:min(3, len(o.bad))] // of the same fault there may be hundreds
}

// on lists the kept messages of a topic, oldest first. The caller holds the lock.
func (o *observer) on(topic string) (out []message) {
	for _, m := range o.all {
		if m.topic == topic {
			out = append(out, m)
		}
	}
	return out
}

// seen lists the kept messages of a topic, oldest first.
func (o *observer) seen(topic string) []message {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.on(topic)
}

// newest message of a topic; empty when there is none.
func (o *observer) newest(topic string) message {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last[topic]
}

// tableState is what this test needs of the state topic.
type tableState struct {
	Rev        uint64
	Mode       string
	Phase      string
	Programme  string
	Programmes []string
	Permission string
	Held       bool
	Settings   map[string]float64
	Limits     map[string]struct{ Value *float64 }
	HeatC      *float64 `json:"heat_c"`
	Missing    []string
	Trips      []struct{ ID string }
}

// state is the newest state of the table.
func (o *observer) state(t *testing.T) (s tableState) {
	t.Helper()
	o.decode(t, stateTopic, &s)
	return s
}

// decode reads the newest message of a topic, once there is one.
func (o *observer) decode(t *testing.T, topic string, into any) {
	t.Helper()
	parts.Eventually(t, "a message on "+topic, func() bool { return o.newest(topic).payload != "" })
	require.NoError(t, json.Unmarshal([]byte(o.newest(topic).payload), into), topic)
}

// until waits until the state of the table satisfies.
func (o *observer) until(t *testing.T, what string, ok func(*tableState) bool) tableState {
	t.Helper()
	var s tableState
	parts.Eventually(t, what, func() bool {
		s = o.state(t)
		return ok(&s)
	})
	return s
}

// publish sends one message and waits until the broker has it.
func (o *observer) publish(t *testing.T, topic, payload string) {
	t.Helper()
	token := o.client.Publish(topic, 1, false, payload)
	require.True(t, token.WaitTimeout(parts.Patience), "publish on %s", topic)
	require.NoError(t, token.Error())
}

// retained asks a fresh connection for all that the broker keeps under a topic.
func (o *observer) retained(t *testing.T, b *parts.Mosquitto, filter string) map[string]string {
	t.Helper()
	var mu sync.Mutex
	kept := make(map[string]string)
	c := paho.NewClient(paho.NewClientOptions().AddBroker(b.URL()).SetClientID("keeper"))
	token := c.Connect()
	require.True(t, token.WaitTimeout(parts.Patience))
	require.NoError(t, token.Error())
	defer c.Disconnect(100)
	// The broker sends what it keeps in the order of subscriptions, so that the mark
	// comes last.
	const mark = "mark/of/the/test"
	o.publishRetained(t, mark, "x")
	done := make(chan struct{})
	once := sync.Once{}
	take := func(_ paho.Client, m paho.Message) {
		mu.Lock()
		defer mu.Unlock()
		if m.Topic() == mark {
			once.Do(func() { close(done) })
		} else if m.Retained() {
			kept[m.Topic()] = string(m.Payload())
		}
	}
	for _, f := range []string{filter, mark} {
		token := c.Subscribe(f, 1, take)
		require.True(t, token.WaitTimeout(parts.Patience))
		require.NoError(t, token.Error())
	}
	select {
	case <-done:
	case <-time.After(parts.Patience):
		t.Fatal("the broker does not tell what it keeps")
	}
	o.publishRetained(t, mark, "")
	mu.Lock()
	defer mu.Unlock()
	return kept
}

func (o *observer) publishRetained(t *testing.T, topic, payload string) {
	t.Helper()
	token := o.client.Publish(topic, 1, true, payload)
	require.True(t, token.WaitTimeout(parts.Patience))
	require.NoError(t, token.Error())
}

// discovery is the discovery message that the broker keeps, and its topic.
type discovery struct {
	topic      string
	Device     map[string]any            `json:"device"`
	Components map[string]map[string]any `json:"components"`
}

// discovery is the newest that is not empty.
func (o *observer) discovery(t *testing.T) discovery {
	t.Helper()
	var d discovery
	parts.Eventually(t, "a discovery message", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		for topic, m := range o.last {
			if strings.HasPrefix(topic, "homeassistant/device/") && m.payload != "" {
				d = discovery{topic: topic}
				return json.Unmarshal([]byte(m.payload), &d) == nil
			}
		}
		return false
	})
	return d
}
