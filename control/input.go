package control

import (
	"time"

	"periph.io/x/conn/v3/physic"
)

// Input is everything one tick knows. It holds no pointers into hardware, so a
// recorded row of inputs replays a treatment exactly.
// Times are 64 bits of nanoseconds, which last for 292 years (R-NO-OVERFLOW).
type Input struct {
	// Now is the monotonic time of this tick; it never goes back.
	Now time.Duration
	// Late is how much later than planned the tick began, >= 0.
	Late time.Duration
	Load Load
	// Second is the second load cell's, where one is fitted.
	Second   Load
	Motion   Motion
	Switches Switches
	Pad      Pad
	// Stop asks for a release whatever else is asked for; it needs no order.
	Stop bool
	// StopOrigin says who asked for the stop.
	StopOrigin Origin
	// Command is at most one request a tick; its zero value is "none".
	Command Command
	// GatewayLost: nothing is heard of the process that remote users come through.
	GatewayLost bool
	// Overrun: journal rows or commands were lost since the last tick.
	Overrun bool
}

// CellFault is the one vocabulary for what can be wrong with the load cell; it
// has the words of the drivers that see it.
type CellFault uint8

const (
	CellOK        CellFault = iota // good samples arrive
	CellSettling                   // after a reset, until the chip has settled
	CellLatePulse                  // a clock pulse may have powered the chip down
	CellLateFrame                  // the frame was read too late or too slowly
	CellDesync                     // out of step, missing chip or floating wire
	CellSaturated                  // code at either end of the range
	CellTruncated                  // code ends like that of a chip that lost power in the frame
	CellStuck                      // the same code again and again
	CellWrongRate                  // not the configured sample rate
	CellSilent                     // no sample for longer than any conversion takes
	CellIO                         // the pins or the SPI port reported an error
)

var cellFaultNames = [...]string{"ok", "settling", "late-pulse", "late-frame", "desync", "saturated", "truncated",
	"stuck", "wrong-rate", "silent", "io"}

// lasting: the cell itself cannot be believed. The others are lost frames,
// which time alone judges.
func (f CellFault) lasting() bool {
	return f == CellSaturated || f == CellStuck || f == CellWrongRate
}

// String returns the fault's name as it appears in every interface.
func (f CellFault) String() string { return name(cellFaultNames[:], uint8(f)) }

// MarshalText implements encoding.TextMarshaler.
func (f CellFault) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *CellFault) UnmarshalText(b []byte) error {
	return parse(cellFaultNames[:], "cell fault", b, (*uint8)(f))
}

// Load is the newest good sample of the load cell, and what is wrong if there
// is no new one.
type Load struct {
	// Counts is the converter's code of the last good sample, 24-bit signed.
	Counts int32
	// At is when that sample was read.
	At time.Duration
	// Seq grows by one with each good sample; 0 means there was none yet.
	Seq uint32
	// Fault is the present judgement; Counts is never updated while it is a fault.
	Fault CellFault
	// Rate is the measured sample rate, 0 until it is known.
	Rate physic.Frequency
}

// Motion is what the stepper driver knows of itself: counted, not measured.
type Motion struct {
	// Position of the rope, + towards force, 0 where the count began.
	Position physic.Distance
	// Speed of the rope, + towards force.
	Speed physic.Speed
	// Enabled: the drive is energised.
	Enabled bool
	// Fault: the motor driver's fault line, or its wire is broken.
	Fault bool
}

// Switches are debounced. True means pressed, or a broken wire, except Start.
type Switches struct {
	Patient       bool // the switch in the person's hand
	EmergencyStop bool
	EndSlack      bool // the end of travel away from force
	EndPull       bool // the end of travel towards force
	Start         bool // the start button at the table, true = pressed
	SupplyLow     bool // the supervisor of the motor supply, false where none is fitted
}

// Pad is the newest temperature of the heat pad.
type Pad struct {
	// Temperature is meaningful only while not Failed.
	Temperature physic.Temperature
	// At is when it was read; 0 means never.
	At time.Duration
	// Present: a pad is configured.
	Present bool
	// Failed: the last reading failed or was implausible.
	Failed bool
}
