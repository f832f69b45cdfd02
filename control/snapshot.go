package control

import (
	"time"

	"periph.io/x/conn/v3/physic"
)

// DriveMode says what the drive shall do. Disabled and zero speed are different.
type DriveMode uint8

const (
	DriveDisabled DriveMode = iota // not energised: a back-drivable table lets go
	DriveStopped                   // energised, no further step at once
	DriveMoving                    // energised, Velocity holds
)

// Drive is the motor's part of an Output.
type Drive struct {
	Mode DriveMode
	// Velocity of the rope, + towards force; used with DriveMoving.
	Velocity physic.Speed
}

// Output is all that one tick decides.
type Output struct {
	Drive Drive
	// Heat is the duty of the heat pad, 0 to 1.
	Heat float64
	// Indicators are levels for this very tick.
	LampAlarm, LampCaution, Buzzer bool
	// Pump: the charge pump may toggle; it stops whenever motion is forbidden.
	Pump bool
	// Reply answers Input.Command; its Ticket is 0 when there is none.
	Reply Reply
	// Entry is a journal row when HasEntry is set (each sample, else 40 a second).
	Entry    Entry
	HasEntry bool
	// Events happened in this tick, oldest first; only the first NEvents count.
	Events  [MaxEvents]Event
	NEvents int
	// Report is set in the tick that ends a treatment.
	Report    Report
	HasReport bool
}

// MaxEvents is the most events that one tick can report; further ones are
// counted in an EventOverrun at the next tick.
const MaxEvents = 16

// Entry is one row of the journal: one sample and what was done about it.
type Entry struct {
	// Seq numbers the entries of one boot, from 1 without gaps.
	Seq uint64
	At  time.Duration
	// Force at the cell; SetPoint asked for.
	Force, SetPoint physic.Force
	Position        physic.Distance
	Counts          int32
	Treatment       uint32
	Step, Cycle     uint16
	Mode            Mode
	Phase           Phase
	Action          Action
	// Fresh: Force comes from a sample of this tick.
	Fresh bool
}

// Snapshot is the state of the controller for people and programs outside.
type Snapshot struct {
	At   time.Duration
	Rev  uint64
	Mode Mode

	Phase     Phase
	Step      uint16 // 1 to Steps while treating
	Steps     uint16
	Cycle     uint16 // cycles begun in this treatment
	Treatment uint32 // number since boot of the treatment that runs, 0 = none

	Programme string
	Settings  Settings // in force, operator's changes included

	Force     physic.Force
	SetPoint  physic.Force
	Position  physic.Distance
	Speed     physic.Speed
	Stiffness float64 // N/mm as learned from the rope's motion; 0 = not known yet

	PhaseElapsed time.Duration
	PhaseTotal   time.Duration // 0 where the end is not a matter of time
	Elapsed      time.Duration // of the treatment itself
	Remaining    time.Duration
	Planned      time.Duration // slack take-up and release included

	// ReleaseLeft is the time to the deadline of the release that runs, below 0
	// once it is missed; 0 = none runs.
	ReleaseLeft time.Duration

	Limits Limits
	// RemoteHold is the largest hold that a remote user may set (R-REMOTE-RAISE).
	RemoteHold Bound[physic.Force]
	Action     Action
	Active     InterlockSet // conditions that hold now
	Trips      InterlockSet // latched until cleared
	Alarm      Priority

	Missing     Missing
	SwitchProof bool
	// Held: this pause keeps its force for a moment, whatever the programme says.
	Held     bool
	Switches Switches

	Pad         physic.Temperature // zero kelvin = not known
	HeatTarget  physic.Temperature // 0 = off
	HeatDuty    float64
	HeatRefused HeatReason

	// SilentFor is how much longer the alarm's sound is paused, 0 = it is not.
	SilentFor time.Duration
	// EndTone: the end-of-treatment tone is repeated until somebody acknowledges.
	EndTone bool

	Cell     CellFault
	CellRate physic.Frequency
	// CellNoise is the standard deviation of one sample, without what the force
	// itself does; 0 = not known yet.
	CellNoise physic.Force
	Late      time.Duration // worst lateness of a tick in the last second
}

// EventKind names what happened.
type EventKind uint8

const (
	EventBoot             EventKind = iota // the control process began
	EventMode                              // the mode changed
	EventPhase                             // the phase changed
	EventTrip                              // an interlock was latched
	EventWarning                           // an interlock of action warn or freeze began to hold
	EventCleared                           // an interlock cleared
	EventAcknowledged                      // trips were acknowledged
	EventCommand                           // a command was obeyed
	EventRefused                           // a command was refused
	EventTreatmentStarted                  //
	EventTreatmentEnded                    // Report holds the details
	EventSwitchProven                      // patient switch seen pressed and released
	EventSlackConfirmed                    // the rope is slack after a release
	EventReleaseLate                       // a release missed its deadline
	EventHeat                              // heat went on or off, with its reason
	EventOverrun                           // events or commands were lost
	EventReleaseProven                     // a proof of release was passed: Report.TimeToSlack
	EventSilenced                          // the alarm's sound was paused
)

var eventNames = [...]string{"boot", "mode", "phase", "trip", "warning", "cleared", "acknowledged", "command", "refused",
	"treatment-started", "treatment-ended", "switch-proven", "slack-confirmed", "release-late", "heat", "overrun", "release-proven", "silenced"}

// String returns the kind's name as it appears in every interface.
func (k EventKind) String() string { return name(eventNames[:], uint8(k)) }

// MarshalText implements encoding.TextMarshaler.
func (k EventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *EventKind) UnmarshalText(b []byte) error {
	return parse(eventNames[:], "event", b, (*uint8)(k))
}

// Event is something that happened once.
type Event struct {
	// Seq numbers the events of one boot, from 1 without gaps; the journal gives it.
	Seq       uint64
	At        time.Duration
	Kind      EventKind
	Mode      Mode
	Phase     Phase
	Interlock InterlockID
	Command   CommandKind
	Origin    Origin
	Code      Code
	End       EndReason
	Heat      HeatReason
	Treatment uint32
	Force     physic.Force
	Position  physic.Distance
}

// EndReason says why a treatment ended.
type EndReason uint8

const (
	EndNone      EndReason = iota
	EndCompleted           // the treatment time was over
	EndStopped             // somebody asked for a stop
	EndTripped             // an interlock
	EndPauseOver           // paused for too long
	EndProven              // the proof of release was passed
)

var endNames = [...]string{"none", "completed", "stopped", "tripped", "pause-over", "proven"}

// String returns the reason's name as it appears in every interface.
func (r EndReason) String() string { return name(endNames[:], uint8(r)) }

// MarshalText implements encoding.TextMarshaler.
func (r EndReason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *EndReason) UnmarshalText(b []byte) error {
	return parse(endNames[:], "end reason", b, (*uint8)(r))
}

// Report is the summary of one treatment, by the controller's own measurements.
type Report struct {
	Treatment     uint32
	Programme     string
	Started       time.Duration // monotonic
	Ended         time.Duration // slack confirmed, or given up
	Elapsed       time.Duration // treatment time that counted
	Cycles        uint16
	End           EndReason
	Trips         InterlockSet // all that were latched in it
	Peak          physic.Force
	Limit         Bound[physic.Force] // the limit in force at the peak
	MeanHold      physic.Force        // mean force in hold
	MeanHoldError physic.Force        // mean absolute error in hold
	HoldWithin5   float64             // share of hold samples within 5 % of the set-point
	Holds         uint32              // samples in hold
	TimeToSlack   time.Duration       // of the release that ended it, 0 = the cell never showed slack
	MaxTravel     physic.Distance
}
