package simtable

import "slices"

// FaultKind says what a kind of fault does and which values it takes.
type FaultKind struct {
	Name      string
	About     string
	Group     string    // what it acts on, one of the Group constants
	Unit      string    // of Fault.Value; empty for a kind without a size
	Low, High float64   // range of Fault.Value; 0 and 0 for a kind without a size
	Typical   []float64 // values that are met or tell something, for cases drawn by chance; nil for a kind without a size
}

// What a fault acts on.
const (
	GroupPerson = "person"
	GroupDrive  = "drive" // from the motor's supply to the rope
	GroupCell   = "cell"
	GroupSwitch = "switch"
	GroupPad    = "pad"
	GroupTime   = "time" // the control process and the computer's time for it; needs Sim.Wake and Sim.Killed
)

// FaultKinds lists what can go wrong, group by group.
func FaultKinds() []FaultKind {
	list := slices.Clone(faultKinds[:])
	for i := range list {
		list[i].Typical = slices.Clone(list[i].Typical)
	}
	return list
}

// kind is a fault by number, in the order of faultKinds.
type kind uint8

const (
	faultCellStuck kind = iota
	faultCellSilent
	faultCellMissing
	faultCellFloating
	faultCellSaturated
	faultCellUnconnected
	faultCellRate10
	faultCellDrift
	faultCellGain
	faultCellNoise
	faultZeroJump
	faultClockStretch
	faultClockGlitch
	faultSecondStuck
	faultSecondSilent
	faultSecondMissing
	faultSecondUnconnected
	faultSecondDrift
	faultSecondGain
	faultSecondZeroJump

	faultDriveDead
	faultDriveRunaway
	faultJam
	faultLostSteps
	faultHoldingLost
	faultDrive
	faultStepWire
	faultDirWire
	faultEnableWire
	faultEnableStuck
	faultChargePumpLost
	faultBrownOut
	faultSupplyLow
	faultSupplyWire
	faultRopeBreak
	faultRopeSlip
	faultCordCreep

	faultPatientSwitchOpen
	faultPatientSwitchStuckClosed
	faultPatientSwitchFlicker
	faultEmergencyStop
	faultEmergencyStopStuck
	faultEndSwitchStuckOpen
	faultEndSwitchStuckClosed
	faultStartStuck

	faultPadRelayWelded
	faultPadHeaterDead
	faultPadFolded
	faultPadSensorMissing
	faultPadSensorStale
	faultPadSensorOff
	faultPadSensorReset
	faultPadSensorDrift

	faultCough
	faultGettingUp
	faultShift
	faultHarnessSlip
	faultHarnessOpened

	faultLateTicks
	faultStall
	faultControlKilled

	faultCount
	faultNone = faultCount // never present
)

// momentary tells of a kind that happens at once and leaves nothing that ends.
func (k kind) momentary() bool {
	switch k {
	case faultZeroJump, faultSecondZeroJump, faultHarnessSlip, faultCough, faultGettingUp, faultShift, faultStall, faultControlKilled:
		return true
	}
	return false
}

const ends = "-1 the slack end, 1 the pull end, 0 both"

// plain is a kind without a size.
func plain(group, name, about string) FaultKind {
	return FaultKind{Name: name, About: about, Group: group}
}

// sized is a kind whose value counts.
func sized(group, name, about, unit string, low, high float64, typical ...float64) FaultKind {
	return FaultKind{Name: name, About: about, Group: group, Unit: unit, Low: low, High: high, Typical: typical}
}

var faultKinds = [faultCount]FaultKind{
	faultCellStuck:         plain(GroupCell, "cell-stuck", "the converter repeats its last code"),
	faultCellSilent:        plain(GroupCell, "cell-silent", "the converter stops: DOUT stays high"),
	faultCellMissing:       plain(GroupCell, "cell-missing", "no converter: DOUT reads low, which looks ready"),
	faultCellFloating:      plain(GroupCell, "cell-floating", "the DOUT wire is off: the pin reads anything"),
	faultCellSaturated:     sized(GroupCell, "cell-saturated", "the converter saturates: below 0 at the low end, else at the high end", "side", -1, 1, -1, 1),
	faultCellUnconnected:   plain(GroupCell, "cell-unconnected", "the load cell is off: the converter reads a wandering voltage"),
	faultCellRate10:        plain(GroupCell, "cell-rate-10", "the RATE strap falls to 10 conversions/s"),
	faultCellDrift:         sized(GroupCell, "cell-drift", "the zero drifts as long as it lasts and stays there", "N/min", -1000, 1000, -60, -5, 5, 60),
	faultCellGain:          sized(GroupCell, "cell-gain", "the sensitivity changes by this share of itself: wrong span, wrong unit; -2 is the wrong sign", "share", -2, 2, -0.5, -0.2, -0.05, 0.05, 0.3),
	faultCellNoise:         sized(GroupCell, "cell-noise", "electrical noise as of a cable without its shield, rms", "N", 0, 100, 1, 5, 20),
	faultZeroJump:          sized(GroupCell, "zero-jump", "the zero of the cell jumps for good", "N", -2000, 2000, -150, -30, 30, 150),
	faultClockStretch:      sized(GroupCell, "clock-stretch", "preemption stretches clock pulses", "probability", 0, 1, 0.001, 0.02, 0.2),
	faultClockGlitch:       sized(GroupCell, "clock-glitch", "interference makes two clock pulses of one: the frame loses a bit", "probability", 0, 1, 0.0001, 0.002, 0.05),
	faultSecondStuck:       plain(GroupCell, "second-cell-stuck", "as cell-stuck, of the second cell"),
	faultSecondSilent:      plain(GroupCell, "second-cell-silent", "as cell-silent, of the second cell"),
	faultSecondMissing:     plain(GroupCell, "second-cell-missing", "as cell-missing, of the second cell"),
	faultSecondUnconnected: plain(GroupCell, "second-cell-unconnected", "as cell-unconnected, of the second cell"),
	faultSecondDrift:       sized(GroupCell, "second-cell-drift", "as cell-drift, of the second cell", "N/min", -1000, 1000, -60, -5, 5, 60),
	faultSecondGain:        sized(GroupCell, "second-cell-gain", "as cell-gain, of the second cell", "share", -2, 2, -0.5, -0.2, -0.05, 0.05, 0.3),
	faultSecondZeroJump:    sized(GroupCell, "second-cell-zero-jump", "as zero-jump, of the second cell", "N", -2000, 2000, -150, -30, 30, 150),

	faultDriveDead:      plain(GroupDrive, "drive-dead", "the drive holds but obeys no step"),
	faultDriveRunaway:   sized(GroupDrive, "drive-runaway", "the drive turns towards force by itself, whatever STEP says, as long as it has power and is enabled", "mm/s", 0, 200, 1, 5, 20, 60),
	faultJam:            plain(GroupDrive, "jam", "the drive is stuck mechanically, with power or without"),
	faultLostSteps:      sized(GroupDrive, "lost-steps", "a gear slips: steps move nothing", "share", 0, 1, 0.02, 0.2, 1),
	faultHoldingLost:    sized(GroupDrive, "holding-lost", "the drive gives way to a rope force above this, with power or without", "N", 0, 2000, 20, 100, 200),
	faultDrive:          plain(GroupDrive, "drive-fault", "the drive's power stage switches off and opens its fault contact"),
	faultStepWire:       plain(GroupDrive, "step-wire", "the STEP wire is off: the drive holds and sees no step"),
	faultDirWire:        sized(GroupDrive, "dir-wire", "DIR is stuck: below 0 away from force, else towards", "side", -1, 1, -1, 1),
	faultEnableWire:     plain(GroupDrive, "enable-wire", "the ENABLE wire is off: the pull-down disables the drive"),
	faultEnableStuck:    plain(GroupDrive, "enable-stuck", "the drive stays enabled whatever ENABLE says"),
	faultChargePumpLost: plain(GroupDrive, "charge-pump-lost", "the wire to the monostable is off: a table with a charge pump loses motor power"),
	faultBrownOut:       plain(GroupDrive, "brown-out", "the motor supply fails; only a supply monitor tells"),
	faultSupplyLow:      sized(GroupDrive, "supply-low", "the motor supply sags: a supply monitor tells, and the motor falls out of step above this speed", "mm/s", 0, 1000, 5, 20, 40),
	faultSupplyWire:     plain(GroupDrive, "supply-wire", "the wire of the supply monitor is off, with nothing else amiss"),
	faultRopeBreak:      plain(GroupDrive, "rope-break", "the rope breaks"),
	faultRopeSlip:       sized(GroupDrive, "rope-slip", "the rope slips on the drum, at this speed for each 100 N", "mm/s", 0, 100, 0.5, 5, 50),
	faultCordCreep:      sized(GroupDrive, "cord-creep", "a bad cord grows longer for good, at this rate for each 100 N", "mm/min", 0, 100, 1, 10),

	faultPatientSwitchOpen:        plain(GroupSwitch, "patient-switch-open", "the patient switch is unplugged or its wire broken"),
	faultPatientSwitchStuckClosed: plain(GroupSwitch, "patient-switch-stuck-closed", "the patient switch is shorted: pressing does nothing"),
	faultPatientSwitchFlicker:     sized(GroupSwitch, "patient-switch-flicker", "a loose contact opens the patient switch by the millisecond", "share", 0, 1, 0.002, 0.05, 0.5),
	faultEmergencyStop:            plain(GroupSwitch, "emergency-stop", "the emergency stop is pressed or its wire broken"),
	faultEmergencyStopStuck:       plain(GroupSwitch, "emergency-stop-stuck", "the contacts of the emergency stop are welded: pressing does nothing"),
	faultEndSwitchStuckOpen:       sized(GroupSwitch, "end-switch-stuck-open", "an end switch reads reached: "+ends, "side", -1, 1, -1, 0, 1),
	faultEndSwitchStuckClosed:     sized(GroupSwitch, "end-switch-stuck-closed", "an end switch never reads reached: "+ends, "side", -1, 1, -1, 0, 1),
	faultStartStuck:               plain(GroupSwitch, "start-stuck", "the start button reads pressed"),

	faultPadRelayWelded:   plain(GroupPad, "pad-relay-welded", "the heater stays on whatever its pin says"),
	faultPadHeaterDead:    plain(GroupPad, "pad-heater-dead", "no current flows in the heater"),
	faultPadFolded:        sized(GroupPad, "pad-folded", "a fold makes a hot spot, which heats so much more and loses so much less to the room; the sensor lies beside it", "share", 0, 1, 0.2, 0.5),
	faultPadSensorMissing: plain(GroupPad, "pad-sensor-missing", "the pad sensor does not answer: off the bus, or the bus is shorted"),
	faultPadSensorStale:   plain(GroupPad, "pad-sensor-stale", "the pad sensor repeats its last reading"),
	faultPadSensorOff:     plain(GroupPad, "pad-sensor-off", "the sensor has fallen off the pad and reads the room"),
	faultPadSensorReset:   plain(GroupPad, "pad-sensor-reset", "the sensor loses power again and again and says 85 C"),
	faultPadSensorDrift:   sized(GroupPad, "pad-sensor-drift", "the sensor reads so much too low", "K", -40, 40, -8, 3, 8, 15),

	faultCough:         sized(GroupPerson, "cough", "the patient coughs, with this force if the rope is held still", "N", 0, 1000, 40, 80, 150),
	faultGettingUp:     sized(GroupPerson, "getting-up", "the patient jerks at the rope with this force, sits up for so long and lies back", "N", 0, 1000, 50, 150),
	faultShift:         sized(GroupPerson, "shift", "the patient moves for good and sets so much rope free", "mm", -100, 100, -20, -5, 5, 20),
	faultHarnessSlip:   sized(GroupPerson, "harness-slip", "the harness slips once and sets so much rope free", "mm", 0, 300, 3, 10, 40),
	faultHarnessOpened: plain(GroupPerson, "harness-opened", "somebody opens the harness, with tension on the rope or without"),

	faultLateTicks:     sized(GroupTime, "late-ticks", "the control thread oversleeps every time, by up to so much", "ms", 0, 1000, 0.5, 3, 15, 50),
	faultStall:         sized(GroupTime, "stall", "the control process stands still once for so long", "ms", 0, 10000, 25, 150, 400, 3000),
	faultControlKilled: sized(GroupTime, "control-killed", "the control process is killed and is started again after so long", "ms", 0, 10000, 500, 2000, 10000),
}
