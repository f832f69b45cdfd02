package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

var testKey = []byte("0123456789abcdef0123456789abcdef")

// envelopeOf signs as somebody else's program would.
func envelopeOf(key []byte, signed string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(signed))
	text, _ := json.Marshal(signed)
	return `{"signed":` + string(text) + `,"hmac":"` + hex.EncodeToString(h.Sum(nil)) + `"}`
}

// TestSignature: R-SIGNED. The signed text counts as it was sent, spaces and order included.
func TestSignature(t *testing.T) {
	const start = ` {"command":"start", "rev":42,"id":"7f"} `
	r, err := DecodeRequest([]byte(envelopeOf(testKey, start)))
	require.NoError(t, err)
	assert.Equal(t, control.CommandStart, r.Command)
	assert.Equal(t, "7f", r.ID)
	assert.True(t, r.Signature.by(testKey))

	again, err := DecodeRequest(r.append(nil))
	require.NoError(t, err)
	assert.Equal(t, r, again, "it crosses the socket as it is")

	other := []byte(strings.Repeat("x", LeastKey))
	assert.False(t, r.Signature.by(other))
	assert.False(t, r.Signature.by(nil), "no key, no signature")
	short := []byte("short")
	s, err := DecodeRequest([]byte(envelopeOf(short, start)))
	require.NoError(t, err)
	assert.False(t, s.Signature.by(short), "a key that can be guessed")
	assert.False(t, (*Signature)(nil).by(testKey))

	changed := strings.Replace(envelopeOf(testKey, start), ":42", ":43", 1)
	r, err = DecodeRequest([]byte(changed))
	require.NoError(t, err)
	assert.False(t, r.Signature.by(testKey))

	rev := uint64(7)
	mine := Sign(Request{ID: "a", Rev: &rev, Command: control.CommandStart}, testKey)
	assert.True(t, mine.Signature.by(testKey))
	assert.JSONEq(t, envelopeOf(testKey, `{"id":"a","rev":7,"command":"start"}`), string(mine.append(nil)))
}

func TestWrongSignatures(t *testing.T) {
	good := envelopeOf(testKey, `{"id":"1","rev":1,"command":"start"}`)
	for _, c := range []struct{ name, raw, want string }{
		{"no mac", `{"signed":"{}"}`, "hmac: is missing"},
		{"short mac", `{"signed":"{}","hmac":"12"}`, `hmac: "12" is not allowed: 64 hexadecimal digits`},
		{"no hexadecimal", `{"signed":"{}","hmac":"` + strings.Repeat("zz", 32) + `"}`, "64 hexadecimal digits"},
		{"not a string", `{"signed":{"id":"1"},"hmac":"` + strings.Repeat("00", 32) + `"}`, "the request's JSON as a string"},
		{"more", strings.Replace(good, "{", `{"rev":2,`, 1), "is not allowed beside signed and hmac"},
		{"twice", envelopeOf(testKey, good), "holds another signed request"},
		{"a bad request inside", envelopeOf(testKey, `{"id":"1","command":"start"}`), "rev: is missing"},
		{"not JSON inside", envelopeOf(testKey, `start`), "request:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := DecodeRequest([]byte(c.raw))
			assert.ErrorContains(t, err, c.want)
			assert.ErrorIs(t, err, ErrMalformed)
			assert.Nil(t, r.Signature)
			assert.NotEqual(t, control.CommandStart, r.Command)
		})
	}
	stop := envelopeOf(testKey, `{"id":"1", "command" : "stop"}`)
	for _, raw := range []string{`{"signed":"{\"command\":\"stop\"}"}`, envelopeOf(testKey, `{"command":"stop",`),
		stop[:len(stop)-1], stop + ",", strings.Replace(stop, "{", `{"signed":"","x":`+strings.Repeat(" ", MaxRequest)+"1,", 1),
		`{"signed":{"command":"stop"},"hmac":"00"}`, envelopeOf(testKey, stop), stop[:len(stop)-70]} {
		r, err := DecodeRequest([]byte(raw))
		assert.Error(t, err)
		assert.Equal(t, control.CommandStop, r.Command, "a stop is found in whatever it is wrapped")
	}
}
