package executive

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRealClockNeverReturnsEarly(t *testing.T) {
	c := NewRealClock()
	last := c.Now()
	for range 5 {
		until := c.Now() + tick
		c.SleepUntil(until)
		now := c.Now()
		assert.GreaterOrEqual(t, now, until)
		assert.GreaterOrEqual(t, now, last)
		last = now
	}
	c.SleepUntil(0) // returns, since that has passed
	c.SleepUntil(-time.Hour)
}

// wakeUps measures how late a thread of its own wakes, n times, a millisecond
// apart.
func wakeUps(n int, want RealTime) (late []time.Duration, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the raised thread ends with its goroutine
		if err = want.acquire(); err != nil {
			return
		}
		late = make([]time.Duration, n)
		c := NewRealClock()
		next := c.Now()
		for i := range late {
			next += tick
			c.SleepUntil(next)
			late[i] = c.Now() - next
			for c.Now() > next+tick {
				next += tick
			}
		}
	}()
	<-done
	return late, err
}

// BenchmarkWakeUp compares a SCHED_FIFO thread with an ordinary one, both at
// once, so that both meet the same disturbances. It judges nothing. For figures
// worth keeping: go test -run - -bench WakeUp -benchtime 20000x.
func BenchmarkWakeUp(b *testing.B) {
	threads := []struct {
		name string
		want RealTime
		late []time.Duration
		err  error
	}{
		{name: "fifo", want: RealTime{Priority: 80, CPU: -1}},
		{name: "ordinary", want: RealTime{CPU: -1}},
	}
	b.ResetTimer()
	done := make(chan struct{})
	for i := range threads {
		go func() {
			th := &threads[i]
			th.late, th.err = wakeUps(b.N, th.want)
			done <- struct{}{}
		}()
	}
	for range threads {
		<-done
	}
	b.StopTimer()
	for _, th := range threads {
		if th.err != nil {
			b.Logf("%s: %v", th.name, th.err)
			continue
		}
		slices.Sort(th.late)
		report := func(what string, i int) {
			b.ReportMetric(float64(th.late[i])/float64(time.Microsecond), th.name+"-"+what+"-us")
		}
		report("p50", len(th.late)/2)
		report("p99", len(th.late)*99/100)
		report("worst", len(th.late)-1)
	}
}
