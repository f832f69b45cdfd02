package contract

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFind(t *testing.T) {
	for _, c := range []struct{ topic, want string }{
		{"traction/room-2/state", "state"},
		{"traction/room-2/request", "request"},
		{"traction/room-2/request/nurse_1", "request/{client}"},
		{"traction/room-2/response/nurse_1", "response/{client}"},
		{"traction/room-2/request/nurse 1", ""},
		{"traction/room-2/request/", ""},
		{"traction/room-2/request/" + strings.Repeat("x", 41), ""},
		{"traction/room-2/request/a/b", ""},
		{"traction/room 2/state", ""},
		{"traction//state", ""},
		{"traction/room-2", ""},
		{"traction/room-2/{client}", ""},
		{"tractor/room-2/state", ""},
		{"", ""},
	} {
		got, err := Find(c.topic)
		assert.Equal(t, c.want, got.Name, c.topic)
		if c.want == "" {
			assert.ErrorIs(t, err, ErrUnknownTopic, c.topic)
		} else {
			assert.NoError(t, err, c.topic)
		}
	}
}

// example is a message that was really sent.
func example(t *testing.T, name string) string {
	raw, err := os.ReadFile("examples/" + name + ".json")
	require.NoError(t, err)
	return string(raw)
}

// Every kind of fault that a schema can see is seen, at a message that is right
// but for that.
func TestValidateRefuses(t *testing.T) {
	state, telemetry, response := example(t, "state-while-treating"), example(t, "telemetry"), example(t, "response-ok")
	for _, c := range []struct{ name, topic, payload, from, to, want string }{
		{"a field is missing", "state", state, `"mode": "treating",`, ``, "mode"},
		{"a mode that there is not", "state", state, `"treating"`, `"asleep"`, "/mode"},
		{"a list that is none", "state", state, `"trips": []`, `"trips": null`, "/trips"},
		{"another version", "state", state, `"schema": 1`, `"schema": 2`, "/schema"},
		{"a rev that is lost in JavaScript", "state", state, `"rev": `, `"rev": 99999`, "/rev"},
		{"below a range, inside", "state", state, `"hold_n": 1`, `"hold_n": -1`, "/settings/hold_n"},
		{"a limit without its reason", "state", state, `"reason": "programme"`, `"why": "programme"`, "reason"},
		{"a number as text", "telemetry", telemetry, `"step": 1`, `"step": "1"`, "/step"},
		{"null where it never is", "telemetry", telemetry, `"phase": "hold"`, `"phase": null`, "/phase"},
		{"a fraction of a count", "telemetry", telemetry, `"step": 1`, `"step": 1.5`, "/step"},
		{"a time of no day", "telemetry", telemetry, `T`, `T9`, "/time"},
		{"a code that there is not", "response", response, `"code": "ok"`, `"code": "perhaps"`, "/code"},
		{"half a message", "response", response, "}", "", "is not JSON"},
		{"nothing", "response", "", "", "", "is not JSON"},
		{"a word", "availability", "perhaps", "", "", "online, offline"},
		{"a word in quotes", "availability", `"online"`, "", "", "online, offline"},
	} {
		require.Contains(t, c.payload, c.from, c.name)
		if c.from != "" {
			require.NoError(t, Validate("traction/t1/"+c.topic, []byte(c.payload)), c.name)
		}
		bad := strings.Replace(c.payload, c.from, c.to, 1)
		assert.ErrorContains(t, Validate("traction/t1/"+c.topic, []byte(bad)), c.want, c.name)
	}
	assert.ErrorIs(t, Validate("traction/t1/nonsense", nil), ErrUnknownTopic)
}

func TestValidateTakes(t *testing.T) {
	for _, c := range []struct{ name, topic, payload string }{
		{"online", "availability", "online"},
		{"offline", "availability", "offline"},
		{"a new field, which readers ignore", "state", strings.Replace(example(t, "state-while-treating"), "{", `{"new": 1,`, 1)},
		{"a retained request is cleared", "request", ""},
		{"the same for a client", "request/nurse-1", ""},
		{"a response to a client", "response/nurse-1", example(t, "response-stale-rev")},
	} {
		assert.NoError(t, Validate("traction/t1/"+c.topic, []byte(c.payload)), c.name)
	}
	assert.Error(t, Validate("traction/t1/request", []byte(strings.Replace(example(t, "request-stop"), "{", `{"new": 1,`, 1))),
		"requests are closed")
}
