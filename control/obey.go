package control

import (
	"time"
)

// proof is the patient switch seen pressed and released since arming.
type proof struct {
	pressed, proven bool
}

func (p *proof) reset() { *p = proof{} }

// update watches the switch while armed.
func (p *proof) update(c *Controller, in *Input, out *Output) {
	if c.mode != Armed || p.proven {
		return
	}
	if in.Switches.Patient {
		p.pressed = true
	} else if p.pressed {
		p.proven = true
		c.emit(out, Event{Kind: EventSwitchProven})
	}
}

// Zero drift that is still allowed, N: well under slackForce.
const zeroDrift = 10.0

// whyNot lists what stands against arming or, once armed, against starting.
func (c *Controller) whyNot(in *Input) (m Missing) {
	add := func(bad bool, what Missing) {
		if bad {
			m |= what
		}
	}
	valid := c.cell.cal.Valid()
	good := c.cell.ever && !c.cell.late(c.now) && !c.cell.bad
	add(!valid, MissingCalibration)
	add(!good, MissingCell)
	if valid && good {
		add(c.cell.force >= slackForce, MissingSlack)
		add(c.cell.force < -zeroDrift || c.cell.force > zeroDrift && c.cell.force < slackForce, MissingZero)
	}
	add(c.programme == nil, MissingProgramme)
	add(in.Switches.EmergencyStop || in.Switches.Patient && (c.mode != Armed || c.proof.proven), MissingSwitch)
	add(in.Switches.EndPull, MissingTravel)
	add(in.Motion.Fault, MissingDrive)
	add(c.guard.latched != 0, MissingAcknowledge)
	if c.mode == Armed {
		add(!c.proof.proven, MissingProof)
	}
	return m
}

// stopEvery is how often a stop that changes nothing is told: a flood of stops
// must not push the treatment's events out of the journal.
const stopEvery = time.Second

// obey answers the stop flag first and then at most one command.
func (c *Controller) obey(in *Input, out *Output) {
	if in.Stop {
		rev := c.rev
		c.stop(in.StopOrigin, out)
		if rev != c.rev || c.stopTold == 0 || c.now-c.stopTold >= stopEvery {
			c.stopTold = c.now
			c.emit(out, Event{Kind: EventCommand, Command: CommandStop, Origin: in.StopOrigin})
		}
	}
	cmd := &in.Command
	if cmd.Kind == NoCommand {
		return
	}
	r := c.decide(in, cmd, out)
	r.Ticket, r.Kind, r.Mode, r.Rev = cmd.Ticket, cmd.Kind, c.mode, c.rev
	out.Reply = r
	kind := EventCommand
	if r.Code != Accepted {
		kind = EventRefused
	}
	c.emit(out, Event{Kind: kind, Command: cmd.Kind, Origin: cmd.Origin, Code: r.Code})
}

// decide checks a command as if nobody had checked it before.
func (c *Controller) decide(in *Input, cmd *Command, out *Output) Reply {
	if cmd.Kind == CommandStop {
		c.stop(cmd.Origin, out)
		return Reply{}
	}
	if code := c.allowed(cmd); code != Accepted {
		return Reply{Code: code}
	}
	if in.Stop && cmd.Kind.NeedsRev() {
		return Reply{Code: StaleRev} // decided before the stop
	}
	if cmd.Kind.NeedsRev() && cmd.Rev != c.rev {
		return Reply{Code: StaleRev}
	}
	switch cmd.Kind {
	case CommandPause:
		if c.mode != Treating {
			return Reply{Code: WrongMode}
		}
		c.pause(out)
		return Reply{}
	case CommandResume:
		return c.decideResume(out)
	case CommandSelect:
		return c.decideSelect(cmd)
	case CommandArm:
		return c.decideArm(in, out)
	case CommandStart:
		return c.decideStart(in, out)
	case CommandSet:
		return c.decideSet(cmd)
	case CommandHeat:
		return c.decideHeat(in, cmd)
	case CommandAcknowledge:
		if cmd.Origin != Table && c.tension() {
			return Reply{Code: OnlyAtTable} // it would start a release
		}
		return c.decideAcknowledge(out)
	}
	return Reply{Code: Malformed}
}

// allowed is the permission level of remote users.
func (c *Controller) allowed(cmd *Command) Code {
	if cmd.Origin == Table {
		return Accepted
	}
	need := FullRemote
	switch cmd.Kind {
	case CommandArm:
		return OnlyAtTable
	case CommandPause:
		need = StopOnly
	case CommandResume, CommandSet, CommandHeat, CommandAcknowledge:
		need = Adjust
	}
	if c.cfg.Remote < need {
		return NotAllowed
	}
	return Accepted
}

// stop releases whatever is under tension; where nothing is, it disarms. Tension
// that is left over while nothing runs is released only on the word of somebody
// who stands at the table.
func (c *Controller) stop(from Origin, out *Output) {
	switch c.mode {
	case Treating, Paused:
		c.endTreatment(EndStopped, quick, out)
	case Releasing:
		c.hurry()
	case Armed:
		c.proof.reset()
		c.setMode(Idle, out)
	case Idle, Tripped:
		if from == Table && c.tension() && c.guard.action < Disable {
			c.rel = release{kind: slow}
			c.beginRelease(out)
		}
	}
	c.heat.off(HeatEnded)
}

// tension tells whether the rope is not slack, by a good sample.
func (c *Controller) tension() bool {
	return c.cell.cal.Valid() && !c.cell.late(c.now) && c.cell.force >= slackForce
}

func (c *Controller) decideSelect(cmd *Command) Reply {
	if c.mode != Idle && c.mode != Tripped {
		return Reply{Code: WrongMode}
	}
	p := cmd.Programme
	if p == nil {
		return Reply{Code: NoProgramme}
	}
	if p.Validate() != nil {
		return Reply{Code: OutOfRange}
	}
	limits := chain(&c.cfg.Table, p, &cmd.Person, p.Hold)
	s := settingsOf(p)
	if r := checkSettings(p, &limits, &s); r.Code != Accepted {
		return r
	}
	c.programme, c.person, c.settings, c.limits = p, cmd.Person, s, limits
	return Reply{}
}

// checkSettings judges settings against the limits and the programme's ranges.
func checkSettings(p *Programme, l *Limits, s *Settings) Reply {
	above := func(f Field, v, lo, hi int64, why Reason) Reply {
		return Reply{Code: AboveLimit, Field: f, Value: v, Min: lo, Max: hi, Reason: why}
	}
	outside := func(f Field, v, lo, hi int64) Reply {
		return Reply{Code: OutOfRange, Field: f, Value: v, Min: lo, Max: hi}
	}
	longest := MaxHoldTime
	switch hi := min(l.MaxSetPoint(), MaxHold); {
	case s.Hold > l.MaxSetPoint():
		return above(FieldHold, int64(s.Hold), int64(MinHold), int64(hi), l.Force.Reason)
	case s.Hold < MinHold || s.Hold > MaxHold:
		return outside(FieldHold, int64(s.Hold), int64(MinHold), int64(hi))
	case s.Rest < MinRest || s.Rest > s.Hold:
		return outside(FieldRest, int64(s.Rest), int64(MinRest), int64(s.Hold))
	case s.HoldTime < MinHoldTime || s.HoldTime > longest:
		return outside(FieldHoldTime, int64(s.HoldTime), int64(MinHoldTime), int64(longest))
	case p.Static() != (s.RestTime == 0) || s.RestTime < 0 || s.RestTime > MaxRestTime:
		lo := time.Second
		hi := MaxRestTime
		if p.Static() {
			lo, hi = 0, 0
		}
		return outside(FieldRestTime, int64(s.RestTime), int64(lo), int64(hi))
	case s.Duration > l.Duration.Value:
		return above(FieldDuration, int64(s.Duration), int64(MinDuration), int64(l.Duration.Value), l.Duration.Reason)
	case s.Duration < MinDuration:
		return outside(FieldDuration, int64(s.Duration), int64(MinDuration), int64(l.Duration.Value))
	}
	return Reply{}
}

func (c *Controller) decideArm(in *Input, out *Output) Reply {
	if c.mode != Idle {
		return Reply{Code: WrongMode}
	}
	if m := c.whyNot(in); m != 0 {
		return Reply{Code: NotReady, Missing: m}
	}
	c.treat.armX, c.armedAt = c.x, c.now
	c.proof.reset()
	c.setMode(Armed, out)
	return Reply{}
}

func (c *Controller) decideStart(in *Input, out *Output) Reply {
	if c.mode != Armed {
		return Reply{Code: WrongMode}
	}
	if m := c.whyNot(in); m != 0 {
		return Reply{Code: NotReady, Missing: m}
	}
	c.startTreatment(out)
	return Reply{}
}

func (c *Controller) decideResume(out *Output) Reply {
	if c.mode != Paused {
		return Reply{Code: WrongMode}
	}
	c.resume(out)
	return Reply{}
}

// decideSet changes the running values; the set-point follows by its ramps.
func (c *Controller) decideSet(cmd *Command) Reply {
	if c.programme == nil {
		return Reply{Code: NoProgramme}
	}
	if c.mode == Releasing || c.mode == Recovering || c.mode == Tripped {
		return Reply{Code: WrongMode}
	}
	s := c.settings
	s.merge(&cmd.Set)
	// The person's, harness's and table's links bind; the programme's own follows
	// its hold force unless the programme names one.
	limits := chain(&c.cfg.Table, c.programme, &c.person, s.Hold)
	if r := checkSettings(c.programme, &limits, &s); r.Code != Accepted {
		return r
	}
	if underway.has(c.mode) && limits.Force.Value < c.limits.Force.Value {
		// While more force is still on the rope than the new limit allows, the old
		// one stands: lowering the hold must not trip the treatment.
		limits.Force = c.limits.Force
	}
	c.settings, c.limits = s, limits
	c.settle()
	return Reply{}
}

// merge takes over the fields that are set.
func (s *Settings) merge(n *Settings) {
	if n.Fields&FieldHold != 0 {
		s.Hold = n.Hold
	}
	if n.Fields&FieldRest != 0 {
		s.Rest = n.Rest
	}
	if n.Fields&FieldHoldTime != 0 {
		s.HoldTime = n.HoldTime
	}
	if n.Fields&FieldRestTime != 0 {
		s.RestTime = n.RestTime
	}
	if n.Fields&FieldDuration != 0 {
		s.Duration = n.Duration
	}
}

// settle lets the phase that keeps a level go back to its ramp when the level
// has moved: the time counts again once the new force is there.
func (c *Controller) settle() {
	t := &c.treat
	if c.mode != Treating {
		return
	}
	hold, rest := c.levels()
	switch {
	case t.phase == Hold && t.setPoint != hold:
		t.phase, t.phaseElapsed, t.reached = Pull, 0, false
	case t.phase == Rest && t.setPoint != rest:
		t.phase, t.phaseElapsed, t.reached = Ease, 0, false
	}
}

func (c *Controller) decideHeat(in *Input, cmd *Command) Reply {
	if cmd.Heat == 0 {
		c.heat.off(HeatEnded)
		return Reply{}
	}
	if !in.Pad.Present {
		return Reply{Code: NotReady, Missing: MissingPad}
	}
	if c.mode == Tripped || c.mode == Releasing || c.mode == Recovering {
		return Reply{Code: WrongMode}
	}
	most := c.limits.Temperature
	switch {
	case cmd.Heat < MinHeat || cmd.Heat > CeilingTemperature:
		return Reply{Code: OutOfRange, Value: int64(cmd.Heat), Min: int64(MinHeat), Max: int64(most.Value)}
	case cmd.Heat > most.Value:
		return Reply{Code: AboveLimit, Value: int64(cmd.Heat), Min: int64(MinHeat), Max: int64(most.Value), Reason: most.Reason}
	case c.guard.latched != 0:
		return Reply{Code: NotReady, Missing: MissingAcknowledge}
	}
	c.heat.want(c.now, cmd.Heat)
	return Reply{}
}

// decideAcknowledge clears what can be cleared. With tension still on the rope
// the way back to Idle leads through a slow release.
func (c *Controller) decideAcknowledge(out *Output) Reply {
	switch c.mode {
	case Idle, Tripped, Armed:
	default:
		return Reply{Code: WrongMode}
	}
	if left := c.guard.acknowledge(c, out); left != 0 {
		return Reply{Code: Contradicted, Interlock: left.IDs()[0]}
	}
	if c.mode != Tripped {
		return Reply{}
	}
	if c.tension() {
		c.rel = release{kind: slow}
		c.beginRelease(out)
		return Reply{}
	}
	c.setMode(Idle, out)
	return Reply{}
}

// buttons: the start button's edge acknowledges a trip, arms, or starts,
// whichever is next. It never resumes a pause by accident: that takes a command.
func (c *Controller) buttons(in *Input, out *Output) {
	edge := in.Switches.Start && !c.startWas
	c.startWas = in.Switches.Start
	// A button held or stuck since before the start is nobody's word, and a stop wins.
	if !edge || in.Stop || in.Now-c.bootedAt < settleAtBoot {
		return
	}
	kind := NoCommand
	switch {
	case c.guard.latched != 0:
		kind = CommandAcknowledge
	case c.mode == Idle:
		kind = CommandArm
	case c.mode == Armed:
		kind = CommandStart
	}
	if kind == NoCommand {
		return
	}
	r := c.decide(in, &Command{Kind: kind, Origin: Table, Rev: c.rev}, out)
	ev := Event{Kind: EventCommand, Command: kind, Origin: Table, Code: r.Code}
	if r.Code != Accepted {
		ev.Kind = EventRefused
	}
	c.emit(out, ev)
}
