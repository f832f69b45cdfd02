package executive

import (
	"time"

	"golang.org/x/sys/unix"
)

// RealClock is CLOCK_MONOTONIC (R-MONOTONIC) with absolute sleeps, so that no
// sleep adds its lateness to the next.
type RealClock struct {
	base   time.Time
	origin time.Duration // CLOCK_MONOTONIC at base
}

// NewRealClock returns a clock whose Now begins near zero.
func NewRealClock() *RealClock {
	var ts unix.Timespec
	// Cannot fail for CLOCK_MONOTONIC with a valid pointer.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return &RealClock{base: time.Now(), origin: time.Duration(ts.Nano())}
}

// Now reads the clock through the vDSO.
func (c *RealClock) Now() time.Duration { return time.Since(c.base) }

// SleepUntil sleeps with clock_nanosleep(TIMER_ABSTIME). The runtime's own
// signals interrupt it; it then sleeps again, to the same absolute time.
func (c *RealClock) SleepUntil(t time.Duration) {
	for c.Now() < t {
		ts := unix.NsecToTimespec(int64(c.origin + t))
		if err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil); err != nil && err != unix.EINTR {
			time.Sleep(t - c.Now())
			return
		}
	}
}
