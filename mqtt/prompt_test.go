package mqtt

import (
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever the way to the broker is, the TCP connection at its end is found, and
// what arrives is read. What it gains is measured by TestStop in test/network.
func TestPromptFindsTheConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close() //nolint:errcheck // a test
	plain, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer plain.Close() //nolint:errcheck // a test
	assert.NotNil(t, newPrompt(plain).raw)
	assert.NotNil(t, newPrompt(tls.Client(plain, &tls.Config{ServerName: "broker"})).raw)
	a, b := net.Pipe()
	assert.Nil(t, newPrompt(a).raw, "nothing to tell, and no harm")
	go func() {
		_, _ = b.Write([]byte("piped"))
		_ = b.Close()
	}()
	got, err := io.ReadAll(newPrompt(a))
	require.NoError(t, err)
	assert.Equal(t, "piped", string(got))

	s := httptest.NewServer(http.HandlerFunc(shakeWebHands))
	defer s.Close()
	web, err := paho.NewWebsocket("ws"+strings.TrimPrefix(s.URL, "http"), nil, generous, nil, nil)
	require.NoError(t, err)
	defer web.Close() //nolint:errcheck // a test
	assert.NotNil(t, newPrompt(web).raw)
}

// shakeWebHands begins a websocket (RFC 6455, section 4.2.2) and says nothing on it.
func shakeWebHands(w http.ResponseWriter, r *http.Request) {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	h := w.Header()
	h.Set("Upgrade", "websocket")
	h.Set("Connection", "Upgrade")
	h.Set("Sec-WebSocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
	h.Set("Sec-WebSocket-Protocol", "mqtt")
	w.WriteHeader(http.StatusSwitchingProtocols)
}
