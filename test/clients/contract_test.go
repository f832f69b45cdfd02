package clients

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sent is a message as contract.mjs takes it.
type sent struct {
	Topic   string `json:"topic"`
	Payload string `json:"payload"`
	QoS     int    `json:"qos"`
	Retain  bool   `json:"retain"`
	Sent    bool   `json:"sent"` // by the appliance
}

// judge lets contract.mjs hold messages against the AsyncAPI document.
func judge(t *testing.T, all []sent) *process {
	t.Helper()
	js := node(t, "@asyncapi/parser", "ajv", "ajv-formats")
	path := filepath.Join(t.TempDir(), "messages.jsonl")
	f, err := os.Create(path)
	require.NoError(t, err)
	lines := json.NewEncoder(f)
	for _, m := range all {
		require.NoError(t, lines.Encode(m))
	}
	require.NoError(t, f.Close())
	return launch(t, "", js, "contract.mjs", "../../mqtt/asyncapi.yaml", path)
}

// TestContractJudge: what judges the messages of TestAedes finds what is wrong.
func TestContractJudge(t *testing.T) {
	t.Parallel()
	p := judge(t, []sent{
		{root + "availability", "online", 1, true, true},
		{root + "availability", "online", 0, true, true},
		{root + "availability", "perhaps", 1, true, true},
		{root + "gossip", "{}", 1, true, true},
		{root + "response/somebody", `{"schema":1}`, 1, false, true},
		{root + "request", `{"id":"a","command":"stop"}`, 1, true, false},
	})
	require.Error(t, p.Wait(t))
	assert.Equal(t, 1, p.Cmd.ProcessState.ExitCode())
	for _, says := range []string{
		"traction/{table}/availability: sent with QoS 0, retain true",
		"traction/{table}/availability: data must be equal to one of the allowed values",
		root + "gossip is no channel",
		"traction/{table}/response/{client}: data must have required property",
		"traction/{table}/state: no message was recorded",
	} {
		assert.Contains(t, p.Said.String(), says)
	}
	assert.NotContains(t, p.Said.String(), "asyncapi.yaml:", "the document itself")
	assert.NotContains(t, p.Said.String(), "traction/{table}/request:")
}
