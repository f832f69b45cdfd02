package security

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// betrays looks for a secret in all that a process shows to others.
func betrays(t *testing.T, p *parts.Process, said, secret string) {
	t.Helper()
	assert.NotContains(t, said, secret, "in its output")
	for _, name := range []string{"cmdline", "environ"} {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.Cmd.Process.Pid, name))
		require.NoError(t, err)
		assert.NotContains(t, string(raw), secret, name)
	}
}

// TestSecretsStaySecret: whatever becomes of the connection, password and key are
// in no output, command line or environment.
func TestSecretsStaySecret(t *testing.T) {
	b := newBroker(t)
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chmod(path, mode))
		return path
	}
	key := read(t, filepath.Join(b.certs, "table-1.key"))
	inside := strings.Split(key, "\n")[1] // a line of the key itself
	require.Greater(t, len(inside), 32)
	foreign := strings.Replace(key, inside, strings.Repeat("A", len(inside)), 1)
	password := func(from string) map[string]string {
		return map[string]string{"broker": "tcp://" + b.plain, "username": "table-1", "password_file": from, "ca_file": "", "cert_file": "", "key_file": ""}
	}
	for _, c := range []struct {
		name, secret string
		changes      map[string]string
		want         string
		ends         bool // because of its settings
	}{
		{"a password that is right", "right-password", password(file("right", "right-password\n", 0o640)), "mqtt: connected", false},
		{"a password that is wrong", "swordfish", password(file("wrong", "swordfish\n", 0o640)), "the broker does not let this user in", false},
		{"a credential of systemd", "right-password", password("credential:right"), "mqtt: connected", false},
		{"a password for everybody", "swordfish", password(file("open", "swordfish\n", 0o644)), "its mode 0644 is too wide for a secret", true},
		{"a password of two lines", "swordfish", password(file("lines", "swordfish\nsecond\n", 0o600)), "nothing but one line", true},
		{"a password in the URL", "swordfish", map[string]string{"broker": "ssl://table-1:swordfish@" + b.tls}, "no user in the URL", true},
		{"a password in place of its file", "swordfish", password("swordfish"), "password_file", true},
		{"a key", inside, nil, "mqtt: connected", false},
		{"a key for everybody", inside, map[string]string{"key_file": file("wide.key", key, 0o644)}, "its mode 0644 is too wide for a secret", true},
		{"a key that is broken", strings.Repeat("A", 32), map[string]string{"key_file": file("broken.key", foreign, 0o600)}, "the key that fits it", true},
		{"a key as certificate", inside, map[string]string{"cert_file": filepath.Join(b.certs, "table-1.key")}, "the key that fits it", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("CREDENTIALS_DIRECTORY", dir)
			tb := newTable(t, b, "table-1", c.changes)
			tb.startGateway()
			if c.ends {
				assert.Error(t, tb.gateway.Wait(t))
				assert.Contains(t, tb.said.String(), c.want)
				assert.NotContains(t, tb.said.String(), c.secret)
				return
			}
			parts.Eventually(t, c.want, func() bool { return strings.Contains(tb.said.String(), c.want) })
			betrays(t, tb.gateway, tb.said.String(), c.secret)
			tb.gateway.End()
			assert.NotContains(t, tb.said.String(), c.secret)
		})
	}
	for _, secret := range []string{"right-password", "swordfish", inside} {
		assert.NotContains(t, b.Said.String(), secret, "the broker's log")
	}
}

// TestRequestKeyStaysSecret: nor does the control process tell the key that it checks
// requests with.
func TestRequestKeyStaysSecret(t *testing.T) {
	b := newBroker(t)
	path := filepath.Join(t.TempDir(), "key")
	for _, c := range []struct{ name, text, secret, want string }{
		{"a good one", strings.Repeat("s3cret", 8) + "\n", "s3cret", "control runs"},
		{"a short one", "s3cret\n", "s3cret", "request_key_file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			tb := newTable(t, b, "table-1", nil)
			tb.startControl("--request-key-file", path)
			parts.Eventually(t, c.want, func() bool { return strings.Contains(tb.said.String(), c.want) })
			if c.want == "control runs" {
				betrays(t, tb.control, tb.said.String(), c.secret)
			}
			tb.control.End()
			assert.NotContains(t, tb.said.String(), c.secret)
		})
	}
}
