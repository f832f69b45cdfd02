package main

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/test/parts"
)

// A terminal that goes tells twice: the shell its jobs, and, once that has ended, the
// kernel those in the foreground. Only the first asks for the end; the second must not
// take the time to release, or to switch off.
func TestASecondHangupEndsNothing(t *testing.T) {
	parts.Heavy(t, "starts a treatment in real time")
	// Under nohup SIGHUP is ignored, by what is started here, too. What is caught here
	// has its default there.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	defer signal.Stop(caught)
	dir := t.TempDir()
	p := start(t, "control", "--simulate", "--table", "plain", "--run-dir", dir)
	until(t, dial(t, dir), "the rope has been seen slack", func(s *control.Snapshot) bool { return s.At > 3*time.Second })
	begin(t, dir, "demo")
	p.Signal(t, syscall.SIGHUP)
	pid := p.Cmd.Process.Pid
	for deadline := time.Now().Add(parts.Patience); !ignoresHangup(t, pid); time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "a second SIGHUP would still end it")
	}
	p.Signal(t, syscall.SIGHUP)
	require.NoError(t, p.Wait(t))
}

// ignoresHangup reads proc_pid_status(5): a mask of signals, the first is bit 0.
func ignoresHangup(t *testing.T, pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	require.NotContains(t, string(status), "State:\tZ", "it has ended, and would have been ended by a second SIGHUP before")
	_, rest, _ := strings.Cut(string(status), "\nSigIgn:\t")
	mask, _, _ := strings.Cut(rest, "\n")
	ignored, err := strconv.ParseUint(mask, 16, 64)
	require.NoError(t, err, "%s", status)
	return ignored&(1<<(syscall.SIGHUP-1)) != 0
}
