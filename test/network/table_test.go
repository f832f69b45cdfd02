//go:build linux

package network

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/executive"
	"traction/control/link"
	"traction/control/programmes"
	"traction/hw"
	"traction/hw/board"
	"traction/hw/hx711"
	"traction/hw/simtable"
	"traction/hw/stepper"
	"traction/test/parts"
)

// monotonic reads CLOCK_MONOTONIC, which is the same in all processes.
func monotonic() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail with this clock
	return time.Duration(ts.Nano())
}

// stepWatch is the wire to the drive: it notes when the last step towards force was.
type stepWatch struct {
	gpio.PinIO
	dir  *level
	last atomic.Int64 // CLOCK_MONOTONIC, ns
	n    atomic.Int64 // steps towards force
}

// Out is called by the real-time thread only.
func (w *stepWatch) Out(l gpio.Level) error {
	if l == gpio.High && w.dir.now { // DIR is High towards force: this motor is not reversed
		w.last.Store(int64(monotonic()))
		w.n.Add(1)
	}
	return w.PinIO.Out(l)
}

// level remembers what an output says; of one thread.
type level struct {
	gpio.PinIO
	now gpio.Level
}

func (l *level) Out(v gpio.Level) error {
	l.now = v
	return l.PinIO.Out(v)
}

// realTime is a real clock to the table and to the executive.
type realTime struct{ *executive.RealClock }

// Spend does nothing: the time has passed.
func (realTime) Spend(time.Duration) {}

// table is a control process on a simulated table, with its real executive in
// real time and its real socket for the gateway; it differs from the appliance's
// own only in that its wire to the drive is watched.
type table struct {
	exec  *executive.Executive
	sim   *simtable.Sim
	steps *stepWatch
	boot  link.Boot
	clock realTime
}

// source shows the executive to the link.
type source struct {
	*executive.Executive
	*executive.Journal
	boot link.Boot
}

func (s source) Boot() link.Boot { return s.boot }

func newTable() (*table, error) {
	cfg, err := simtable.TableByName("plain")
	if err != nil {
		return nil, err
	}
	person, err := simtable.PatientByName("median")
	if err != nil {
		return nil, err
	}
	t := &table{clock: realTime{executive.NewRealClock()}}
	if t.sim, err = simtable.New(cfg, person, t.clock, 1); err != nil {
		return nil, err
	}
	pins := hw.Pins(t.sim.Pins())
	dir := &level{PinIO: pins.Dir}
	t.steps = &stepWatch{PinIO: pins.Step, dir: dir}
	pins.Dir, pins.Step = dir, t.steps
	const mmps = physic.MilliMetrePerSecond
	release := 60 * mmps
	devices, err := hw.Open(hw.Config{
		Pins: pins, Cell: hx711.Opts{Rate: 80 * physic.Hertz},
		Motor: stepper.Config{StepsPerMM: cfg.Drive.StepsPerMM, MaxSpeed: release, StartStopSpeed: 30 * mmps, Acceleration: 800,
			DirSetup: 5 * time.Microsecond, PulseWidth: 3 * time.Microsecond},
		PadSource: t.sim.PadTemperature, Clock: t.clock.Now, Delay: board.Spin(t.clock.Now),
	})
	if err != nil {
		return nil, err
	}
	const full = 128 * (1 << 24) // counts per volt of excitation: HX711 data sheet
	ctl, err := control.New(control.Config{
		Table: control.TableLimits{Force: 400 * physic.Newton, Rise: 80 * control.NewtonPerSecond, PullSpeed: 25 * mmps,
			ReleaseSpeed: release, Travel: 350 * physic.MilliMetre, BackDrivable: true},
		Calibration: control.Calibration{Zero: int32(math.Round(cfg.Cell.ZeroMVPerV * 1e-3 * full)),
			PerNewton: cfg.Cell.SensitivityMVPerV * 1e-3 * full / cfg.Cell.CapacityN, Capacity: physic.Force(cfg.Cell.CapacityN) * physic.Newton},
		Tick: time.Millisecond, SampleRate: 80 * physic.Hertz, Remote: control.StopOnly, HeatTime: time.Minute, FirstRev: 1000,
	})
	if err != nil {
		return nil, err
	}
	t.exec = executive.New(executive.Config{Tick: time.Millisecond, RealTime: executive.RealTime{Priority: 1, CPU: -1}, AllowOrdinary: true}, t.clock, devices, ctl)
	t.boot = link.Boot{ID: "0123456789abcdef", Started: time.Now().Add(-t.clock.Now()), Table: "plain", Version: "test"}
	return t, nil
}

// serveTable runs until its input ends. A line "go" makes it start a treatment
// and say "moving" once the rope is pulled; when a stop has ended that it says
// "stopped" and when the last step towards force was. When the machine stood still
// for so long that the table tripped, which it should, it says "tripped" instead.
func serveTable(dir string) error {
	t, err := newTable()
	if err != nil {
		return err
	}
	l, err := link.Listen(filepath.Join(dir, "gateway.sock"), 0o600)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	server := link.NewServer(source{t.exec, t.exec.Journal(), t.boot}, programmes.Library{}, link.Options{Remote: control.StopOnly})
	served, ran := make(chan error, 1), make(chan error, 1)
	go func() { served <- server.Serve(ctx, l, control.Remote) }()
	go func() { ran <- t.exec.Run(ctx) }()
	err = t.obey()
	cancel()
	return errors.Join(err, <-ran, <-served)
}

func (t *table) obey() error {
	programme, err := programmes.Library{}.Programme("demo")
	if err != nil {
		return err
	}
	if err := t.ready(programme); err != nil {
		return err
	}
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		err := t.cycle()
		if errors.Is(err, errTripped) {
			fmt.Fprintln(os.Stderr, err)
			if err = t.ready(programme); err == nil {
				fmt.Println("tripped")
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ready does what comes before all treatments, and after a trip.
func (t *table) ready(p *control.Programme) error {
	wait := func(s *control.Snapshot) bool {
		return s.Missing&(control.MissingCell|control.MissingSlack) == 0 && (s.Mode == control.Idle || s.Mode == control.Tripped)
	}
	if err := t.until("rest", wait); err != nil {
		return err
	}
	if err := t.say(control.Command{Kind: control.CommandAcknowledge}); err != nil {
		return err
	}
	if err := t.until("no trips", func(s *control.Snapshot) bool { return s.Trips == 0 && s.Mode == control.Idle }); err != nil {
		return err
	}
	return t.say(control.Command{Kind: control.CommandSelect, Programme: p})
}

// cycle is one treatment, from arming to slack.
func (t *table) cycle() error {
	if err := t.untripped("idle", func(s *control.Snapshot) bool { return s.Missing == 0 && s.Mode == control.Idle }); err != nil {
		return err
	}
	if err := t.say(control.Command{Kind: control.CommandArm}); err != nil {
		return err
	}
	t.sim.PressPatientSwitch(true)
	time.Sleep(60 * time.Millisecond) // a person's press
	t.sim.PressPatientSwitch(false)
	before := t.steps.n.Load()
	if err := t.untripped("armed", func(s *control.Snapshot) bool { return s.Missing == 0 && s.Mode == control.Armed }); err != nil {
		return err
	}
	if err := t.say(control.Command{Kind: control.CommandStart}); err != nil {
		return err
	}
	if err := t.untripped("motion", func(*control.Snapshot) bool { return t.steps.n.Load() > before+100 }); err != nil {
		return err
	}
	fmt.Println("moving")
	if err := t.untripped("stop", func(s *control.Snapshot) bool { return s.Mode == control.Releasing || s.Mode == control.Idle }); err != nil {
		return err
	}
	if err := t.untripped("slack", func(s *control.Snapshot) bool { return s.Mode == control.Idle }); err != nil {
		return err
	}
	fmt.Println("stopped", t.steps.last.Load())
	return nil
}

// errTripped: an interlock has latched.
var errTripped = errors.New("tripped")

// untripped waits for a state of a table that does not trip before.
func (t *table) untripped(what string, holds func(*control.Snapshot) bool) error {
	trips := control.InterlockSet(0)
	err := t.until(what, func(s *control.Snapshot) bool {
		trips = s.Trips
		return trips != 0 || holds(s)
	})
	if err == nil && trips != 0 {
		return fmt.Errorf("%s: %w: %v", what, errTripped, trips.IDs())
	}
	return err
}

// until waits for a state of the table.
func (t *table) until(what string, holds func(*control.Snapshot) bool) error {
	for deadline := time.Now().Add(parts.Patience); ; time.Sleep(time.Millisecond) {
		s := t.exec.Journal().Snapshot()
		if holds(&s) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no %s: mode %v, missing %v, trips %v", what, s.Mode, s.Missing.Names(), s.Trips.IDs())
		}
	}
}

// say gives a command at the table, and again when the state has changed under
// way or the machine stood still for a moment, which a load cell does not like.
func (t *table) say(c control.Command) error {
	for deadline := time.Now().Add(parts.Patience); ; time.Sleep(time.Millisecond) {
		s := t.exec.Journal().Snapshot()
		c.Rev, c.Ticket = s.Rev, 1
		ctx, cancel := context.WithTimeout(context.Background(), parts.Patience)
		reply, err := t.exec.Submit(ctx, c)
		cancel()
		switch {
		case err != nil || reply.Code == control.Accepted:
			return err
		case reply.Code != control.StaleRev && reply.Code != control.NotReady || time.Now().After(deadline):
			return fmt.Errorf("%v: %v, missing %v", c.Kind, reply.Code, reply.Missing.Names())
		case t.exec.Journal().Snapshot().Trips != 0 && c.Kind != control.CommandAcknowledge:
			return fmt.Errorf("%v: %w", c.Kind, errTripped)
		}
	}
}
