package mqtt

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConfig(t *testing.T) {
	dir := t.TempDir()
	file := func(name, contents string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(contents), mode))
		require.NoError(t, os.Chmod(path, mode)) // whatever the umask
		return path
	}
	secret := file("secret", "s3cret\n", 0o640)
	open := file("open", "s3cret", 0o644)
	writable := file("writable", "s3cret", 0o660)
	empty := file("empty", "\n", 0o600)
	two := file("two", "one\ntwo\n", 0o600)
	large := file("large", strings.Repeat("x", maxSecret+1), 0o600)
	a := newAuthority(t)

	for _, c := range []struct {
		name   string
		config Config
		want   []string // nothing = valid
	}{
		{"loopback, plain", Config{Broker: "tcp://127.0.0.1:1883", TableID: "t1"}, nil},
		{"no port", Config{Broker: "mqtt://broker.example", TableID: "t1"}, nil},
		{"web", Config{Broker: "wss://broker.example/mqtt?x=1", TableID: "T_1-b"}, nil},
		{"IPv6", Config{Broker: "tcp://[::1]", TableID: "t1", Username: "u", PasswordFile: secret}, nil},
		{"user on loopback", Config{Broker: "tcp://localhost", TableID: "t1", Username: "u", PasswordFile: secret}, nil},
		{"user over TLS", Config{Broker: "ssl://broker.example", TableID: "t1", Username: "u", PasswordFile: secret}, nil},
		{"user in the open", Config{Broker: "tcp://broker.example", TableID: "t1", Username: "u"}, []string{"broker", "ssl://", "insecure_plain_auth"}},
		{"user in the open, 127 is part of the name", Config{Broker: "ws://127.0.0.1.example", TableID: "t1", Username: "u"}, []string{"broker", "insecure_plain_auth"}},
		{"user in the open, told to", Config{Broker: "tcp://broker.example", TableID: "t1", Username: "u", InsecurePlainAuth: true}, nil},
		{"scheme", Config{Broker: "http://broker.example", TableID: "t1"}, []string{"broker", "http://broker.example", "tcp://host:1883"}},
		{"no host", Config{Broker: "tcp://:1883", TableID: "t1"}, []string{"broker", "tcp://host:1883"}},
		{"nothing", Config{}, []string{"broker", "table", "1 to 40"}},
		{"port", Config{Broker: "tcp://h:99999", TableID: "t1"}, []string{"broker", "1 to 65535"}},
		{"path", Config{Broker: "tcp://h/x", TableID: "t1"}, []string{"broker", "no path"}},
		{"table", Config{Broker: "tcp://h", TableID: "a/b"}, []string{"table", `"a/b"`, "letters"}},
		{"table wildcard", Config{Broker: "tcp://h", TableID: "#"}, []string{"table"}},
		{"table length", Config{Broker: "tcp://h", TableID: strings.Repeat("a", 41)}, []string{"table"}},
		{"client id", Config{Broker: "tcp://h", TableID: "t1", ClientID: "a b"}, []string{"client_id", `"a b"`}},
		{"password without user", Config{Broker: "tcp://localhost", TableID: "t1", PasswordFile: secret}, []string{"username"}},
		{"mode", Config{Broker: "tcp://localhost", TableID: "t1", Username: "u", PasswordFile: open}, []string{"password_file", "0644", "0640", "chmod"}},
		{"group may write", Config{Broker: "tcp://localhost", TableID: "t1", Username: "u", PasswordFile: writable}, []string{"password_file", "0660"}},
		{"empty", Config{Broker: "tcp://localhost", TableID: "t1", Username: "u", PasswordFile: empty}, []string{"password_file", "empty"}},
		{"two lines", Config{Broker: "tcp://localhost", TableID: "t1", Username: "u", PasswordFile: two}, []string{"password_file", "one line"}},
		{"large", Config{Broker: "tcp://localhost", TableID: "t1", Username: "u", PasswordFile: large}, []string{"password_file", "bytes"}},
		{"a folder", Config{Broker: "tcp://localhost", TableID: "t1", Username: "u", PasswordFile: dir}, []string{"password_file", "regular file"}},
		{"gone", Config{Broker: "tcp://localhost", TableID: "t1", Username: "u", PasswordFile: dir + "/gone"}, []string{"password_file", "no such file"}},
		{"certificates", Config{Broker: "ssl://h", TableID: "t1", CAFile: a.file("ca.crt"), CertFile: a.file("ca.crt"), KeyFile: a.file("ca.key")}, nil},
		{"half a pair", Config{Broker: "ssl://h", TableID: "t1", CertFile: a.file("ca.crt")}, []string{"key_file", "both or neither"}},
		{"no pair", Config{Broker: "ssl://h", TableID: "t1", CertFile: secret, KeyFile: a.file("ca.key")}, []string{"cert_file", "PEM"}},
		{"no authority", Config{Broker: "ssl://h", TableID: "t1", CAFile: secret}, []string{"ca_file", "PEM"}},
		{"authority without TLS", Config{Broker: "tcp://h", TableID: "t1", CAFile: a.file("ca.crt")}, []string{"ca_file", "ssl://"}},
		{"three nodes", Config{Broker: "ssl://a.example wss://b.example/mqtt  ssl://c.example:8884", TableID: "t1", Username: "u", CAFile: a.file("ca.crt")}, nil},
		{"a second that is none", Config{Broker: "tcp://a tcp://b/x", TableID: "t1"}, []string{"broker", "number 2 of 2", "no path"}},
		{"the second in the open", Config{Broker: "ssl://a.example tcp://a.example", TableID: "t1"}, []string{"broker", "all brokers encrypted"}},
		{"the second is another machine", Config{Broker: "tcp://localhost tcp://a.example", TableID: "t1", Username: "u"}, []string{"broker", "insecure_plain_auth"}},
		{"nine nodes", Config{Broker: strings.Repeat("tcp://h ", 9), TableID: "t1"}, []string{"broker", "at most 8"}},
		{"a password in place of its file", Config{Broker: "tcp://localhost", TableID: "t1", Username: "u", PasswordFile: "s3cret"}, []string{"password_file", "a path from the root"}},
		{"a key in place of its file", Config{Broker: "ssl://h", TableID: "t1", CertFile: a.file("ca.crt"), KeyFile: "--BEGIN-- s3cret"}, []string{"key_file", "a path from the root"}},
		{"all at once", Config{Broker: "ftp://x", TableID: "", ClientID: "/", CertFile: "/x", PasswordFile: open},
			[]string{"broker", "table", "client_id", "username", "cert_file", "password_file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.config.Validate()
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			for _, w := range c.want {
				assert.Contains(t, err.Error(), w)
			}
			assert.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestSecretsInURLsAreRefusedAndHidden(t *testing.T) {
	for _, broker := range []string{"ssl://me:hunter2@h", "ssl://me:hunter2%zz@h", "tcp://me:hunter2@h:port",
		"ssl://a ssl://me:hunter2@h", "ssl://me:hunter2@h ssl://a", "ssl://me:hunter2 hunter2@h",
		"ssl://h?token=hunter2", "wss://h:99999?hunter2", "ssl://a?hunter2 ssl://b?hunter2"} {
		c := Config{Broker: broker, TableID: "t1"}
		err := c.Validate()
		require.Error(t, err, broker)
		assert.NotContains(t, err.Error(), "hunter2", broker)
	}
}

func TestTokensInURLsAreHidden(t *testing.T) {
	c := Config{Broker: "wss://a/mqtt?token=hunter2  wss://b/mqtt", TableID: "t1"}
	require.NoError(t, c.Validate())
	assert.Equal(t, "wss://a/mqtt?... wss://b/mqtt", c.Shown())
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nobody is asked
	brokers, err := parseBrokers(c.Broker)
	require.NoError(t, err)
	reached := c.reach(ctx, brokers[0])
	assert.Equal(t, "wss://a:443/mqtt?...", reached.Broker)
}

func TestDefaultClientID(t *testing.T) {
	c := Config{TableID: strings.Repeat("t", 40)}
	assert.Regexp(t, clientRule, c.clientID())
	assert.True(t, strings.HasPrefix(c.clientID(), "traction-"+c.TableID+"-"))
	c.ClientID = "own"
	assert.Equal(t, "own", c.clientID())
}

func TestNewRefuses(t *testing.T) {
	_, err := New(Config{}, Parts{Dial: newTable().dial})
	assert.ErrorContains(t, err, "mqtt: broker")
	_, err = New(Config{Broker: "tcp://h", TableID: "t1"}, Parts{})
	assert.ErrorContains(t, err, "dial")
}
