package population

import (
	"time"

	"traction/control"
)

// script is the operator who prepares a treatment. It goes by what the state
// shows, as people do, and gives up after a while.
type script struct {
	next     time.Duration
	selected bool
	asked    bool // select was asked for and not answered yet
	pressed  bool
	proving  bool // a proof of release runs
	began    time.Duration
}

const (
	settleTime = 500 * time.Millisecond // until the converter delivers
	glance     = 200 * time.Millisecond // between one look at the state and the next
	giveUp     = 150 * time.Second      // longer than any fault lasts, pads apart
)

// step is called in every tick of the preparation.
func (s *script) step(p *player) {
	if s.asked && p.t.out.Reply.Kind == control.CommandSelect {
		s.asked = false
		switch p.t.out.Reply.Code {
		case control.Accepted:
			s.selected = true
		case control.AboveLimit, control.OutOfRange:
			p.out.End = "refused"
			p.finish()
			return
		}
	}
	if p.now < settleTime || p.now < s.next {
		return
	}
	s.next = p.now + glance
	if p.now > giveUp {
		p.rig.Sim.PressPatientSwitch(false)
		p.out.End = "not-started"
		p.finish()
		return
	}
	switch m := p.state.Mode; {
	case s.pressed:
		s.press(p, false)
	case m == control.Idle || m == control.Tripped:
		s.makeReady(p)
	case m == control.Armed:
		s.start(p)
	case s.proving && m == control.Treating && p.state.Phase == control.Hold:
		s.press(p, true)
	}
}

// makeReady leads from idle or tripped to armed.
func (s *script) makeReady(p *player) {
	s.proving = false
	switch {
	case p.state.Trips != 0 || p.state.Mode == control.Tripped:
		p.do(control.Command{Kind: control.CommandAcknowledge})
	case !s.selected:
		s.asked = true
		p.do(control.Command{Kind: control.CommandSelect, Programme: p.c.Programme, Person: p.c.Person})
	default:
		p.do(control.Command{Kind: control.CommandArm})
	}
}

// start lets the person prove the switch and starts.
func (s *script) start(p *player) {
	switch {
	case p.state.Trips != 0:
		p.do(control.Command{Kind: control.CommandAcknowledge})
	case !p.state.SwitchProof:
		s.press(p, true)
	case p.state.Missing&control.MissingReleaseProof != 0:
		s.proving = true
		p.do(control.Command{Kind: control.CommandProve})
	default:
		s.began = p.now
		from := control.Table
		if p.c.FromAfar {
			from = control.Remote
		}
		p.do(control.Command{Kind: control.CommandStart, Origin: from})
	}
}

// forget: the control process has been restarted and knows of nothing.
func (s *script) forget() { s.selected, s.asked, s.proving = false, false, false }

func (s *script) press(p *player, down bool) {
	s.pressed = down
	p.pressPatient(down)
}
