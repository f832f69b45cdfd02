// Package stepper drives a motor driver with STEP, DIR and ENABLE inputs and
// keeps count of where it is.
//
// It does not own a thread. The cyclic executive sets a velocity at each tick
// and calls Edge whenever the time of NextEdge has come, so that one thread
// owns the cell and the motor. Nothing here waits longer than a pulse,
// allocates or locks.
//
// The pulse train is exact: up to the start-stop speed the velocity changes at
// once, beyond it by v' = sqrt(v^2 +- 2a) from step to step. A change of
// velocity between two steps keeps the fraction of the step that has been
// travelled. A late thread never makes up for lost steps in a burst (R-NO-BURST).
package stepper

import (
	"errors"
	"fmt"
	"math"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// ErrDisabled is returned for a velocity other than zero while the drive is
// disabled: disabled and standing still are different things.
var ErrDisabled = errors.New("stepper: drive is disabled")

// Pins are the driver's inputs. ENABLE is active high; on the driver's side it
// needs a pull-down, so that a dead computer disables it.
type Pins struct {
	Step, Dir, Enable gpio.PinOut
}

// Motion is what the drive is doing.
type Motion struct {
	Position Steps           // counted since the start, + towards force
	Distance physic.Distance // the same as rope travel
	Speed    physic.Speed    // of the step under way, + towards force; 0 stands
	Enabled  bool            // the motor holds or turns; otherwise it is limp
	// DeadMan is set while the drive stands, or comes to a stand, because no
	// velocity came in time. The next SetVelocity clears it.
	DeadMan bool
	// DeadManTrips counts how often that happened.
	DeadManTrips uint32
	// LateEdges counts the steps that came more than one interval late, and so
	// were not made up for.
	LateEdges uint32
}

// Driver is one motor. It belongs to one thread.
type Driver struct {
	cfg  Config
	pins Pins

	// Limits in steps/s, and twice the acceleration in steps/s2.
	startStop, fastest, twiceAccel float64

	enabled bool
	limp    bool // ENABLE is known to be low
	readyAt time.Duration

	target    float64 // steps/s, signed
	commanded time.Duration
	deadMan   bool

	dir      int  // +1 or -1: what DIR says
	dirFresh bool // DIR has changed since the last step

	// The step under way: its speed in steps/s (0: none), the signed fraction
	// of a step that had been travelled at phaseAt, and the speeds that the
	// ramp allows it.
	speed     float64
	phase     float64
	phaseAt   time.Duration
	low, high float64
	next      time.Duration
	pending   bool
	begun     time.Duration // when it should have begun: the last step's planned time
	lastEdge  time.Duration // when it did begin

	position  Steps
	trips     uint32
	lateEdges uint32
}

// longAgo is before any time that a monotonic clock shows.
const longAgo = -24 * time.Hour

// New checks the configuration and drives STEP and ENABLE low, so that the
// motor is disabled, and DIR away from force.
func New(pins Pins, cfg Config) (*Driver, error) {
	errs := []error{cfg.Validate()}
	for _, p := range []struct {
		name string
		pin  gpio.PinOut
	}{{"STEP", pins.Step}, {"DIR", pins.Dir}, {"ENABLE", pins.Enable}} {
		if p.pin == nil {
			errs = append(errs, fmt.Errorf("stepper: pin %s is missing", p.name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if cfg.DeadMan == 0 {
		cfg.DeadMan = defaultDeadMan
	}
	if cfg.Delay == nil {
		cfg.Delay = func(time.Duration) {}
	}
	d := &Driver{
		cfg: cfg, pins: pins,
		startStop: cfg.stepRate(cfg.StartStopSpeed), fastest: cfg.stepRate(cfg.MaxSpeed),
		twiceAccel: 2 * cfg.Acceleration * cfg.StepsPerMM,
		begun:      longAgo, lastEdge: longAgo,
	}
	d.high = d.startStop
	if err := d.Disable(0); err != nil {
		return nil, err
	}
	if err := pins.Step.Out(gpio.Low); err != nil {
		return nil, fmt.Errorf("stepper: STEP: %w", err)
	}
	if err := d.point(-1); err != nil {
		return nil, err
	}
	return d, nil
}

// Enable powers the motor; it holds its position. The first step comes no
// earlier than EnableSettle later. Enabling an enabled drive does nothing.
func (d *Driver) Enable(now time.Duration) error {
	if d.enabled {
		return nil
	}
	d.limp = false
	if err := d.pins.Enable.Out(gpio.High); err != nil {
		return fmt.Errorf("stepper: ENABLE: %w", err)
	}
	d.enabled = true
	d.readyAt = now + d.cfg.EnableSettle
	return nil
}

// Disable lets go of the motor at once. A back-drivable drive then lets the
// rope run out; a self-locking one stays where it is. The position count goes
// on from the last step and knows nothing of what happens meanwhile.
func (d *Driver) Disable(now time.Duration) error {
	d.enabled, d.deadMan = false, false
	d.target, d.speed, d.phase, d.pending = 0, 0, 0, false
	d.low, d.high = 0, d.startStop
	d.phaseAt = now
	if d.limp {
		return nil
	}
	if err := d.pins.Enable.Out(gpio.Low); err != nil {
		return fmt.Errorf("stepper: ENABLE: %w", err)
	}
	d.limp = true
	return nil
}

// SetVelocity sets where to go, + towards force, and feeds the dead-man. The
// velocity is cut to MaxSpeed, taken up at once within the start-stop speed
// and by the ramp beyond it. While disabled only zero is accepted.
func (d *Driver) SetVelocity(now time.Duration, v physic.Speed) error {
	d.commanded, d.deadMan = now, false
	if !d.enabled {
		if v != 0 {
			return ErrDisabled
		}
		return nil
	}
	target := min(max(d.cfg.stepRate(v), -d.fastest), d.fastest)
	if target == d.target && d.pending == (target != 0) {
		return nil
	}
	d.target = target
	return d.plan(now)
}

// Stop ends the motion: no further step within the start-stop speed; from
// above it the motor would lose its steps, so it runs down the ramp to the
// start-stop speed and stops there. It does not feed the dead-man.
func (d *Driver) Stop(now time.Duration) {
	d.target = 0
	// Standing still never changes DIR, so there is no pin that could fail.
	_ = d.plan(now)
}

// Watch trips the dead-man (R-DEADMAN-DRIVE) when no velocity has come in time:
// the drive ramps to zero as in Stop. Edge does the same, so no step is ever taken
// on an old velocity; Watch shows it when no step is due.
func (d *Driver) Watch(now time.Duration) {
	if d.target != 0 && now-d.commanded > d.cfg.DeadMan {
		d.deadMan = true
		d.trips++
		d.Stop(now)
	}
}

// Motion reports what the drive is doing.
func (d *Driver) Motion() Motion {
	return Motion{
		Position: d.position, Distance: d.Distance(), Speed: d.Speed(), Enabled: d.enabled,
		DeadMan: d.deadMan, DeadManTrips: d.trips, LateEdges: d.lateEdges,
	}
}

// Position is the number of steps taken since the start, + towards force.
func (d *Driver) Position() Steps { return d.position }

// Distance is the rope travel since the start, + towards force.
func (d *Driver) Distance() physic.Distance { return d.cfg.Distance(d.position) }

// Speed is the speed of the step under way, + towards force, 0 when none is.
func (d *Driver) Speed() physic.Speed { return d.cfg.speed(math.Copysign(d.speed, float64(d.dir))) }

// point drives DIR.
func (d *Driver) point(dir int) error {
	level := gpio.Level((dir > 0) != d.cfg.Reverse)
	if err := d.pins.Dir.Out(level); err != nil {
		return fmt.Errorf("stepper: DIR: %w", err)
	}
	d.dir, d.dirFresh = dir, true
	return nil
}
