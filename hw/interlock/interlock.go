// Package interlock reads the switches around the table and removes contact
// bounce, quickly in the safe direction and slowly in the other.
//
// Safety switches are normally closed to ground with a pull-up at the input:
// low means closed and well, high means pressed, unplugged or a broken wire
// (R-OPEN-IS-PRESSED).
// The start button is normally open to ground: low means pressed, and a broken
// wire can never start anything.
package interlock

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// Debounce times.
const (
	// pressReads in a row open a safety switch: the second read of a 1 kHz
	// tick, so motion ends within two ticks of the contact. One read alone is
	// what a spike of less than a millisecond looks like.
	pressReads = 2
	// releaseAfter is how long a safety switch has to stay closed before it
	// counts as closed again; contacts bounce for 1 to 10 ms.
	releaseAfter = 20 * time.Millisecond
	// startAfter is how long the start button has to stay down, and up again:
	// three half-waves of mains hum, and longer than any bounce.
	startAfter = 30 * time.Millisecond
)

// Pins are the inputs. DriveFault may be nil: then the drive never faults.
// SupplyLow may be nil: then the supply never is. The supply monitor is an
// external supervisor with a normally closed contact or an open drain to
// ground: low means that the supply is good, high a brown-out or a broken wire.
type Pins struct {
	PatientSwitch, EmergencyStop, EndSlack, EndPull, DriveFault, SupplyLow gpio.PinIn
	StartButton                                                            gpio.PinIn
}

// State is the switches after debouncing. True is pressed, open or fault;
// for Start it is pressed.
type State struct {
	Patient       bool // the patient let go, pressed or unplugged the hand switch
	EmergencyStop bool
	EndSlack      bool // the drive is at the slack end of its travel
	EndPull       bool // the drive is at the pulling end of its travel
	DriveFault    bool
	SupplyLow     bool // the supply has browned out, or its monitor is unplugged
	Start         bool
}

// Unknown is the state of switches that cannot be read: every safety switch
// open, the start button not pressed.
func Unknown() State {
	return State{Patient: true, EmergencyStop: true, EndSlack: true, EndPull: true, DriveFault: true, SupplyLow: true}
}

// Inputs are the switches. They belong to one thread.
type Inputs struct {
	patient, emergency, endSlack, endPull, fault, supply contact
	start                                                button
}

// New sets the pins as inputs with pull-ups. Until they have been closed for
// 20 ms the safety switches count as open, and the start button as not
// pressed. It returns an error that names every pin that is missing or failed.
func New(pins Pins) (*Inputs, error) {
	var errs []error
	for _, p := range []struct {
		name     string
		pin      gpio.PinIn
		optional bool
	}{
		{"PatientSwitch", pins.PatientSwitch, false},
		{"EmergencyStop", pins.EmergencyStop, false},
		{"StartButton", pins.StartButton, false},
		{"EndSlack", pins.EndSlack, false},
		{"EndPull", pins.EndPull, false},
		{"DriveFault", pins.DriveFault, true},
		{"SupplyLow", pins.SupplyLow, true},
	} {
		if p.pin == nil {
			if !p.optional {
				errs = append(errs, fmt.Errorf("interlock: pin %s is missing", p.name))
			}
			continue
		}
		if err := p.pin.In(gpio.PullUp, gpio.NoEdge); err != nil {
			errs = append(errs, fmt.Errorf("interlock: pin %s: %w", p.name, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Inputs{
		patient:   contact{pin: pins.PatientSwitch, open: true, bad: pressReads},
		emergency: contact{pin: pins.EmergencyStop, open: true, bad: pressReads},
		endSlack:  contact{pin: pins.EndSlack, open: true, bad: pressReads},
		endPull:   contact{pin: pins.EndPull, open: true, bad: pressReads},
		fault:     contact{pin: pins.DriveFault, open: pins.DriveFault != nil, bad: pressReads},
		supply:    contact{pin: pins.SupplyLow, open: pins.SupplyLow != nil, bad: pressReads},
		start:     button{pin: pins.StartButton},
	}, nil
}

// Read looks at every switch once. Call it at every tick; now is the monotonic
// time.
func (in *Inputs) Read(now time.Duration) State {
	return State{
		Patient:       in.patient.read(now),
		EmergencyStop: in.emergency.read(now),
		EndSlack:      in.endSlack.read(now),
		EndPull:       in.endPull.read(now),
		DriveFault:    in.fault.read(now),
		SupplyLow:     in.supply.read(now),
		Start:         in.start.read(now),
	}
}

// contact is a normally closed safety switch.
type contact struct {
	pin    gpio.PinIn
	open   bool
	bad    int // reads in a row that were high, up to pressReads
	closed time.Duration
}

func (c *contact) read(now time.Duration) bool {
	if c.pin == nil {
		return false
	}
	if c.pin.Read() == gpio.High {
		c.bad = min(c.bad+1, pressReads)
		c.open = c.open || c.bad == pressReads
		return c.open
	}
	if c.bad > 0 {
		c.bad, c.closed = 0, now
	}
	if c.open && now-c.closed >= releaseAfter {
		c.open = false
	}
	return c.open
}

// button is a normally open button.
type button struct {
	pin     gpio.PinIn
	pressed bool
	other   bool // the level differs from pressed, since changed
	changed time.Duration
}

func (b *button) read(now time.Duration) bool {
	down := b.pin.Read() == gpio.Low
	if down == b.pressed {
		b.other = false
		return b.pressed
	}
	if !b.other {
		b.other, b.changed = true, now
	}
	if now-b.changed >= startAfter {
		b.pressed, b.other = down, false
	}
	return b.pressed
}
