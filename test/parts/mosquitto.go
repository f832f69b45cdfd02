package parts

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// Mosquitto is Debian's broker, with one or more listeners on loopback. It keeps its
// ports when it is started again, and forgets everything unless its configuration
// says otherwise.
type Mosquitto struct {
	Address  string // host:port of the first listener
	*Process        // the newest

	whole     testing.TB // whose end is its end
	addresses []string   // of all listeners
	program   string
	conf      string  // path
	out       *Output // of all its processes
}

// listener finds the port of each listener of a configuration.
var listener = regexp.MustCompile(`(?m)^listener (\d+)`)

// StartMosquitto runs one until the test t ends, with these lines of configuration:
// behind a listener on a free port of loopback, unless they have listeners of their
// own. It returns when it can be reached.
func StartMosquitto(t testing.TB, lines string) *Mosquitto {
	t.Helper()
	m := &Mosquitto{whole: t, program: Program(t, "mosquitto", "mosquitto"), conf: filepath.Join(t.TempDir(), "mosquitto.conf"), out: new(Output)}
	if !listener.MatchString(lines) {
		lines = "listener " + FreePort(t) + " 127.0.0.1\n" + lines
	}
	for _, port := range listener.FindAllStringSubmatch(lines, -1) {
		m.addresses = append(m.addresses, "127.0.0.1:"+port[1])
	}
	m.Address = m.addresses[0]
	if err := os.WriteFile(m.conf, []byte("user root\nlog_dest stderr\n"+lines), 0o600); err != nil {
		t.Fatal(err)
	}
	m.Start(t)
	return m
}

// URL of its first listener, as a gateway's settings have it.
func (m *Mosquitto) URL() string { return "tcp://" + m.Address }

// Port of its first listener.
func (m *Mosquitto) Port() string {
	_, port, _ := net.SplitHostPort(m.Address) // made by StartMosquitto
	return port
}

// Start runs it anew after End or Kill. The test t is the one that runs.
func (m *Mosquitto) Start(t testing.TB) {
	t.Helper()
	cmd := exec.Command(m.program, "-c", m.conf)
	cmd.Stderr = m.out
	m.Process = Start(m.whole, cmd)
	for _, address := range m.addresses {
		Eventually(t, "mosquitto at "+address, func() bool {
			if !m.Alive() {
				t.Fatalf("%s has ended: %v", m, m.Wait(t))
			}
			return serves(address)
		})
	}
}

// serves tells whether Mosquitto has seen a connection to an address come and go.
// That it listens is not enough: a signal to end is lost on it before it begins to
// serve.
func serves(address string) bool {
	c, err := net.DialTimeout("tcp", address, Patience)
	if err != nil {
		return false
	}
	defer c.Close() //nolint:errcheck // nothing was sent
	if err := errors.Join(c.(*net.TCPConn).CloseWrite(), c.SetReadDeadline(time.Now().Add(Patience))); err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, c) // until it closes its side
	return err == nil
}

// Restart kills it, with all that it has not written down, and starts it anew.
func (m *Mosquitto) Restart(t testing.TB) {
	t.Helper()
	m.Kill()
	m.Start(t)
}
