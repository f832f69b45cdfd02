package main

import (
	"bufio"
	"cmp"
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

// simulateCommand runs one whole treatment in virtual time, through the pins, a
// population of them, or the faults that raise each interlock.
type simulateCommand struct {
	Programme  string    `help:"Programme, by name or TOML file."`
	Patient    string    `help:"Patient, by name or TOML file (default: median)."`
	Table      string    `help:"Table, by name or TOML file (default: winch)."`
	Seed       *seedFlag `help:"Seed of everything random (default: 1)."`
	Faults     string    `help:"TOML file of faults: what, when, how long." type:"existingfile"`
	BodyWeight string    `help:"Body weight that limits the force, such as \"75 kg\", or \"patient\" for the simulated patient's own."`
	JSON       bool      `help:"Print the result as JSON." name:"json"`
	Trace      string    `help:"Write every sample to this CSV file." type:"path"`
	Plot       string    `help:"Draw force against set-point to this PNG or SVG file." type:"path"`

	Population     *countFlag `help:"Instead: so many random treatments with faults, every tick checked."`
	PopulationCase *caseFlag  `help:"Instead: one case of a population again, as SEED:INDEX."`
	FaultsEach     *countFlag `help:"Faults in each case of a population (default: 1)."`
	Detection      bool       `help:"Instead: how fast each interlock answers the faults that raise it."`
	Injections     *countFlag `help:"Faults injected for each interlock with --detection (default: 200)."`
	Workers        *countFlag `help:"Cases at the same time (default: as many as there are cores)."`
}

func (c *simulateCommand) Run(ctx context.Context) error {
	if err := c.conflicts(); err != nil {
		return err
	}
	switch {
	case c.Population != nil:
		return c.runPopulation(ctx, os.Stdout)
	case c.PopulationCase != nil:
		return c.runCase(os.Stdout)
	case c.Detection:
		return c.runDetection(ctx, os.Stdout)
	}
	return c.runTreatment(os.Stdout)
}

func (c *simulateCommand) runTreatment(out io.Writer) error {
	run, err := c.prepare()
	if err != nil {
		return err
	}
	res, trace, err := simulation.Treat(run)
	if err != nil {
		return err
	}
	title := fmt.Sprintf("%s · patient %s · table %s · simulated", run.Programme.Title, run.Patient.Name, run.Table.Name)
	if err := c.write(title, &trace); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out, res)
	}
	return printResult(out, &res)
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// write writes trace and plot where they were asked for.
func (c *simulateCommand) write(title string, t *simulation.Trace) error {
	return errors.Join(c.writeTrace(t), c.writePlot(title, t))
}

// prepare reads all that the command line names, and tells all that is wrong with it.
func (c *simulateCommand) prepare() (simulation.Run, error) {
	options, optionsErr := simulationOptions(cmp.Or(c.Table, "winch"), cmp.Or(c.Patient, "median"), c.Faults, c.seed())
	programme, programmeErr := byNameOrFile(c.Programme, programmes.ByName, programmes.Load)
	run := simulation.Run{Options: options, Programme: programme, Trace: c.Trace != "" || c.Plot != ""}
	var weightErr error
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
	return run, errors.Join(optionsErr, programmeErr, weightErr, c.checkPlot())
}

func (c *simulateCommand) checkPlot() error {
	if c.Plot != "" && plotFormat(c.Plot) == "" {
		return fmt.Errorf("--plot: %q has an unknown ending, allowed: .png, .svg", c.Plot)
	}
	return nil
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

func (c *simulateCommand) writePlot(title string, t *simulation.Trace) error {
	if c.Plot == "" {
		return nil
	}
	return writeFile(c.Plot, func(w io.Writer) error {
		return record.Plot(w, plotFormat(c.Plot), record.Trace{
			Title:   title,
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
