package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"traction/cmd/appliance/internal/commission"
	"traction/cmd/appliance/internal/settings"
	"traction/cmd/appliance/internal/simulation"
	"traction/control/calfile"
	"traction/hw/simtable"
)

// jogCommand moves an empty table while it is commissioned.
type jogCommand struct {
	Config   string `help:"Settings of the table." default:"/etc/traction/traction.toml" type:"path"`
	Simulate bool   `help:"Try it on a simulated table."`
	Table    string `help:"Simulated table, by name or TOML file." default:"winch"`
}

func (c *jogCommand) Run(ctx context.Context) error {
	// Nobody reads any more: that must not end the process at once, with the drive on.
	signal.Ignore(syscall.SIGPIPE)
	j, err := c.prepare(ctx)
	if err != nil {
		return err
	}
	j.In, j.Out = os.Stdin, os.Stdout
	return j.Run(ctx)
}

func (c *jogCommand) prepare(ctx context.Context) (*commission.Jog, error) {
	if c.Simulate {
		table, err := byNameOrFile(c.Table, simtable.TableByName, simtable.LoadTable)
		if err != nil {
			return nil, err
		}
		sim, err := commission.NewSimulated(table, simulation.Steady)
		if err != nil {
			return nil, err
		}
		return &commission.Jog{Settings: sim.Settings, Bench: sim.Bench, Calibration: &sim.Calibration}, nil
	}
	s, err := settings.Load(c.Config)
	if err != nil {
		return nil, err
	}
	if err := commission.Idle(ctx, s.Control.OperatorSocket, s.Control.GatewaySocket); err != nil {
		return nil, err
	}
	j := &commission.Jog{Settings: s}
	// Motion comes before calibration where a table is new, so none is no obstacle; one
	// that cannot be believed is.
	cal, err := calfile.Load(s.Control.Calibration, s.Table.ID, s.Cell.Capacity)
	switch {
	case err == nil:
		j.Calibration = &cal
	case !errors.Is(err, calfile.ErrNone):
		return nil, err
	}
	j.Log = func(msg string, args ...any) { slog.Warn(msg, args...) }
	j.Bench, err = commission.Open(&s)
	return j, err
}
