//go:build linux

package footprint

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"traction/test/parts"
)

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
	*parts.Process
	began time.Time
}

// start runs a program until the test ends.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	began := time.Now()
	return &process{parts.Start(t, exec.Command(name, args...)), began}
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

// mosquitto is a real broker on a free port of loopback.
func mosquitto(t *testing.T) *parts.Mosquitto {
	t.Helper()
	return parts.StartMosquitto(t, "log_type error\nallow_anonymous true\n")
}
