package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// refusals is how many attempts in a row have to be worth one log line.
const refusals = 12

// saidOnce waits until want is the reason for no connection, and for many more
// attempts, all of them worth one line.
func saidOnce(t *testing.T, g *running, attempts func() int, want string) {
	t.Helper()
	eventually(t, want, func() bool { return g.logs.count(want) >= 1 })
	eventually(t, "more attempts", func() bool { return attempts() >= refusals })
	assert.Equal(t, 1, g.logs.count("not connected"), "one line, however often it is tried")
	assert.Equal(t, 1, g.logs.count("do="), "with what to do about it")
}

// connections counts what Mosquitto was asked for.
func (m *mosquitto) connections() int { return strings.Count(m.Said.String(), "New connection") }

// hurried is a pace that makes the attempts of a day in a second.
func hurried(p *pace) {
	p.reconnect = backoff{first: time.Millisecond, most: 20 * time.Millisecond}
}

// authorities are certificates good and bad, made once for all refusals.
func authorities(t *testing.T) (a, stranger *authority) {
	t.Helper()
	a, stranger = newAuthority(t), newAuthority(t)
	local := net.IPv4(127, 0, 0, 1)
	a.make("broker", local)
	a.make("late", local, expired)
	a.make("person", local, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	a.make("table", nil)
	a.make("old", nil, expired)
	taken, _ := a.make("taken", nil)
	a.revoke("all", taken)
	stranger.make("table", nil)
	return a, stranger
}

// Each way in which a certificate does not please is told as what it is, once, also in
// TLS 1.3, where the broker's complaint comes late.
func TestCertificates(t *testing.T) {
	a, stranger := authorities(t)
	secured := func(cert, lines string) *mosquitto {
		return startMosquitto(t, "allow_anonymous true\ncafile "+a.file("ca.crt")+"\ncrlfile "+a.file("all.crl")+
			"\ncertfile "+a.file(cert+".crt")+"\nkeyfile "+a.file(cert+".key")+"\n"+lines)
	}
	strict, late, person := secured("broker", "require_certificate true\n"), secured("late", ""), secured("person", "")
	plain := startMosquitto(t, "allow_anonymous true\n")
	own := func(from *authority, name string) Config {
		return Config{CAFile: a.file("ca.crt"), CertFile: from.file(name + ".crt"), KeyFile: from.file(name + ".key")}
	}
	for _, c := range []struct {
		name   string
		broker *mosquitto
		url    string
		config Config
		want   string
	}{
		{"unknown authority", strict, "ssl://127.0.0.1", Config{CertFile: a.file("table.crt"), KeyFile: a.file("table.key")}, "nobody known vouches for the broker's certificate"},
		{"other name", strict, "ssl://localhost", own(a, "table"), "the broker's certificate is for another name"},
		{"broker's has expired", late, "ssl://127.0.0.1", own(a, "table"), "the broker's certificate has expired or is not valid yet"},
		{"broker's is a person's", person, "ssl://127.0.0.1", own(a, "table"), "the broker's certificate is not valid"},
		{"none of its own", strict, "ssl://127.0.0.1", Config{CAFile: a.file("ca.crt")}, "refuses this gateway's certificate: there is none"},
		{"own of a stranger", strict, "ssl://127.0.0.1", own(stranger, "table"), "it does not know who signed it"},
		{"own has expired", strict, "ssl://127.0.0.1", own(a, "old"), "refuses this gateway's certificate: it has expired"},
		{"own was revoked", strict, "ssl://127.0.0.1", own(a, "taken"), "refuses this gateway's certificate: it was revoked"},
		{"no TLS to a TLS port", strict, "tcp://127.0.0.1", Config{}, "the broker closed the connection"},
		{"TLS to a plain port", plain, "ssl://127.0.0.1", Config{CAFile: a.file("ca.crt")}, "the broker closed the connection"},
		{"all is well", strict, "ssl://127.0.0.1", own(a, "table"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, port, _ := net.SplitHostPort(c.broker.addr())
			c.config.Broker = c.url + ":" + port
			before := c.broker.connections()
			g := run(t, newTable(), c.config, hurried)
			defer g.stop() // before the next one counts
			if c.want == "" {
				eventually(t, "connected", func() bool { return g.logs.count("mqtt: connected") == 1 })
				assert.Zero(t, g.logs.count("not connected"))
				return
			}
			saidOnce(t, g, func() int { return c.broker.connections() - before }, c.want)
			assert.Zero(t, g.logs.count("mqtt: connected"))
		})
	}
}

// In TLS 1.2 the complaint comes within the handshake. This Mosquitto speaks 1.3
// with whoever can, so the broker is made of Go's own TLS.
func TestCertificatesInOlderTLS(t *testing.T) {
	a, stranger := authorities(t)
	pair, err := tls.LoadX509KeyPair(a.file("broker.crt"), a.file("broker.key"))
	require.NoError(t, err)
	pool, err := readAuthorities(a.file("ca.crt"))
	require.NoError(t, err)
	own := func(from *authority, name string) Config {
		return Config{CAFile: a.file("ca.crt"), CertFile: from.file(name + ".crt"), KeyFile: from.file(name + ".key")}
	}
	for _, c := range []struct {
		name     string
		min, max uint16
		config   Config
		want     string
	}{
		{"none of its own", tls.VersionTLS12, tls.VersionTLS12, Config{CAFile: a.file("ca.crt")}, "refuses this gateway's certificate"},
		{"own of a stranger", tls.VersionTLS12, tls.VersionTLS12, own(stranger, "table"), "it does not know who signed it"},
		{"own has expired", tls.VersionTLS12, tls.VersionTLS12, own(a, "old"), "it has expired"},
		{"only TLS 1.1", tls.VersionTLS10, tls.VersionTLS11, own(a, "table"), "the broker speaks no version of TLS that is safe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr, tries := shakeHands(t, &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool,
				ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: c.min, MaxVersion: c.max})
			c.config.Broker = "ssl://" + addr
			g := run(t, newTable(), c.config, hurried)
			saidOnce(t, g, func() int { return int(tries.Load()) }, c.want)
		})
	}
}

// shakeHands is a server that does nothing else, and counts how often.
func shakeHands(t *testing.T, c *tls.Config) (addr string, tries *atomic.Int64) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", c)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	tries = new(atomic.Int64)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			tries.Add(1)
			go func() {
				_ = conn.(*tls.Conn).Handshake() // fails, which is what it is for
				_ = conn.Close()
			}()
		}
	}()
	return l.Addr().String(), tries
}

// passwords is a password file of Mosquitto's.
func passwords(t *testing.T, users map[string]string) (path string) {
	t.Helper()
	program := parts.Program(t, "mosquitto_passwd", "mosquitto")
	path = filepath.Join(t.TempDir(), "passwords")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	for user, password := range users {
		out, err := exec.Command(program, "-b", path, user, password).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	return path
}

func TestUsersAreRefusedOnce(t *testing.T) {
	users := passwords(t, map[string]string{"t1": "right"})
	b := startMosquitto(t, "allow_anonymous false\npassword_file "+users+"\n")
	secret := filepath.Join(t.TempDir(), "password")
	write := func(contents string) { require.NoError(t, os.WriteFile(secret, []byte(contents+"\n"), 0o640)) }
	for _, c := range []struct{ name, user, password string }{
		{"wrong password", "t1", "swordfish"}, {"unknown user", "t2", "right"}, {"nobody", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := Config{Broker: "tcp://" + b.addr(), Username: c.user}
			if c.password != "" {
				write(c.password)
				config.PasswordFile = secret
			}
			before := b.connections()
			g := run(t, newTable(), config, hurried)
			defer g.stop()
			saidOnce(t, g, func() int { return b.connections() - before }, "the broker does not let this user in")
			assert.NotContains(t, g.logs.String(), "swordfish")
			if c.password == "swordfish" {
				write("right")
				eventually(t, "a corrected password needs no restart", func() bool { return g.logs.count("mqtt: connected") == 1 })
			}
		})
	}
}

// A file of its own that has gone bad is not the network's fault.
func TestOwnFileIsToldApart(t *testing.T) {
	b := startMosquitto(t, "allow_anonymous true\n")
	secret := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(secret, []byte("swordfish\n"), 0o640))
	gt := newGate(t, b)
	g := run(t, newTable(), Config{Broker: "tcp://" + gt.addr(), Username: "u", PasswordFile: secret}, hurried, func(p *pace) { p.settled = time.Hour })
	eventually(t, "connected", func() bool { return g.logs.count("mqtt: connected") == 1 })
	require.NoError(t, os.Chmod(secret, 0o644))
	gt.shut()
	gt.reopen()
	eventually(t, "said", func() bool { return g.logs.count("a file of this gateway's own cannot be used") == 1 })
	assert.Contains(t, g.logs.String(), "0644")
	assert.NotContains(t, g.logs.String(), "swordfish")
	require.NoError(t, os.Chmod(secret, 0o600))
	eventually(t, "connected again", func() bool { return g.logs.count("mqtt: connected") == 2 })
	assert.Equal(t, 1, g.logs.count("a file of this gateway's own"))
}
