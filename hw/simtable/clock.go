package simtable

import (
	"sync"
	"time"
)

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

// Machine is the clock of the computer that a simulation runs on: executive.RealClock.
type Machine interface {
	Now() time.Duration
	SleepUntil(t time.Duration)
}

// MachineClock is the computer's own time: each of its stalls is one of the control thread. Any goroutine may use it.
type MachineClock struct{ Machine }

// Spend does nothing: on a real clock the operation itself took the time.
func (MachineClock) Spend(time.Duration) {}

// SteadyClock is the computer's time without its stalls: the simulated world stands still while the computer is held
// up, so that a slow or busy one ends no treatment and no test depends on its speed. Any goroutine may use it.
type SteadyClock struct {
	machine Machine
	mu      sync.Mutex
	stood   time.Duration // that the machine's clock went on alone
	most    time.Duration // how far the next look may find this clock
}

// stallMost is the most that a look at a SteadyClock finds gone by since the last one, or since the time until which
// somebody sleeps. A clock pulse may take 60 us (HX711 data sheet), and hx711 gives up one of 50 us: one stall stays below.
const stallMost = 20 * time.Microsecond

// NewSteadyClock returns a clock that goes on from the machine's time.
func NewSteadyClock(m Machine) *SteadyClock {
	return &SteadyClock{machine: m, most: m.Now() + stallMost}
}

// Now returns the time of the simulated world.
func (c *SteadyClock) Now() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.machine.Now() - c.stood
	if now > c.most {
		c.stood += now - c.most
		now = c.most
	}
	c.most = max(c.most, now+stallMost)
	return now
}

// SleepUntil returns at t or a little later; at once when t has passed.
func (c *SteadyClock) SleepUntil(t time.Duration) {
	for c.Now() < t {
		c.mu.Lock()
		c.most = max(c.most, t+stallMost)
		machine := t + c.stood
		c.mu.Unlock()
		c.machine.SleepUntil(machine)
	}
}

// Stood is for how long, in all, the machine was waited for.
func (c *SteadyClock) Stood() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stood
}

// Spend does nothing: the operation itself took the time.
func (c *SteadyClock) Spend(time.Duration) {}
