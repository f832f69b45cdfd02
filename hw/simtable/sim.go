package simtable

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// grid is the step of the physics. The fastest thing in it is a pelvis that slips (10 ms); a conversion takes 12 of
// them.
const (
	grid  = time.Millisecond
	gridS = 0.001
)

// Sim is a traction table with a person on it, behind pins. It moves on lazily: whoever touches a pin brings it up to
// the clock's time first. One goroutine owns it; only the hands (the Press functions) and, on a clock that is not a
// VirtualClock, PadTemperature may be used from others.
type Sim struct {
	clock   Clock
	virtual *VirtualClock // the clock when it is virtual: reading it must cost nothing
	start   time.Duration
	at      time.Duration // the physics have been done up to here
	due     time.Duration // something happens in the physics or the chip from here on
	busy    bool          // more has something to do

	chip   chip
	motor  motor
	person person
	breath breath
	pad    pad
	events events

	enable     bool // as the driver sees it
	enableTold bool // at the pin
	stopWelded bool // pressing the emergency stop does nothing
	pumpLost   bool // the monostable's input wire is off
	worn       bool // the harness is on, unless a fault has opened it
	pumpLevel  bool
	pumpAt     time.Duration // last change of the charge pump
	pumpHold   time.Duration
	cut        bool // a fault has taken motor power away

	backlash float64 // mm
	reel     float64 // rope wound on the drum, mm
	swayPerN float64 // breath: mm at its peak
	speed    float64 // mm/s, smoothed
	previous float64 // position at the last step of the physics, mm

	cellClockCost time.Duration
	pinCost       time.Duration
	stretch       stretch
	hands         hands
	pins          pinSet
	outputReads   uint64
	wiring        [contactCount]wiring

	second  chip // of the second cell; without one it is never ready
	failing failing
	late    late
	kept    *StateFile    // where the state is kept; nil is nowhere
	saveAt  time.Duration // when it is due

	table   Table
	patient Patient
}

// hands are what people press. They may belong to another goroutine.
type hands struct{ patient, emergency, start atomic.Bool }

// New builds a table with a patient whose harness is on, both checked by their Validate, on a clock. The same seed
// gives the same noise, breath and accidents.
func New(cfg Table, patient Patient, clock Clock, seed uint64) (*Sim, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("simtable: table %q:\n%w", cfg.Name, err)
	}
	if err := patient.Validate(); err != nil {
		return nil, fmt.Errorf("simtable: patient %q:\n%w", patient.Name, err)
	}
	s := &Sim{clock: clock, table: cfg, patient: patient}
	s.virtual, _ = clock.(*VirtualClock)
	s.start = clock.Now()
	s.at, s.due, s.saveAt = s.start, s.start, never

	// Every source of chance has its own stream: one more cough must not change the noise of the cell.
	stream := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) }
	s.chip = newChip(cfg.Cell, stream(1), rand.NewPCG(seed, 2), s.start)
	s.second = chip{readyAt: never}
	if cfg.HasSecondCell() {
		s.second = newChip(cfg.Cell2, stream(7), rand.NewPCG(seed, 8), s.start)
	}
	s.motor = newMotor(cfg.Drive, s.start, stream(3))
	s.person = newPerson(cfg, patient)
	s.breath = breath{hz: patient.BreathingHz, jitter: stream(4)}
	s.stretch = newStretch(cfg.Cell, stream(5), stream(9))
	s.pad.powerOn(cfg.Pad, s.start)
	s.events.random, s.events.flicker, s.events.late = stream(6), stream(10), stream(11)
	s.worn = true

	s.reel = s.motor.position
	s.previous = s.motor.position
	s.backlash = cfg.Drive.BacklashMM
	s.swayPerN = s.person.sway(patient.BreathingN)
	s.cellClockCost = seconds(cfg.Cell.ClockCostUS * 1e-6)
	s.pinCost = seconds(cfg.PinCostUS * 1e-6)
	s.pumpHold = seconds(cfg.Drive.ChargePumpHoldMS * 1e-3)
	s.pumpAt = s.start - time.Hour
	s.pins.wire(s)
	s.person.step(s.reel, 0) // so that the truth is true before any time has passed
	s.events.addSlips(patient.Slips)
	if err := s.Inject(patientFaults(patient)...); err != nil {
		return nil, err
	}
	s.nextCough(s.start)
	s.settleMore()
	return s, nil
}

// now is the clock's time.
func (s *Sim) now() time.Duration {
	if s.virtual != nil {
		return s.virtual.now
	}
	return s.clock.Now()
}

// look brings the table up to the clock's time, which it returns.
func (s *Sim) look() time.Duration {
	now := s.now()
	if now >= s.due {
		s.advance(now)
	}
	return now
}

// advance does the physics and the conversions up to now, in the order in which they happen.
func (s *Sim) advance(now time.Duration) {
	next := s.at + grid
	ready := min(s.chip.readyAt, s.second.readyAt)
	for {
		if ready < next && ready <= now {
			if ready == s.chip.readyAt {
				s.chip.finish()
			} else {
				s.second.finish()
			}
			ready = min(s.chip.readyAt, s.second.readyAt)
			continue
		}
		if next > now {
			break
		}
		s.at = next
		s.tick()
		next += grid
	}
	s.due = min(next, ready)
}

// tick is one step of the physics, which ends at s.at.
func (s *Sim) tick() {
	if s.at >= s.events.next {
		s.happen(s.at)
	}
	m := &s.motor
	m.coast(s.at)
	if m.drive.BackDrivable && !s.powered(s.at) {
		s.reel -= m.runOut(s.person.rope, m.drive.BackDriveFrictionN)
	}
	// Motion is lost on every reversal, whatever the tension: the worst that gears, drum and pulleys do together.
	s.reel = min(max(s.reel, m.position-s.backlash), m.position)

	sway := 0.0
	if s.swayPerN != 0 {
		sway = s.swayPerN * s.breath.step()
	}
	if s.events.moving > 0 {
		sway += s.moves()
	}
	s.person.step(s.reel, sway)
	s.chip.load(s.person.rope)
	if s.person.rope >= s.events.slipAbove {
		s.slipUnderLoad()
	}
	s.speed += ((m.position-s.previous)/gridS - s.speed) * speedShare
	s.previous = m.position
	if s.at >= s.pad.due {
		s.pad.advance(s.at)
	}
	if s.busy {
		s.more()
	}
}

// more is what only some tables have in a step of the physics: a second cell, something that fails, a state to keep.
func (s *Sim) more() {
	if s.second.period != 0 {
		s.second.load(s.person.rope)
	}
	if s.failing.any {
		s.fail()
	}
	if s.at >= s.saveAt {
		s.save()
	}
}

// settleMore looks whether there is any of it.
func (s *Sim) settleMore() { s.busy = s.second.period != 0 || s.failing.any || s.kept != nil }

// speedShare smooths the true speed over about 10 ms, since single steps would make it flicker.
const speedShare = 0.1

// powered tells whether the motor has power and is enabled. The emergency stop and the charge pump's monostable cut it
// in hardware, whatever the enable pin says.
func (s *Sim) powered(now time.Duration) bool {
	if !s.enable || s.cut || s.hands.emergency.Load() && !s.stopWelded {
		return false
	}
	return !s.motor.drive.ChargePump || now-s.pumpAt <= s.pumpHold
}

// pump is a change of the charge pump pin.
func (s *Sim) pump(level bool, now time.Duration) {
	if level != s.pumpLevel && !s.pumpLost {
		s.pumpLevel, s.pumpAt = level, now
	}
}

// PressPatientSwitch presses (true) or lets go of (false) the switch in the patient's hand.
func (s *Sim) PressPatientSwitch(pressed bool) { s.hand(&s.hands.patient, pressed) }

// PressEmergencyStop presses (true) or resets (false) the emergency stop.
func (s *Sim) PressEmergencyStop(pressed bool) { s.hand(&s.hands.emergency, pressed) }

// PressStart presses (true) or lets go of (false) the start button.
func (s *Sim) PressStart(pressed bool) { s.hand(&s.hands.start, pressed) }

// hand changes one input now, not since the last look; on a real clock the owner of the pins is never far behind.
func (s *Sim) hand(which *atomic.Bool, pressed bool) {
	if s.virtual != nil {
		s.look()
	}
	which.Store(pressed)
}

// SetHarness puts the harness on the person (true, as New leaves it) or takes it off, so that the rope is free. Call it
// from the goroutine that owns the table.
func (s *Sim) SetHarness(worn bool) {
	s.look()
	s.worn = worn
	s.person.worn = worn && !s.events.on(faultHarnessOpened)
}
