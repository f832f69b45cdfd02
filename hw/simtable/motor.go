package simtable

import (
	"math/rand/v2"
	"time"
)

// motor is the stepper with its driver: it counts STEP edges as the driver's rules allow and loses steps as a rotor
// does that cannot follow.
type motor struct {
	drive Drive

	forward           bool          // level of DIR as the driver sees it
	told              bool          // level of DIR at the pin
	dirWire           int           // a DIR wire that is stuck: -1 away from force, 1 towards, 0 a good one
	roseAt, fellAt    time.Duration // of STEP
	turnedAt          time.Duration // of DIR
	highTime, lowTime time.Duration // the driver's rules
	setUp             time.Duration
	took              float64 // what the last rising edge moved, mm, should the pulse prove too short

	perStep  float64 // mm
	pullOut  float64 // lag at which the rotor falls out of step, mm
	position float64 // mm
	lowStop  float64 // mechanical stops, mm
	highStop float64
	speed    float64 // of the rotor, mm/s
	lag      float64 // of the rotor behind the field, mm
	lastStep time.Duration
	stalled  bool

	unseen  bool    // the STEP wire is off
	jammed  bool    // nothing turns, with power or without
	loses   float64 // share of steps that move nothing
	runaway float64 // speed towards force that nobody asked for, mm/s
	holds   float64 // rope force above which the drive gives way, N
	random  *rand.Rand

	lost, ignored, violations uint64
}

func newMotor(d Drive, start time.Duration, random *rand.Rand) motor {
	return motor{
		drive: d, random: random,
		highTime: seconds(d.StepHighUS * 1e-6), lowTime: seconds(d.StepLowUS * 1e-6), setUp: seconds(d.DirSetUpUS * 1e-6),
		// The edges before power-on lie so far back that no rule is broken by the first step.
		roseAt: start - time.Hour, fellAt: start - time.Hour, turnedAt: start - time.Hour, lastStep: start - time.Hour,
		perStep: 1 / d.StepsPerMM, pullOut: d.Microsteps / d.StepsPerMM,
		position: d.StartMM, lowStop: d.EndSlackMM - d.OvertravelMM, highStop: d.EndPullMM + d.OvertravelMM,
	}
}

// turn is an edge of DIR.
func (m *motor) turn(forward bool, now time.Duration) {
	m.told = forward
	if m.dirWire != 0 {
		forward = m.dirWire > 0
	}
	if forward != m.forward {
		m.forward, m.turnedAt = forward, now
	}
}

// fall is the falling edge of STEP. A pulse that was too short was never seen by the driver.
func (m *motor) fall(now time.Duration) {
	m.fellAt = now
	if m.took != 0 && now-m.roseAt < m.highTime {
		m.violations++
		m.lost++
		m.position -= m.took
	}
	m.took = 0
}

// rise is the rising edge of STEP, with the rope force in N.
func (m *motor) rise(now time.Duration, powered bool, rope float64) {
	if m.unseen {
		return
	}
	low, still := now-m.fellAt, now-m.turnedAt
	m.roseAt = now
	switch {
	case !powered:
		m.ignored++
	case low < m.lowTime || still < m.setUp:
		m.violations++
		m.lost++
	case m.loses > 0 && m.random.Float64() < m.loses:
		m.lost++
	default:
		m.move(now, rope)
	}
}

// move turns the rotor by one step when it can follow.
func (m *motor) move(now time.Duration, rope float64) {
	passed := float64(now-m.lastStep) * 1e-9
	m.lastStep = now
	step := m.perStep
	if !m.forward {
		step = -step
	}
	to := m.position + step
	if to > m.highStop || to < m.lowStop || m.forward && rope > m.drive.StallForceN {
		m.fallOut()
		return
	}
	if m.stalled {
		if m.perStep > m.drive.StartSpeedMMPerS*passed {
			m.lost++
			return
		}
		m.stalled, m.speed, m.lag = false, 0, 0
	}
	if !m.follow(step, passed) {
		m.fallOut()
		return
	}
	m.position, m.took = to, step
}

// follow moves the rotor after the field, which is a step ahead, and reports whether it stayed in step. Up to the
// start speed the rotor does anything at once; above it speed changes no faster than the acceleration allows, and the
// difference shows as lag, of which a motor stands one full step.
func (m *motor) follow(step, passed float64) bool {
	low, high := m.reach(passed)
	behind := m.lag + step
	moved := min(max(behind, low), high)
	m.lag = behind - moved
	if m.lag > m.pullOut || m.lag < -m.pullOut {
		return false
	}
	if passed > 0 {
		m.speed = moved / passed
	}
	return true
}

// reach is how far the rotor can have turned, at least and at most, in the time passed. Speed is the mean over the last
// interval, so from mean to mean it may change by the acceleration times the interval.
func (m *motor) reach(passed float64) (low, high float64) {
	start, top, a := m.drive.StartSpeedMMPerS, m.drive.MaxSpeedMMPerS, m.drive.AccelerationMMPerS
	bend := a * passed * passed
	high = min(max(m.speed, start)*passed+bend, top*passed)
	low = max(min(m.speed, -start)*passed-bend, -top*passed)
	if m.speed > start {
		low = braked(m.speed, start, a, passed)
	}
	if m.speed < -start {
		high = -braked(-m.speed, start, a, passed)
	}
	return low, high
}

// braked is the way that a rotor must still make while it brakes down to the start speed, where it may stop at once.
func braked(speed, start, a, passed float64) float64 {
	if t := (speed - start) / a; passed > t {
		passed = t
	}
	return speed*passed - a*passed*passed
}

// fallOut is the moment when the rotor loses the field; it stands until the steps come slowly enough again.
func (m *motor) fallOut() {
	m.lost++
	m.stalled, m.speed, m.lag = true, 0, 0
}

// coast checks a rotor that gets no more steps: one that was stopped too abruptly has turned on by itself.
func (m *motor) coast(now time.Duration) {
	if m.speed == 0 || now-m.lastStep < coastAfter {
		return
	}
	low, high := m.reach(coastAfter.Seconds())
	if moved := min(max(m.lag, low), high); m.lag-moved > m.pullOut || moved-m.lag > m.pullOut {
		m.lost += uint64(max(moved, -moved) / m.perStep)
		m.position = min(max(m.position+moved-m.lag, m.lowStop), m.highStop)
	}
	m.speed, m.lag = 0, 0
}

// coastAfter is longer than any motor here needs to stop, and a step apart is far below every start speed.
const coastAfter = 100 * time.Millisecond

// runOut is the rope pulling a drive that holds no more than so many newtons for one step of the physics, mm.
func (m *motor) runOut(rope, holds float64) float64 {
	if m.jammed || rope <= holds {
		return 0
	}
	way := (rope - holds) / m.drive.BackDriveNSPerMM * gridS
	way = min(way, m.position-m.lowStop)
	m.position -= way
	m.speed, m.lag = 0, 0
	return way
}
