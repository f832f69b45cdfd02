package control

import (
	"errors"
	"fmt"
	"math"
	"time"

	"periph.io/x/conn/v3/physic"
)

// What a session of commissioning is asked for and what it tells. jog.go decides.

// JogUntil is what a motion goes to.
type JogUntil uint8

const (
	JogBy      JogUntil = iota // by a given way
	JogToSlack                 // until the slack end switch opens
	JogToPull                  // until the pull end switch opens
)

// JogOrder asks for one motion.
type JogOrder struct {
	Until JogUntil
	// By is the way, + towards force, up to JogStep; with JogBy only.
	By physic.Distance
	// Speed above 0, up to the speed of the session.
	Speed physic.Speed
}

// JogEnd says why a motion ended.
type JogEnd uint8

const (
	JogNone     JogEnd = iota // there was none yet
	JogDone                   // at its end
	JogStopped                // somebody asked for it
	JogSlackEnd               // the slack end switch opened
	JogPullEnd                // the pull end switch opened
	JogHeld                   // emergency stop, patient switch, or supply
	JogDrive                  // the driver's fault line, or an output that cannot be written
	JogCell                   // no load cell to rely on
	JogTension                // force
	JogNoEnd                  // the way ran out before the end switch opened
	JogStall                  // a tick came too late
	JogTime                   // it took longer than its way
	JogNotLeft                // the end switch that was open at the beginning stayed so
)

var jogEndNames = [...]string{
	"nothing has moved yet", "done", "stopped", "the slack end switch opened", "the pull end switch opened",
	"stopped: emergency stop, patient switch or motor supply", "stopped: the motor driver reports a fault, or an output cannot be written",
	"stopped: the load cell cannot be relied on", "stopped: force on the rope",
	"stopped: no end switch within the way", "stopped: this computer was too late to look at the switches",
	"stopped: it took longer than its way allows",
	"stopped: the end switch stays open; the motor turns the other way, or the switch's wire is broken",
}

// String is the reason for people.
func (e JogEnd) String() string { return name(jogEndNames[:], uint8(e)) }

// JogState is what there is to see.
type JogState struct {
	At       time.Duration
	Position physic.Distance // from where the session began, + towards force
	Moving   bool            // or about to: the warning sounds
	Ended    JogEnd          // the last motion
	Ready    bool            // the cells have settled and their zeros are known
	Fault    CellFault       // of the first cell that has one
	// Force of each cell that is wired. Without a calibration it is a guess that
	// is never too low.
	Force      [2]physic.Force
	Cells      int
	Calibrated bool
	Switches   Switches
	DriveFault bool
	Energised  bool
}

// ErrJog is wrapped by every refusal.
var ErrJog = errors.New("not moved")

// Order asks for a motion. It is refused, with the reason, while another one is
// under way and whenever Step would end it at once.
func (j *Jog) Order(o JogOrder) error {
	m, err := j.plan(o)
	if err != nil {
		return err
	}
	if why := j.against(&m); why != JogNone {
		return fmt.Errorf("%w: %s", ErrJog, j.advice(why))
	}
	m.asked, m.begin = true, j.now+JogWarning
	m.most = m.begin + jogExtra + time.Duration(2*math.Abs((m.target-j.x)/m.speed)*float64(time.Second))
	m.lowest = math.Abs(j.force())
	j.move = m
	return nil
}

// plan checks what was asked for.
func (j *Jog) plan(o JogOrder) (jogMove, error) {
	m := jogMove{until: o.Until, from: j.x, ends: [2]bool{j.switches.EndSlack, j.switches.EndPull}}
	if j.move.asked {
		return m, fmt.Errorf("%w: the last motion is not over", ErrJog)
	}
	v := inMillimetresPerSecond(o.Speed)
	if !(v > 0 && v <= j.speed) {
		return m, fmt.Errorf("%w: speed %.3g mm/s, allowed: above 0 to %.3g mm/s", ErrJog, v, j.speed)
	}
	switch o.Until {
	case JogToPull:
		m.speed, m.target = v, j.origin+j.travel
	case JogToSlack:
		m.speed, m.target = -v, j.origin-j.travel
	default:
		if by := inMillimetres(o.By); !(math.Abs(by) <= inMillimetres(JogStep) && by != 0) {
			return m, fmt.Errorf("%w: a way of %.6g mm, allowed: up to %.6g mm either way, not 0", ErrJog, by, inMillimetres(JogStep))
		}
		m.speed, m.target = math.Copysign(v, float64(o.By)), j.x+inMillimetres(o.By)
	}
	if math.Abs(m.target-j.origin) > j.travel {
		return m, fmt.Errorf("%w: %.1f mm from where this session began, allowed: %.0f mm either way", ErrJog, m.target-j.origin, j.travel)
	}
	return m, nil
}

// advice is a refusal with what to do.
func (j *Jog) advice(e JogEnd) string {
	switch e {
	case JogHeld:
		return "emergency stop or patient switch is pressed or unplugged, or the motor supply is low; appliance check names it"
	case JogDrive:
		return "the motor driver reports a fault, or an output cannot be written; look at its lamps, supply and wire"
	case JogCell:
		return fmt.Sprintf("the load cell cannot be relied on (%s), and without it nobody sees what the rope pulls at; appliance check says more", j.cellFault())
	case JogTension:
		return fmt.Sprintf("the rope pulls with %.1f N, allowed: up to %.0f N; only away from force now, or take off what it pulls at", j.force(), inNewtons(JogForce))
	case JogSlackEnd:
		return "the slack end switch is open: only towards force now; if the drive is not there, look for a broken wire"
	case JogPullEnd:
		return "the pull end switch is open: only away from force now; if the drive is not there, look for a broken wire"
	default:
		return e.String()
	}
}

// State is what there is to see after the last Step.
func (j *Jog) State() JogState {
	s := JogState{
		At: j.now, Position: physic.Distance(math.Round((j.x - j.origin) * 1e6)), Moving: j.move.asked, Ended: j.ended,
		Ready: j.seen(), Fault: j.cellFault(), Cells: len(j.cells), Calibrated: j.samples == nil,
		Switches: j.switches, DriveFault: j.fault,
		Energised: !j.held() && !j.fault && (j.move.asked || j.now-j.still < JogRest),
	}
	for i := range j.cells {
		s.Force[i] = newtons(j.cells[i].force)
	}
	return s
}
