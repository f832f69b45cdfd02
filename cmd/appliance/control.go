package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"traction/cmd/appliance/internal/commission"
	"traction/cmd/appliance/internal/hardware"
	"traction/cmd/appliance/internal/settings"
	"traction/cmd/appliance/internal/simulation"
	"traction/control"
	"traction/control/calfile"
	"traction/control/executive"
	"traction/control/link"
	"traction/control/programmes"
	"traction/hw"
	"traction/hw/simtable"
)

// controlCommand is the real-time control process.
type controlCommand struct {
	Config         string `help:"Settings of the table." default:"/etc/traction/traction.toml" type:"path"`
	Simulate       bool   `help:"Use a simulated table instead of the pins; sockets are in --run-dir."`
	KernelLines    bool   `help:"Use a simulated table, but the switches and outputs of the settings: a bench to try them without a table."`
	Table          string `help:"Simulated table, by name or TOML file." default:"winch"`
	Patient        string `help:"Simulated patient, by name or TOML file." default:"median"`
	Seed           uint64 `help:"Seed of the simulation." default:"1"`
	Faults         string `help:"TOML file of faults to inject into the simulation." type:"existingfile"`
	RunDir         string `help:"Folder for the sockets of a simulated table." default:"/tmp/traction" type:"path"`
	Programmes     string `help:"Folder of further programmes for a simulated table." type:"existingdir"`
	Stalls         string `help:"What a stall of this computer is to a simulated table: \"wait\" lets the simulated time stand still meanwhile, \"count\" makes late ticks of it as on a real table. With --kernel-lines it is count." enum:"wait,count," default:""`
	SimulateState  string `help:"File in which a simulated table outlives its process; made when there is none." type:"path"`
	Remote         string `help:"What remote users may do on a simulated table: ${enum}." enum:"monitor,stop,adjust,full" default:"full"`
	RequestKeyFile string `help:"Key that remote select and start must be signed with, on a simulated table." type:"path"`
}

// simulatedPriority under SCHED_FIFO: the lowest, a simulation must not get in anybody's way.
const simulatedPriority = 1

// The sockets of a simulated table in its run folder.
const (
	operatorSocket  = "control.sock"
	gatewaySocket   = "gateway.sock"
	simulatorSocket = "simulator.sock"
)

func (c *controlCommand) Run(ctx context.Context) error {
	switch {
	case c.KernelLines:
		return c.bench(ctx, commission.BoardLines)
	case c.Simulate:
		return c.simulated(ctx)
	}
	if c.Stalls != "" {
		return fmt.Errorf("--stalls: %q is only of use with --simulate or --kernel-lines; on a real table every stall counts", c.Stalls)
	}
	if c.SimulateState != "" {
		return fmt.Errorf("--simulate-state: %q is only of use with --simulate or --kernel-lines; a real table keeps its own state", c.SimulateState)
	}
	return c.real(ctx)
}

// process is a control process ready to run.
type process struct {
	exec       *executive.Executive
	clock      executive.Clock
	table      string
	library    link.Library
	operator   string
	gateway    string
	remote     control.Permission
	key        []byte // of signed requests, nil = none is asked for
	suffix     string // of the version that everybody is told
	background []func(context.Context)
}

// real runs on the table's own pins.
func (c *controlCommand) real(ctx context.Context) error {
	s, err := settings.Load(c.Config)
	if err != nil {
		return err
	}
	cal, err := calfile.Load(s.Control.Calibration, s.Table.ID, s.Cell.Capacity)
	switch {
	case errors.Is(err, calfile.ErrNone):
		slog.Warn("the load cell is not calibrated; nothing can be armed until it is", "error", err)
	case err != nil:
		return err
	}
	key, err := settings.RequestKey(s.Control.RequestKeyFile)
	if err != nil {
		return err
	}
	clock := executive.NewRealClock()
	table, err := hardware.Open(&s, clock.Now)
	if err != nil {
		return err
	}
	cfg := s.Config(cal.Calibration, randomRev())
	cfg.Second = cal.SecondCell(s.Pins.CellData2 != "")
	ctl, err := control.New(cfg)
	if err != nil {
		return errors.Join(err, table.SafeOff())
	}
	p := process{
		clock: clock, table: s.Table.ID, library: programmes.Library{Dir: s.Control.Programmes},
		operator: s.Control.OperatorSocket, gateway: s.Control.GatewaySocket,
		remote: s.Control.Remote, key: key,
		exec: executive.New(executive.Config{
			Tick:          settings.Tick,
			RealTime:      realTime(&s),
			AllowOrdinary: s.Control.AllowNoRealtime, Log: warn,
		}, clock, table, ctl),
	}
	p.warm(table)
	return p.run(ctx)
}

// realTime is what the settings ask for the control thread.
func realTime(s *settings.Settings) executive.RealTime {
	return executive.RealTime{Priority: s.Control.Priority, CPU: s.Control.CPU, LockMemory: true}
}

// pace is that of a simulated table; usual is that of the mode.
func (c *controlCommand) pace(usual simulation.Pace) simulation.Pace {
	switch c.Stalls {
	case "wait":
		return simulation.Steady
	case "count":
		return simulation.Machine
	}
	return usual
}

// simulated runs on a table behind simulated pins, in real time.
func (c *controlCommand) simulated(ctx context.Context) (err error) {
	o, err := simulationOptions(c.Table, c.Patient, c.Faults, c.Seed)
	if err != nil {
		return err
	}
	if err := o.Remote.UnmarshalText([]byte(c.Remote)); err != nil {
		return err
	}
	key, err := settings.RequestKey(c.RequestKeyFile)
	if err != nil {
		return err
	}
	o.FirstRev, o.Signed = randomRev(), key != nil
	if c.SimulateState != "" {
		if o.State, err = simtable.OpenState(c.SimulateState); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, o.State.Close()) }()
	}
	// A simulation takes real-time priority and locked memory where it may have them, and goes on without.
	o.Exec = executive.Config{RealTime: executive.RealTime{Priority: simulatedPriority, CPU: -1, LockMemory: true}, AllowOrdinary: true, Log: warn}
	if err := os.MkdirAll(c.RunDir, 0o700); err != nil {
		return err
	}
	rig, clock, err := simulation.NewReal(o, c.pace(simulation.Steady))
	if err != nil {
		return err
	}
	p := process{
		exec: rig.Exec, clock: clock, table: o.Table.Name, library: programmes.Library{Dir: c.Programmes},
		operator: filepath.Join(c.RunDir, operatorSocket), gateway: filepath.Join(c.RunDir, gatewaySocket),
		remote: o.Remote, key: key,
	}
	p.warm(rig.Table)
	l, err := link.Listen(filepath.Join(c.RunDir, simulatorSocket), 0o600)
	if err != nil {
		return errors.Join(err, rig.Table.SafeOff())
	}
	p.background = append(p.background, func(ctx context.Context) { serveHands(ctx, l, rig.Sim) })
	err = p.run(ctx)
	if c, ok := clock.(*simtable.SteadyClock); ok {
		slog.Info("simulated time stood still while this computer did", "for", c.Stood())
	}
	return err
}

// simulationOptions reads table, patient and faults, each by name or file.
func simulationOptions(table, patient, faults string, seed uint64) (o simulation.Options, err error) {
	o.Seed = seed
	if o.Table, err = byNameOrFile(table, simtable.TableByName, simtable.LoadTable); err != nil {
		return o, err
	}
	if o.Patient, err = byNameOrFile(patient, simtable.PatientByName, simtable.LoadPatient); err != nil {
		return o, err
	}
	if faults != "" {
		o.Faults, err = simtable.LoadFaults(faults)
	}
	return o, err
}

// byNameOrFile: whatever ends in .toml is a file.
func byNameOrFile[T any](s string, byName, load func(string) (T, error)) (T, error) {
	if filepath.Ext(s) == ".toml" {
		return load(s)
	}
	return byName(s)
}

// warm lets the pad's thermometer, if there is one, be read beside the ticks.
func (p *process) warm(t *hw.Table) {
	if pad := t.Pad(); pad != nil {
		p.background = append(p.background, func(ctx context.Context) { pad.Run(ctx, p.clock.Now) })
	}
}

// run serves the sockets and ticks until ctx ends; then it releases first.
func (p *process) run(ctx context.Context) error {
	operator, err := link.Listen(p.operator, 0o660)
	if err != nil {
		return err
	}
	gateway, err := link.Listen(p.gateway, 0o660)
	if err != nil {
		return errors.Join(err, operator.Close())
	}
	server := link.NewServer(p.source(), p.library, link.Options{Log: slog.Default(), Remote: p.remote, Key: p.key})
	p.exec.WatchGateway(func() bool { return server.Silent(control.Remote) })
	// The sockets outlive the executive: who watches sees the release to its end.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { logged(server.Serve(serving, operator, control.Table)) })
	wg.Go(func() { logged(server.Serve(serving, gateway, control.Remote)) })
	wg.Go(func() { p.notify(serving) })
	for _, f := range p.background {
		wg.Go(func() { f(serving) })
	}
	slog.Info("control runs", "table", p.table, "operator", p.operator, "gateway", p.gateway)
	err = p.exec.Run(ctx)
	// The outputs are safe; now let everybody, the record above all, read the end.
	time.Sleep(lastLook)
	stop()
	wg.Wait()
	return err
}

// firstLook is how often notify looks for the first tick, which comes a
// millisecond after the executive has begun: whoever waits for the service waits no
// longer than needed.
const firstLook = 5 * time.Millisecond

// notify tells systemd that the process is ready, and feeds its watchdog: only
// while ticks complete, whatever else works (R-WATCHDOG).
func (p *process) notify(ctx context.Context) {
	every := 500 * time.Millisecond
	if d, err := daemon.SdWatchdogEnabled(false); err == nil && d > 0 {
		every = d / 4
	}
	ticker := time.NewTicker(firstLook)
	defer ticker.Stop()
	var last uint64
	ready := false
	for {
		select {
		case <-ctx.Done():
			_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping) // nobody to tell if it fails
			return
		case <-ticker.C:
		}
		ticks := p.exec.Ticks()
		if ticks == last {
			continue
		}
		last = ticks
		if !ready {
			_, err := daemon.SdNotify(false, daemon.SdNotifyReady)
			logged(err)
			ready = true
			ticker.Reset(every)
		}
		_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog) // the next one comes soon
	}
}

// lastLook is how long the journal can still be read after the last tick: 25
// turns of the link.
const lastLook = 500 * time.Millisecond

// source shows the executive to the link.
type source struct {
	*executive.Executive
	*executive.Journal
	boot  link.Boot
	clock executive.Clock
}

func (p *process) source() source {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return source{Executive: p.exec, Journal: p.exec.Journal(), clock: p.clock,
		boot: link.Boot{ID: hex.EncodeToString(id[:]), Table: p.table, Version: version + p.suffix}}
}

// Boot gives the wall clock at monotonic zero as the clock says now.
func (s source) Boot() link.Boot {
	b := s.boot
	b.Started = time.Now().Add(-s.clock.Now())
	return b
}

// randomRev makes the first rev of a boot, so that none of an earlier boot fits.
// It stays far below 2^53, which is as far as every JSON reader counts.
func randomRev() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return 1 + binary.LittleEndian.Uint64(b[:])>>16
}

func warn(msg string, args ...any) { slog.Warn(msg, args...) }

func logged(err error) {
	if err != nil {
		slog.Error(fmt.Sprint(err))
	}
}
