package executive

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"traction/control"
	"traction/control/link"
	"traction/hw"
)

// Config is what an executive needs besides the table and the controller.
type Config struct {
	Tick time.Duration
	// RealTime is asked for when Run begins; its zero value asks for nothing.
	RealTime RealTime
	// AllowOrdinary goes on without the real-time priority that was asked for.
	AllowOrdinary bool
	// SamplePad reads the pad's thermometer from the tick, once a second: for
	// virtual time only, where nothing else runs.
	SamplePad bool
	// Each, when set, sees every tick after it was applied: simulation and tests.
	Each func(*control.Input, *control.Output)
	// Log takes what is worth telling from outside the tick; may be nil.
	Log func(msg string, args ...any)
}

// Executive owns the table and the controller. Run is its one thread; the other
// methods may be called from anywhere.
type Executive struct {
	cfg     Config
	clock   Clock
	table   *hw.Table
	ctl     *control.Controller
	journal *Journal

	in  control.Input
	out control.Output

	commands chan submission
	answer   chan control.Reply // of the command in this tick, nil = none
	stop     [2]atomic.Bool     // by origin
	ending   atomic.Bool
	ticks    atomic.Uint64
	applyErr error
	failed   uint64 // ticks in which an output could not be written

	nextPad time.Duration
	next    time.Duration
}

// submission is one command on its way to a tick.
type submission struct {
	cmd   control.Command
	reply chan control.Reply
}

// queueLength bounds the commands that wait for a tick: at one a tick, 32 ms.
const queueLength = 32

// New joins a table and a controller.
func New(cfg Config, clock Clock, table *hw.Table, ctl *control.Controller) *Executive {
	if cfg.Log == nil {
		cfg.Log = func(string, ...any) {}
	}
	return &Executive{cfg: cfg, clock: clock, table: table, ctl: ctl, journal: NewJournal(),
		commands: make(chan submission, queueLength)}
}

// Journal is what has happened, for readers of ordinary priority.
func (e *Executive) Journal() *Journal { return e.journal }

// Ticks completed so far: the watchdog is fed only when it grows.
func (e *Executive) Ticks() uint64 { return e.ticks.Load() }

// Stop asks for a release. It needs no place in the queue.
func (e *Executive) Stop(o control.Origin) { e.stop[o&1].Store(true) }

// Submit hands a command to the next free tick and waits for its reply.
func (e *Executive) Submit(ctx context.Context, c control.Command) (control.Reply, error) {
	s := submission{cmd: c, reply: make(chan control.Reply, 1)}
	select {
	case e.commands <- s:
	default:
		return control.Reply{}, link.ErrQueueFull
	}
	select {
	case r := <-s.reply:
		return r, nil
	case <-ctx.Done():
		return control.Reply{}, ctx.Err()
	}
}

// endMost bounds how long an ending executive waits for slack: the longest
// deadline of a release and a margin.
const endMost = 60 * time.Second

// Run ticks until ctx ends. Then it releases first: it returns once the rope is
// slack or nothing more can be done, with the outputs safe. It must own its
// goroutine; it locks the thread.
func (e *Executive) Run(ctx context.Context) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// Outputs are safe whatever ends this function, a panic included.
	defer func() { err = errors.Join(err, e.table.SafeOff()) }()
	if err := e.cfg.RealTime.acquire(); err != nil {
		if !e.cfg.AllowOrdinary {
			return fmt.Errorf("executive: %w; or set control.allow_no_realtime where nobody lies on the table", err)
		}
		e.cfg.Log("going on without real-time scheduling", "err", err)
	}
	stopWatching := context.AfterFunc(ctx, func() { e.ending.Store(true) })
	defer stopWatching()

	e.start()
	var endBy time.Duration
	for {
		e.step()
		if !e.ending.Load() {
			continue
		}
		if endBy == 0 {
			endBy = e.clock.Now() + endMost
			e.Stop(control.Table)
			continue
		}
		if mode := e.journal.state.Mode; !moving(mode) {
			return nil
		}
		if e.clock.Now() > endBy {
			return errors.New("executive: ended with the rope not confirmed slack: release by hand")
		}
	}
}

// moving: modes that an ending executive waits for.
func moving(m control.Mode) bool {
	return m == control.Treating || m == control.Paused || m == control.Releasing || m == control.Recovering
}

// RunUntil ticks until done says so or the clock passes most; for virtual time.
func (e *Executive) RunUntil(most time.Duration, done func() bool) bool {
	if e.next == 0 {
		e.start()
	}
	for e.clock.Now() < most {
		e.step()
		if done() {
			return true
		}
	}
	return false
}

func (e *Executive) start() { e.next = e.clock.Now() + e.cfg.Tick }

// step sends the motor's edges up to the next tick, and then that tick.
func (e *Executive) step() {
	for {
		t, ok := e.table.NextEdge()
		if !ok || t >= e.next {
			break
		}
		e.clock.SleepUntil(t)
		if err := e.table.Edge(e.clock.Now()); err != nil {
			e.applyErr = err
			break
		}
	}
	e.clock.SleepUntil(e.next)
	now := e.clock.Now()
	late := now - e.next
	e.journal.late.add(late)
	e.tick(now, late)
	e.next += e.cfg.Tick
	if behind := e.clock.Now() - e.next; behind > e.cfg.Tick {
		// Too late for these ticks: leave them out rather than run them in a burst.
		n := behind / e.cfg.Tick
		e.journal.late.Missed += uint64(n)
		e.next += n * e.cfg.Tick
	}
	e.ticks.Add(1)
}

// tick is one pass of the way of a sample: read, decide, apply, note.
func (e *Executive) tick(now, late time.Duration) {
	if e.cfg.SamplePad && now >= e.nextPad {
		e.nextPad = now + time.Second
		if pad := e.table.Pad(); pad != nil {
			pad.Sample(now)
		}
	}
	reading := e.table.Read(now)
	e.fill(&reading, late)
	e.take()
	e.ctl.Step(&e.in, &e.out)
	if err := e.table.Apply(now, actuation(&e.out)); err != nil {
		e.applyErr = err
	}
	e.journal.add(&e.out, e.ctl)
	if e.answer != nil {
		e.answer <- e.out.Reply // buffered: never waits
		e.answer = nil
	}
	if e.cfg.Each != nil {
		e.cfg.Each(&e.in, &e.out)
	}
}

// take fetches a stop or one command for this tick.
func (e *Executive) take() {
	e.in.Command = control.Command{}
	e.in.Stop = false
	for o := range e.stop {
		if e.stop[o].CompareAndSwap(true, false) {
			e.in.Stop, e.in.StopOrigin = true, control.Origin(o)
		}
	}
	select {
	case s := <-e.commands:
		e.in.Command, e.answer = s.cmd, s.reply
	default:
	}
}

// Do gives a command to the next tick without waiting, for virtual time, where
// caller and executive are one goroutine. The reply is in the next output.
func (e *Executive) Do(c control.Command) error {
	select {
	case e.commands <- submission{cmd: c, reply: make(chan control.Reply, 1)}:
		return nil
	default:
		return link.ErrQueueFull
	}
}
