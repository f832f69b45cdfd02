// Package security tries what an attacker would try, against the real programs: the
// appliance, Mosquitto as docs/mosquitto sets it up, and the commands that the
// documents tell people to type.
package security

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// broker is Mosquitto, set up as docs/mosquitto says but for paths and ports.
type broker struct {
	certs      string // the folder in which the commands of README.md ran
	tls, plain string // addresses of the listeners
	*parts.Mosquitto
}

// passwords of those who connect on the broker's own computer.
var passwords = map[string]string{"homeassistant": "hat-password", "recorder": "rec-password", "table-1": "right-password"}

func newBroker(t *testing.T) *broker {
	t.Helper()
	certs := t.TempDir()
	shell(t, certs, documented(t, "../../docs/mosquitto/README.md", "umask 077", "CN=broker", "for name in"))
	return newBrokerIn(t, certs)
}

// newBrokerIn takes certificates that were made before, and a revocation list if
// there is one.
func newBrokerIn(t *testing.T, certs string) *broker {
	t.Helper()
	passwd := parts.Program(t, "mosquitto_passwd", "mosquitto")
	b := &broker{certs: certs}
	users := filepath.Join(b.certs, "passwd")
	require.NoError(t, os.WriteFile(users, nil, 0o600))
	for user, password := range passwords {
		out, err := exec.Command(passwd, "-b", users, user, password).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	b.tls, b.plain = parts.FreeAddress(t), parts.FreeAddress(t)
	port := func(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
	text := read(t, "../../docs/mosquitto/mosquitto.conf")
	for from, to := range map[string]string{
		"/etc/mosquitto/certs/traction-ca.crt":     filepath.Join(b.certs, "ca.crt"),
		"/etc/mosquitto/certs/traction-broker.crt": filepath.Join(b.certs, "broker.crt"),
		"/etc/mosquitto/certs/traction-broker.key": filepath.Join(b.certs, "broker.key"),
		"/etc/mosquitto/traction.passwd":           users,
		"/etc/mosquitto/traction.acl":              absolute(t, "../../docs/mosquitto/acl"),
		"listener 1883 127.0.0.1":                  "listener " + port(b.plain) + " 127.0.0.1",
		"listener 8883":                            "listener " + port(b.tls) + " 127.0.0.1",
	} {
		require.Equal(t, 1, strings.Count(text, from), from)
		text = strings.Replace(text, from, to, 1)
	}
	if lost := filepath.Join(b.certs, "ca.crl"); exists(lost) {
		text = strings.Replace(text, "#crlfile /etc/mosquitto/certs/traction-ca.crl", "crlfile "+lost, 1)
	}
	// Debian's own file sets persistence and the log.
	b.Mosquitto = parts.StartMosquitto(t, "log_type all\n"+text)
	return b
}

// denied counts the broker's refusals of a user's messages on a topic.
func (b *broker) denied(user, topic string) int {
	return len(regexp.MustCompile(`Denied PUBLISH from `+regexp.QuoteMeta(user)+` .*'`+regexp.QuoteMeta(topic)+`'`).FindAllString(b.Said.String(), -1))
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(raw)
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	return path
}
