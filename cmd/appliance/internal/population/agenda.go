package population

import (
	"context"
	"time"

	"traction/control"
)

// agenda is all that waits for its moment in a case.
type agenda struct {
	items  []item
	next   time.Duration // when the first is due
	visits [modeCount][phaseCount]int
	stale  uint64 // a rev of the past

	waiting  int           // acts and faults that have not begun
	lastDone time.Duration // when the last one began
	touched  bool          // one of them has to do with the force

	patient, emergency, button int // how many hands are on each switch
	gone                       int // how often the gateway is lost
}

const (
	modeCount  = int(control.Recovering) + 1
	phaseCount = int(control.Rest) + 1
	never      = time.Duration(1<<63 - 1)
)

// floodOf is more than any queue of commands holds.
const floodOf = 100

// item is an act or a fault with its moment.
type item struct {
	when  Moment
	due   time.Duration // never until the moment's phase has begun
	act   *Act
	fault int // index into the case's faults when act is nil
	undo  func(*player)
}

func (a *agenda) start(c *Case) {
	for i := range c.Acts {
		a.items = append(a.items, item{when: c.Acts[i].When, due: never, act: &c.Acts[i]})
	}
	for i := range c.Faults {
		a.items = append(a.items, item{when: c.Faults[i].When, due: never, fault: i})
	}
	a.next, a.waiting = never, len(a.items)
}

// entered counts the beginning of a mode and phase.
func (a *agenda) entered(m control.Mode, ph control.Phase, now time.Duration) {
	a.visits[m][ph]++
	for i := range a.items {
		if it := &a.items[i]; it.due == never && it.when.Mode == m && it.when.Phase == ph && it.when.Nth == a.visits[m][ph] {
			it.due = now + it.when.After
			a.next = min(a.next, it.due)
		}
	}
}

// later adds something that ends an act.
func (a *agenda) later(at time.Duration, undo func(*player)) {
	a.items = append(a.items, item{due: at, undo: undo})
	a.next = min(a.next, at)
}

// act does whatever is due.
func (a *agenda) act(p *player) {
	if p.now < a.next {
		return
	}
	for i := 0; i < len(a.items); i++ {
		it := a.items[i]
		if it.due > p.now {
			continue
		}
		a.items = append(a.items[:i], a.items[i+1:]...)
		i--
		if it.undo == nil {
			a.lastDone, a.waiting = p.now, a.waiting-1
			a.touched = a.touched || it.act == nil || it.act.Kind.touches()
		}
		switch {
		case it.undo != nil:
			it.undo(p)
		case it.act != nil:
			p.perform(it.act)
		default:
			p.faults.inject(p, it.fault)
		}
	}
	a.next = never
	for i := range a.items {
		a.next = min(a.next, a.items[i].due)
	}
}

// clear drops what has not begun and ends what has: hands off.
func (a *agenda) clear(p *player) {
	for _, it := range a.items {
		if it.undo != nil {
			it.undo(p)
		}
	}
	a.items, a.next = nil, never
}

// perform does one act.
func (p *player) perform(a *Act) {
	switch a.Kind {
	case ActStop:
		p.rig.Exec.Stop(control.Table)
	case ActRemoteStop:
		p.rig.Exec.Stop(control.Remote)
	case ActPause:
		p.do(control.Command{Kind: control.CommandPause})
		if a.For > 0 {
			p.plan.later(p.now+a.For, func(p *player) { p.do(control.Command{Kind: control.CommandResume}) })
		}
	case ActLowerHold, ActHigherHold:
		s := control.Settings{Fields: control.FieldHold, Hold: newtons(a.Share * inN(p.state.Settings.Hold))}
		if s.Hold < p.state.Settings.Rest {
			s.Fields, s.Rest = s.Fields|control.FieldRest, s.Hold
		}
		p.do(control.Command{Kind: control.CommandSet, Set: s})
	case ActDuration:
		d := time.Duration(a.Share * float64(p.state.Settings.Duration))
		p.do(control.Command{Kind: control.CommandSet, Set: control.Settings{Fields: control.FieldDuration, Duration: d}})
	case ActHeatOn:
		p.do(control.Command{Kind: control.CommandHeat, Heat: control.CeilingTemperature})
	case ActHeatOff:
		p.do(control.Command{Kind: control.CommandHeat})
	case ActAcknowledge:
		p.do(control.Command{Kind: control.CommandAcknowledge})
	case ActPatientSwitch:
		p.pressPatient(true)
		p.plan.later(p.now+a.For, func(p *player) { p.pressPatient(false) })
	case ActEmergencyStop:
		p.hold(&p.plan.emergency, p.rig.Sim.PressEmergencyStop, a.For)
	case ActStartButton:
		p.hold(&p.plan.button, p.rig.Sim.PressStart, a.For)
	case ActGatewayGone:
		p.hold(&p.plan.gone, func(bool) {}, a.For)
	case ActFlood:
		nobodyWaits, cancel := context.WithCancel(context.Background())
		cancel()
		for range floodOf { // what the queue takes is given up at once, what it does not take is told
			_, _ = p.rig.Exec.Submit(nobodyWaits, control.Command{Kind: control.CommandHeat, Origin: control.Remote, Ticket: 1})
		}
	case ActStale:
		c := p.anyCommand(a.Command, control.Table)
		c.Rev = p.plan.stale
		p.send(c)
	case ActRemote:
		p.do(p.anyCommand(a.Command, control.Remote))
	case ActAtTable:
		p.do(p.anyCommand(a.Command, control.Table))
	}
}

// anyCommand is a well-formed command of a kind.
func (p *player) anyCommand(k control.CommandKind, from control.Origin) control.Command {
	c := control.Command{Kind: k, Origin: from, Ticket: 1}
	switch k {
	case control.CommandSelect:
		c.Programme, c.Person = p.c.Programme, p.c.Person
	case control.CommandSet:
		c.Set = control.Settings{Fields: control.FieldHold, Hold: p.state.Settings.Hold}
	case control.CommandHeat:
		c.Heat = control.CeilingTemperature
	}
	return c
}

// pressPatient presses the patient switch or lets go of it; several hands may
// be on it.
func (p *player) pressPatient(down bool) { press(&p.plan.patient, p.rig.Sim.PressPatientSwitch, down) }

// hold presses something for a while.
func (p *player) hold(hands *int, sw func(bool), d time.Duration) {
	press(hands, sw, true)
	p.plan.later(p.now+d, func(*player) { press(hands, sw, false) })
}

func press(hands *int, sw func(bool), down bool) {
	if down {
		*hands++
	} else {
		*hands--
	}
	sw(*hands > 0)
}
