package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"periph.io/x/conn/v3/physic"

	"traction/cmd/appliance/internal/simulation"
	"traction/control/programmes"
	"traction/control/quantity"
	"traction/record"
)

// simulateCommand runs one whole treatment in virtual time, through the pins.
type simulateCommand struct {
	Programme  string `help:"Programme, by name or TOML file." required:""`
	Patient    string `help:"Patient, by name or TOML file." default:"median"`
	Table      string `help:"Table, by name or TOML file." default:"winch"`
	Seed       uint64 `help:"Seed of everything random." default:"1"`
	Faults     string `help:"TOML file of faults: what, when, how long." type:"existingfile"`
	BodyWeight string `help:"Body weight that limits the force, such as \"75 kg\", or \"patient\" for the simulated patient's own."`
	JSON       bool   `help:"Print the result as JSON." name:"json"`
	Trace      string `help:"Write every sample to this CSV file." type:"path"`
	Plot       string `help:"Draw force against set-point to this PNG or SVG file." type:"path"`
}

func (c *simulateCommand) Run(ctx context.Context) error {
	run, err := c.prepare()
	if err != nil {
		return err
	}
	res, trace, err := simulation.Treat(run)
	if err != nil {
		return err
	}
	if err := errors.Join(c.writeTrace(&trace), c.writePlot(&run, &trace)); err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(res)
	}
	return printResult(os.Stdout, &res)
}

// prepare reads all that the command line names, and tells all that is wrong with it.
func (c *simulateCommand) prepare() (simulation.Run, error) {
	options, optionsErr := simulationOptions(c.Table, c.Patient, c.Faults, c.Seed)
	programme, programmeErr := byNameOrFile(c.Programme, programmes.ByName, programmes.Load)
	run := simulation.Run{Options: options, Programme: programme, Trace: c.Trace != "" || c.Plot != ""}
	var weightErr, plotErr error
	switch c.BodyWeight {
	case "":
	case "patient":
		run.Person = simulation.PatientPerson(options.Patient)
	default:
		mass, err := quantity.Parse[physic.Mass](c.BodyWeight)
		if err != nil {
			weightErr = fmt.Errorf("--body-weight: %w", err)
		}
		run.Person.BodyWeight = quantity.Weight(mass)
	}
	if c.Plot != "" && plotFormat(c.Plot) == "" {
		plotErr = fmt.Errorf("--plot: %q has an unknown ending, allowed: .png, .svg", c.Plot)
	}
	return run, errors.Join(optionsErr, programmeErr, weightErr, plotErr)
}

// plotFormat is the picture format by the file's ending, "" = none that is known.
func plotFormat(path string) string {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".png", ".svg":
		return ext[1:]
	}
	return ""
}

// writeTrace writes one line a sample; forces are what the cell has shown.
func (c *simulateCommand) writeTrace(t *simulation.Trace) error {
	if c.Trace == "" {
		return nil
	}
	return writeFile(c.Trace, func(w io.Writer) error {
		b := bufio.NewWriter(w)
		fmt.Fprintln(b, "at_s,mode,phase,step,cycle,force_n,set_point_n,position_mm,counts,fresh,action") //nolint:errcheck // Flush tells
		for i := range t.Entries {
			e := &t.Entries[i]
			fmt.Fprintf(b, "%.4f,%v,%v,%d,%d,%.3f,%.3f,%.4f,%d,%t,%v\n", e.At.Seconds(), e.Mode, e.Phase, e.Step, e.Cycle, //nolint:errcheck
				float64(e.Force)*1e-9, float64(e.SetPoint)*1e-9, float64(e.Position)*1e-6, e.Counts, e.Fresh, e.Action)
		}
		return b.Flush()
	})
}

func (c *simulateCommand) writePlot(run *simulation.Run, t *simulation.Trace) error {
	if c.Plot == "" {
		return nil
	}
	return writeFile(c.Plot, func(w io.Writer) error {
		return record.Plot(w, plotFormat(c.Plot), record.Trace{
			Title:   fmt.Sprintf("%s · patient %s · table %s · simulated", run.Programme.Title, run.Patient.Name, run.Table.Name),
			Entries: t.Entries, Events: t.Events, Limit: t.Limits.Force, Report: &t.Report,
		})
	})
}

// writeFile writes a whole file, and tells when even closing fails.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// printResult is the result for people.
func printResult(w io.Writer, r *simulation.Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(what, format string, a ...any) {
		fmt.Fprintf(t, "%s\t%s\n", what, fmt.Sprintf(format, a...)) //nolint:errcheck // Flush tells
	}
	row("treatment", "%s, patient %s, table %s, seed %d", r.Programme, r.Patient, r.Table, r.Seed)
	row("end", "%s after %.1f s of treatment, %d cycles", r.End, r.TreatmentS, r.Cycles)
	if len(r.Trips) > 0 {
		row("trips", "%s", strings.Join(r.Trips, ", "))
	}
	row("peak force", "%.1f N, limit %.1f N (%s)", r.PeakForceN, r.LimitN, r.LimitReason)
	row("worst overshoot", "%.2f N", r.WorstOvershootN)
	row("hold error", "mean %.2f N, worst %.2f N", r.MeanHoldErrorN, r.WorstHoldErrorN)
	row("hold within 5 %", "%.2f %% of %.0f s", 100*r.HoldWithin5pct, r.HoldS)
	row("hold within 2 N", "%.2f %%", 100*r.HoldWithin2N)
	row("released", "below 20 N %s, slack %s", after(r.TimeTo20NS), after(r.TimeToSlackS))
	row("simulated", "%.1f s in %.2f s", r.SimulatedS, r.WallS)
	return t.Flush()
}

// after says a time that may never have come.
func after(s *float64) string {
	if s == nil {
		return "never"
	}
	return fmt.Sprintf("after %.2f s", *s)
}
