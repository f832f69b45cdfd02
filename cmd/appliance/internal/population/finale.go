package population

import (
	"time"

	"traction/control"
)

// ending is what a person at the table does after a treatment: wait, see that
// the faults are over, and lead the table back to idle.
type ending struct {
	began    time.Duration
	repaired time.Duration // 0 = not yet
	next     time.Duration
	refusals int  // acknowledgements that left something latched
	restart  bool // asks the player for a restart
	restarts int
}

const (
	// lookOn is how long nobody does anything after a treatment, for the rules to see.
	lookOn = 7 * time.Second
	// comeBack is how long the way back to idle may take: a release after a restart
	// over the whole travel (600 mm at 10 mm/s), what follows a missed deadline, twice.
	comeBack = 240 * time.Second
	// padCool (C) is what a pad must come down to after it has heated by itself,
	// and coolMost how long that may take.
	padCool  = 36.5
	coolMost = 90 * time.Minute
	// refusalsMost before the control process is restarted.
	refusalsMost = 5
	// patience between one try and the next.
	patience = time.Second
)

// step is called in every tick after the treatment.
func (e *ending) step(p *player) {
	if p.now < e.began+lookOn || p.now < p.faults.ends+aftermath || p.now < e.next {
		return
	}
	if p.state.Trips.Has(control.ILPadRunaway) && p.truth.SensorC > padCool && p.now < p.faults.ends+coolMost {
		e.next = p.now + patience // the pad is still too warm for the trip to go
		return
	}
	if e.repaired == 0 {
		p.plan.clear(p)
		p.faults.repair(p)
		e.repaired, e.next = p.now, p.now+aftermath
		return
	}
	e.next = p.now + patience
	s := &p.state
	if s.Mode == control.Idle && s.Trips == 0 && p.truth.ForceN < tense {
		p.stage = done
		return
	}
	if p.now > e.repaired+comeBack {
		p.check.add(p.now, InvEnd, "mode %v with %v latched and %.0f N on the rope, %v after everything was well again", s.Mode, s.Trips.IDs(), p.truth.ForceN, p.now-e.repaired)
		p.stage = done
		return
	}
	e.lead(p)
}

// lead does the next thing that leads back to idle.
func (e *ending) lead(p *player) {
	switch s := &p.state; {
	case s.Mode == control.Treating || s.Mode == control.Paused || s.Mode == control.Armed:
		p.rig.Exec.Stop(control.Table)
	case s.Mode == control.Releasing || s.Mode == control.Recovering:
		// under way
	case s.Trips != 0:
		if e.refusals++; e.refusals > refusalsMost && e.restarts == 0 {
			e.restart, e.restarts = true, e.restarts+1
			return
		}
		p.do(control.Command{Kind: control.CommandAcknowledge})
	case s.Mode == control.Tripped:
		p.do(control.Command{Kind: control.CommandAcknowledge})
	default: // idle with tension
		p.rig.Exec.Stop(control.Table)
	}
}
