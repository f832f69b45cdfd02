package simtable

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// machine is a computer whose clock a test moves. It wakes late by what the test says.
type machine struct {
	mu        sync.Mutex
	now, late time.Duration
}

func (m *machine) Now() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *machine) SleepUntil(t time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = max(m.now, t) + m.late
}

func (m *machine) pass(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now += d
}

func TestVirtualClock(t *testing.T) {
	c := NewVirtualClock()
	c.Spend(time.Second)
	c.Spend(-time.Hour)
	c.SleepUntil(500 * time.Millisecond)
	assert.Equal(t, time.Second, c.Now())
	c.SleepUntil(time.Minute)
	assert.Equal(t, time.Minute, c.Now())
}

// Work and sleep take the machine's time; what is more than that is not there.
func TestSteadyClock(t *testing.T) {
	m := &machine{now: time.Hour}
	c := NewSteadyClock(m)
	begin := c.Now()
	assert.Equal(t, time.Hour, begin)
	m.pass(stallMost)
	assert.Equal(t, begin+stallMost, c.Now())
	c.Spend(time.Hour)
	assert.Equal(t, begin+stallMost, c.Now(), "the machine's own time is what passes")

	m.pass(time.Second) // a stall
	at := c.Now()
	assert.Equal(t, begin+2*stallMost, at)
	assert.Equal(t, time.Second-stallMost, c.Stood())

	c.SleepUntil(at) // has passed
	assert.Equal(t, at, c.Now())
	c.SleepUntil(at + time.Millisecond)
	assert.Equal(t, at+time.Millisecond, c.Now(), "on time")
	m.late = 300 * time.Millisecond
	c.SleepUntil(at + 2*time.Millisecond)
	assert.Equal(t, at+2*time.Millisecond+stallMost, c.Now(), "as late as ordinary work, whatever the machine does")
	assert.Equal(t, 1300*time.Millisecond-2*stallMost, c.Stood())
}

// Whoever looks while the control thread sleeps neither stops the time nor finds a stall.
func TestSteadyClockIsLookedAtInASleep(t *testing.T) {
	m := &machine{}
	c := NewSteadyClock(m)
	looker := &looks{machine: m, clock: c}
	c.machine = looker
	c.SleepUntil(time.Second)
	assert.Equal(t, []time.Duration{250 * time.Millisecond, 500 * time.Millisecond}, looker.seen)
	assert.Equal(t, time.Second, c.Now())
	assert.Zero(t, c.Stood())
}

// looks is a machine on which another goroutine looks at the clock twice in each sleep.
type looks struct {
	*machine
	clock *SteadyClock
	seen  []time.Duration
}

func (l *looks) SleepUntil(t time.Duration) {
	from := l.Now()
	for _, part := range []time.Duration{4, 2} {
		l.machine.SleepUntil(from + (t-from)/part)
		l.seen = append(l.seen, l.clock.Now())
	}
	l.machine.SleepUntil(t)
}

// Time never runs backwards for anybody; the race detector watches.
func TestSteadyClockOfManyGoroutines(t *testing.T) {
	m := &machine{late: time.Millisecond}
	c := NewSteadyClock(m)
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			var last time.Duration
			for range 1000 {
				m.pass(20 * time.Microsecond)
				now := c.Now()
				assert.GreaterOrEqual(t, now, last)
				last = now
			}
		})
	}
	for i := range 1000 {
		c.SleepUntil(time.Duration(i) * time.Millisecond)
	}
	others.Wait()
	assert.GreaterOrEqual(t, c.Now(), 999*time.Millisecond)
}
