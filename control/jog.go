package control

import (
	"errors"
	"fmt"
	"math"
	"time"

	"periph.io/x/conn/v3/physic"
)

// Jog moves an empty table for the people who commission it. It is the whole
// brain of a program of its own, which runs instead of the control process, never
// beside it: it knows no treatment, heats nothing and hears no network.
//
// Each motion is asked for by itself, has an end that is known beforehand, is slow
// enough to stop within a step, begins with a warning, and ends for everything
// that is not as it should be (R-JOG-BOUNDED, R-JOG-SEEN, R-JOG-FORCE).
//
// It is used by one goroutine only.
type Jog struct {
	speed  float64 // mm/s, the fastest
	travel float64 // mm, either way from where it began
	dt     float64 // seconds of a tick

	cells   []cell
	zeroed  bool      // the cells' zeros are known
	samples []average // while they are not

	now      time.Duration
	x        float64 // rope position, mm
	origin   float64 // where the session began, mm
	began    bool
	switches Switches
	fault    bool // of the drive

	move  jogMove
	ended JogEnd
	still time.Duration // since when nothing moves
}

// The bounds of a motion in commissioning; settings can only tighten them.
const (
	// JogSpeed: at 10 mm/s a rope that catches a finger moves by 3 mm in the 0.3 s
	// that a hand takes to a switch.
	JogSpeed physic.Speed = 10 * 1e6
	// JogForce ends a motion: 5 kgf, about what a hand holds without harm.
	JogForce physic.Force = 50 * physic.Newton
	// JogStep is the longest motion by a given way.
	JogStep = 50 * physic.MilliMetre
	// JogWarning is how long the buzzer sounds before anything moves.
	JogWarning = 500 * time.Millisecond
	// JogRest is how long the drive stays energised after a motion.
	JogRest = 60 * time.Second
)

const (
	// jogRise (N) above the lowest force of a motion towards slack ends it: the rope
	// is being wound, not unwound.
	jogRise = 10.0
	// jogSamples make the zero of a cell without calibration: half a second at 80/s
	// brings the converter's 39 counts rms down to 6.
	jogSamples = 40
	// leastSensitive is the code at capacity of a load cell of 1 mV/V, the least
	// sensitive that is common: the converter counts 2^24 for a gain of 128 times its
	// supply. A more sensitive cell reads too much with it, and stops early.
	leastSensitive = 1e-3 * 128 * (1 << 24)
	// jogExtra beyond twice the time that a motion should take: drives may settle for
	// up to a second after they are enabled.
	jogExtra = 2 * time.Second
	// jogLeave (mm): an end switch that was open has to close on this way. It is longer
	// than the cams of common switches; where the motor turns the other way, it is what
	// is driven into the end.
	jogLeave = 20.0
	// jogLate: a tick that begins later has not looked at the switches for too long.
	jogLate = 20 * time.Millisecond
)

// jogMove is the motion that was asked for.
type jogMove struct {
	asked  bool
	begin  time.Duration // of the motion, after the warning
	most   time.Duration // when it must be over
	from   float64       // mm, where it began
	target float64       // mm
	speed  float64       // mm/s, + towards force
	lowest float64       // N, the lowest force of this motion
	ends   [2]bool       // slack, pull: open when it was asked for
	until  JogUntil
}

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

// NewJog makes a session for the table of cfg. Cells are taken to be fitted where
// cfg says so; those that are not calibrated yet are judged by the least sensitive
// cell of their capacity, from a zero that is taken at the beginning.
func NewJog(cfg *Config, second bool) (*Jog, error) {
	t := &cfg.Table
	if t.PullSpeed <= 0 || cfg.Tick <= 0 || cfg.Calibration.Capacity <= 0 {
		return nil, fmt.Errorf("%w: pull speed %v, tick %v, cell capacity %v: allowed: above 0", ErrUnsafe, t.PullSpeed, cfg.Tick, cfg.Calibration.Capacity)
	}
	j := &Jog{
		speed:  inMillimetresPerSecond(min(JogSpeed, t.PullSpeed)),
		travel: inMillimetres(CeilingTravel),
		dt:     cfg.Tick.Seconds(),
		cells:  []cell{{cal: cfg.Calibration}},
		zeroed: cfg.Calibration.Valid(),
	}
	if second {
		j.cells = append(j.cells, cell{cal: cfg.Second})
		j.zeroed = j.zeroed && cfg.Second.Valid()
	}
	if !j.zeroed {
		guess := Calibration{PerNewton: leastSensitive / inNewtons(cfg.Calibration.Capacity), Capacity: cfg.Calibration.Capacity}
		for i := range j.cells {
			j.cells[i].cal = guess
		}
		j.samples = make([]average, len(j.cells))
	}
	return j, nil
}

// average of codes.
type average struct {
	sum int64
	n   int64
}

// Speed is the fastest of this session.
func (j *Jog) Speed() physic.Speed { return millimetresPerSecond(j.speed) }

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

// Stop ends a motion. It always acts.
func (j *Jog) Stop() { j.end(JogStopped) }

func (j *Jog) end(why JogEnd) {
	if j.move.asked {
		j.move, j.ended, j.still = jogMove{}, why, j.now
	}
}

// Step is one tick.
func (j *Jog) Step(in *Input, out *Output) {
	late := in.Late > jogLate || j.began && in.Now-j.now > jogLate
	j.see(in)
	if !j.began {
		j.began, j.origin, j.still = true, j.x, in.Now-JogRest
	}
	*out = Output{LampCaution: true}
	if m := &j.move; m.asked {
		why := j.against(m)
		if late {
			why = JogStall
		}
		m.lowest = math.Min(m.lowest, j.force())
		m.ends[0] = m.ends[0] && in.Switches.EndSlack
		m.ends[1] = m.ends[1] && in.Switches.EndPull
		if why != JogNone {
			j.end(why)
		}
	}
	if late {
		j.still = j.now - JogRest // nobody knows what was in between; energising waits for an order
	}
	out.Drive = j.drive(out)
	out.Pump = out.Drive.Mode != DriveDisabled
}

// see takes over the input.
func (j *Jog) see(in *Input) {
	dt := min(max(in.Now-j.now, 0), time.Duration(stallBound*float64(time.Second)))
	j.now, j.x = in.Now, inMillimetres(in.Motion.Position)
	j.switches, j.fault = in.Switches, in.Motion.Fault
	loads := [...]*Load{&in.Load, &in.Second}
	for i := range j.cells {
		j.cells[i].update(loads[i], in.Now, dt)
	}
	if !j.zeroed {
		j.zero()
	}
}

// zero takes the zeros of cells that have none. Nobody lies on the table, and the
// rope is slack: who commissions has said so.
func (j *Jog) zero() {
	done := true
	for i := range j.cells {
		c, s := &j.cells[i], &j.samples[i]
		if c.fresh && !c.bad {
			s.sum, s.n = s.sum+int64(c.count), s.n+1
		}
		done = done && s.n >= jogSamples
	}
	if !done {
		return
	}
	for i, s := range j.samples {
		j.cells[i].cal.Zero = int32(s.sum / s.n)
	}
	j.zeroed = true
}

// force is the largest that any cell reads, in newtons, whatever its sign: a cell
// whose direction is not known yet is no reason to pull harder.
func (j *Jog) force() float64 {
	f := 0.0
	for i := range j.cells {
		f = math.Max(f, math.Abs(j.cells[i].force))
	}
	return f
}

// held: somebody, or the supply, says that nothing may move.
func (j *Jog) held() bool {
	return j.switches.EmergencyStop || j.switches.Patient || j.switches.SupplyLow
}

// seen: every cell that is fitted tells the force now (R-JOG-SEEN).
func (j *Jog) seen() bool {
	for i := range j.cells {
		if c := &j.cells[i]; c.late(j.now) || c.bad {
			return false
		}
	}
	return j.zeroed
}

// cellFault is the first fault of any cell.
func (j *Jog) cellFault() CellFault {
	for i := range j.cells {
		if f := j.cells[i].fault; f != CellOK {
			return f
		}
	}
	return CellOK
}

// against is what forbids a motion, or JogNone.
func (j *Jog) against(m *jogMove) JogEnd {
	switch f := j.force(); {
	case j.held():
		return JogHeld
	case j.fault:
		return JogDrive
	case !j.seen():
		return JogCell
	case j.switches.EndSlack && (m.speed < 0 || !m.ends[0]):
		return JogSlackEnd
	case j.switches.EndPull && (m.speed > 0 || !m.ends[1]):
		return JogPullEnd
	case (m.ends[0] || m.ends[1]) && math.Abs(j.x-m.from) > jogLeave:
		return JogNotLeft
	case m.speed > 0 && f > inNewtons(JogForce):
		return JogTension // R-JOG-FORCE
	case m.asked && m.speed < 0 && f > m.lowest+jogRise:
		return JogTension // the way that should let go winds
	case m.asked && j.now > m.most:
		return JogTime
	}
	return JogNone
}

// drive is the motor's part of the output. R-JOG-BOUNDED: motion only towards a
// target that is known, at a speed that needs no ramp, after the warning.
func (j *Jog) drive(out *Output) Drive {
	m := &j.move
	if j.held() || j.fault {
		j.still = j.now - JogRest // a switch that is let go again energises nothing
		return Drive{Mode: DriveDisabled}
	}
	if !m.asked && j.now-j.still >= JogRest {
		return Drive{Mode: DriveDisabled}
	}
	if !m.asked {
		return Drive{Mode: DriveStopped}
	}
	if j.now < m.begin {
		out.Buzzer = true
		return Drive{Mode: DriveStopped}
	}
	if (m.target-j.x)*math.Copysign(1, m.speed) <= math.Abs(m.speed)*j.dt {
		why := JogDone
		if m.until != JogBy {
			why = JogNoEnd
		}
		j.end(why)
		return Drive{Mode: DriveStopped}
	}
	return Drive{Mode: DriveMoving, Velocity: millimetresPerSecond(m.speed)}
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
