package simulation

import (
	"time"

	"traction/control"
	"traction/hw/simtable"
)

// operator is the scripted person at the table: acknowledges the start-up,
// selects, arms, lets the patient prove the switch, proves the release where that
// is asked for, starts, and acknowledges nothing afterwards. It sees only snapshots, as a real one would.
type operator struct {
	rig       *Rig
	programme *control.Programme
	person    control.Person

	stage   int
	waitFor time.Duration
	refused *control.Reply
}

const (
	atAcknowledge = iota
	atSelect
	atArm
	atPress
	atRelease
	atStart
	atEnd
	// The proof of release, where one is asked for; then back to arming.
	atProve
	atPull
	atProofPress
	atProofEnd
)

// settleTime lets the converter settle and deliver its first samples.
const settleTime = 500 * time.Millisecond

// act is called after every tick.
func (o *operator) act(in *control.Input, out *control.Output) {
	if out.Reply.Kind != control.NoCommand && out.Reply.Code != control.Accepted && o.refused == nil {
		r := out.Reply
		o.refused = &r
	}
	if in.Now < o.waitFor || o.stage == atEnd {
		return
	}
	o.waitFor = in.Now + 100*time.Millisecond
	switch o.stage {
	case atAcknowledge:
		if in.Now < settleTime {
			o.waitFor = settleTime
			return
		}
		o.do(control.Command{Kind: control.CommandAcknowledge})
	case atSelect:
		o.do(control.Command{Kind: control.CommandSelect, Programme: o.programme, Person: o.person})
	case atArm:
		o.do(control.Command{Kind: control.CommandArm})
	case atPress:
		o.rig.Sim.PressPatientSwitch(true)
		o.waitFor = in.Now + 400*time.Millisecond
	case atRelease:
		o.rig.Sim.PressPatientSwitch(false)
		o.waitFor = in.Now + 200*time.Millisecond
	case atStart:
		if s := o.state(); s.Missing&control.MissingReleaseProof != 0 {
			o.stage = atProve
			return
		}
		o.do(control.Command{Kind: control.CommandStart})
	default:
		o.prove()
		return
	}
	o.stage++
}

// prove goes through a proof of release: pull, press once it holds, let go once
// the table is idle, and arm again.
func (o *operator) prove() {
	switch s := o.state(); {
	case o.stage == atProve:
		o.do(control.Command{Kind: control.CommandProve})
	case o.stage == atPull && s.Phase != control.Hold, o.stage == atProofPress && s.Mode != control.Idle:
		return
	case o.stage == atPull:
		o.rig.Sim.PressPatientSwitch(true)
	case o.stage == atProofPress:
		o.rig.Sim.PressPatientSwitch(false)
	case o.stage == atProofEnd:
		o.stage = atArm
		return
	}
	o.stage++
}

func (o *operator) state() (s control.Snapshot) {
	o.rig.Ctl.Snapshot(&s)
	return s
}

// do gives a command with the rev that a snapshot shows.
func (o *operator) do(c control.Command) {
	c.Rev, c.Ticket = o.state().Rev, 1
	// The queue is empty: one command every 100 ms.
	_ = o.rig.Exec.Do(c)
}

var (
	_ clock = (*simtable.VirtualClock)(nil)
	_ clock = (*simtable.SteadyClock)(nil)
	_ clock = simtable.MachineClock{}
)
