package clients

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// mosquitto is Debian's broker on free ports: MQTT, and MQTT over websockets.
type mosquitto struct {
	*parts.Mosquitto
	webPort string
}

func startMosquitto(t *testing.T) *mosquitto {
	t.Helper()
	web := parts.FreePort(t)
	return &mosquitto{parts.StartMosquitto(t, "allow_anonymous true\n"+
		fmt.Sprintf("listener %s 127.0.0.1\nlistener %s 127.0.0.1\nprotocol websockets\n", parts.FreePort(t), web)), web}
}

// message is one as an observer saw it.
type message struct {
	topic    string // without the table's root
	payload  string
	retained bool
}

// observer is any other client; it sees everything of the table.
type observer struct {
	client paho.Client

	mu  sync.Mutex
	all []message
}

// root is what all topics of the table begin with.
const root = "traction/" + tableID + "/"

func observe(t *testing.T, url, id string) *observer {
	t.Helper()
	o := new(observer)
	options := paho.NewClientOptions().AddBroker(url).SetClientID(id).SetAutoReconnect(false).SetConnectTimeout(parts.Patience)
	o.client = paho.NewClient(options)
	require.NoError(t, paho.WaitTokenTimeout(o.client.Connect(), parts.Patience))
	t.Cleanup(func() { o.client.Disconnect(100) })
	require.NoError(t, paho.WaitTokenTimeout(o.client.Subscribe(root+"#", 1, func(_ paho.Client, m paho.Message) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.all = append(o.all, message{strings.TrimPrefix(m.Topic(), root), string(m.Payload()), m.Retained()})
	}), parts.Patience))
	return o
}

// seen is a copy of everything so far.
func (o *observer) seen() []message {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]message(nil), o.all...)
}

// last is the newest payload on a topic, or "".
func (o *observer) last(topic string) string {
	last := ""
	for _, m := range o.seen() {
		if m.topic == topic {
			last = m.payload
		}
	}
	return last
}

func (o *observer) publish(t *testing.T, topic string, retained bool, payload string) {
	t.Helper()
	require.NoError(t, paho.WaitTokenTimeout(o.client.Publish(root+topic, 1, retained, payload), parts.Patience))
}
