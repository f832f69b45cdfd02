// Package security tries what an attacker would try, against the real programs: the
// appliance, Mosquitto as docs/mosquitto sets it up, and the commands that the
// documents tell people to type.
package security

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds every wait; it is never used up when all is well.
const patience = time.Minute

// part finds a program that these tests need. Where it is missing the test is
// skipped, in CI it fails.
func part(t *testing.T, name, from string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if path = "/usr/sbin/" + name; exists(path) { // Debian keeps Mosquitto out of users' PATH
		return path
	}
	if os.Getenv("TRACTION_REQUIRE_PARTS") != "" {
		t.Fatalf("%s is missing, and TRACTION_REQUIRE_PARTS asks for it: apt-get install %s", name, from)
	}
	t.Skipf("%s is missing, so this is not tested against it: apt-get install %s", name, from)
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// eventually waits for a condition; it passes as soon as that holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "never: %s", what)
	}
}

// output collects what a process says.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// broker is Mosquitto, set up as docs/mosquitto says but for paths and ports.
type broker struct {
	certs      string // the folder in which the commands of README.md ran
	tls, plain string // addresses of the listeners
	log        *output
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
	program, passwd := part(t, "mosquitto", "mosquitto"), part(t, "mosquitto_passwd", "mosquitto")
	b := &broker{certs: certs, log: new(output)}
	users := filepath.Join(b.certs, "passwd")
	require.NoError(t, os.WriteFile(users, nil, 0o600))
	for user, password := range passwords {
		out, err := exec.Command(passwd, "-b", users, user, password).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	b.tls, b.plain = freeAddress(t), freeAddress(t)
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
	conf := filepath.Join(b.certs, "mosquitto.conf")
	// Debian's own file sets persistence and the log.
	text = "user root\npersistence false\nlog_dest stderr\nlog_type all\n" + text
	require.NoError(t, os.WriteFile(conf, []byte(text), 0o600))
	run(t, b.log, program, "-c", conf)
	for _, address := range []string{b.tls, b.plain} {
		eventually(t, "mosquitto listens", func() bool {
			c, err := net.Dial("tcp", address)
			if err == nil {
				_ = c.Close()
			}
			return err == nil
		})
	}
	return b
}

// denied counts the broker's refusals of a user's messages on a topic.
func (b *broker) denied(user, topic string) int {
	return len(regexp.MustCompile(`Denied PUBLISH from `+regexp.QuoteMeta(user)+` .*'`+regexp.QuoteMeta(topic)+`'`).FindAllString(b.log.String(), -1))
}

// run starts a process that ends with the test.
func run(t *testing.T, log *output, program string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		end(cmd)
		if t.Failed() {
			said := log.String()
			t.Logf("%s %v said:\n%s", filepath.Base(program), args, said[max(0, len(said)-4000):])
		}
	})
	return cmd
}

// end asks a process of ours to end, and makes it end if it does not.
func end(cmd *exec.Cmd) {
	if cmd.ProcessState != nil {
		return
	}
	_ = cmd.Process.Signal(os.Interrupt)
	last := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer last.Stop()
	_ = cmd.Wait() // says by what it was ended
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close() //nolint:errcheck // nothing was sent
	return l.Addr().String()
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
