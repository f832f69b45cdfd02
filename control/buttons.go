package control

// buttons: the start button's edge acknowledges a trip, arms, or starts,
// whichever is next; armed for the first time of the day, it starts the proof of release. It never resumes a pause by accident: that takes a command.
func (c *Controller) buttons(in *Input, out *Output) {
	edge := in.Switches.Start && !c.startWas
	c.startWas = in.Switches.Start
	// R-START-LATCHED: a button held or stuck since before the start is nobody's
	// word. A stop wins.
	if !edge || in.Stop || in.Now-c.bootedAt < settleAtBoot {
		return
	}
	kind := NoCommand
	switch {
	case c.guard.latched != 0, c.alarm.ended:
		kind = CommandAcknowledge
	case c.mode == Idle:
		kind = CommandArm
	case c.mode == Armed && c.missing&MissingReleaseProof != 0:
		kind = CommandProve
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
