package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/cmd/appliance/internal/settings"
	"traction/control"
	"traction/control/programmes"
	"traction/control/quantity"
)

// programmesCommand lists the programmes, or shows one with its plan.
type programmesCommand struct {
	Name   string `arg:"" optional:"" help:"Show this programme with its plan."`
	Config string `help:"Settings of the table; without it /etc/traction/traction.toml, or the shipped settings where there is none." type:"path"`
}

func (c *programmesCommand) Run(context.Context) error { return c.run(os.Stdout, settings.Path) }

func (c *programmesCommand) run(out io.Writer, usual string) error {
	s, from, err := c.settings(usual)
	if err != nil {
		return err
	}
	library := programmes.Library{Dir: s.Control.Programmes}
	if c.Name == "" {
		return listProgrammes(out, library)
	}
	p, err := library.Programme(c.Name)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, programmeSheet(p, &s.Table.Limits, from))
	return err
}

// settings reads the table's settings and tells whose they are. Without any, or
// without the right to read them, the shipped ones do: nothing is moved here.
func (c *programmesCommand) settings(usual string) (s settings.Settings, from string, err error) {
	if c.Config != "" {
		s, err = settings.Load(c.Config)
		return s, c.Config, err
	}
	s, err = settings.Load(usual)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return settings.Default(), "the shipped settings", nil
	}
	return s, usual, err
}

// listProgrammes prints one line each. A file with mistakes is told at the end
// and keeps no other programme from being listed.
func listProgrammes(out io.Writer, library programmes.Library) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tHOLD\tREST\tTIMES\tDURATION\tHARNESS\tTITLE") //nolint:errcheck // Flush tells
	for _, name := range library.Programmes() {
		p, err := library.Programme(name)
		if err != nil {
			continue // Check says why
		}
		rest, times := sayLevel(p.Rest), sayShort(p.HoldTime)+" : "+sayShort(p.RestTime)
		if p.Static() {
			rest, times = "–", "one hold"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, sayLevel(p.Hold), rest, times, sayShort(p.Duration), p.Harness, p.Title) //nolint:errcheck
	}
	return errors.Join(w.Flush(), library.Check())
}

// sayShort gives whole seconds, or minutes where they are whole.
func sayShort(d time.Duration) string { return quantity.Format(d.Round(100 * time.Millisecond)) }

// programmeSheet shows a programme with its plan on a table.
func programmeSheet(p *control.Programme, t *control.TableLimits, from string) string {
	var out sheet
	out.row("Name", p.Name)
	out.row("Title", p.Title)
	out.row("Source", p.Source)
	out.row("Harness", p.Harness.String())
	out.row("Ramps", fmt.Sprintf("%s per second up, %s per second down", sayLevel(physic.Force(p.RampUp)), sayLevel(physic.Force(p.RampDown))))
	out.row("Pause", map[bool]string{true: "brings the force to the rest level", false: "keeps the force"}[p.PauseRests])
	if p.ForceLimit != 0 {
		out.row("Force limit", sayLevel(p.ForceLimit))
	}
	if p.Heat != 0 {
		out.row("Heat", sayTemperature(p.Heat))
	}
	plan := control.NewPlan(p, t)
	out.WriteByte('\n')
	planTable(&out, p, &plan)
	out.WriteByte('\n')
	if !p.Static() {
		out.row("Cycles", strconv.Itoa(plan.Cycles))
	}
	out.row("Treatment", sayClock(plan.Treatment))
	out.row("Total", fmt.Sprintf("%s with slack take-up and release", sayClock(plan.Total)))
	if plan.SoftestFull > 0 {
		out.row("Ramp", fmt.Sprintf("full on persons of %.1f N/mm and stiffer, slower on softer ones: the rope moves at most %s (%s)",
			plan.SoftestFull, saySpeed(t.PullSpeed), from))
	}
	return out.String()
}

// planTable has a line for each step.
func planTable(out io.Writer, p *control.Programme, plan *control.Plan) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "STEP\tHOLD\tFOR\tREST\tFOR\tCYCLES\tONE CYCLE\t") //nolint:errcheck // a Builder never fails
	for i, s := range plan.Steps {
		rest, restTime, cycles, cycle := sayLevel(s.Rest), sayShort(s.RestTime), "fill the time", sayClock(s.Cycle)
		if s.Cycles > 0 {
			cycles = strconv.Itoa(s.Cycles)
		}
		hold := sayShort(s.HoldTime)
		if p.Static() {
			rest, restTime, cycle = "–", "–", "–"
			if s.Cycles == 0 {
				hold, cycles = "what is left", "1"
			}
			if len(plan.Steps) == 1 {
				hold = sayShort(plan.Treatment)
			}
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t\n", i+1, sayLevel(s.Hold), hold, rest, restTime, cycles, cycle) //nolint:errcheck
	}
	w.Flush()                       //nolint:errcheck
	io.WriteString(out, b.String()) //nolint:errcheck
}
