package executive

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/hw"
	"traction/hw/hx711"
	"traction/hw/simtable"
	"traction/hw/stepper"
)

const (
	tick = time.Millisecond
	mmps = physic.MilliMetrePerSecond
)

// rig is the real drivers, controller and executive on a simulated table with
// the median person, in virtual time.
type rig struct {
	t     testing.TB
	sim   *simtable.Sim
	clock *simtable.VirtualClock
	stall *stallingClock
	table *hw.Table
	ctl   *control.Controller
	exec  *Executive

	// Of the last tick, and all events and reports so far.
	in      control.Input
	out     control.Output
	events  []control.Event
	reports []control.Report
	each    func() // further work of a test in every tick; may be nil
}

// setup is what a test may change before the rig is built.
type setup struct {
	exec  Config
	hw    hw.Config
	sim   *simtable.Sim
	clock *simtable.VirtualClock
}

func newRig(t testing.TB, table string, change func(*setup)) *rig {
	t.Helper()
	cfg, err := simtable.TableByName(table)
	require.NoError(t, err)
	person, err := simtable.PatientByName("median")
	require.NoError(t, err)
	r := &rig{t: t, clock: simtable.NewVirtualClock()}
	r.stall = &stallingClock{VirtualClock: r.clock}
	r.sim, err = simtable.New(cfg, person, r.clock, 1)
	require.NoError(t, err)
	release := 60 * mmps
	s := &setup{sim: r.sim, clock: r.clock,
		exec: Config{Tick: tick, SamplePad: true, Each: r.note},
		hw: hw.Config{
			Pins: hw.Pins(r.sim.Pins()), Cell: hx711.Opts{Rate: 80 * physic.Hertz},
			Motor: stepper.Config{StepsPerMM: cfg.Drive.StepsPerMM, MaxSpeed: release, StartStopSpeed: 30 * mmps, Acceleration: 800,
				DirSetup: 5 * time.Microsecond, PulseWidth: 3 * time.Microsecond},
			PadSource: r.sim.PadTemperature, Clock: r.clock.Now, Delay: r.clock.Spend,
		}}
	if change != nil {
		change(s)
	}
	r.table, err = hw.Open(s.hw)
	require.NoError(t, err)
	r.ctl, err = control.New(control.Config{
		Table: control.TableLimits{Force: 450 * physic.Newton, Rise: 80 * control.NewtonPerSecond, PullSpeed: 25 * mmps,
			ReleaseSpeed: release, Travel: 350 * physic.MilliMetre, BackDrivable: cfg.Drive.BackDrivable},
		Calibration: calibration(&cfg.Cell), Tick: tick, SampleRate: 80 * physic.Hertz,
		Remote: control.FullRemote, HeatTime: 30 * time.Minute, FirstRev: 1000,
	})
	require.NoError(t, err)
	r.exec = New(s.exec, r.stall, r.table, r.ctl)
	return r
}

// calibration of a simulated cell: 2^24 counts are AVDD / 128 (HX711 data sheet).
func calibration(c *simtable.Cell) control.Calibration {
	const full = 128 * (1 << 24)
	return control.Calibration{Zero: int32(c.ZeroMVPerV * 1e-3 * full), PerNewton: c.SensitivityMVPerV * 1e-3 * full / c.CapacityN,
		Capacity: physic.Force(c.CapacityN) * physic.Newton}
}

// stallingClock is a virtual clock on which the thread can be kept from running.
type stallingClock struct {
	*simtable.VirtualClock
	after time.Duration // the first sleep that ends at or after this time ...
	stall time.Duration // ... takes so much longer; 0 = no stall to come
}

func (c *stallingClock) SleepUntil(t time.Duration) {
	if c.stall > 0 && t >= c.after {
		t += c.stall
		c.stall = 0
	}
	c.VirtualClock.SleepUntil(t)
}

func (r *rig) note(in *control.Input, out *control.Output) {
	r.in, r.out = *in, *out
	if out.NEvents > 0 {
		r.events = append(r.events, out.Events[:out.NEvents]...)
	}
	if out.HasReport {
		r.reports = append(r.reports, out.Report)
	}
	if r.each != nil {
		r.each()
	}
}

func never() bool { return false }

// once ticks one time.
func (r *rig) once() { r.exec.RunUntil(r.clock.Now()+time.Hour, func() bool { return true }) }

// ticks so many times.
func (r *rig) ticks(n int) {
	for range n {
		r.once()
	}
}

// run ticks for a time.
func (r *rig) run(d time.Duration) { r.exec.RunUntil(r.clock.Now()+d, never) }

// until ticks until cond, at most most.
func (r *rig) until(what string, most time.Duration, cond func() bool) {
	r.t.Helper()
	s := r.exec.Journal().Snapshot()
	require.True(r.t, r.exec.RunUntil(r.clock.Now()+most, cond), "%s: not within %v; mode %v phase %v trips %v", what, most, s.Mode, s.Phase, s.Trips.IDs())
}

func (r *rig) state() (s control.Snapshot) {
	r.ctl.Snapshot(&s)
	return s
}

// say gives a command with the present rev to the next tick.
func (r *rig) say(c control.Command) control.Reply {
	c.Rev, c.Ticket = r.state().Rev, 1
	require.NoError(r.t, r.exec.Do(c))
	r.once()
	return r.out.Reply
}

func (r *rig) must(c control.Command) {
	r.t.Helper()
	require.Equal(r.t, control.Accepted, r.say(c).Code, "%v: missing %v", c.Kind, r.out.Reply.Missing.Names())
}

// programme holds 200 N for half a minute at a time.
func programme() *control.Programme {
	return &control.Programme{Name: "test", Title: "test", Source: "test", Hold: 200 * physic.Newton, HoldTime: 30 * time.Second,
		Rest: 80 * physic.Newton, RestTime: 10 * time.Second, RampUp: 40 * control.NewtonPerSecond, RampDown: 40 * control.NewtonPerSecond,
		Duration: 20 * time.Minute}
}

// started begins a treatment as people at the table do.
func (r *rig) started() {
	r.t.Helper()
	r.run(500 * time.Millisecond)
	r.must(control.Command{Kind: control.CommandAcknowledge})
	r.must(control.Command{Kind: control.CommandSelect, Programme: programme()})
	r.must(control.Command{Kind: control.CommandArm})
	r.sim.PressPatientSwitch(true)
	r.run(100 * time.Millisecond)
	r.sim.PressPatientSwitch(false)
	r.run(100 * time.Millisecond)
	r.must(control.Command{Kind: control.CommandStart})
}

// holding is in the first hold, with the force there.
func (r *rig) holding() {
	r.t.Helper()
	r.started()
	r.until("hold", time.Minute, func() bool { return r.state().Phase == control.Hold })
	r.run(time.Second)
	require.InDelta(r.t, 200, r.sim.Truth().ForceN, 10)
}

func (r *rig) tripped(i control.InterlockID) bool {
	for _, e := range r.events {
		if e.Kind == control.EventTrip && e.Interlock == i {
			return true
		}
	}
	return false
}

// safe asserts that nothing is driven any more.
func (r *rig) safe() {
	r.t.Helper()
	truth := r.sim.Truth()
	require.False(r.t, truth.Energised, "the motor")
	require.False(r.t, truth.Heating, "the heater")
	require.False(r.t, truth.Buzzer || truth.AlarmLamp || truth.CautionLamp, "buzzer and lamps")
	require.ErrorIs(r.t, r.table.Apply(r.clock.Now(), hw.Actuation{}), hw.ErrOff)
}

var errPin = errors.New("the pin failed")

// failing is an output that fails the next so many times it is driven to a level.
type failing struct {
	gpio.PinIO
	level gpio.Level
	times int
}

func (f *failing) Out(l gpio.Level) error {
	if f.times > 0 && l == f.level {
		f.times--
		return errPin
	}
	return f.PinIO.Out(l)
}

// timed notes when an output rose.
type timed struct {
	gpio.PinIO
	clock *simtable.VirtualClock
	rises []time.Duration
}

func (p *timed) Out(l gpio.Level) error {
	if l == gpio.High {
		p.rises = append(p.rises, p.clock.Now())
	}
	return p.PinIO.Out(l)
}
