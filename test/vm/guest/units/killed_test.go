//go:build linux

package units

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"traction/control"
	"traction/control/link"
)

// The promises. The first is that of a process that is gone; one that only hangs is
// seen by systemd's watchdog, which then waits a second for its last words.
const (
	killedWithin = 100 * time.Millisecond
	hungWithin   = 3500 * time.Millisecond
)

// TestKilled kills the controller in a hold, on a table that keeps its tension.
func TestKilled(t *testing.T) {
	o := newOperator(t)
	o.holding()
	old := pid(t, controlUnit)
	begin := time.Now()
	require.NoError(t, unix.Kill(old, unix.SIGKILL))
	took := o.quiet(t, begin)
	t.Logf("from kill -9 to the last output low: %s", took.Round(10*time.Microsecond))
	assert.LessOrEqual(t, took, killedWithin)
	comesBack(o, old, begin)
}

// TestHung stops the controller's threads in a hold: systemd's watchdog ends it.
func TestHung(t *testing.T) {
	o := newOperator(t)
	o.holding()
	old := pid(t, controlUnit)
	begin := time.Now()
	require.NoError(t, unix.Kill(old, unix.SIGSTOP))
	took := o.quiet(t, begin)
	t.Logf("from SIGSTOP to the last output low: %s", took.Round(time.Millisecond))
	assert.LessOrEqual(t, took, hungWithin)
	said(t, controlUnit, begin, "Watchdog timeout")
	comesBack(o, old, begin)
}

// comesBack: every line was made safe once more by another process, the controller
// is started again, and it releases the tension that it finds and resumes nothing.
func comesBack(o *operator, old int, since time.Time) {
	o.Helper()
	running(o.T, controlUnit, old)
	said(o.T, controlUnit, since, "safe: cell_clock (GPIO") // the last one
	text := journal(o.T, controlUnit, since)
	for _, key := range outputs {
		assert.Regexp(o, "(?m)^safe: "+key+` \(GPIO\d+\): low$`, text)
	}
	assert.NotContains(o, text, "FAILED")
	o.dial()
	seen := map[control.Mode]bool{}
	acknowledged := false
	s := o.until("the rope slack", func(s *control.Snapshot) bool {
		seen[s.Mode] = true
		if !acknowledged && s.Mode == control.Idle && s.Missing&control.MissingCell == 0 {
			answer, err := o.client.Request(o.ctx, link.Request{Command: control.CommandAcknowledge, Rev: &s.Rev})
			require.NoError(o, err)
			acknowledged = answer.Status == link.StatusOK
		}
		return seen[control.Recovering] && s.Mode != control.Recovering
	})
	assert.Equal(o, control.Idle, s.Mode, "trips %v", s.Trips.IDs())
	assert.False(o, seen[control.Treating] || seen[control.Armed])
	o.clear()
}

// TestStopped stops the service in a hold: it releases first.
func TestStopped(t *testing.T) {
	o := newOperator(t)
	o.holding()
	begin := time.Now()
	systemctl(t, "stop", "--no-block", controlUnit)
	o.mode(control.Releasing)
	assert.Contains(t, o.high(), "enable", "the motor unwinds")
	for pid(t, controlUnit) != 0 {
		require.Less(t, time.Since(begin), patience)
		time.Sleep(lookEvery)
	}
	t.Logf("stopped, with the release before it, in %s", time.Since(begin).Round(time.Millisecond))
	assert.Empty(t, o.high())
	said(t, controlUnit, begin, "Deactivated successfully")
	assert.NotContains(t, journal(t, controlUnit, begin), "not confirmed slack")
	systemctl(t, "start", controlUnit)
	o.dial()
	s := o.until("the cell", func(s *control.Snapshot) bool { return s.Missing&control.MissingCell == 0 })
	assert.Less(t, float64(s.Force)*1e-9, 25.0, "N are left")
}
