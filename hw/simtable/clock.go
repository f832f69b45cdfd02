package simtable

import "time"

// Clock is the time that the simulated table lives in.
type Clock interface {
	// Now is monotonic; where it starts does not matter.
	Now() time.Duration
	// Spend says that a pin operation took d. A virtual clock advances by it; a real one does nothing, since the time
	// passes by itself.
	Spend(d time.Duration)
}

// VirtualClock is time that stands still until somebody spends it, so that a treatment of 25 minutes is tested in
// less than a second and no test depends on the speed of a machine. It belongs to one goroutine.
type VirtualClock struct{ now time.Duration }

// NewVirtualClock returns a clock that stands at 0.
func NewVirtualClock() *VirtualClock { return &VirtualClock{} }

// Now returns the virtual time since the clock was made.
func (c *VirtualClock) Now() time.Duration { return c.now }

// Spend advances the clock by d; a negative d does nothing.
func (c *VirtualClock) Spend(d time.Duration) {
	if d > 0 {
		c.now += d
	}
}

// SleepUntil advances the clock to t. A t in the past does nothing: time never runs backwards.
func (c *VirtualClock) SleepUntil(t time.Duration) {
	if t > c.now {
		c.now = t
	}
}

// RealClock is the machine's monotonic clock. Any goroutine may use it.
type RealClock struct{ start time.Time }

// NewRealClock returns a clock that counts from now.
func NewRealClock() *RealClock { return &RealClock{start: time.Now()} }

// Now returns the time since the clock was made.
func (c *RealClock) Now() time.Duration { return time.Since(c.start) }

// Spend does nothing: on a real clock the operation itself took the time.
func (c *RealClock) Spend(time.Duration) {}
