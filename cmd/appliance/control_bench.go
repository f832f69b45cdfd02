package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"traction/cmd/appliance/internal/commission"
	"traction/cmd/appliance/internal/settings"
	"traction/cmd/appliance/internal/simulation"
	"traction/control/calfile"
	"traction/control/executive"
	"traction/control/programmes"
	"traction/hw/board"
	"traction/hw/simtable"
)

// benchSuffix marks the version of a bench in states, records and the hello of its
// sockets: what it calls a force nobody has felt.
const benchSuffix = "-bench"

// bench runs a simulated cell, motor and person with the settings' lines for
// switches and outputs, to try these without a table. Sockets, programmes,
// permissions and real-time priority are the settings', too; the limits are the
// simulated table's.
func (c *controlCommand) bench(ctx context.Context, open commission.OpenLines) (err error) {
	if err := c.conflicts(); err != nil {
		return err
	}
	s, err := settings.Load(c.Config)
	if err != nil {
		return err
	}
	if err := uncalibrated(&s); err != nil {
		return err
	}
	key, err := settings.RequestKey(s.Control.RequestKeyFile)
	if err != nil {
		return err
	}
	o, err := simulationOptions(c.Table, c.Patient, c.Faults, c.Seed)
	if err != nil {
		return err
	}
	o.Remote, o.Signed, o.FirstRev = s.Control.Remote, key != nil, randomRev()
	o.GatewayLost, o.ProofOfRelease = s.Control.GatewayLost, s.Control.ProofOfRelease
	o.Exec = executive.Config{RealTime: realTime(&s), AllowOrdinary: s.Control.AllowNoRealtime, Log: warn}
	if c.SimulateState != "" {
		if o.State, err = simtable.OpenState(c.SimulateState); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, o.State.Close()) }()
	}
	if o.Lines, err = open(benchLines(&s)); err != nil {
		return err
	}
	rig, clock, err := simulation.NewReal(o, c.pace(simulation.Machine))
	if err != nil {
		return errors.Join(err, o.Lines.SafeOff())
	}
	slog.Warn("a bench: load cell, motor and person are simulated, switches and outputs are not; nobody may lie on a table that these lines move")
	p := process{
		exec: rig.Exec, clock: clock, table: s.Table.ID, suffix: benchSuffix, library: programmes.Library{Dir: s.Control.Programmes},
		operator: s.Control.OperatorSocket, gateway: s.Control.GatewaySocket, remote: s.Control.Remote, key: key,
	}
	p.warm(rig.Table)
	return p.run(ctx)
}

// The flags' defaults that tell whether one was given.
const (
	defaultRunDir = "/tmp/traction"
	defaultRemote = "full"
)

// conflicts refuses what the settings say on a bench.
func (c *controlCommand) conflicts() error {
	var errs []error
	for _, f := range []struct {
		given     bool
		flag, key string
	}{
		{c.RunDir != defaultRunDir, "--run-dir", "control.operator_socket and control.gateway_socket"},
		{c.Programmes != "", "--programmes", "control.programmes"},
		{c.Remote != defaultRemote, "--remote", "control.remote"},
		{c.RequestKeyFile != "", "--request-key-file", "control.request_key_file"},
	} {
		if f.given {
			errs = append(errs, fmt.Errorf("%s: is of no use with --kernel-lines; %s of the settings says it", f.flag, f.key))
		}
	}
	if c.Simulate {
		errs = append(errs, errors.New("--simulate: uses no line of this computer, --kernel-lines those of the settings; give one of them"))
	}
	return errors.Join(errs...)
}

// uncalibrated refuses a table that somebody has commissioned: what its switches and
// lamps then say would be about a simulation.
func uncalibrated(s *settings.Settings) error {
	_, err := calfile.Load(s.Control.Calibration, s.Table.ID, s.Cell.Capacity)
	if errors.Is(err, calfile.ErrNone) {
		return nil
	}
	return fmt.Errorf("--kernel-lines: %s is there, so these lines belong to a real table; "+
		"for a bench use settings whose control.calibration does not exist", s.Control.Calibration)
}

// benchLines are the lines of the settings without those of the cells, and without
// those that would turn a motor by a simulated force, or heat a pad by a simulated
// temperature, should one be wired all the same.
func benchLines(s *settings.Settings) board.Lines {
	l := board.Lines(s.Pins)
	l.CellClock, l.CellData, l.CellData2 = "", "", ""
	l.Step, l.Dir, l.Heat = "", "", ""
	return l
}
