package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
	"traction/mqtt/contract"
	"traction/test/parts"
)

var recordExamples = flag.Bool("record-examples", false, "keep what TestContract sees as the examples in mqtt/contract/examples")

// listener is somebody on the network who checks every message against the contract.
type listener struct {
	t      *testing.T
	client paho.Client
	asked  int

	mu    sync.Mutex
	all   []said
	wrong []error
}

// said is one message; its topic is without traction/plain/.
type said struct{ topic, payload string }

func listen(t *testing.T, broker string) *listener {
	t.Helper()
	l := &listener{t: t}
	l.client = paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + broker).SetClientID("listener").SetAutoReconnect(false))
	require.True(t, l.client.Connect().WaitTimeout(parts.Patience))
	t.Cleanup(func() { l.client.Disconnect(0) })
	require.True(t, l.client.Subscribe("traction/#", 1, func(_ paho.Client, m paho.Message) { l.hear(m) }).WaitTimeout(parts.Patience))
	return l
}

func (l *listener) hear(m paho.Message) {
	err := contract.Validate(m.Topic(), m.Payload())
	if c, unknown := contract.Find(m.Topic()); unknown == nil && err == nil && !m.Retained() && m.Qos() != c.QoS {
		err = fmt.Errorf("%s: came at QoS %d, want %d", m.Topic(), m.Qos(), c.QoS)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if ours := err != nil && !strings.Contains(m.Topic(), "/request"); ours { // what is asked may be wrong on purpose
		l.wrong = append(l.wrong, fmt.Errorf("%w: %s", err, m.Payload()))
	}
	l.all = append(l.all, said{strings.TrimPrefix(m.Topic(), "traction/plain/"), string(m.Payload())})
}

// first gives the first message on a topic that holds all of these texts, or "".
func (l *listener) first(topic string, texts ...string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
next:
	for _, s := range l.all {
		if s.topic != topic {
			continue
		}
		for _, x := range texts {
			if !strings.Contains(s.payload, x) {
				continue next
			}
		}
		return s.payload
	}
	return ""
}

// await waits for such a message.
func (l *listener) await(topic string, texts ...string) string {
	l.t.Helper()
	deadline := time.Now().Add(parts.Patience)
	for {
		if found := l.first(topic, texts...); found != "" {
			return found
		}
		require.True(l.t, time.Now().Before(deadline), "no %s with %v", topic, texts)
		time.Sleep(5 * time.Millisecond)
	}
}

// rev is that of the newest state.
func (l *listener) rev() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var state struct{ Rev uint64 }
	for _, s := range l.all {
		if s.topic == "state" {
			require.NoError(l.t, json.Unmarshal([]byte(s.payload), &state))
		}
	}
	return state.Rev
}

// ask publishes a request and waits for its response. fields follow the id.
func (l *listener) ask(topic, fields string) (request, response string) {
	l.t.Helper()
	l.asked++
	id := fmt.Sprintf("a%d", l.asked)
	request = fmt.Sprintf(`{"id":%q,%s}`, id, fields)
	require.True(l.t, l.client.Publish("traction/plain/"+topic, 1, false, request).WaitTimeout(parts.Patience))
	return request, l.await(strings.Replace(topic, "request", "response", 1), fmt.Sprintf(`"id":%q`, id))
}

// do asks for something that has to be done, with the rev of the newest state,
// which may be another one by the time that it arrives.
func (l *listener) do(fields string) (request, response string) {
	l.t.Helper()
	for range 50 {
		request, response = l.ask("request", fmt.Sprintf(`"rev":%d,%s`, l.rev(), fields))
		if !strings.Contains(response, `"stale_rev"`) {
			break
		}
		time.Sleep(100 * time.Millisecond) // the state is on its way
	}
	require.Contains(l.t, response, `"status":"ok"`)
	return request, response
}

// TestContract: every message of real processes, from the start to the report of
// a treatment that was commanded over MQTT, is what the schemas say.
// It is commanded by somebody on the network, who also asks for what is refused.
func TestContract(t *testing.T) {
	parts.Heavy(t, "takes some seconds of real time")
	s := newSite(t, brief)
	l := listen(t, s.broker)
	c := dial(t, s.dir)
	examples := map[string]string{}
	l.await("availability", "online")
	until(t, c, "good samples", func(n *control.Snapshot) bool { return n.Missing&control.MissingCell == 0 })

	l.do(`"command":"acknowledge"`)
	examples["request-select"], examples["response-ok"] = l.do(`"command":"select","programme":"test","body_weight_kg":72.5`)
	_, examples["response-only-at-the-table"] = l.ask("request", fmt.Sprintf(`"rev":%d,"command":"arm"`, l.rev()))
	order(t, c, link.Request{Command: control.CommandArm}, func(n *control.Snapshot) bool { return n.Missing == 0 })
	until(t, c, "armed", func(n *control.Snapshot) bool { return n.Mode == control.Armed })
	l.await("state", `"mode":"armed"`)
	_, examples["response-not-ready"] = l.ask("request", fmt.Sprintf(`"rev":%d,"command":"start"`, l.rev()))
	require.NoError(t, press(t.Context(), s.dir, "patient", 300*time.Millisecond))
	until(t, c, "the switch proven", func(n *control.Snapshot) bool { return n.SwitchProof })
	examples["request-start"], _ = l.do(`"command":"start"`)

	examples["state-while-treating"] = l.await("state", `"phase":"hold"`)
	examples["telemetry"] = l.await("telemetry", `"phase":"hold"`)
	examples["request-set"], _ = l.do(`"command":"set","hold_n":140`)
	_, examples["response-above-the-limit"] = l.ask("request", fmt.Sprintf(`"rev":%d,"command":"set","hold_n":480`, l.rev()))
	_, examples["response-malformed"] = l.ask("request", `"command":"set","faster":true`)
	l.do(`"command":"pause"`)
	_, examples["response-stale-rev"] = l.ask("request", `"rev":1,"command":"resume"`)
	l.await("state", `"mode":"paused"`)
	l.do(`"command":"resume"`)
	l.do(`"command":"hold"`)
	l.await("state", `"held":true`)
	examples["request-stop"], _ = l.ask("request", `"command":"stop"`)
	examples["session"] = l.await("session")
	examples["event-of-the-control-process"] = l.await("event", `"event_type":"treatment-ended"`)

	require.True(t, l.client.Publish("traction/plain/request", 1, true, `{"id":"old","command":"pause"}`).WaitTimeout(parts.Patience))
	var answer string
	examples["request-report"], answer = l.ask("request/nurse-1", `"command":"report"`)
	if strings.Contains(answer, `"status":"ok"`) {
		examples["report"] = l.await("report")
	}
	examples["diagnostics"] = l.await("diagnostics")
	if *recordExamples {
		examples["diagnostics"] = l.await("diagnostics", `"cell_rate_hz":8`) // the next one, of a link that is there
	}

	require.True(t, s.gateway.Alive())
	s.gateway.Kill()
	l.await("availability", "offline")
	s.startGateway(t) // a new connection finds it, and only a new one does
	examples["event-of-the-gateway"] = l.await("event", `"event_type":"retained-request"`)
	examples["response-retained"] = l.await("response", `"code":"retained"`)
	l.await("state") // again, so that all that comes after a connection was seen
	l.finish(examples)
}

// finish looks at what was heard, and keeps the examples if that is wanted.
func (l *listener) finish(examples map[string]string) {
	t := l.t
	l.client.Disconnect(250)
	l.mu.Lock()
	defer l.mu.Unlock()
	assert.Empty(t, l.wrong)
	assert.Greater(t, len(l.all), 50)
	for name, payload := range examples {
		require.NotEmpty(t, payload, name)
	}
	if !*recordExamples {
		return
	}
	for name, payload := range examples {
		var b bytes.Buffer
		require.NoError(t, json.Indent(&b, []byte(payload), "", "  "))
		b.WriteByte('\n')
		require.NoError(t, os.WriteFile(filepath.Join("..", "..", "mqtt", "contract", "examples", name+".json"), b.Bytes(), 0o644))
	}
}
