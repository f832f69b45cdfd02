package link

import "traction/control"

// interlockText says what an interlock has seen and what to do, without a full
// stop, for use inside a sentence.
func interlockText(i control.InterlockID) string {
	switch i {
	case control.ILStartUp:
		return "the control process has just started; look at the table and the person, then acknowledge"
	case control.ILEmergencyStop:
		return "the emergency stop is pressed or its wire is broken; help the person, unlock the button, then acknowledge"
	case control.ILPatientSwitch:
		return "the person pressed the patient switch, or it is unplugged; ask the person, then acknowledge"
	case control.ILForceLimit:
		return "the force was above its limit; find out why before the next treatment, then acknowledge"
	case control.ILCellLate:
		return "the load cell's samples come late; check its cable"
	case control.ILCellLost:
		return "the load cell gives no samples any more; check the cell and its cable, then acknowledge"
	case control.ILCellImplausible:
		return "the load cell gives values that cannot be; check the cell and its cable, prove it with a known weight, then acknowledge"
	case control.ILZeroDrift:
		return "the load cell does not read zero without load; let it warm up, take everything off the rope, and calibrate if it stays"
	case control.ILCellsDisagree:
		return "the two load cells differ, so one of them is wrong; prove both with a known weight before anybody lies down, then acknowledge"
	case control.ILSecondCellLost:
		return "the second load cell gives no samples any more; check it and its cable, then acknowledge"
	case control.ILRateOfRise:
		return "the force rose faster than is allowed, so the table waits; look at the person"
	case control.ILPatientMoves:
		return "the person moved, so the table waits until it is quiet; look at the person"
	case control.ILHarnessSlip:
		return "harness or rope has given way by more than 25 mm; put the harness on again, then acknowledge"
	case control.ILForceTime:
		return "the person has been pulled for as long as this programme means, pauses included; acknowledge, and let the person rest"
	case control.ILSuddenDrop:
		return "the force fell suddenly; look at the person, rope and harness, put the harness on again, then acknowledge"
	case control.ILForceWithoutMotion:
		return "the force does not follow the rope; look whether the person pulls or moved, and whether motor or rope is stuck, then acknowledge"
	case control.ILMotionWithoutForce:
		return "the rope moved but the force did not follow; look at rope, harness and load cell, then acknowledge"
	case control.ILEndPull:
		return "the table has reached the end of its travel; shorten the rope or move the person, then acknowledge"
	case control.ILEndSlack:
		return "the switch at the slack end is open although the rope is far from it; check the switch and its cable, then acknowledge"
	case control.ILEndMismatch:
		return "an end switch and the counted position disagree; check the switches, and whether the motor loses steps, then acknowledge"
	case control.ILStartStuck:
		return "the start button has been down for ten seconds; free it or check its wire"
	case control.ILTravel:
		return "the rope has moved as far as is allowed and goes no further towards force; stop and shorten rope and harness"
	case control.ILTickLate:
		return "the control process ran too late; stop other programs on this computer"
	case control.ILTickMissed:
		return "the control process stood still, so nobody watched the force; stop other programs on this computer, then acknowledge"
	case control.ILOverrun:
		return "records or commands were lost because too many came at once; look whether a program floods the table"
	case control.ILGatewayLost:
		return "the network side is silent and the treatment was started from there; go to the person, then acknowledge or take over at the table"
	case control.ILSupplyLow:
		return "the motor's supply is too low or its supervisor's wire is broken; the motor may lose its hold: stay with the person, check the supply, then acknowledge"
	case control.ILDriveDead:
		return "the motor driver reports a fault or its wire is broken; check driver, motor and supply, then acknowledge"
	case control.ILReleaseStalled:
		return "the force does not fall although the table unwinds; help the person now and release the table by hand"
	case control.ILReleaseBackwards:
		return "the force rose while the table should let go, so the motor was switched off; help the person now, release the table by hand, check the drive's direction wire, then restart"
	case control.ILSlackUnconfirmed:
		return "the rope is not known to be slack; do not open the harness yet"
	case control.ILTensionLeft:
		return "the rope is under tension although nothing runs; help the person now: stop at the table unwinds it slowly, or release it by hand"
	case control.ILPadTemperature:
		return "the heat pad's temperature is not known; check its sensor"
	case control.ILPadHot:
		return "the heat pad is too hot; take it off the person and look at the skin"
	case control.ILPadNoRise:
		return "the heat pad is powered and does not get warmer; put its sensor back in place"
	case control.ILPadTime:
		return "the heat was on for its longest time; let the skin rest"
	case control.ILPadRunaway:
		return "the heat pad gets warmer without power; take it off the person and pull its plug, its relay has failed"
	default:
		return "an interlock that this version has no words for; look at the table"
	}
}
