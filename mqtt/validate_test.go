package mqtt

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"traction/mqtt/contract"
)

// judge tells what is wrong with a message that an observer has seen, by the
// contract as it is written down for others; nil = nothing. What is asked on the
// request topics may be wrong on purpose. Retained messages come at the
// subscription's QoS or at their own, so theirs says nothing.
func judge(topic, payload string, qos byte, retained bool) error {
	c, err := contract.Find(topic)
	switch {
	case err != nil:
		return err
	case c.Inbound:
		return nil
	case !retained && qos != c.QoS:
		return fmt.Errorf("%s: came at QoS %d, want %d", topic, qos, c.QoS)
	case retained && !c.Retained:
		return fmt.Errorf("%s: is retained, and should not be", topic)
	case payload == "":
		return fmt.Errorf("%s: is empty", topic)
	}
	return contract.Validate(topic, []byte(payload))
}

// validated fails the test for what an observer was sent and should not have been.
func (o *observer) validated() {
	o.mu.Lock()
	defer o.mu.Unlock()
	const most = 3 // of the same fault there may be hundreds
	for _, err := range o.wrong[:min(most, len(o.wrong))] {
		o.t.Errorf("against the contract (%d in all): %v", len(o.wrong), err)
	}
}

func TestJudge(t *testing.T) {
	good := `{"schema":1,"time":"2026-03-01T08:00:00.005Z","id":"7f","status":"ok","code":"ok","message":"done","rev":4711,"mode":"treating"}`
	for _, c := range []struct {
		name, topic, payload string
		qos                  byte
		retained             bool
		want                 string
	}{
		{"right", "response", good, 1, false, ""},
		{"of a client", "response/nurse-1", good, 1, false, ""},
		{"a request may be anything", "request", "hello", 0, false, ""},
		{"no field", "response", strings.Replace(good, `"code":"ok",`, "", 1), 1, false, "code"},
		{"too weak", "response", good, 0, false, "QoS 0, want 1"},
		{"retained", "response", good, 1, true, "is retained"},
		{"nothing", "state", "", 1, false, "is empty"},
		{"another topic", "nonsense", good, 1, false, "unknown topic"},
	} {
		err := judge("traction/t1/"+c.topic, c.payload, c.qos, c.retained)
		if c.want == "" {
			assert.NoError(t, err, c.name)
		} else {
			assert.ErrorContains(t, err, c.want, c.name)
		}
	}
}
