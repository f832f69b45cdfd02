// Package homeassistant tests the discovery against a real Home Assistant: the
// appliance's two processes, Mosquitto and Home Assistant on loopback, and an
// observer at the broker who sees what all of them say.
//
// Home Assistant is installed by .ci/homeassistant, see there. The test looks for
// the path of its hass in TRACTION_HOMEASSISTANT.
package homeassistant

import (
	"bytes"
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

// patience bounds every wait for a real process; it is never used up when all is well.
const patience = 2 * time.Minute

// glance is how long a wait sleeps between two looks.
const glance = 50 * time.Millisecond

// missing ends the test for want of a part: with a skip on a developer's machine,
// with a failure where all parts are required.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("TRACTION_REQUIRE_PARTS") == "1" {
		t.Fatalf("%s; TRACTION_REQUIRE_PARTS=1 requires it", what)
	}
	t.Skip(what)
}

// hass is the path of Home Assistant's program.
func hass(t *testing.T) string {
	t.Helper()
	path := os.Getenv("TRACTION_HOMEASSISTANT")
	if path == "" {
		missing(t, "no Home Assistant, so the discovery is not tested against it: TRACTION_HOMEASSISTANT=$(.ci/homeassistant)")
	}
	_, err := os.Stat(path)
	require.NoError(t, err, "TRACTION_HOMEASSISTANT must be the path of hass")
	return path
}

// mosquittoProgram is the path of the broker.
func mosquittoProgram(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto"} { // Debian keeps it out of users' PATH
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "mosquitto is missing, so this is not tested: apt-get install mosquitto")
	return ""
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	eventuallyOr(t, ok, func() { t.Fatalf("never happened: %s", what) })
}

// eventuallyOr waits until a condition holds, or gives up in its own words.
func eventuallyOr(t *testing.T, ok func() bool, giveUp func()) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(glance) {
		if time.Now().After(deadline) {
			giveUp()
			return
		}
	}
}

// freePort on loopback.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return port
}

// process is a program of our own with what it has said.
type process struct {
	name  string
	cmd   *exec.Cmd
	out   *said
	ended chan struct{} // closed once it has
	err   error         // how it ended, afterwards
}

// said collects what a program prints.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// tail is the end of a text, for a failed test's log.
func tail(text string, most int) string {
	if len(text) > most {
		return "..." + text[len(text)-most:]
	}
	return text
}

// launch starts a program; it ends with the test t, which may be the parent of the
// one that runs, unless it was ended before.
func launch(t *testing.T, dir, program string, args ...string) *process {
	t.Helper()
	p := &process{name: filepath.Base(program), cmd: exec.Command(program, args...), out: new(said), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, p.out, p.out
	if err := p.cmd.Start(); err != nil {
		t.Errorf("%s: %v", program, err)
		p.err = err
		close(p.ended)
		return p
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.end(t)
		if t.Failed() {
			t.Logf("%s %v said:\n%s", p.name, args, tail(p.out.String(), 6000))
		}
	})
	return p
}

// over tells whether it has ended.
func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// end asks the program to end, and after a while ends it. How it ended is told by
// what it said.
func (p *process) end(t *testing.T) {
	t.Helper()
	if p.over() {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may just have ended
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Errorf("%s did not end when it was asked to", p.name)
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// finished waits until a short command has ended well.
func (p *process) finished(t *testing.T) {
	t.Helper()
	select {
	case <-p.ended:
		require.NoError(t, p.err, "%v: %s", p.cmd.Args, p.out)
	case <-time.After(patience):
		t.Fatalf("%v does not end: %s", p.cmd.Args, p.out)
	}
}

// build compiles the appliance.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "appliance")
	out, err := exec.Command("go", "build", "-o", path, "traction/cmd/appliance").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}
