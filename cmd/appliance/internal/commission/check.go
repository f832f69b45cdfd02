package commission

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
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

// Check looks at everything that a treatment needs: the computer, the settings and
// the table.
type Check struct {
	Version string
	// Config is the path of the settings, for the report; empty on a simulated table.
	Config string
	// Settings of the table; the zero value when SettingsErr says why there are none.
	Settings    settings.Settings
	SettingsErr error
	// GatewayErr is what the gateway, and only it, finds wrong with its settings.
	GatewayErr error
	// RunningErr tells that the control process has the table, or may have it: the
	// computer is looked at without burdening it, and the table is left alone.
	RunningErr error
	// For is how long the table is looked at, ShortestCheck to LongestCheck.
	For time.Duration
	// Load burdens the computer meanwhile.
	Load bool
	// Open opens the table; the check switches it off again. It is not called
	// without settings, nor with a RunningErr.
	Open func() (Bench, error)
	// Survey tells about the lines before they are opened; nil on a simulated table.
	Survey func() []LineFigures
	// Calibration reads the load cell's calibration.
	Calibration func() (calfile.File, error)
	Machine     Machine
	// Changed hears of switches that change meanwhile; may be nil.
	Changed func(Change)

	withoutTable func() Bench // for tests, which have other clocks
}

// Run checks. The error is about the check itself; what is wrong with the table is
// in the report, all of it.
func (c *Check) Run(ctx context.Context) (Report, error) {
	if c.For < ShortestCheck || c.For > LongestCheck {
		return Report{}, fmt.Errorf("--for: %s, allowed: %s to %s", c.For, ShortestCheck, LongestCheck)
	}
	r := Report{Schema: Schema, Version: c.Version, At: c.Machine.Now().Truncate(time.Second), Config: c.Config, Table: c.Settings.Table.ID,
		Simulated: c.Config == "", Kernel: c.Machine.Kernel, Findings: []Finding{}}
	c.configuration(&r)
	c.computer(ctx, &r)
	switch {
	case c.SettingsErr != nil:
		r.add("table", Skip, "", "without settings nobody knows where it is wired")
		return r, nil
	case c.RunningErr != nil:
		c.calibration(&r)
		r.add("table", Skip, "", "%v", c.RunningErr)
		return r, nil
	}
	return r, c.table(ctx, &r)
}

// configuration judges the settings; every mistake is a finding.
func (c *Check) configuration(r *Report) {
	if c.SettingsErr != nil {
		r.Table = "unknown"
		r.addErrors("configuration", "correct it; every key is explained in the file that came with the program", c.SettingsErr)
		return
	}
	r.add("configuration", Pass, "", "loads, table %q", c.Settings.Table.ID)
	for _, e := range flatten(c.GatewayErr) {
		r.add("gateway", Warn, "the table works, its gateway does not start; a credential: can be read by the gateway's service and by root alone", "%s", e)
	}
}

// computer looks at everything that is no part of the table. What a simulated
// table has no use for is left out.
func (c *Check) computer(ctx context.Context, r *Report) {
	m := &c.Machine
	m.kernel(r)
	if c.SettingsErr == nil {
		m.isolated(r, c.Settings.Control.CPU)
	}
	m.power(r)
	m.clock(r)
	if c.SettingsErr == nil {
		m.disks(r, &c.Settings)
	}
	if r.Simulated {
		return
	}
	m.watchdog(ctx, r)
	m.gatewayService(ctx, r)
	if c.SettingsErr != nil {
		return
	}
	c.rights(ctx, r)
	if c.GatewayErr == nil {
		c.brokers(ctx, r)
	}
	m.released(r)
	m.spi(r, &c.Settings.Cell)
	m.oneWire(r, &c.Settings.Pad)
}

// table opens the table and looks at it; what can be told without its lines is
// told in any case.
func (c *Check) table(ctx context.Context, r *Report) (err error) {
	if c.Survey != nil {
		r.Lines = c.Survey()
	}
	bench, err := c.Open()
	if err != nil {
		r.addErrors("lines", "correct [pins], or stop who holds the line; gpioinfo lists all of them", err)
		return c.withoutLines(ctx, r)
	}
	if r.Simulated {
		r.add("lines", Pass, "", "simulated")
	} else {
		r.add("lines", Pass, "", "all %d found and free", len(r.Lines))
	}
	defer func() { err = errors.Join(err, bench.Table.SafeOff()) }()

	cells := [2]cellWatch{{}, {name: "second "}}
	late := lateness{limits: latenessLimits(&c.Settings)}
	var outputs outputWatch
	switches := switchWatch{live: make(chan Change, 64)}
	load := c.burden(r)
	granted, lookedAt, err := c.look(ctx, &bench, switches.live, func(reading *hw.Reading, l, since time.Duration) {
		cells[0].see(&reading.Cell, reading.CellRate, since)
		cells[1].see(&reading.Second, reading.SecondRate, since)
		late.add(reading.At, l)
		outputs.see(reading)
		switches.see(reading, since)
	})
	load.stop()
	if err != nil {
		return err
	}
	r.Seconds = lookedAt.Seconds()
	c.realTime(r, load, granted, &late)

	c.cells(r, &bench, &cells, lookedAt)
	switches.judge(r, &c.Settings.Pins)
	if pad := bench.Table.Pad(); pad != nil {
		padFinding(r, pad.Last())
	}
	outputs.judge(r)
	return nil
}

// withoutLines measures what needs no lines.
func (c *Check) withoutLines(ctx context.Context, r *Report) error {
	bench := c.bare()
	late := lateness{limits: latenessLimits(&c.Settings)}
	load := c.burden(r)
	granted, err := bench.ticks(ctx, c.For, func(now, l time.Duration) { late.add(now, l) })
	load.stop()
	if err != nil {
		return err
	}
	c.realTime(r, load, granted, &late)
	c.calibration(r)
	r.add("table", Skip, "", "cell, switches and pad need all lines")
	return nil
}

// bare is a bench without a table.
func (c *Check) bare() Bench {
	if c.withoutTable != nil {
		return c.withoutTable()
	}
	return NewBench(&c.Settings)
}

// burden starts the load, if one is asked for.
func (c *Check) burden(r *Report) *burdens {
	if !c.Load {
		return &burdens{}
	}
	if r.Simulated {
		return c.Machine.burden(c.For)
	}
	return c.Machine.burden(c.For, filepath.Dir(c.Settings.Record.Path))
}

// realTime judges what the kernel granted, and how late the thread woke.
func (c *Check) realTime(r *Report, load *burdens, g grant, l *lateness) {
	if c.Load {
		load.finding(r, c.For)
	}
	c.grants(r, g)
	c.lateness(r, l, c.Load && len(load.failed) == 0)
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
