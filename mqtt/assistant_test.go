package mqtt

import (
	"fmt"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"
)

// assistant is what Home Assistant sees: all of the broker.
type assistant struct {
	t      *testing.T
	client paho.Client

	mu  sync.Mutex
	all []seen // with whole topics
}

func assist(t *testing.T, b testBroker) *assistant {
	t.Helper()
	a := &assistant{t: t}
	a.client = paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + b.addr()).SetClientID(fmt.Sprintf("assistant-%d", time.Now().UnixNano())).
		SetAutoReconnect(false).SetConnectTimeout(generous))
	require.NoError(t, paho.WaitTokenTimeout(a.client.Connect(), generous))
	t.Cleanup(func() { a.client.Disconnect(0) })
	require.NoError(t, paho.WaitTokenTimeout(a.client.Subscribe("#", 1, func(_ paho.Client, m paho.Message) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.all = append(a.all, seen{m.Topic(), string(m.Payload()), m.Retained()})
	}), generous))
	return a
}

// on returns what was seen on a topic so far.
func (a *assistant) on(topic string) (out []seen) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.all {
		if s.topic == topic {
			out = append(out, s)
		}
	}
	return out
}

// order returns the topics in the order of arrival.
func (a *assistant) order() (out []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.all {
		out = append(out, s.topic)
	}
	return out
}

// messages waits for the n-th discovery message.
func (a *assistant) messages(n int) seen {
	a.t.Helper()
	eventually(a.t, fmt.Sprintf("discovery message %d", n), func() bool { return len(a.on(discoveryTopic)) >= n })
	return a.on(discoveryTopic)[n-1]
}

// components are those of a message, with what is in them.
func (a *assistant) components(s seen) map[string]map[string]any {
	return decode[struct {
		Components map[string]map[string]any `json:"components"`
	}](a.t, s.payload).Components
}

func (a *assistant) publish(topic string, retained bool, payload string) {
	a.t.Helper()
	require.NoError(a.t, paho.WaitTokenTimeout(a.client.Publish(topic, 1, retained, payload), generous))
}
