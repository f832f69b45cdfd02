package simtable

// applyFaults tells every part which faults it has, so that none of them asks in its inner loop.
func (s *Sim) applyFaults() {
	e := &s.events
	s.chip.applyFaults(e)
	s.stretch.probability = s.table.Cell.StretchProbability
	if e.on(faultClockStretch) {
		s.stretch.probability = e.value[faultClockStretch]
	}
	s.person.broken = e.on(faultRopeBreak)
	s.cut = e.on(faultDrive) || e.on(faultBrownOut) || e.on(faultEmergencyStop)

	s.motor.dead = e.on(faultDriveDead)
	s.motor.jammed = e.on(faultJam)
	s.motor.loses = 0
	if e.on(faultLostSteps) {
		s.motor.loses = e.value[faultLostSteps]
	}

	p := &s.pad
	p.advance(s.at)
	p.welded = e.on(faultPadRelayWelded)
	p.missing = e.on(faultPadSensorMissing) || p.cfg.HeaterW == 0
	p.stale = e.on(faultPadSensorStale)
	p.fallen = e.on(faultPadSensorOff)
	p.reset = e.on(faultPadSensorReset)
	p.read(s.at)
}

func (c *chip) applyFaults(e *events) {
	c.wires = wireGood
	switch {
	case e.on(faultCellSilent):
		c.wires = wireHigh
	case e.on(faultCellMissing):
		c.wires = wireLow
	case e.on(faultCellFloating):
		c.wires = wireFloating
	}

	c.fault = cellGood
	switch {
	case e.on(faultCellStuck):
		c.fault = cellStuck
	case e.on(faultCellSaturated) && e.value[faultCellSaturated] < 0:
		c.fault = cellSaturatedLow
	case e.on(faultCellSaturated):
		c.fault = cellSaturatedHigh
	case e.on(faultCellUnconnected):
		c.fault = cellUnconnected
	}

	rate := c.cell.RatePerS
	if e.on(faultCellRate10) {
		rate = 10
	}
	if rate != c.rate {
		c.period = c.setRate(rate)
	}
}
