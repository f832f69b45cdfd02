package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"
)

// mosquitto is Debian's broker on free ports: MQTT, and MQTT over websockets.
type mosquitto struct {
	port, webPort string
	path, conf    string
	*process
}

func startMosquitto(t *testing.T) *mosquitto {
	t.Helper()
	m := &mosquitto{path: program(t, "mosquitto", "mosquitto"), port: freePort(t), webPort: freePort(t), conf: filepath.Join(t.TempDir(), "mosquitto.conf")}
	conf := "user root\npersistence false\nlog_dest stderr\nallow_anonymous true\n" +
		fmt.Sprintf("listener %s 127.0.0.1\nlistener %s 127.0.0.1\nprotocol websockets\n", m.port, m.webPort)
	require.NoError(t, os.WriteFile(m.conf, []byte(conf), 0o600))
	m.start(t)
	return m
}

func (m *mosquitto) start(t *testing.T) {
	t.Helper()
	m.process = launch(t, "", m.path, "-c", m.conf)
	listens(t, m.port)
	listens(t, m.webPort)
}

func (m *mosquitto) url() string { return "tcp://127.0.0.1:" + m.port }

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
	options := paho.NewClientOptions().AddBroker(url).SetClientID(id).SetAutoReconnect(false).SetConnectTimeout(patience)
	o.client = paho.NewClient(options)
	require.NoError(t, paho.WaitTokenTimeout(o.client.Connect(), patience))
	t.Cleanup(func() { o.client.Disconnect(100) })
	require.NoError(t, paho.WaitTokenTimeout(o.client.Subscribe(root+"#", 1, func(_ paho.Client, m paho.Message) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.all = append(o.all, message{strings.TrimPrefix(m.Topic(), root), string(m.Payload()), m.Retained()})
	}), patience))
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
	require.NoError(t, paho.WaitTokenTimeout(o.client.Publish(root+topic, 1, retained, payload), patience))
}
