//go:build !linux

package executive

import "time"

// RealClock sleeps plainly: enough for the demo, not for a table.
type RealClock struct{ base time.Time }

// NewRealClock returns a clock whose Now begins near zero.
func NewRealClock() *RealClock { return &RealClock{base: time.Now()} }

// Now is the time since the clock was made.
func (c *RealClock) Now() time.Duration { return time.Since(c.base) }

// SleepUntil sleeps until t.
func (c *RealClock) SleepUntil(t time.Duration) { time.Sleep(t - c.Now()) }
