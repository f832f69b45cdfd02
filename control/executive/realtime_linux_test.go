package executive

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// onThread runs f on a thread that nothing else uses afterwards.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	<-done
}

func policy(t *testing.T) (attr unix.SchedAttr, cpus unix.CPUSet) {
	got, err := unix.SchedGetAttr(0, 0)
	assert.NoError(t, err)
	assert.NoError(t, unix.SchedGetaffinity(0, &cpus))
	return *got, cpus
}

func TestNothingAskedForNothingChanged(t *testing.T) {
	onThread(func() {
		attr, cpus := policy(t)
		assert.NoError(t, RealTime{}.acquire())
		after, cpusAfter := policy(t)
		assert.Equal(t, attr.Policy, after.Policy)
		assert.Equal(t, cpus, cpusAfter, "CPU 0 of a zero value is not a wish")
	})
}

func TestFIFOForThisThreadOnly(t *testing.T) {
	var refused error
	onThread(func() {
		if refused = (RealTime{Priority: 1, CPU: -1}).acquire(); refused != nil {
			return
		}
		attr, _ := policy(t)
		assert.Equal(t, uint32(unix.SCHED_FIFO), attr.Policy)
		assert.Equal(t, uint32(1), attr.Priority)
		onThread(func() {
			other, _ := policy(t)
			assert.Equal(t, uint32(unix.SCHED_NORMAL), other.Policy, "the others stay ordinary")
		})
	})
	if refused != nil {
		require.ErrorIs(t, refused, ErrNoRealTime)
		t.Skip("this machine refuses: ", refused)
	}
}

func TestRefusalSaysWhatAndWhy(t *testing.T) {
	onThread(func() {
		err := RealTime{Priority: 100, CPU: 1 << 20}.acquire() // neither exists
		assert.ErrorIs(t, err, ErrNoRealTime)
		assert.ErrorIs(t, err, unix.EINVAL)
		assert.ErrorContains(t, err, "control.cpu")
		assert.ErrorContains(t, err, "SCHED_FIFO", "all that was refused, at once")
	})
}
