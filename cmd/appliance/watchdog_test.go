package main

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"traction/cmd/appliance/internal/simulation"
)

// TestWatchdogIsFedByTicksOnly: whatever else works in the process, systemd hears
// of it only while ticks complete (R-WATCHDOG).
func TestWatchdogIsFedByTicksOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = manager.Close() }) // a test
	raw, err := manager.SyscallConn()
	require.NoError(t, err)
	heard := func() (said []string) {
		require.NoError(t, raw.Control(func(fd uintptr) {
			for buf := make([]byte, 100); ; {
				n, _, err := unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
				if err != nil {
					return // nothing more
				}
				said = append(said, string(buf[:n]))
			}
		}))
		return said
	}
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "2000000") // as WatchdogSec=2s gives it, so fed each 0.5 s
	t.Setenv("WATCHDOG_PID", "")

	o, err := simulationOptions("winch", "median", "", 1)
	require.NoError(t, err)
	rig, clock, err := simulation.NewVirtual(o)
	require.NoError(t, err)
	tick := func() { rig.Exec.RunUntil(clock.Now()+simulation.Tick, func() bool { return false }) }
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := process{exec: rig.Exec}
		go p.notify(ctx)
		time.Sleep(250 * time.Millisecond) // from now on between two feedings
		for range 20 {
			time.Sleep(500 * time.Millisecond)
			require.Empty(t, heard(), "not ready without a tick")
		}
		tick()
		time.Sleep(10 * time.Millisecond)
		assert.Equal(t, []string{"READY=1", "WATCHDOG=1"}, heard(), "at once")
		time.Sleep(240 * time.Millisecond) // again between two feedings
		for range 3 {
			tick()
			time.Sleep(500 * time.Millisecond)
			assert.Equal(t, []string{"WATCHDOG=1"}, heard())
		}
		for range 20 {
			time.Sleep(500 * time.Millisecond)
			require.Empty(t, heard(), "the thread hangs")
		}
		cancel()
		synctest.Wait()
		assert.Equal(t, []string{"STOPPING=1"}, heard())
	})
}
