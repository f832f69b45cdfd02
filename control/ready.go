package control

// What must be true before a table is armed and before a treatment starts.

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

// drifts: the cell's zero is not where it was calibrated. Tension is no drift.
func (c *Controller) drifts(l *cell) bool {
	return l.force < -zeroDrift || l.force > zeroDrift && l.force < slackForce
}

// whyNot lists what stands against arming or, once armed, against starting:
// among others R-ZERO-BEFORE-ARMING and R-PROOF-OF-SWITCH.
func (c *Controller) whyNot(in *Input) (m Missing) {
	add := func(bad bool, what Missing) {
		if bad {
			m |= what
		}
	}
	valid := c.cell.cal.Valid()
	good := !c.cell.late(c.now) && !c.cell.bad
	if c.paired() {
		valid = valid && c.second.cal.Valid()
		good = good && !c.second.late(c.now) && !c.second.bad
	}
	add(!valid, MissingCalibration)
	add(!good, MissingCell)
	add(c.tension(), MissingSlack)
	if valid && good {
		add(c.guard.pair.apart >= disagreeMost || c.drifts(&c.cell) || c.paired() && c.drifts(&c.second), MissingZero)
	}
	add(c.programme == nil, MissingProgramme)
	add(in.Switches.EmergencyStop || in.Switches.Patient && (c.mode != Armed || c.proof.proven), MissingSwitch)
	add(in.Switches.EndPull, MissingTravel)
	add(in.Motion.Fault || in.Switches.SupplyLow, MissingDrive)
	add(c.guard.latched != 0, MissingAcknowledge)
	if c.mode == Armed {
		add(!c.proof.proven, MissingProof)
		add(!c.release.holds(c), MissingReleaseProof)
	}
	return m
}
