// Package commission looks at a table before anybody lies on it: it checks the
// machine and the wiring, calibrates the load cell, moves the empty table, and
// makes the outputs safe when nobody else does.
//
// Only a Jog can move the table, within the bounds of control.Jog. Everything else
// opens the hardware, which disables the drive and switches the heat off, and from
// then on only reads.
package commission

import (
	"context"
	"errors"
	"fmt"
	"time"

	"traction/cmd/appliance/internal/hardware"
	"traction/cmd/appliance/internal/settings"
	"traction/control/executive"
	"traction/control/link"
	"traction/hw"
	"traction/hw/board"
)

// ErrRunning: the control process owns the table, or it cannot be ruled out.
var ErrRunning = errors.New("the control process runs")

// tick is how often the table is read, as by the control process.
const tick = time.Millisecond

// Bench is a table opened for looking at it. A Bench itself never applies an
// actuation.
type Bench struct {
	Table *hw.Table
	Clock executive.Clock
	// Priority and CPU of the thread that reads, as control asks for them; a
	// Priority of 0 asks for nothing.
	Priority, CPU int
	// Virtual: time passes only by the reading itself, so the pad's thermometer is
	// read from the same loop.
	Virtual bool
	// raised runs a function on a raised thread; nil is the kernel's way.
	raised func(priority, cpu int, f func()) grant
	// Load is set where the program itself can load the cell, on a simulated table.
	Load Load
}

// observe reads the table once a tick for d, on a thread raised as far as the
// kernel grants it, and shows every reading with how late its tick began. It ends
// early with ctx. see must not allocate: it runs where control's tick would.
func (b *Bench) observe(ctx context.Context, d time.Duration, see func(r *hw.Reading, late time.Duration)) (grant, error) {
	background, stop := context.WithCancel(ctx)
	defer stop()
	pad := b.Table.Pad()
	if pad != nil && !b.Virtual {
		go pad.Run(background, b.Clock.Now)
	}
	var nextPad time.Duration
	return b.ticks(ctx, d, func(now, late time.Duration) {
		if pad != nil && b.Virtual && now >= nextPad {
			pad.Sample(now)
			nextPad = now + time.Second
		}
		r := b.Table.Read(now)
		see(&r, late)
	})
}

// ticks wakes once a tick as the control process does, and tells how late.
func (b *Bench) ticks(ctx context.Context, d time.Duration, each func(now, late time.Duration)) (grant, error) {
	raise := b.raised
	if raise == nil {
		raise = raised
	}
	granted := raise(b.Priority, b.CPU, func() {
		next := b.Clock.Now() + tick
		for end := next + d; next < end && ctx.Err() == nil; {
			b.Clock.SleepUntil(next)
			now := b.Clock.Now()
			each(now, now-next)
			next += tick
			if behind := b.Clock.Now() - next; behind > 0 {
				next += behind.Truncate(tick) // left out, as the control process does
			}
		}
	})
	return granted, ctx.Err()
}

// grant says what the kernel refused to a raised thread; nil was granted. Nothing
// was asked for without asked.
type grant struct {
	asked             bool
	cpu, fifo, memory error
}

// Idle makes sure that no control process answers on any of the sockets. Without
// certainty it refuses with ErrRunning: two programs on one table are worse than
// a check that has to wait.
func Idle(ctx context.Context, sockets ...string) error {
	for _, path := range sockets {
		client, err := link.Dial(ctx, path)
		switch {
		case errors.Is(err, link.ErrNotRunning):
			continue
		case err != nil:
			return fmt.Errorf("%w, or it cannot be told: %w; become root, or stop it: systemctl stop traction-control", ErrRunning, err)
		}
		_ = client.Close() // only the answer mattered
		return fmt.Errorf("%w and owns the table (%s answers); look at it with: appliance status; or stop it with nobody on the table: systemctl stop traction-control", ErrRunning, path)
	}
	return nil
}

// NewBench is a bench without a table, for what needs none.
func NewBench(s *settings.Settings) Bench {
	return Bench{Clock: executive.NewRealClock(), Priority: s.Control.Priority, CPU: s.Control.CPU}
}

// Open takes the table that the settings describe onto the bench.
func Open(s *settings.Settings) (Bench, error) {
	b := NewBench(s)
	table, err := hardware.Open(s, b.Clock.Now)
	if err != nil {
		return Bench{}, err
	}
	b.Table = table
	return b, nil
}

// Survey tells about the lines of the table that the settings describe.
func Survey(s *settings.Settings) (lines []LineFigures) {
	for _, p := range board.Survey(s.Lines().Lines) {
		lines = append(lines, LineFigures{Pin: p.Pin, Line: p.Line, At: p.Where, HeldBy: p.Holder})
	}
	return lines
}
