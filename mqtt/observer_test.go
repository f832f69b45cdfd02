package mqtt

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
)

// seen is one message at an observer.
type seen struct {
	topic    string // without traction/t1/
	payload  string
	retained bool
}

// observer is any other client: it reads everything of table t1.
type observer struct {
	t      *testing.T
	client paho.Client

	mu    sync.Mutex
	all   []seen
	wrong []error         // see judge
	mine  map[string]bool // what this very observer has published
}

func observe(t *testing.T, b testBroker) *observer {
	t.Helper()
	o := &observer{t: t, mine: make(map[string]bool)}
	o.client = paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + b.addr()).SetClientID(fmt.Sprintf("observer-%d", time.Now().UnixNano())).
		SetAutoReconnect(false).SetConnectTimeout(generous))
	require.NoError(t, paho.WaitTokenTimeout(o.client.Connect(), generous))
	t.Cleanup(func() {
		o.client.Disconnect(0)
		o.validated()
	})
	require.NoError(t, paho.WaitTokenTimeout(o.client.Subscribe("traction/t1/#", 1, func(_ paho.Client, m paho.Message) {
		err := judge(m.Topic(), string(m.Payload()), m.Qos(), m.Retained())
		o.mu.Lock()
		defer o.mu.Unlock()
		if err != nil && !o.mine[string(m.Payload())] {
			o.wrong = append(o.wrong, err)
		}
		o.all = append(o.all, seen{strings.TrimPrefix(m.Topic(), "traction/t1/"), string(m.Payload()), m.Retained()})
	}), generous))
	return o
}

// on returns what was seen on a topic so far.
func (o *observer) on(topic string) (out []seen) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.all {
		if s.topic == topic {
			out = append(out, s)
		}
	}
	return out
}

// first is the place of the first message on a topic, with this payload unless
// it is empty.
func (o *observer) first(topic, payload string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.IndexFunc(o.all, func(s seen) bool { return s.topic == topic && (payload == "" || s.payload == payload) })
}

// order returns the topics in the order of arrival, those at QoS 0 left out.
func (o *observer) order() (out []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.all {
		if s.topic != "telemetry" && s.topic != "diagnostics" {
			out = append(out, s.topic)
		}
	}
	return out
}

func (o *observer) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = nil
}

// last is the newest payload on a topic, or "".
func (o *observer) last(topic string) string {
	all := o.on(topic)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1].payload
}

// available waits for the newest availability.
func (o *observer) available(want string) {
	o.t.Helper()
	eventually(o.t, "availability "+want, func() bool { return o.last("availability") == want })
}

func (o *observer) publish(topic string, retained bool, payload string) {
	o.t.Helper()
	o.mu.Lock()
	o.mine[payload] = true
	o.mu.Unlock()
	require.NoError(o.t, paho.WaitTokenTimeout(o.client.Publish("traction/t1/"+topic, 1, retained, payload), generous))
}

// response waits for the n-th response with this id.
func (o *observer) response(id string, n int) Response {
	o.t.Helper()
	var found []Response
	eventually(o.t, "response to "+id, func() bool {
		found = o.responses(id)
		return len(found) >= n
	})
	return found[n-1]
}

func (o *observer) responses(id string) (out []Response) {
	for _, s := range o.on("response") {
		if r := decode[Response](o.t, s.payload); r.ID == id {
			out = append(out, r)
		}
	}
	return out
}

// eventSeqs returns the sequence numbers of the control process's events, twice
// the same left out, as a receiver does.
func (o *observer) eventSeqs() (out []uint64) {
	for _, s := range o.on("event") {
		if e := decode[Event](o.t, s.payload); e.Source == FromControl && !slices.Contains(out, e.Seq) {
			out = append(out, e.Seq)
		}
	}
	return out
}

func decode[T any](t *testing.T, payload string) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(payload), &v), payload)
	return v
}

// UnmarshalText lets tests read payloads back.
func (t *Time) UnmarshalText(b []byte) error {
	v, err := time.Parse("2006-01-02T15:04:05.000Z07:00", string(b))
	*t = Time(v)
	return err
}
