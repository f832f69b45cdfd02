package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"traction/cmd/appliance/internal/commission"
	"traction/cmd/appliance/internal/settings"
	"traction/cmd/appliance/internal/simulation"
	"traction/control/calfile"
	"traction/hw/simtable"
)

// calibrateCommand leads through the calibration of the load cell.
type calibrateCommand struct {
	Config   string `help:"Settings of the table." default:"/etc/traction/traction.toml" type:"path"`
	Simulate bool   `help:"Try it on a simulated table; nothing is written."`
	Table    string `help:"Simulated table, by name or TOML file." default:"winch"`
}

func (c *calibrateCommand) Run(ctx context.Context) error {
	calibration, err := c.prepare(ctx)
	if err != nil {
		return err
	}
	calibration.Now, calibration.In, calibration.Out = time.Now, os.Stdin, os.Stdout
	return calibration.Run(ctx)
}

func (c *calibrateCommand) prepare(ctx context.Context) (*commission.Calibration, error) {
	if c.Simulate {
		table, err := byNameOrFile(c.Table, simtable.TableByName, simtable.LoadTable)
		if err != nil {
			return nil, err
		}
		sim, err := commission.NewSimulated(table, simulation.Virtual)
		if err != nil {
			return nil, err
		}
		return &commission.Calibration{Settings: sim.Settings, Bench: sim.Bench}, nil
	}
	s, err := settings.Load(c.Config)
	if err != nil {
		return nil, err
	}
	if err := commission.Idle(ctx, s.Control.OperatorSocket, s.Control.GatewaySocket); err != nil {
		return nil, err
	}
	if err := commission.CanWrite(filepath.Dir(s.Control.Calibration)); err != nil {
		return nil, fmt.Errorf("the calibration could not be written: %w", err)
	}
	calibration := &commission.Calibration{Settings: s, Path: s.Control.Calibration,
		Save: func(f calfile.File) error { return calfile.Save(s.Control.Calibration, f) }}
	// One that cannot be believed is no measure for a new one; a file that may not be
	// read most likely may not be written either, and now is the time to say so.
	before, err := calfile.Load(s.Control.Calibration, s.Table.ID, s.Cell.Capacity)
	switch {
	case err == nil:
		calibration.Before = &before
	case !errors.Is(err, calfile.ErrNone) && !errors.Is(err, calfile.ErrCorrupt) && !errors.Is(err, calfile.ErrForeign):
		return nil, err
	}
	calibration.Bench, err = commission.Open(&s)
	return calibration, err
}
