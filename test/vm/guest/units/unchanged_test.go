//go:build linux

package units

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

// TestAsShipped comes last: it runs the controller without the guest's drop-in: the cell's lines
// are the kernel's as well, and no converter is there.
func TestAsShipped(t *testing.T) {
	const dropIn = "/etc/systemd/system/" + controlUnit + ".d/bench.conf"
	require.NoError(t, os.Remove(dropIn))
	systemctl(t, "daemon-reload")
	begin := time.Now()
	systemctl(t, "restart", controlUnit) // waits until it is ready
	o := &operator{T: t, table: newTable(t)}
	o.dial()
	assert.False(t, strings.HasSuffix(o.client.Hello().Version, "-bench"))
	s := o.until("the first ticks", func(s *control.Snapshot) bool { return s.At > time.Second })
	assert.Equal(t, control.Idle, s.Mode)
	assert.NotZero(t, s.Missing&control.MissingCell)
	assert.Contains(t, journal(t, controlUnit, begin), "the load cell is not calibrated")
}
