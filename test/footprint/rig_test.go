//go:build linux

package footprint

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// generous is a time that only a broken program needs; no test waits for it to pass.
const generous = 90 * time.Second

// slack is what TimerSlackNSec= in traction-control.service gives.
const slack = 5 * time.Millisecond

// program is the appliance for this machine.
func program(t *testing.T) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "appliance")
	build(t, to, nil)
	return to
}

// process is a program that ends with the test.
type process struct {
	*exec.Cmd
	began time.Time
	said  lockedBuffer
	gone  chan struct{} // closed once it has ended
}

// lockedBuffer collects what a process says.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs a program until the test ends.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(name, args...), began: time.Now(), gone: make(chan struct{})}
	p.Stdout, p.Stderr = &p.said, &p.said
	require.NoError(t, p.Start())
	go func() {
		_ = p.Wait() // how it ended is seen by what it says
		close(p.gone)
	}()
	t.Cleanup(func() {
		p.end()
		if t.Failed() {
			t.Logf("%s %v said:\n%s", filepath.Base(name), args, p.said.String())
		}
	})
	return p
}

// startAsService starts a process with the latitude of timers that the unit of
// control has. It is a thread's and goes to what that thread starts (prctl(2)).
func startAsService(t *testing.T, name string, args ...string) (p *process) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0); err == nil {
			p = start(t, name, args...)
		}
	}()
	<-done
	require.NotNil(t, p, "a process with timer slack")
	return p
}

// end asks a process to end and waits; who does not obey is killed.
func (p *process) end() {
	_ = p.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.gone:
	case <-time.After(generous):
		_ = p.Process.Kill()
		<-p.gone
	}
}

// eventually waits for a condition; it passes as soon as that holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, generous, 5*time.Millisecond, what)
}

// mosquitto is a real broker on a free port of loopback.
func mosquitto(t *testing.T) (address string, p *process) {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto" // Debian keeps it out of users' PATH
		_, err = os.Stat(path)
	}
	if err != nil {
		if os.Getenv("TRACTION_REQUIRE_PARTS") != "" {
			t.Fatal("mosquitto is missing, and TRACTION_REQUIRE_PARTS asks for it: apt-get install mosquitto")
		}
		t.Skip("mosquitto is missing, so this is not measured: apt-get install mosquitto")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address = free.Addr().String()
	require.NoError(t, free.Close())
	_, port, _ := net.SplitHostPort(address)
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("user root\npersistence false\nlog_dest stderr\nlog_type error\nallow_anonymous true\nlistener %s 127.0.0.1\n", port)
	require.NoError(t, os.WriteFile(conf, []byte(text), 0o600))
	p = start(t, path, "-c", conf)
	eventually(t, "mosquitto listens", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return address, p
}
