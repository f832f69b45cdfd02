package simulation

import (
	"time"

	"traction/control"
	"traction/control/executive"
	"traction/hw/simtable"
)

// operator is the scripted person at the table: acknowledges the start-up,
// selects, arms, lets the patient prove the switch, starts, and acknowledges
// nothing afterwards. It sees only snapshots, as a real one would.
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
		o.do(control.Command{Kind: control.CommandStart})
	}
	o.stage++
}

// do gives a command with the rev that a snapshot shows.
func (o *operator) do(c control.Command) {
	var s control.Snapshot
	o.rig.Ctl.Snapshot(&s)
	c.Rev, c.Ticket = s.Rev, 1
	// The queue is empty: one command every 100 ms.
	_ = o.rig.Exec.Do(c)
}

var (
	_ executive.Clock = (*simtable.VirtualClock)(nil)
	_ simtable.Clock  = realClock{}
)
