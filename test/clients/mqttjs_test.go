package clients

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/test/parts"
)

// TestMQTTjs: a small program as a user would write it, operator.mjs, watches a
// treatment, pauses, resumes and stops it, over MQTT's own port and over
// websockets. What it expects of each answer stands there; here stands that
// the rope is slack in the end.
func TestMQTTjs(t *testing.T) {
	parts.Heavy(t, "starts real processes and takes real time")
	t.Parallel()
	js := node(t, "mqtt")
	m := startMosquitto(t)
	tb := startTable(t, m.URL())
	for _, c := range []struct{ name, url string }{
		{"tcp", "mqtt://127.0.0.1:" + m.Port()},
		{"websockets", "ws://127.0.0.1:" + m.webPort},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb.treat(t)
			launch(t, "", js, "operator.mjs", c.url, tableID).Succeed(t)
			s := tb.mode(t, control.Idle)
			assert.Less(t, s.Force, 20*physic.Newton, "released")
		})
	}
}
