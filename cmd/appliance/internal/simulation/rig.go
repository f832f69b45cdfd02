// Package simulation puts the appliance's own drivers, controller and executive
// on a simulated table, commissions it, and lets a scripted operator run whole
// treatments in virtual time. Nothing of the appliance is replaced: the
// simulation ends at the pins.
package simulation

import (
	"fmt"
	"math"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/executive"
	"traction/hw"
	"traction/hw/board"
	"traction/hw/heatpad"
	"traction/hw/hx711"
	"traction/hw/simtable"
	"traction/hw/stepper"
)

// Tick is the executive's period.
const Tick = time.Millisecond

// Rig is a simulated table with the appliance on it.
type Rig struct {
	Sim   *simtable.Sim
	Table *hw.Table
	Ctl   *control.Controller
	Exec  *executive.Executive

	limits control.TableLimits
	cal    control.Calibration
	second control.Calibration // PerNewton 0 = no second cell

	options Options
	clock   clock
	delay   func(time.Duration)
}

// Options of a rig.
type Options struct {
	Table   simtable.Table
	Patient simtable.Patient
	Seed    uint64
	Faults  []simtable.Fault
	// State lets the table go on where an earlier process has left it, and keeps
	// it for the next one; nil begins anew and keeps nothing.
	State *simtable.StateFile
	// Lines of a computer without a table, which outputs go to as well and switches
	// are read from; those that are nil, and the cells', are simulated only.
	Lines hw.Pins
	// Remote permission, first rev and executive settings, as on a real table.
	Remote control.Permission
	Signed bool
	// GatewayLost and ProofOfRelease as in control.Config.
	GatewayLost    control.GatewayPolicy
	ProofOfRelease time.Duration
	FirstRev       uint64
	Exec           executive.Config
}

// Pace is whose time a simulated table and its control live in.
type Pace int

const (
	// Virtual time goes as fast as the CPU allows; nothing takes long in it.
	Virtual Pace = iota
	// Steady time is the computer's, but waits while that is held up: no treatment
	// ends because it runs on a slow or busy computer.
	Steady
	// Machine time is the computer's, where each stall is late ticks, as on a real table.
	Machine
)

// clock is what both a simulated table and an executive need of time.
type clock interface {
	simtable.Clock
	executive.Clock
}

// sleeper is the clock of the control thread, which the table's faults late-ticks
// and stall keep from waking in time. The table itself goes on.
type sleeper struct {
	clock
	sim *simtable.Sim
}

// SleepUntil returns at t, or later.
func (s sleeper) SleepUntil(t time.Duration) { s.clock.SleepUntil(s.sim.Wake(t)) }

// virtualSleeper is the same on a virtual clock, without a detour: whole
// treatments are made of its sleeps.
type virtualSleeper struct {
	*simtable.VirtualClock
	sim *simtable.Sim
}

// SleepUntil returns at t, or later.
func (s virtualSleeper) SleepUntil(t time.Duration) { s.VirtualClock.SleepUntil(s.sim.Wake(t)) }

// thread is the clock of the control thread on a table's clock.
func thread(c clock, sim *simtable.Sim) executive.Clock {
	if v, ok := c.(*simtable.VirtualClock); ok {
		return &virtualSleeper{v, sim}
	}
	return sleeper{c, sim}
}

// NewVirtual builds a rig in virtual time, as fast as the CPU allows.
func NewVirtual(o Options) (*Rig, *simtable.VirtualClock, error) {
	c := simtable.NewVirtualClock()
	o.Exec.SamplePad = true
	r, err := build(o, c, c.Spend)
	return r, c, err
}

// NewReal builds a rig that goes as fast as the computer's clock, at a Steady or
// Machine pace.
func NewReal(o Options, p Pace) (*Rig, executive.Clock, error) {
	machine := executive.NewRealClock()
	var c clock = simtable.NewSteadyClock(machine)
	if p == Machine {
		c = simtable.MachineClock{Machine: machine}
	}
	r, err := build(o, c, board.Spin(c.Now))
	return r, c, err
}

func build(o Options, c clock, delay func(time.Duration)) (*Rig, error) {
	sim, err := simtable.New(o.Table, o.Patient, c, o.Seed)
	if err != nil {
		return nil, fmt.Errorf("simulated table: %w", err)
	}
	if err := sim.Inject(o.Faults...); err != nil {
		return nil, fmt.Errorf("faults: %w", err)
	}
	if o.State != nil {
		if _, err := sim.Keep(o.State); err != nil {
			return nil, fmt.Errorf("simulated table: %w", err)
		}
	}
	o.Exec.Tick = Tick
	r := &Rig{Sim: sim, limits: Commission(&o.Table), cal: Calibrate(&o.Table.Cell), options: o, clock: c, delay: delay}
	if o.Table.HasSecondCell() {
		r.second = Calibrate(&o.Table.Cell2)
	}
	if err := r.boot(); err != nil {
		return nil, err
	}
	return r, nil
}

// boot is what the control process does at its start.
func (r *Rig) boot() (err error) {
	o := &r.options
	r.Table, err = hw.Open(hardware(o, r.limits, r.Sim, r.clock, r.delay))
	if err != nil {
		return err
	}
	r.Ctl, err = control.New(control.Config{
		Table: r.limits, Calibration: r.cal, Second: r.second, GatewayLost: o.GatewayLost, ProofOfRelease: o.ProofOfRelease, Tick: Tick, SampleRate: 80 * physic.Hertz,
		Remote: o.Remote, Signed: o.Signed, HeatTime: 45 * time.Minute, FirstRev: o.FirstRev,
	})
	if err != nil {
		return err
	}
	r.Exec = executive.New(o.Exec, thread(r.clock, r.Sim), r.Table, r.Ctl)
	return nil
}

// Restart ends the control process, with its outputs made safe as the service
// manager does, and starts it again on the same table with the same person. Both
// Ctl and Exec are new ones then; revs go on where no rev of the last boot was.
func (r *Rig) Restart() error {
	if err := r.Table.SafeOff(); err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	r.options.FirstRev += 1 << 32
	return r.boot()
}

// hardware is the hw configuration that fits a simulated table.
func hardware(o *Options, l control.TableLimits, sim *simtable.Sim, c clock, delay func(time.Duration)) hw.Config {
	return hw.Config{
		Pins:  bench(sim, o.Lines),
		Cell:  hx711.Opts{Rate: 80 * physic.Hertz},
		Motor: motor(&o.Table, l),
		Heat:  heatpad.Opts{}, PadSource: sim.PadTemperature,
		Clock: c.Now, Delay: delay,
	}
}

// motor drives a simulated motor with what its data sheet would say, and a
// margin on acceleration.
func motor(t *simtable.Table, l control.TableLimits) stepper.Config {
	d := &t.Drive
	micros := func(us float64) time.Duration { return time.Duration(math.Ceil(us)) * time.Microsecond }
	return stepper.Config{
		StepsPerMM: d.StepsPerMM, MaxSpeed: l.ReleaseSpeed,
		StartStopSpeed: min(l.ReleaseSpeed, mmPerS(d.StartSpeedMMPerS)),
		Acceleration:   0.8 * d.AccelerationMMPerS,
		DirSetup:       micros(d.DirSetUpUS), PulseWidth: micros(d.StepHighUS),
	}
}

const (
	// stepRateMost is what a thread that also reads the cell steps evenly.
	stepRateMost = 19_000
	// softest is the stiffness in N/mm of the softest person of the published range,
	// who must be let go within letGo seconds, the motor's ramps apart.
	softest = 1.9
	letGo   = 4.0
)

// Commission chooses the limits of a simulated table as a technician would: no
// force that it could not let go of in time.
func Commission(t *simtable.Table) control.TableLimits {
	d := &t.Drive
	release := math.Min(math.Min(72, 0.9*d.MaxSpeedMMPerS), stepRateMost/d.StepsPerMM)
	force := math.Min(math.Min(500, 0.8*d.StallForceN), softest*letGo*release)
	return control.TableLimits{
		Force:        physic.Force(force) * physic.Newton,
		Rise:         80 * control.NewtonPerSecond,
		PullSpeed:    mmPerS(math.Min(25, d.StartSpeedMMPerS)),
		ReleaseSpeed: mmPerS(release),
		Travel:       physic.Distance(math.Min(600, d.EndPullMM-d.ParkMM-10)) * physic.MilliMetre,
		BackDrivable: d.BackDrivable,
	}
}

func mmPerS(v float64) physic.Speed { return physic.Speed(math.Round(v * 1e6)) }

// Calibrate gives what tare and span would find on a simulated cell: the code
// is 2^24 counts for a full AVDD / gain of 128 (HX711 data sheet).
func Calibrate(c *simtable.Cell) control.Calibration {
	const full = 128 * (1 << 24)
	return control.Calibration{
		Zero:      int32(math.Round(c.ZeroMVPerV * 1e-3 * full)),
		PerNewton: c.SensitivityMVPerV * 1e-3 * full / c.CapacityN,
		Capacity:  physic.Force(c.CapacityN) * physic.Newton,
	}
}

// Limits the table was commissioned for.
func (r *Rig) Limits() control.TableLimits { return r.limits }
