package simtable

// applyFaults tells every part which faults it has, so that none of them asks in its inner loop.
func (s *Sim) applyFaults() {
	e := &s.events
	s.applyFailing()
	s.applyLate()
	s.chip.applyFaults(e, &firstCell)
	if s.table.HasSecondCell() {
		s.second.applyFaults(e, &secondCell)
	}
	s.stretch.probability = s.table.Cell.StretchProbability
	if e.on(faultClockStretch) {
		s.stretch.probability = e.value[faultClockStretch]
	}
	s.stretch.glitch = 0
	if e.on(faultClockGlitch) {
		s.stretch.glitch = e.value[faultClockGlitch]
	}
	s.stretch.any = s.stretch.probability > 0 || s.stretch.glitch > 0
	s.applyContacts()
	s.person.broken = e.on(faultRopeBreak)
	s.person.worn = s.worn && !e.on(faultHarnessOpened)
	s.applyDrive()
	s.applyPad()
}

// applyDrive is what lies between the pins and the rotor.
func (s *Sim) applyDrive() {
	e, m := &s.events, &s.motor
	s.cut = e.on(faultDrive) || e.on(faultBrownOut) || e.on(faultEmergencyStop)

	s.pumpLost = e.on(faultChargePumpLost)
	s.applyEnable()

	m.unseen = e.on(faultStepWire)
	m.jammed = e.on(faultJam)
	m.loses = 0
	if e.on(faultLostSteps) {
		m.loses = e.value[faultLostSteps]
	}
	if m.jammed || e.on(faultDriveDead) || e.on(faultDriveRunaway) {
		m.loses = 1
	}
	m.dirWire = 0
	if e.on(faultDirWire) {
		m.dirWire = 1
		if e.value[faultDirWire] < 0 {
			m.dirWire = -1
		}
	}
	m.turn(m.told, s.at)
	m.drive.StartSpeedMMPerS, m.drive.MaxSpeedMMPerS = s.table.Drive.StartSpeedMMPerS, s.table.Drive.MaxSpeedMMPerS
	if e.on(faultSupplyLow) {
		m.drive.StartSpeedMMPerS = min(m.drive.StartSpeedMMPerS, e.value[faultSupplyLow])
		m.drive.MaxSpeedMMPerS = min(m.drive.MaxSpeedMMPerS, e.value[faultSupplyLow])
	}
}

// applyContacts is what hangs on the inputs. The drive's fault relay and the supply monitor open by what is wrong there.
func (s *Sim) applyContacts() {
	e := &s.events
	s.stopWelded = e.on(faultEmergencyStopStuck)
	s.wiring = [contactCount]wiring{
		contactPatient:   {open: e.on(faultPatientSwitchOpen) || s.failing.open, closed: e.on(faultPatientSwitchStuckClosed)},
		contactEmergency: {open: e.on(faultEmergencyStop), closed: s.stopWelded && !e.on(faultEmergencyStop)},
		contactStart:     {closed: e.on(faultStartStuck)},
		contactEndSlack:  {open: e.at(faultEndSwitchStuckOpen, -1), closed: e.at(faultEndSwitchStuckClosed, -1)},
		contactEndPull:   {open: e.at(faultEndSwitchStuckOpen, 1), closed: e.at(faultEndSwitchStuckClosed, 1)},
		contactFault:     {open: e.on(faultDrive)},
		contactSupply:    {open: e.on(faultBrownOut) || e.on(faultSupplyLow) || e.on(faultSupplyWire)},
	}
}

// applyEnable decides what the driver sees at its enable input.
func (s *Sim) applyEnable() {
	e := &s.events
	s.enable = s.enableTold && !e.on(faultEnableWire) || e.on(faultEnableStuck)
}

func (s *Sim) applyPad() {
	e, p := &s.events, &s.pad
	p.advance(s.at)
	p.welded = e.on(faultPadRelayWelded)
	p.missing = e.on(faultPadSensorMissing) || p.cfg.HeaterW == 0
	p.stale = e.on(faultPadSensorStale)
	p.fallen = e.on(faultPadSensorOff)
	p.reset = e.on(faultPadSensorReset)
	p.dead = e.on(faultPadHeaterDead)
	p.low, p.folded = 0, 0
	if e.on(faultPadSensorDrift) {
		p.low = e.value[faultPadSensorDrift]
	}
	if e.on(faultPadFolded) {
		p.folded = e.value[faultPadFolded]
	}
	p.read(s.at)
}

// cellKinds are the faults of one cell and its converter.
type cellKinds struct {
	silent, missing, floating, stuck, saturated, unconnected, slow, drift, gain, noise kind
}

var (
	firstCell = cellKinds{faultCellSilent, faultCellMissing, faultCellFloating, faultCellStuck, faultCellSaturated, faultCellUnconnected,
		faultCellRate10, faultCellDrift, faultCellGain, faultCellNoise}
	secondCell = cellKinds{faultSecondSilent, faultSecondMissing, faultNone, faultSecondStuck, faultNone, faultSecondUnconnected,
		faultNone, faultSecondDrift, faultSecondGain, faultNone}
)

func (c *chip) applyFaults(e *events, of *cellKinds) {
	c.wires = wireGood
	switch {
	case e.on(of.silent):
		c.wires = wireHigh
	case e.on(of.missing):
		c.wires = wireLow
	case e.on(of.floating):
		c.wires = wireFloating
	}

	c.fault = cellGood
	switch {
	case e.on(of.stuck):
		c.fault = cellStuck
	case e.on(of.saturated) && e.value[of.saturated] < 0:
		c.fault = cellSaturatedLow
	case e.on(of.saturated):
		c.fault = cellSaturatedHigh
	case e.on(of.unconnected):
		c.fault = cellUnconnected
	}

	c.drift, c.gain, c.noiseN = 0, 1, 0
	if e.on(of.drift) {
		c.drift = e.value[of.drift]
	}
	if e.on(of.gain) {
		c.gain = 1 + e.value[of.gain]
	}
	if e.on(of.noise) {
		c.noiseN = e.value[of.noise]
	}

	rate := c.cell.RatePerS
	if e.on(of.slow) {
		rate = 10
	}
	if rate != c.rate {
		c.period = c.setRate(rate)
	}
}
