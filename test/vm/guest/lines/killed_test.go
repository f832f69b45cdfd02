//go:build linux

package lines

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// promised is how soon after kill -9 the outputs are at their safe level. The
// fastest of five has to keep it, since what emulates the guest may be held up
// for as long as that itself.
const promised = 100 * time.Millisecond

// The kernel gives the lines of a killed process back. What happens to a line
// then is up to the chip's driver: the simulated chip's lines go where they are
// pulled to, those of a Raspberry Pi become inputs, or keep their level without
// strict_gpiod.
func TestKilled(t *testing.T) {
	r := newRig(t)
	var took []time.Duration
	for range 5 {
		holder, said := start(t, holdAll, r.lines, 0)
		require.Empty(t, said)
		require.Equal(t, outputs, r.high())

		require.NoError(t, unix.Kill(holder.Process.Pid, unix.SIGSTOP))
		var status unix.WaitStatus
		_, err := unix.Wait4(holder.Process.Pid, &status, unix.WUNTRACED, nil)
		require.NoError(t, err)
		require.True(t, status.Stopped())
		assert.Equal(t, outputs, r.high(), "one that hangs keeps them: that is what the charge pump is for")

		begin := time.Now()
		require.NoError(t, unix.Kill(holder.Process.Pid, unix.SIGKILL))
		for len(r.high()) > 0 {
			require.Less(t, time.Since(begin), 10*time.Second, "still high: %s", r.high())
		}
		took = append(took, time.Since(begin).Round(10*time.Microsecond))
	}
	slices.Sort(took)
	assert.LessOrEqual(t, took[0], promised)
	t.Logf("from kill -9 to the last of %d outputs low: %s", len(outputs), took)
}

// A line that is let go of is wherever the table pulls it to. That is why
// docs/wiring.md has pull-downs at ENABLE and the heater.
func TestLetGoFollowsThePull(t *testing.T) {
	r := newRig(t)
	b := r.open()
	require.NoError(t, r.side.Pull(r.offset("Enable"), true))
	assert.Empty(t, r.high(), "held low against the pull")
	require.NoError(t, b.Close())
	assert.Equal(t, []string{"Enable"}, r.high())
	require.NoError(t, r.side.Pull(r.offset("Enable"), false))
	assert.Empty(t, r.high())
}
