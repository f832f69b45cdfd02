package control

import (
	"time"

	"periph.io/x/conn/v3/physic"
)

// What an operator selects and sets, judged against limits and ranges.

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
	if cmd.Person.BodyWeight < 0 || cmd.Person.MaxForce < 0 {
		return Reply{Code: OutOfRange} // less than nothing would count as nothing said
	}
	limits := chain(&c.cfg.Table, p, &cmd.Person, p.Hold, p.Duration)
	s := settingsOf(p)
	if r := checkSettings(p, &limits, &s); r.Code != Accepted {
		return r
	}
	c.programme, c.person, c.settings, c.limits = p, cmd.Person, s, limits
	c.rev++ // R-REV: who arms must have seen this programme
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

// decideSet changes the running values; the set-point follows by its ramps.
func (c *Controller) decideSet(cmd *Command) Reply {
	if c.programme == nil {
		return Reply{Code: NoProgramme}
	}
	if c.mode == Releasing || c.mode == Recovering || c.mode == Tripped || c.release.running {
		return Reply{Code: WrongMode}
	}
	s := c.settings
	s.merge(&cmd.Set)
	// The person's, harness's and table's links bind; the programme's own follows
	// its hold force unless the programme names one.
	limits := chain(&c.cfg.Table, c.programme, &c.person, s.Hold, s.Duration)
	if cmd.Origin == Remote && s.Hold > c.settings.Hold {
		// R-REMOTE-RAISE: who does not see the person raises the force no further than the
		// programme as it was written leaves room for.
		if most := c.remoteHold(); s.Hold > most.Value {
			return Reply{Code: AboveLimit, Field: FieldHold, Value: int64(s.Hold), Min: int64(MinHold), Max: int64(most.Value), Reason: most.Reason}
		}
	}
	if underway.has(c.mode) {
		// What has been given at the old hold counts against the old one's share.
		limits.Impulse.Value = max(limits.Impulse.Value, c.limits.Impulse.Value)
	}
	if r := checkSettings(c.programme, &limits, &s); r.Code != Accepted {
		return r
	}
	if underway.has(c.mode) && limits.Force.Value < c.limits.Force.Value {
		// While more force is still on the rope than the new limit allows, the old
		// one stands: lowering the hold must not trip the treatment.
		limits.Force = c.limits.Force
	}
	c.settings, c.limits = s, limits
	if c.mode == Armed {
		c.rev++ // R-REV: who starts must have seen these values
	}
	c.settle()
	return Reply{}
}

// remoteHold is the largest hold that a remote user may set: what the programme as it
// was written leaves room for, or what is in force, so that it can be lowered.
func (c *Controller) remoteHold() Bound[physic.Force] {
	own := chain(&c.cfg.Table, c.programme, &c.person, c.programme.Hold, c.settings.Duration)
	most := Bound[physic.Force]{Value: min(own.MaxSetPoint(), MaxHold), Reason: own.Force.Reason}
	if c.settings.Hold > most.Value {
		most = Bound[physic.Force]{Value: c.settings.Hold, Reason: ReasonOperator}
	}
	return most
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
