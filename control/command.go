package control

import (
	"time"

	"periph.io/x/conn/v3/physic"
)

// Origin says where a command came from; it decides what it may do.
type Origin uint8

const (
	// Table: the operator's own socket or the buttons at the table.
	Table Origin = iota
	// Remote: the gateway, and so anybody on the network.
	Remote
)

var originNames = [...]string{"table", "remote"}

// String returns the origin's name as it appears in every interface.
func (o Origin) String() string { return name(originNames[:], uint8(o)) }

// MarshalText implements encoding.TextMarshaler.
func (o Origin) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *Origin) UnmarshalText(b []byte) error {
	return parse(originNames[:], "origin", b, (*uint8)(o))
}

// Permission is what remote users may do. Each level includes those below.
type Permission uint8

const (
	Monitor    Permission = iota // look, nothing else
	StopOnly                     // stop and pause (the default)
	Adjust                       // also resume, hold, set, heat, acknowledge a message
	FullRemote                   // also select and start, after arming at the table
)

var permissionNames = [...]string{"monitor", "stop", "adjust", "full"}

// String returns the level's name as it appears in every interface.
func (p Permission) String() string { return name(permissionNames[:], uint8(p)) }

// MarshalText implements encoding.TextMarshaler.
func (p Permission) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Permission) UnmarshalText(b []byte) error {
	return parse(permissionNames[:], "permission", b, (*uint8)(p))
}

// CommandKind names what is asked for.
type CommandKind uint8

const (
	NoCommand CommandKind = iota
	CommandSelect
	CommandArm
	CommandStart
	CommandPause
	CommandResume
	CommandStop
	CommandSet
	CommandHeat
	CommandAcknowledge
	CommandProve   // the proof of release
	CommandSilence // pause the alarm's sound
	CommandHold    // pause, and keep the force where it is for a moment
	// The gateway's own commands; the control process has nothing to do with them.
	CommandReport    // publish a past treatment's report
	CommandUnpublish // remove what was published for the discovery of the table
)

var commandNames = [...]string{"none", "select", "arm", "start", "pause", "resume", "stop", "set", "heat", "acknowledge", "prove", "silence",
	"hold", "report", "unpublish"}

// String returns the command's name as it appears in every interface.
func (k CommandKind) String() string { return name(commandNames[:], uint8(k)) }

// MarshalText implements encoding.TextMarshaler.
func (k CommandKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *CommandKind) UnmarshalText(b []byte) error {
	return parse(commandNames[:], "command", b, (*uint8)(k))
}

// NeedsRev tells whether the command can raise force or start motion and must
// therefore carry the rev of the state it was decided on. Stop and pause never do.
func (k CommandKind) NeedsRev() bool {
	switch k {
	case NoCommand, CommandStop, CommandPause, CommandReport, CommandUnpublish:
		return false
	}
	return true
}

// Command is one request, already decoded; Step checks all of it again.
type Command struct {
	Kind   CommandKind
	Origin Origin
	// Ticket is handed back in the Reply; 0 asks for none.
	Ticket uint64
	// Signed: its sender has shown that it knows the table's key.
	Signed bool
	// Rev is the state's rev that the command was decided on.
	Rev uint64
	// Programme to select; never changed after it was handed over.
	Programme *Programme
	// Person on the table, with CommandSelect.
	Person Person
	// Set are the values to change, with CommandSet.
	Set Settings
	// Heat is the pad's set-point with CommandHeat; 0 switches the heat off.
	Heat physic.Temperature
}

// Field is one value that can be set during a treatment.
type Field uint8

const (
	FieldHold Field = 1 << iota
	FieldRest
	FieldHoldTime
	FieldRestTime
	FieldDuration
	allFields = FieldHold | FieldRest | FieldHoldTime | FieldRestTime | FieldDuration
)

// Settings are values of a running programme that an operator may change. Only
// those whose bit is in Fields count.
type Settings struct {
	Fields   Field
	Hold     physic.Force
	Rest     physic.Force
	HoldTime time.Duration
	RestTime time.Duration
	Duration time.Duration
}

// Code is the outcome of a command, from a closed list.
type Code uint8

const (
	Accepted     Code = iota
	StaleRev          // the state has changed since the command was decided
	NotAllowed        // the permission level of remote users is too low
	OnlyAtTable       // must be done at the table
	WrongMode         // not possible in the present mode
	NotReady          // a condition for arming or starting is missing: see Missing
	AboveLimit        // a value is above the limit in force: see Reason
	OutOfRange        // a value is outside its allowed range
	NoProgramme       // no programme is selected
	Tension           // the rope is not slack
	Contradicted      // an interlock forbids it: see Interlock
	QueueFull         // too many commands at once
	Unanswered        // the executive did not answer in time
	Malformed         // the request could not be understood
	Unsigned          // the table's configuration asks for a signature, which is missing or wrong
	NotHere           // a command that only the gateway knows
)

var codeNames = [...]string{"ok", "stale_rev", "not_allowed", "only_at_table", "wrong_mode", "not_ready", "above_limit",
	"out_of_range", "no_programme", "tension", "interlock", "queue_full", "unanswered", "malformed", "unsigned", "not_here"}

// String returns the code as it appears in every interface.
func (c Code) String() string { return name(codeNames[:], uint8(c)) }

// MarshalText implements encoding.TextMarshaler.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Code) UnmarshalText(b []byte) error { return parse(codeNames[:], "code", b, (*uint8)(c)) }

// Reply answers one command. It is a plain value so that a tick can give it
// without allocating; Message says it in words.
type Reply struct {
	Ticket    uint64
	Kind      CommandKind
	Code      Code
	Mode      Mode
	Rev       uint64 // after the command
	Missing   Missing
	Reason    Reason
	Interlock InterlockID
	Field     Field
	// Value, Min and Max of Field: nanonewtons for forces, nanoseconds for
	// times, nanokelvin for temperatures.
	Value, Min, Max int64
}

// Missing is a set of conditions for arming or starting that are not met.
type Missing uint16

const (
	MissingCalibration  Missing = 1 << iota // the cell was never calibrated
	MissingCell                             // no good sample
	MissingZero                             // zero has drifted from the calibration
	MissingProgramme                        // nothing selected
	MissingProof                            // patient switch not seen pressed and released
	MissingSwitch                           // patient switch or emergency stop is pressed or unplugged
	MissingAcknowledge                      // a trip waits for acknowledgement
	MissingSlack                            // the rope is under tension
	MissingTravel                           // an end switch is open
	MissingDrive                            // the motor driver reports a fault
	MissingPad                              // heat was asked for and there is no pad
	MissingReleaseProof                     // release has not been tried today
)

var missingNames = [...]string{"calibration", "load-cell", "zero", "programme", "patient-switch-proof", "switch", "acknowledgement", "slack", "travel", "drive", "pad", "release-proof"}

// Names lists the conditions that are missing.
func (m Missing) Names() []string {
	var out []string
	for i, n := range missingNames {
		if m&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}
