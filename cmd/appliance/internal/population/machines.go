package population

import (
	"fmt"

	"traction/hw/simtable"
)

// deviatingShare of the tables are not quite what their file says.
const deviatingShare = 0.6

// drawTable takes a shipped table, more often than not with moderate deviations:
// an own oscillator, play, rope, friction and drift, as tables of one make have.
// Whether the chosen values are commissioned and calibrated is the rig's matter.
func drawTable(d dice) simtable.Table {
	t, _ := simtable.TableByName(pick(d, simtable.Tables()...)) // from the list of those that are
	if !d.chance(deviatingShare) {
		return t
	}
	t.Description = fmt.Sprintf("%s (deviating)", t.Name)
	deviate(d, &t.Cell)
	if paired(&t) {
		deviate(d, &t.Cell2)
	}
	c, m := &t.Cell, &t.Drive
	if d.chance(0.3) {
		c.StretchProbability = d.over(1e-6, 1e-4)
	}
	c.ClockCostUS = d.between(0.3, 3)
	m.BacklashMM = d.between(0, 1.5)
	m.AccelerationMMPerS *= d.between(0.8, 1.5)
	m.StallForceN *= d.between(0.9, 1.3)
	m.ChargePumpHoldMS = d.between(15, 40)
	if m.BackDrivable {
		m.BackDriveNSPerMM *= d.over(0.5, 4)
		m.BackDriveFrictionN *= d.between(0.5, 1.1)
	}
	t.Rope.StiffnessNPerMM *= d.over(0.7, 2)
	if t.Pad.HeaterW > 0 {
		t.Pad.HeaterW *= d.between(0.7, 1.3)
		t.Pad.SensorLagS = d.over(3, 20)
		t.Pad.AmbientC = d.between(16, 30)
	}
	return t
}

// deviate gives a cell and its converter properties of their own.
func deviate(d dice, c *simtable.Cell) {
	c.TrueRateFactor = d.between(0.93, 1.07) // some per cent off, as oscillators of this kind are
	c.ZeroMVPerV += d.between(-0.02, 0.02)   // 1 % of zero balance
	c.SensitivityMVPerV *= d.between(0.9, 1.1)
	c.ZeroDriftNPerC = d.between(-0.1, 0.1)
	c.ZeroDriftNPerMin = d.between(-0.05, 0.05)
	c.FilterConversions = pick(d, 1, 1, 2, 4)
}

// paired tells whether a table has a second cell.
func paired(t *simtable.Table) bool { return t.HasSecondCell() }
