package control

import (
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
