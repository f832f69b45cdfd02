package simtable

import "time"

// late is what keeps the control process from running in time.
type late struct {
	sleeps bool          // faults touch the next sleep
	most   time.Duration // by which every sleep is too long at most
	stall  time.Duration // by which the next one is
	killed bool
	backAt time.Duration // when the process runs again
}

// Wake tells when the control thread runs again that sleeps until t, on the table's clock: at t, or later with the
// faults late-ticks and stall. A t that has passed is no sleep. Whoever gives a controller its clock asks here before
// each sleep; the table goes on meanwhile. Call it from the goroutine that owns the table.
func (s *Sim) Wake(t time.Duration) time.Duration {
	if !s.late.sleeps {
		return t
	}
	return s.oversleep(t)
}

func (s *Sim) oversleep(t time.Duration) time.Duration {
	l := &s.late
	if t <= s.now() {
		return t
	}
	t += l.stall
	if l.most > 0 {
		t += time.Duration(s.events.late.Int64N(int64(l.most) + 1))
	}
	l.stall = 0
	l.sleeps = l.most > 0
	return t
}

// stall lets the next sleep take so much longer.
func (s *Sim) stall(d time.Duration) {
	s.late.stall += d
	s.late.sleeps = true
}

func (s *Sim) applyLate() {
	l := &s.late
	l.most = 0
	if s.events.on(faultLateTicks) {
		l.most = seconds(s.events.value[faultLateTicks] * 1e-3)
	}
	l.sleeps = l.most > 0 || l.stall > 0
}

// Killed tells, once for each fault control-killed, that the control process has been killed, and when it runs again, on
// the table's clock. The table itself only goes on: its pins keep the levels that they had until somebody writes them,
// as those of a Raspberry Pi do without strict_gpiod. Call it from the goroutine that owns the table.
func (s *Sim) Killed() (backAt time.Duration, killed bool) {
	s.look()
	killed, s.late.killed = s.late.killed, false
	return s.late.backAt, killed
}
