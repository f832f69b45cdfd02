package simtable

import "math"

// failing is what goes wrong a little in every step of the physics. A healthy table does not come here.
type failing struct {
	any      bool    // something of the following
	ropeSlip float64 // mm of rope in one step of the physics per N of its force
	flicker  float64 // share of time that the patient switch's loose contact is open
	open     bool    // it is, in this step
}

// applyFailing looks at what has begun or ended.
func (s *Sim) applyFailing() {
	const perMinute = 1.0 / 60
	e, f, m := &s.events, &s.failing, &s.motor
	of := func(k kind) float64 {
		if e.on(k) {
			return e.value[k]
		}
		return 0
	}
	f.ropeSlip = (of(faultRopeSlip) + of(faultCordCreep)*perMinute) / 100 * gridS
	f.flicker, f.open = of(faultPatientSwitchFlicker), false
	m.runaway = of(faultDriveRunaway)
	m.holds = math.Inf(1)
	if e.on(faultHoldingLost) {
		m.holds = of(faultHoldingLost)
	}
	f.any = f.ropeSlip > 0 || f.flicker > 0 || m.runaway > 0 || !math.IsInf(m.holds, 1)
	s.settleMore()
}

// fail is one step of the physics of a failing table, which ends at s.at.
func (s *Sim) fail() {
	f, m, rope := &s.failing, &s.motor, s.person.rope
	if m.runaway > 0 && !m.jammed && rope <= m.drive.StallForceN && s.powered(s.at) {
		m.position = min(m.position+m.runaway*gridS, m.highStop)
	}
	if rope > m.holds {
		s.reel -= m.runOut(rope, m.holds)
	}
	if longer := f.ropeSlip * rope; longer > 0 {
		s.person.taut += longer
		s.person.longer += longer
	}
	if open := f.flicker > 0 && s.events.flicker.Float64() < f.flicker; open != f.open {
		f.open = open
		s.applyContacts()
	}
}
