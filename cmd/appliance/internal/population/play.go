package population

import (
	"fmt"
	"time"

	"traction/cmd/appliance/internal/simulation"
	"traction/control"
	"traction/hw/simtable"
)

// player plays one case on one rig: it is the operator, the person, fate, and the
// one who looks after the table at the end.
type player struct {
	c     *Case
	rig   *simulation.Rig
	clock *simtable.VirtualClock
	check *checker
	trace *simulation.Trace // may be nil

	state control.Snapshot
	truth simtable.Truth
	t     tick

	observe func(*tick)   // sees every tick after the rules; may be nil
	backAt  time.Duration // when a control process that was killed runs again, 0 = it runs
	changed bool          // the last tick had something to tell
	now     time.Duration
	stage   stage
	script  script
	end     ending
	plan    agenda
	faults  faultState
	out     Outcome
}

// stage is how far a case has come.
type stage uint8

const (
	preparing stage = iota // until the treatment runs
	running                // until its report
	closing                // what comes after, until idle again
	done
)

// Play plays a case to its end and returns what became of it. A trace, unless
// nil, takes the whole record. The error is that of a case that cannot be built.
func Play(c *Case, trace *simulation.Trace) (Outcome, error) {
	p, err := newPlayer(c, trace)
	if err != nil {
		return Outcome{}, err
	}
	return p.run()
}

func newPlayer(c *Case, trace *simulation.Trace) (p *player, err error) {
	p = &player{c: c, trace: trace, check: newChecker(figuresOf(c)), out: Outcome{Trips: []string{}}}
	o := simulation.Options{Table: c.Table, Patient: c.Patient, Seed: c.noise, Remote: c.Remote, FirstRev: 1000 + c.noise>>16}
	o.GatewayLost = c.Gateway
	if c.Proof {
		o.ProofOfRelease = 12 * time.Hour // once a day
	}
	o.Exec.Each = p.tick
	o.Exec.GatewayLost = func() bool { return p.plan.gone > 0 }
	if p.rig, p.clock, err = simulation.NewVirtual(o); err != nil {
		return nil, fmt.Errorf("population: case %d:%d: %w", c.Seed, c.Index, err)
	}
	p.plan.start(c)
	p.faults.start(c)
	p.enter(control.Idle, control.NoPhase)
	return p, nil
}

func (p *player) run() (Outcome, error) {
	paused := func() bool { return p.stage == done || p.end.restart || p.backAt != 0 }
	for p.stage != done {
		p.rig.Exec.RunUntil(p.clock.Now()+longestCase, paused)
		if p.end.restart || p.backAt != 0 {
			if err := p.restart(); err != nil {
				return Outcome{}, fmt.Errorf("population: case %d:%d: %w", p.c.Seed, p.c.Index, err)
			}
		}
	}
	if err := p.rig.Table.SafeOff(); err != nil {
		return Outcome{}, fmt.Errorf("population: case %d:%d: %w", p.c.Seed, p.c.Index, err)
	}
	p.out.Violations, p.out.Worst = append([]Violation{}, p.check.list...), p.check.worst
	p.out.Faults, p.out.SimulatedS = p.faults.list, p.clock.Now().Seconds()
	return p.out, nil
}

// longestCase is never reached: every stage has a bound of its own.
const longestCase = 3 * time.Hour

// tick sees every tick after it was applied: first the checker, then whoever acts.
func (p *player) tick(in *control.Input, out *control.Output) {
	p.now = in.Now
	changed := out.HasEntry || out.NEvents > 0 || out.HasReport || p.check.first
	// An acknowledgement takes its action away one tick after its event.
	if changed || p.changed {
		rev := p.state.Rev
		if p.rig.Ctl.Snapshot(&p.state); p.state.Rev != rev {
			p.plan.stale = rev
		}
	}
	p.changed = changed
	p.truth = p.rig.Sim.Truth()
	if at, killed := p.rig.Sim.Killed(); killed {
		p.backAt = at
	}
	p.t = tick{in: in, out: out, state: &p.state, truth: &p.truth}
	p.faults.judge(p, &p.t)
	p.check.tick(&p.t)
	if changed {
		p.note(in, out)
	}
	p.plan.act(p)
	if p.observe != nil {
		p.observe(&p.t)
	}
	switch p.stage {
	case preparing:
		p.script.step(p)
	case running:
		p.watch()
	case closing:
		p.end.step(p)
	}
}

// note takes over what a tick has told.
func (p *player) note(in *control.Input, out *control.Output) {
	for i := range out.Events[:out.NEvents] {
		switch e := &out.Events[i]; e.Kind {
		case control.EventMode, control.EventPhase:
			p.enter(e.Mode, e.Phase)
		case control.EventTrip:
			p.out.Trips = append(p.out.Trips, e.Interlock.String())
			if p.nothingHappened() {
				p.out.Unprovoked = append(p.out.Unprovoked, e.Interlock.String())
			}
			p.faults.tripped(p, e.Interlock)
		}
	}
	if out.HasReport && p.script.proving {
		p.script.proving = false
	} else if out.HasReport && p.stage <= running {
		p.out.End, p.out.TreatmentS = out.Report.End.String(), out.Report.Elapsed.Seconds()
		p.finish()
	}
	if p.trace == nil {
		return
	}
	if out.HasEntry {
		p.trace.Entries = append(p.trace.Entries, out.Entry)
	}
	p.trace.Events = append(p.trace.Events, out.Events[:out.NEvents]...)
	if out.HasReport {
		p.trace.Report, p.trace.Limits = out.Report, p.state.Limits
	}
}

// nothingHappened tells whether neither fate nor anybody at the table nor a cough
// has been at work in the treatment so far: what trips then, trips for nothing.
func (p *player) nothingHappened() bool {
	w := &p.c.Patient
	still := w.CoughsPerMinute == 0 && len(w.Coughs)+len(w.GettingUp)+len(w.Slips)+len(w.Shifts) == 0
	return still && !p.plan.touched && p.stage == running
}

// enter notes the beginning of a mode and phase: moments count from it.
func (p *player) enter(m control.Mode, ph control.Phase) {
	if m != control.Treating {
		ph = control.NoPhase
	}
	if p.script.proving {
		return // no treatment: its phases are no moments
	}
	p.plan.entered(m, ph, p.now)
	if m == control.Treating && p.stage == preparing {
		p.stage = running
	}
}

// finish begins the last stage.
func (p *player) finish() {
	p.stage = closing
	p.end.began = p.now
}

// watch ends a treatment that nothing else has ended: the bound of the checker is
// far below.
func (p *player) watch() {
	if p.now-p.script.began > 2*time.Hour {
		p.out.End = "unending"
		p.finish()
	}
}

// do gives a command with the rev of the present state.
func (p *player) do(c control.Command) {
	c.Rev, c.Ticket = p.state.Rev, 1
	p.send(c)
}

// send puts a command into the queue; a full queue answers nobody here.
func (p *player) send(c control.Command) { _ = p.rig.Exec.Do(c) }

// safeAfter is how long the service manager takes from the end of the process to
// outputs that are safe.
const safeAfter = 200 * time.Millisecond

// restart ends the control process and starts it again: because it was killed, or
// because nothing else leads back to idle.
func (p *player) restart() error {
	p.clock.SleepUntil(min(p.now+safeAfter, max(p.backAt, p.now)))
	if err := p.rig.Table.SafeOff(); err != nil {
		return err
	}
	p.clock.SleepUntil(p.backAt)
	p.end.restart, p.backAt = false, 0
	p.check.restart()
	p.script.forget()
	if p.stage == running {
		p.out.End = "killed"
		p.finish()
	}
	return p.rig.Restart()
}
