package executive

import (
	"fmt"
	"runtime"
	"time"

	"traction/control"
	"traction/hw"
)

// beat is what every program that moves a table does the same way, whoever decides
// in it: the motor's edges between the ticks, and each tick on time.
type beat struct {
	cfg     Config
	clock   Clock
	table   *hw.Table
	acquire func() error // real-time scheduling for the calling thread

	in  control.Input
	out control.Output

	applyErr error
	failed   uint64 // ticks in which an output could not be written

	nextPad time.Duration
	next    time.Duration // when the next tick is due
	began   time.Duration // when the last one began
}

func newBeat(cfg Config, clock Clock, table *hw.Table) beat {
	if cfg.Log == nil {
		cfg.Log = func(string, ...any) {}
	}
	return beat{cfg: cfg, clock: clock, table: table, acquire: cfg.RealTime.acquire}
}

// raise locks the calling goroutine to its thread for good and asks for the
// real-time scheduling of the configuration.
func (b *beat) raise() error {
	runtime.LockOSThread()
	if err := b.acquire(); err != nil {
		if !b.cfg.AllowOrdinary {
			return fmt.Errorf("executive: %w; or set control.allow_no_realtime where nobody lies on the table", err)
		}
		b.cfg.Log("going on without real-time scheduling", "err", err)
	}
	return nil
}

func (b *beat) start() {
	b.began = b.clock.Now()
	b.next = b.began + b.cfg.Tick
}

// edgesMost is far more edges than any motor takes in a tick. It ends a loop that
// no clock ends.
const edgesMost = 1000

// wait sends the motor's edges until the next tick is due, and tells how late it
// begins.
func (b *beat) wait() (now, late time.Duration) {
	for range edgesMost {
		t, ok := b.table.NextEdge()
		if !ok || t >= b.next {
			break
		}
		b.clock.SleepUntil(t)
		if err := b.table.Edge(b.clock.Now()); err != nil {
			b.applyErr = err
			break
		}
	}
	b.clock.SleepUntil(b.next)
	now = b.clock.Now()
	// A stall within the last tick shows in the time since that one began: the
	// ticks it has cost are no longer in the plan.
	late = max(now-b.next, now-b.began-b.cfg.Tick)
	b.began = now
	return now, late
}

// read fills the tick's input.
func (b *beat) read(now, late time.Duration) {
	if b.cfg.SamplePad && now >= b.nextPad {
		b.nextPad = now + time.Second
		if pad := b.table.Pad(); pad != nil {
			pad.Sample(now)
		}
	}
	reading := b.table.Read(now)
	b.fill(&reading, late)
}

// apply does what was decided.
func (b *beat) apply(now time.Duration) {
	if err := b.table.Apply(now, actuation(&b.out)); err != nil {
		b.applyErr = err
	}
}

// advance plans the next tick and tells how many had to be left out for it.
func (b *beat) advance() (missed uint64) {
	b.next += b.cfg.Tick
	if behind := b.clock.Now() - b.next; behind > b.cfg.Tick {
		// Too late for these ticks: leave them out rather than run them in a burst.
		n := behind / b.cfg.Tick
		missed = uint64(n)
		b.next += n * b.cfg.Tick
	}
	return missed
}
