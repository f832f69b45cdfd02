package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"traction/cmd/appliance/internal/commission"
	"traction/cmd/appliance/internal/settings"
	"traction/control/calfile"
	"traction/hw/simtable"
)

// errCheckFailed: the report says what and what to do.
var errCheckFailed = errors.New("the check failed: nobody may lie on this table")

// checkCommand looks at everything that a treatment needs, without moving anything.
type checkCommand struct {
	Config   string        `help:"Settings of the table." default:"/etc/traction/traction.toml" type:"path"`
	Simulate bool          `help:"Check a simulated table on this computer."`
	Table    string        `help:"Simulated table, by name or TOML file." default:"winch"`
	For      time.Duration `help:"How long to look at the table; press the switches meanwhile." default:"10s"`
	JSON     bool          `help:"Print the report as JSON, for support." name:"json"`
}

func (c *checkCommand) Run(ctx context.Context) error {
	check, err := c.prepare(ctx)
	if err != nil {
		return err
	}
	if !c.JSON {
		fmt.Printf("Looking for %s. Nobody on the table, rope slack. Press each switch to see it work.\n", c.For)
		check.Changed = func(change commission.Change) { fmt.Println(change) }
	}
	report, err := check.Run(ctx)
	if err != nil {
		return err
	}
	if err := c.print(os.Stdout, &report); err != nil {
		return err
	}
	if report.Failed() {
		return errCheckFailed
	}
	return nil
}

// prepare makes sure that nobody else has the table, too.
func (c *checkCommand) prepare(ctx context.Context) (*commission.Check, error) {
	check := &commission.Check{Version: version, For: c.For, Machine: commission.ThisMachine()}
	if c.Simulate {
		table, err := byNameOrFile(c.Table, simtable.TableByName, simtable.LoadTable)
		if err != nil {
			return nil, err
		}
		sim, err := commission.NewSimulated(table, false)
		if err != nil {
			return nil, err
		}
		check.Settings = sim.Settings
		check.Open = func() (commission.Bench, error) { return sim.Bench, nil }
		check.Calibration = func() (calfile.File, error) { return sim.Calibration, nil }
		return check, nil
	}
	check.Config = c.Config
	check.Settings, check.SettingsErr = settings.Load(c.Config)
	s := &check.Settings
	if check.SettingsErr == nil {
		_, check.GatewayErr = settings.LoadGateway(c.Config)
		if err := commission.Idle(ctx, s.Control.OperatorSocket, s.Control.GatewaySocket); err != nil {
			return nil, err
		}
	}
	check.Open = func() (commission.Bench, error) { return commission.Open(s) }
	check.Calibration = func() (calfile.File, error) {
		return calfile.Load(s.Control.Calibration, s.Table.ID, s.Cell.Capacity)
	}
	return check, nil
}

func (c *checkCommand) print(w io.Writer, r *commission.Report) error {
	if !c.JSON {
		return r.WriteText(w)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
