package commission

import (
	"context"
	"errors"
	"fmt"
	"time"

	"traction/cmd/appliance/internal/settings"
	"traction/control/calfile"
	"traction/hw"
)

// How long a check may look at the table: the converter's rate takes a second, and
// nobody presses switches for longer than ten minutes.
const (
	ShortestCheck = 2 * time.Second
	LongestCheck  = 10 * time.Minute
)

// Check looks at everything that a treatment needs.
type Check struct {
	Version string
	// Config is the path of the settings, for the report; empty on a simulated table.
	Config string
	// Settings of the table; the zero value when SettingsErr says why there are none.
	Settings    settings.Settings
	SettingsErr error
	// GatewayErr is what the gateway, and only it, finds wrong with its settings.
	GatewayErr error
	// For is how long the table is looked at, ShortestCheck to LongestCheck.
	For time.Duration
	// Open opens the table; the check switches it off again. It is not called
	// without settings.
	Open func() (Bench, error)
	// Calibration reads the load cell's calibration.
	Calibration func() (calfile.File, error)
	Machine     Machine
	// Changed hears of switches that change meanwhile; may be nil.
	Changed func(Change)
}

// Run checks. The error is about the check itself; what is wrong with the table is
// in the report.
func (c *Check) Run(ctx context.Context) (Report, error) {
	if c.For < ShortestCheck || c.For > LongestCheck {
		return Report{}, fmt.Errorf("--for: %s, allowed: %s to %s", c.For, ShortestCheck, LongestCheck)
	}
	r := Report{Version: c.Version, At: c.Machine.Now().Truncate(time.Second), Config: c.Config, Table: c.Settings.Table.ID,
		Simulated: c.Config == "", Kernel: kernelName(), Findings: []Finding{}}
	if c.SettingsErr != nil {
		r.Table = "unknown"
		r.addErrors("configuration", "correct it; every key is explained in the file that came with the program", c.SettingsErr)
	} else {
		r.add("configuration", Pass, "", "loads, table %q", c.Settings.Table.ID)
		for _, e := range flatten(c.GatewayErr) {
			r.add("gateway", Warn, "the table works, its gateway does not start; a credential: can be read by the gateway's service alone", "%s", e)
		}
	}
	c.Machine.kernel(&r)
	c.Machine.wallClock(&r)
	if c.SettingsErr != nil {
		r.add("table", Skip, "", "without settings nobody knows where it is wired")
		return r, nil
	}
	c.Machine.space(&r, c.Settings.Record.Path)
	return r, c.table(ctx, &r)
}

// table opens the table and looks at it.
func (c *Check) table(ctx context.Context, r *Report) (err error) {
	bench, err := c.Open()
	if err != nil {
		r.addErrors("lines", "", err)
		c.calibration(r)
		r.add("table", Skip, "", "priority, lateness, cell, switches and pad need all lines")
		return nil
	}
	if r.Simulated {
		r.add("lines", Pass, "", "simulated")
	} else {
		r.add("lines", Pass, "", "all %d found and free", len(c.connected()))
	}
	defer func() { err = errors.Join(err, bench.Table.SafeOff()) }()

	cells := [2]cellWatch{{}, {name: "second "}}
	var late lateness
	var outputs outputWatch
	switches := switchWatch{live: make(chan Change, 64)}
	granted, lookedAt, err := c.look(ctx, &bench, switches.live, func(reading *hw.Reading, l, since time.Duration) {
		cells[0].see(&reading.Cell, reading.CellRate, since)
		cells[1].see(&reading.Second, reading.SecondRate, since)
		late.add(reading.At, l)
		outputs.see(reading)
		switches.see(reading, since)
	})
	if err != nil {
		return err
	}
	r.Seconds = lookedAt.Seconds()
	c.realTime(r, granted, &late)

	c.cells(r, &bench, &cells, lookedAt)
	switches.judge(r, &c.Settings.Pins)
	if pad := bench.Table.Pad(); pad != nil {
		padFinding(r, pad.Last())
	}
	outputs.judge(r)
	return nil
}

// cells judges the load cell and, where one is wired, the second one.
func (c *Check) cells(r *Report, b *Bench, cells *[2]cellWatch, lookedAt time.Duration) {
	first, second := &cells[0], &cells[1]
	two := b.Table.HasSecond()
	r.Cell = first.figures(b.Table.CellStats())
	first.converter(r, c.Settings.Cell.Rate, lookedAt)
	if two {
		r.Second = second.figures(b.Table.SecondStats())
		second.converter(r, c.Settings.Cell.Rate, lookedAt)
	}
	if f, ok := c.calibration(r); ok {
		first.force(r, f.Calibration)
		if two && f.HasSecond() {
			second.force(r, f.Second.Calibration)
			second.difference(r, first)
		}
	}
	first.noise(r)
	if two {
		second.noise(r)
	}
}

// look reads the table for the time of the check and tells switches as they change.
func (c *Check) look(ctx context.Context, b *Bench, live chan Change, see func(r *hw.Reading, late, since time.Duration)) (g grant, lookedAt time.Duration, err error) {
	told := make(chan struct{})
	go func() {
		defer close(told)
		for change := range live {
			if c.Changed != nil {
				c.Changed(change)
			}
		}
	}()
	began := b.Clock.Now()
	g, err = b.observe(ctx, c.For, func(r *hw.Reading, late time.Duration) { see(r, late, r.At-began) })
	close(live)
	<-told
	return g, b.Clock.Now() - began, err
}

// connected lists the lines that the settings name.
func (c *Check) connected() (names []string) {
	p := &c.Settings.Pins
	for _, name := range []string{p.CellClock, p.CellData, p.CellData2, p.Step, p.Dir, p.Enable, p.Heat, p.LampAlarm, p.LampCaution, p.Buzzer, p.ChargePump,
		p.PatientSwitch, p.EmergencyStop, p.StartButton, p.EndSlack, p.EndPull, p.DriveFault, p.SupplyLow} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}
