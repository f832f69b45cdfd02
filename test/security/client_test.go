package security

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"traction/mqtt/contract"
	"traction/test/parts"
)

// event and response are what this test needs of the table's messages.
type event struct {
	BootID    string `json:"boot_id"`
	Seq       uint64 `json:"seq"`
	Source    string `json:"source"`
	EventType string `json:"event_type"`
	Text      string `json:"text"`
	Details   struct {
		Command string `json:"command"`
		Origin  string `json:"origin"`
		Code    string `json:"code"`
	} `json:"details"`
}

type response struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// received is one message at a client.
type received struct {
	topic, payload string
	retained       bool
}

// client is somebody at the broker.
type client struct {
	t      *testing.T
	user   string
	client paho.Client

	mu   sync.Mutex
	all  []received
	last time.Time // of the last request
}

// options to connect as a user: with a certificate where there is one, otherwise
// with a password.
func (b *broker) options(t *testing.T, user string) *paho.ClientOptions {
	t.Helper()
	o := paho.NewClientOptions().SetClientID(user).SetAutoReconnect(false).SetConnectTimeout(parts.Patience).SetProtocolVersion(4)
	o.SetOrderMatters(true)
	cert, key := filepath.Join(b.certs, user+".crt"), filepath.Join(b.certs, user+".key")
	if !exists(cert) {
		return o.AddBroker("tcp://" + b.plain).SetUsername(user).SetPassword(passwords[user])
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM([]byte(read(t, filepath.Join(b.certs, "ca.crt")))))
	return o.AddBroker("ssl://" + b.tls).SetTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, Certificates: []tls.Certificate{pair}})
}

// as connects as a user and reads all that this user may.
func (b *broker) as(t *testing.T, user string, changes ...func(*paho.ClientOptions)) *client {
	t.Helper()
	c := &client{t: t, user: user}
	o := b.options(t, user)
	for _, change := range changes {
		change(o)
	}
	c.client = paho.NewClient(o)
	require.NoError(t, paho.WaitTokenTimeout(c.client.Connect(), parts.Patience))
	t.Cleanup(func() { c.client.Disconnect(0) })
	require.NoError(t, paho.WaitTokenTimeout(c.client.Subscribe("#", 1, func(_ paho.Client, m paho.Message) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all = append(c.all, received{m.Topic(), string(m.Payload()), m.Retained()})
	}), parts.Patience))
	return c
}

// publish returns once the broker has acknowledged, which it does also for what it
// drops.
func (c *client) publish(topic string, retained bool, payload string) {
	c.t.Helper()
	require.NoError(c.t, paho.WaitTokenTimeout(c.client.Publish(topic, 1, retained, payload), parts.Patience))
}

// least is the time between two requests of a client, below the gateway's limit of
// five a second.
const least = 250 * time.Millisecond

// request publishes to the client's own request topic of table-1, no faster than a
// client may.
func (c *client) request(retained bool, payload string) {
	c.t.Helper()
	time.Sleep(time.Until(c.last.Add(least)))
	c.publish(c.requests(), retained, payload)
	c.last = time.Now()
}

// requests is the topic on which this user may ask table-1; Home Assistant has the plain one.
func (c *client) requests() string {
	if c.user == "homeassistant" {
		return "traction/table-1/request"
	}
	return "traction/table-1/request/" + c.user
}

// on gives what has come on a topic.
func (c *client) on(topic string) (out []received) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.all {
		if r.topic == topic {
			out = append(out, r)
		}
	}
	return out
}

// newest is the last message on a topic, or "".
func (c *client) newest(topic string) string {
	all := c.on(topic)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1].payload
}

// events of table-1, each once.
func (c *client) events() (out []event) {
	type key struct {
		boot string
		seq  uint64
	}
	seen := map[key]bool{}
	for _, r := range c.on("traction/table-1/event") {
		e := decode[event](c.t, r.payload)
		if k := (key{e.BootID, e.Seq}); !seen[k] {
			seen[k] = true
			out = append(out, e)
		}
	}
	return out
}

// answer waits for the n-th answer to an id on the topic of the client's own answers.
func (c *client) answer(id string, n int) response {
	c.t.Helper()
	var found []response
	parts.Eventually(c.t, "response to "+id, func() bool {
		found = c.answers(id)
		return len(found) >= n
	})
	return found[n-1]
}

func (c *client) answers(id string) (out []response) {
	for _, r := range c.on(strings.Replace(c.requests(), "request", "response", 1)) {
		if answer := decode[response](c.t, r.payload); answer.ID == id {
			out = append(out, answer)
		}
	}
	return out
}

func decode[T any](t *testing.T, payload string) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(payload), &v), payload)
	return v
}

// validated holds all that the table has told this client against the contract. On
// topics that the contract does not know only the tricks publish.
func (c *client) validated(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	held := 0
	for _, r := range c.all {
		channel, err := contract.Find(r.topic)
		if err != nil || channel.Inbound {
			continue
		}
		held++
		require.NoError(t, contract.Validate(r.topic, []byte(r.payload)))
	}
	require.Positive(t, held, "%s has heard nothing of the table", c.user)
}
