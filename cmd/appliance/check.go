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
	"traction/cmd/appliance/internal/simulation"
	"traction/control/calfile"
	"traction/hw/simtable"
)

// What the end of a check means for whoever started it; the report says what and
// what to do.
var (
	errCheckFailed   = errors.New("the check failed: nobody may lie on this table")
	errCheckLeftOver = errors.New("the table itself was not looked at")
)

// checkCommand looks at everything that a treatment needs, without moving anything.
type checkCommand struct {
	Config   string        `help:"Settings of the table." default:"/etc/traction/traction.toml" type:"path"`
	Simulate bool          `help:"Check a simulated table on this computer."`
	Table    string        `help:"Simulated table, by name or TOML file." default:"winch"`
	For      time.Duration `help:"How long to look at the table, under load; press the switches meanwhile." default:"1m"`
	Load     bool          `help:"Keep processor, memory and disk busy meanwhile." default:"true" negatable:""`
	JSON     bool          `help:"Print the report as JSON, for support." name:"json"`
}

func (c *checkCommand) Run(ctx context.Context) error {
	check, err := c.prepare(ctx)
	if err != nil {
		return err
	}
	if !c.JSON && check.RunningErr == nil {
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
	if !report.LookedAtTheTable() {
		return errCheckLeftOver
	}
	return nil
}

// credentials is where the service manager takes the gateway's secrets from, and
// credentialsFolder the variable that tells a service where they are.
const (
	credentials       = "/etc/credstore"
	credentialsFolder = "CREDENTIALS_DIRECTORY"
)

// prepare makes sure that nobody else has the table, too.
func (c *checkCommand) prepare(ctx context.Context) (*commission.Check, error) {
	check := &commission.Check{Version: version, For: c.For, Load: c.Load, Machine: commission.ThisMachine()}
	if c.Simulate {
		table, err := byNameOrFile(c.Table, simtable.TableByName, simtable.LoadTable)
		if err != nil {
			return nil, err
		}
		sim, err := commission.NewSimulated(table, simulation.Machine)
		if err != nil {
			return nil, err
		}
		check.Settings = sim.Settings
		check.Open = func() (commission.Bench, error) { return sim.Bench, nil }
		check.Calibration = func() (calfile.File, error) { return sim.Calibration, nil }
		return check, nil
	}
	if os.Getenv(credentialsFolder) == "" && check.Machine.Superuser {
		// Root sees at their source what the gateway's service is handed.
		if err := os.Setenv(credentialsFolder, credentials); err != nil {
			return nil, err
		}
	}
	check.Config = c.Config
	check.Settings, check.SettingsErr = settings.Load(c.Config)
	s := &check.Settings
	if check.SettingsErr == nil {
		_, check.GatewayErr = settings.LoadGateway(c.Config)
		check.RunningErr = commission.Idle(ctx, s.Control.OperatorSocket, s.Control.GatewaySocket)
	}
	check.Survey = func() []commission.LineFigures { return commission.Survey(s) }
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
