package executive

import (
	"context"
	"errors"
	"sync"
	"time"

	"traction/control"
	"traction/hw"
)

// Maintenance runs the motion of commissioning instead of treatments: the same
// edges, ticks and outputs as an Executive, with control.Jog deciding. There are
// no sockets, no journal and no commands but these methods, which may be called
// from anywhere.
type Maintenance struct {
	beat
	jog *control.Jog

	mu    sync.Mutex // between the ticks and the callers; held for microseconds
	state control.JogState
}

// NewMaintenance joins a table and a session of commissioning. cfg needs the tick
// and the real-time scheduling.
func NewMaintenance(cfg Config, clock Clock, table *hw.Table, jog *control.Jog) *Maintenance {
	return &Maintenance{beat: newBeat(cfg, clock, table), jog: jog}
}

// Run ticks until ctx ends, and switches the table off. It must own its goroutine,
// as Executive.Run.
func (m *Maintenance) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, m.table.SafeOff()) }()
	if err := m.raise(); err != nil {
		return err
	}
	m.start()
	for ctx.Err() == nil {
		m.step()
	}
	return nil
}

// RunFor ticks for d, for virtual time; the table stays on.
func (m *Maintenance) RunFor(d time.Duration) {
	if m.next == 0 {
		m.start()
	}
	for end := m.clock.Now() + d; m.clock.Now() < end; {
		m.step()
	}
}

func (m *Maintenance) step() {
	now, late := m.wait()
	m.read(now, late)
	m.mu.Lock()
	m.jog.Step(&m.in, &m.out)
	m.state = m.jog.State()
	m.mu.Unlock()
	m.apply(now)
	m.advance()
	if m.cfg.Each != nil {
		m.cfg.Each(&m.in, &m.out)
	}
}

// Order asks for a motion; it is refused as control.Jog says.
func (m *Maintenance) Order(o control.JogOrder) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.jog.Order(o)
	m.state = m.jog.State()
	return err
}

// Stop ends a motion within a tick.
func (m *Maintenance) Stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.jog.Stop()
	m.state = m.jog.State()
}

// State is that of the last tick.
func (m *Maintenance) State() control.JogState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}
