package commission

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// schedule is how the calling thread is scheduled.
type schedule struct {
	policy, priority uint32
	cpus             unix.CPUSet
}

func scheduled(t *testing.T) (s schedule) {
	attr, err := unix.SchedGetAttr(0, 0)
	require.NoError(t, err)
	require.NoError(t, unix.SchedGetaffinity(0, &s.cpus))
	s.policy, s.priority = attr.Policy, attr.Priority
	return s
}

func TestARaisedThreadIsGivenBack(t *testing.T) {
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	before := scheduled(t)
	var during schedule
	g, restored := raise(1, 0, func() { during = scheduled(t) })
	assert.True(t, g.asked)
	assert.True(t, restored)
	assert.Equal(t, before, scheduled(t))
	assert.NotZero(t, during.cpus.Count(), "it ran, whatever the kernel granted")
	if g.fifo == nil {
		assert.Equal(t, []uint32{unix.SCHED_FIFO, 1}, []uint32{during.policy, during.priority})
	}
	if g.cpu == nil {
		assert.Equal(t, 1, during.cpus.Count())
		assert.True(t, during.cpus.IsSet(0))
	}
}

func TestNothingIsAskedForWithoutAPriority(t *testing.T) {
	ran := 0
	assert.Equal(t, grant{}, raised(0, 3, func() { ran++ }))
	assert.True(t, raised(1, -1, func() { ran++ }).asked)
	assert.Equal(t, 2, ran)
}
