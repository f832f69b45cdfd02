package executive

import (
	"context"
	"errors"
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
	// GatewayLost tells whether nothing is heard of the gateway any more; asked in
	// every tick. Nil = it is there.
	GatewayLost func() bool
	// Each, when set, sees every tick after it was applied: simulation and tests.
	Each func(*control.Input, *control.Output)
	// Log takes what is worth telling. It may be called from any goroutine and
	// may block, which the tick never waits for; may be nil.
	Log func(msg string, args ...any)
}

// Executive owns the table and the controller. Run is its one thread; the other
// methods may be called from anywhere.
type Executive struct {
	beat
	ctl     *control.Controller
	journal *Journal

	commands chan *submission
	answer   chan control.Reply // of the command in this tick, nil = none
	refused  atomic.Bool        // a command found the queue full
	stop     [2]atomic.Bool     // by origin
	ticks    atomic.Uint64
}

// submission is one command on its way to a tick.
type submission struct {
	cmd   control.Command
	reply chan control.Reply
	// abandoned: its sender has been told that nobody answered.
	abandoned atomic.Bool
}

// queueLength bounds the commands that wait for a tick: at one a tick, 32 ms
// (R-BOUNDED).
const queueLength = 32

// WatchGateway sets Config.GatewayLost; before Run only.
func (e *Executive) WatchGateway(lost func() bool) { e.cfg.GatewayLost = lost }

// New joins a table and a controller.
func New(cfg Config, clock Clock, table *hw.Table, ctl *control.Controller) *Executive {
	return &Executive{beat: newBeat(cfg, clock, table), ctl: ctl, journal: NewJournal(),
		commands: make(chan *submission, queueLength)}
}

// Journal is what has happened, for readers of ordinary priority.
func (e *Executive) Journal() *Journal { return e.journal }

// Ticks completed so far: the watchdog is fed only when it grows.
func (e *Executive) Ticks() uint64 { return e.ticks.Load() }

// Stop asks for a release. It needs no place in the queue.
func (e *Executive) Stop(o control.Origin) { e.stop[o&1].Store(true) }

// Submit hands a command to the next free tick and waits for its reply. It
// returns link.ErrQueueFull at once when too many commands wait, and the
// context's error when no tick came in time; a command that was given up so
// never acts later, unless it is a stop or a pause, which always act.
func (e *Executive) Submit(ctx context.Context, c control.Command) (control.Reply, error) {
	s := &submission{cmd: c, reply: make(chan control.Reply, 1)}
	select {
	case e.commands <- s:
	default:
		e.refused.Store(true)
		return control.Reply{}, link.ErrQueueFull
	}
	select {
	case r := <-s.reply:
		return r, nil
	case <-ctx.Done():
		s.abandoned.Store(true)
		return control.Reply{}, ctx.Err()
	}
}

const (
	// endMost bounds how long an ending executive waits for slack: a slow release
	// over the longest travel takes 60 s (600 mm at 10 mm/s). The service manager's
	// own patience is 75 s.
	endMost = 70 * time.Second
	// letGo is how long a disabled drive is given to let the rope run out.
	letGo = 5 * time.Second
)

// ErrTension: the executive has ended and the rope is not known to be slack.
var ErrTension = errors.New("executive: ended with the rope not confirmed slack: release by hand")

// Run ticks until ctx ends. Then it releases first: it returns once the rope is
// slack, or ErrTension when nothing more can be done, with the outputs safe. It
// must own its goroutine, which it locks to its thread for good: the thread that
// was raised ends with it and never runs other goroutines.
func (e *Executive) Run(ctx context.Context) (err error) {
	// Outputs are safe whatever ends this function, a panic included.
	defer func() { err = errors.Join(err, e.table.SafeOff()) }()
	if e.cfg.RealTime.LockMemory {
		e.journal.touch()
	}
	if err := e.raise(); err != nil {
		return err
	}
	e.start()
	for {
		e.step()
		select {
		case <-ctx.Done():
			return e.end()
		default:
		}
	}
}

// end releases and goes on ticking until the rope is slack.
func (e *Executive) end() error {
	e.Stop(control.Table)
	most := e.clock.Now() + endMost
	for e.clock.Now() <= most {
		e.step()
		switch s := &e.journal.state; {
		case moving(s.Mode):
		case !s.Active.Has(control.ILSlackUnconfirmed) && s.Missing&control.MissingSlack == 0,
			s.Missing&control.MissingCalibration != 0: // then nothing was ever pulled
			return nil
		default: // nothing moves any more, but a disabled drive may be letting go
			most = min(most, e.clock.Now()+letGo)
		}
	}
	return ErrTension
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

// step sends the motor's edges up to the next tick, and then that tick.
func (e *Executive) step() {
	now, late := e.wait()
	e.journal.late.add(late)
	e.tick(now, late)
	e.journal.late.Missed += e.advance()
	e.ticks.Add(1)
}

// tick is one pass of the way of a sample: read, decide, apply, note.
func (e *Executive) tick(now, late time.Duration) {
	e.read(now, late)
	e.in.GatewayLost = e.cfg.GatewayLost != nil && e.cfg.GatewayLost()
	e.in.Overrun = e.refused.CompareAndSwap(true, false) || e.journal.overrun()
	e.take()
	e.ctl.Step(&e.in, &e.out)
	e.apply(now)
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
	for _, o := range [...]control.Origin{control.Remote, control.Table} { // the table's word is the last
		if e.stop[o].CompareAndSwap(true, false) {
			e.in.Stop, e.in.StopOrigin = true, o
		}
	}
	for range queueLength {
		select {
		case s := <-e.commands:
			if s.abandoned.Load() && s.cmd.Kind.NeedsRev() {
				continue
			}
			e.in.Command, e.answer = s.cmd, s.reply
		default:
		}
		return
	}
}

// Do gives a command to the next tick without waiting, for virtual time, where
// caller and executive are one goroutine. The reply is in the next output.
func (e *Executive) Do(c control.Command) error {
	select {
	case e.commands <- &submission{cmd: c, reply: make(chan control.Reply, 1)}:
		return nil
	default:
		return link.ErrQueueFull
	}
}
