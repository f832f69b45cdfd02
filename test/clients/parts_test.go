// Package clients runs other people's MQTT programs against a simulated table:
// Mosquitto's clients, MQTT.js, Node-RED, the broker Aedes, AsyncAPI's parser and
// Ajv. It reaches the appliance as they do, as processes and over the network, so
// that what the documents promise is what a stranger's program gets.
//
// The programs come with .ci/node and from Debian (mosquitto, mosquitto-clients).
// A test whose programs are missing is skipped with one line, and fails when
// TRACTION_REQUIRE_PARTS is set.
package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds every wait for a real process. It is twice the longest that a table
// takes to come back to a restarted broker whose first attempt it has missed.
const patience = 2 * time.Minute

// work holds the appliance that the tests share; removed at the end.
var work string

func TestMain(m *testing.M) {
	var err error
	if work, err = os.MkdirTemp("", "traction-clients-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(work) // in a temporary folder anyway
	os.Exit(code)
}

// build makes the appliance once for all tests.
var build = sync.OnceValues(func() (string, error) {
	program := filepath.Join(work, "appliance")
	out, err := exec.Command("go", "build", "-o", program, "../../cmd/appliance").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, nil
})

func appliance(t *testing.T) string {
	t.Helper()
	program, err := build()
	require.NoError(t, err)
	return program
}

// missing ends a test whose part is not there.
func missing(t *testing.T, what, how string) {
	t.Helper()
	if os.Getenv("TRACTION_REQUIRE_PARTS") != "" {
		t.Fatalf("%s is missing and TRACTION_REQUIRE_PARTS is set: %s", what, how)
	}
	t.Skipf("%s is missing, so this is not tested: %s", what, how)
}

// program finds a program of Debian's.
func program(t *testing.T, name, pkg string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin") { // servers are not in users' PATH
		path := filepath.Join(dir, name)
		if s, err := os.Stat(path); err == nil && s.Mode().IsRegular() {
			return path
		}
	}
	missing(t, name, "apt-get install "+pkg)
	return ""
}

// node finds Node with the packages of this folder.
func node(t *testing.T, packages ...string) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node", "install Node 20 or later and run .ci/node")
	}
	for _, p := range packages {
		if _, err := os.Stat(filepath.Join("node_modules", p)); err != nil {
			missing(t, "the npm package "+p, "run .ci/node")
		}
	}
	return path
}

// heavy skips what takes real processes and real time when -short asks for less.
func heavy(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real processes and takes real time")
	}
}

// eventually waits for a condition; the deadline is generous because machines are slow.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		require.True(t, time.Now().Before(deadline), "waited %v for: %s", patience, what)
		time.Sleep(10 * time.Millisecond)
	}
}

// freePort is one on which nobody listens now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close() //nolint:errcheck // a test
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

// listens waits until somebody takes connections on a port of this machine.
func listens(t *testing.T, port string) {
	t.Helper()
	eventually(t, "a listener on port "+port, func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// output collects what a process says; safe to read while it runs.
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

// process is a program of another's, or the appliance itself.
type process struct {
	cmd  *exec.Cmd
	out  *output // standard output
	log  *output // standard error
	done chan struct{}
	err  error // how it ended, once done is closed
}

// launch starts a program that lives until end, kill or the test's end. What it
// said is shown when the test fails.
func launch(t *testing.T, dir, path string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(path, args...), out: new(output), log: new(output), done: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.log
	require.NoError(t, p.cmd.Start())
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.end()
		if t.Failed() {
			t.Logf("%s %v said:\n%s%s", filepath.Base(path), args, p.out, p.log)
		}
	})
	return p
}

// end asks the process to end, and insists after a while.
func (p *process) end() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
	case <-time.After(patience):
		p.kill()
	}
}

// kill ends the process without a word.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// succeed waits for a program that ends by itself.
func (p *process) succeed(t *testing.T) {
	t.Helper()
	select {
	case <-p.done:
		var exit *exec.ExitError
		if errors.As(p.err, &exit) {
			t.Fatalf("%s ended with %d:\n%s%s", filepath.Base(p.cmd.Path), exit.ExitCode(), p.out, p.log)
		}
		require.NoError(t, p.err)
	case <-time.After(patience):
		t.Fatalf("%s did not end:\n%s%s", filepath.Base(p.cmd.Path), p.out, p.log)
	}
}

// bounded is a context that ends before anybody loses patience.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
