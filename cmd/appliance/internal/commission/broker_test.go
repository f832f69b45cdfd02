package commission

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/settings"
	"traction/mqtt"
	"traction/mqtt/broker"
)

func TestABrokerIsReached(t *testing.T) {
	b, err := broker.Start(context.Background(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Close() })
	f := findingOf(t, machine(), func(s *settings.Settings) { s.MQTT.Broker = "tcp://" + b.Addr() }, "broker")
	assert.Equal(t, Pass, f.Verdict, "%+v", f)
	assert.Contains(t, f.Found, "let in within")
	addr := b.Addr()
	require.NoError(t, b.Close())
	f = findingOf(t, machine(), func(s *settings.Settings) { s.MQTT.Broker = "tcp://" + addr }, "broker")
	assert.Equal(t, Warn, f.Verdict, "the table works without it")
	assert.Contains(t, f.Found, "connecting: ")
	assert.Contains(t, f.Advice, "whether the broker runs there")
}

func TestABrokerWhoseSecretsAreTheGatewaysOwnIsNotTried(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	f := findingOf(t, machine(), func(s *settings.Settings) {
		s.MQTT.Username, s.MQTT.PasswordFile = "winch", "credential:traction-mqtt-password"
	}, "broker")
	assert.Equal(t, Skip, f.Verdict, "no broker is named")
	f = findingOf(t, machine(), func(s *settings.Settings) {
		s.MQTT.Broker, s.MQTT.Username, s.MQTT.PasswordFile = "tcp://127.0.0.1:1", "winch", "credential:traction-mqtt-password"
	}, "broker")
	assert.Equal(t, Warn, f.Verdict)
	assert.Contains(t, f.Found, "not tried: ")
	assert.Contains(t, f.Advice, "by the gateway's service and by root alone")
}

func TestWhatToDoAboutABroker(t *testing.T) {
	for want, b := range map[string]mqtt.Reached{
		"name server":            {Failed: mqtt.Resolving, Err: errors.New("no such host")},
		"firewalls":              {Failed: mqtt.Connecting, Err: errors.New("refused")},
		"mqtt.ca_file":           {Failed: mqtt.Encrypting, Err: errors.New("unknown authority")},
		"that is no MQTT broker": {Failed: mqtt.LoggingIn, Err: context.DeadlineExceeded},
		"mqtt.username":          {Failed: mqtt.LoggingIn, Err: errors.New("not authorised")},
	} {
		assert.Contains(t, brokerAdvice(&b, now), want)
	}
	assert.Contains(t, brokerAdvice(&mqtt.Reached{Failed: mqtt.Encrypting}, time.Unix(0, 0)), "set the clock first")
}

// TestTheReportTellsNoSecret: a report goes to support by mail.
func TestTheReportTellsNoSecret(t *testing.T) {
	const secret = "correct-horse-battery"
	dir := t.TempDir()
	password, key := filepath.Join(dir, "password"), filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(password, []byte(secret+"\n"), 0o600))
	require.NoError(t, os.WriteFile(key, []byte(secret+secret+secret+"\n"), 0o600))
	for name, brokers := range map[string]string{
		"one that cannot be reached": "tcp://127.0.0.1:1",
		"a password where none goes": "tcp://winch:" + secret + "@127.0.0.1:1",
	} {
		t.Run(name, func(t *testing.T) {
			s := bench(t, nil)
			c := check(s)
			c.Config = "/etc/traction/traction.toml"
			c.Settings.MQTT.Broker, c.Settings.MQTT.Username, c.Settings.MQTT.PasswordFile = brokers, "secret-user-name", password
			c.Settings.Control.RequestKeyFile = key
			m := c.Settings.MQTT
			c.GatewayErr = m.Validate()
			r, err := c.Run(context.Background())
			require.NoError(t, err)
			raw, err := json.Marshal(r)
			require.NoError(t, err)
			var text strings.Builder
			require.NoError(t, r.WriteText(&text))
			for _, said := range []string{string(raw), text.String()} {
				assert.Contains(t, said, "127.0.0.1:1")
				assert.NotContains(t, said, secret)
				assert.NotContains(t, said, "secret-user-name")
			}
		})
	}
}
