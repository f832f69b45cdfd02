package simtable

import (
	"time"

	"periph.io/x/conn/v3/gpio"
)

// input is what the input pins share.
type input struct {
	line
	sim  *Sim
	edge gpio.Edge
}

func (i *input) Function() string     { return "In" }
func (i *input) Out(gpio.Level) error { return errInput }

// In chooses the edge to wait for. The pull-ups are on the table's own board, so pull changes nothing.
func (i *input) In(_ gpio.Pull, edge gpio.Edge) error {
	i.edge = edge
	return nil
}

// dataPin is DOUT of one converter.
type dataPin struct {
	input
	chip *chip
}

// Read returns the level of DOUT: High while converting, Low when a conversion is ready.
func (p *dataPin) Read() gpio.Level {
	s := p.sim
	l := gpio.Level(p.chip.data(s.look()))
	s.spend(s.pinCost)
	return l
}

// WaitForEdge waits for the edge that In chose, at most for the timeout.
func (p *dataPin) WaitForEdge(timeout time.Duration) bool { return p.sim.wait(p, p.edge, timeout) }

// The contacts.
const (
	contactPatient = iota
	contactEmergency
	contactStart
	contactEndSlack
	contactEndPull
	contactFault
	contactSupply
	contactCount
)

type contactPin struct {
	input
	which uint8
}

// Read returns High for an open contact.
func (p *contactPin) Read() gpio.Level {
	s := p.sim
	s.look()
	l := gpio.Level(s.open(p.which))
	s.spend(s.pinCost)
	return l
}

// WaitForEdge waits for the edge that In chose, at most for the timeout.
func (p *contactPin) WaitForEdge(timeout time.Duration) bool { return p.sim.wait(p, p.edge, timeout) }

// wiring is what has become of a contact and its wire.
type wiring struct{ open, closed bool }

// open tells whether a contact is open. A wire that is stuck closed wins over one that is stuck open.
func (s *Sim) open(contact uint8) bool {
	if w := s.wiring[contact]; w.open || w.closed {
		return !w.closed
	}
	d := &s.motor.drive
	switch contact {
	case contactPatient:
		return s.hands.patient.Load()
	case contactEmergency:
		return s.hands.emergency.Load()
	case contactStart:
		return !s.hands.start.Load()
	case contactEndSlack:
		return s.motor.position <= d.EndSlackMM
	case contactEndPull:
		return s.motor.position >= d.EndPullMM
	default: // the drive's and the supply's own are closed as long as all is well
		return false
	}
}

// waitStep is how often a waiting line is looked at; an edge event on a Raspberry Pi 4 takes about as long (61 us).
const waitStep = 50 * time.Microsecond

// wait is bounded: a timeout of 0 or less, or no edge to wait for, returns false at once.
func (s *Sim) wait(p gpio.PinIO, edge gpio.Edge, timeout time.Duration) bool {
	if edge == gpio.NoEdge {
		return false
	}
	was := p.Read()
	for left := timeout; left > 0; left -= waitStep {
		s.spend(waitStep)
		if s.virtual == nil {
			time.Sleep(waitStep)
		}
		is := p.Read()
		if is != was && (edge == gpio.BothEdges || bool(is) == (edge == gpio.RisingEdge)) {
			return true
		}
		was = is
	}
	return false
}
