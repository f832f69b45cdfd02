package control

// Action is what an interlock does. The strongest action that holds wins.
type Action uint8

const (
	None    Action = iota
	Warn           // tell, and go on
	Freeze         // no motion towards force
	Release        // end the treatment, unwind to slack
	Disable        // de-energise the drive
)

var actionNames = [...]string{"none", "warn", "freeze", "release", "disable"}

// String returns the action's name as it appears in every interface.
func (a Action) String() string { return name(actionNames[:], uint8(a)) }

// MarshalText implements encoding.TextMarshaler.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Action) UnmarshalText(b []byte) error {
	return parse(actionNames[:], "action", b, (*uint8)(a))
}

// Clear says how an interlock ends once its condition is gone.
type Clear uint8

const (
	ByItself          Clear = iota // with its condition
	ByAcknowledgement              // by an acknowledgement after the condition is gone
	ByRestart                      // only by a restart of the control process
)

// Priority of an alarm, after IEC 60601-1-8.
type Priority uint8

const (
	NoAlarm Priority = iota
	Low
	Medium
	High
)

var priorityNames = [...]string{"none", "low", "medium", "high"}

// String returns the priority's name as it appears in every interface.
func (p Priority) String() string { return name(priorityNames[:], uint8(p)) }

// MarshalText implements encoding.TextMarshaler.
func (p Priority) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Priority) UnmarshalText(b []byte) error {
	return parse(priorityNames[:], "priority", b, (*uint8)(p))
}

// InterlockID names one interlock; its text form is stable.
type InterlockID uint8

const (
	NoInterlock InterlockID = iota
	ILStartUp
	ILEmergencyStop
	ILPatientSwitch
	ILForceLimit
	ILCellLate
	ILCellLost
	ILCellImplausible
	ILZeroDrift
	ILCellsDisagree
	ILSecondCellLost
	ILRateOfRise
	ILPatientMoves
	ILHarnessSlip
	ILForceTime
	ILSuddenDrop
	ILForceWithoutMotion
	ILMotionWithoutForce
	ILEndPull
	ILEndSlack
	ILEndMismatch
	ILTravel
	ILStartStuck
	ILTickLate
	ILTickMissed
	ILOverrun
	ILGatewayLost
	ILDriveDead
	ILSupplyLow
	ILReleaseStalled
	ILReleaseBackwards
	ILSlackUnconfirmed
	ILTensionLeft
	ILPadTemperature
	ILPadHot
	ILPadNoRise
	ILPadTime
	ILPadRunaway
	interlockCount
)

var interlockNames = [interlockCount]string{
	NoInterlock:          "none",
	ILStartUp:            "start-up",
	ILEmergencyStop:      "emergency-stop",
	ILPatientSwitch:      "patient-switch",
	ILForceLimit:         "force-limit",
	ILCellLate:           "cell-late",
	ILCellLost:           "cell-lost",
	ILCellImplausible:    "cell-implausible",
	ILZeroDrift:          "zero-drift",
	ILCellsDisagree:      "cells-disagree",
	ILSecondCellLost:     "second-cell-lost",
	ILRateOfRise:         "rate-of-rise",
	ILPatientMoves:       "patient-moves",
	ILHarnessSlip:        "harness-slip",
	ILForceTime:          "force-time",
	ILSuddenDrop:         "sudden-drop",
	ILForceWithoutMotion: "force-without-motion",
	ILMotionWithoutForce: "motion-without-force",
	ILEndPull:            "end-pull",
	ILEndSlack:           "end-slack",
	ILEndMismatch:        "end-mismatch",
	ILTravel:             "travel",
	ILStartStuck:         "start-stuck",
	ILTickLate:           "tick-late",
	ILTickMissed:         "tick-missed",
	ILOverrun:            "overrun",
	ILGatewayLost:        "gateway-lost",
	ILDriveDead:          "drive-dead",
	ILSupplyLow:          "supply-low",
	ILReleaseStalled:     "release-stalled",
	ILReleaseBackwards:   "release-backwards",
	ILSlackUnconfirmed:   "slack-unconfirmed",
	ILTensionLeft:        "tension-left",
	ILPadTemperature:     "pad-temperature",
	ILPadHot:             "pad-hot",
	ILPadNoRise:          "pad-no-rise",
	ILPadTime:            "pad-time",
	ILPadRunaway:         "pad-runaway",
}

// String returns the interlock's stable name.
func (i InterlockID) String() string { return name(interlockNames[:], uint8(i)) }

// MarshalText implements encoding.TextMarshaler.
func (i InterlockID) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (i *InterlockID) UnmarshalText(b []byte) error {
	return parse(interlockNames[:], "interlock", b, (*uint8)(i))
}

// InterlockSet is a set of interlocks.
type InterlockSet uint64

// Has tells whether i is in the set.
func (s InterlockSet) Has(i InterlockID) bool { return s&(1<<i) != 0 }

// With returns the set with i added.
func (s InterlockSet) With(i InterlockID) InterlockSet { return s | 1<<i }

// Without returns the set with i taken out.
func (s InterlockSet) Without(i InterlockID) InterlockSet { return s &^ (1 << i) }

// IDs lists the members in the order of the table.
func (s InterlockSet) IDs() []InterlockID {
	var out []InterlockID
	for i := NoInterlock + 1; i < interlockCount; i++ {
		if s.Has(i) {
			out = append(out, i)
		}
	}
	return out
}

// HeatReason says why the heat pad is off although somebody may want it on.
type HeatReason uint8

const (
	HeatOK            HeatReason = iota
	HeatAbsent                   // no pad is configured
	HeatNoTemperature            // the sensor gives no plausible temperature
	HeatStale                    // the last temperature is older than 5 s
	HeatTooHot                   // 41 C or more
	HeatNoRise                   // power, but no rise: the sensor is off the pad
	HeatTimeOver                 // the longest time of heat is over
	HeatTrip                     // an interlock tripped the appliance
	HeatEnded                    // the treatment is over
)

var heatNames = [...]string{"ok", "absent", "no-temperature", "stale", "too-hot", "no-rise", "time-over", "trip", "ended"}

// String returns the reason's name as it appears in every interface.
func (h HeatReason) String() string { return name(heatNames[:], uint8(h)) }

// MarshalText implements encoding.TextMarshaler.
func (h HeatReason) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *HeatReason) UnmarshalText(b []byte) error {
	return parse(heatNames[:], "heat reason", b, (*uint8)(h))
}
