package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"traction/cmd/appliance/internal/population"
	"traction/cmd/appliance/internal/simulation"
)

// word is the next word of the command line, "" at its end.
func word(ctx *kong.DecodeContext) string {
	t := ctx.Scan.Pop()
	if t.IsEOL() {
		return ""
	}
	return t.String()
}

// seedFlag is a seed from 0 to population.MaxSeed.
type seedFlag uint64

// Decode implements kong.MapperValue. It takes the next word whatever it looks
// like, so that -1 is told to be no seed rather than to be a flag.
func (s *seedFlag) Decode(ctx *kong.DecodeContext) error { return s.parse(word(ctx)) }

func (s *seedFlag) parse(text string) error {
	v, err := strconv.ParseUint(text, 10, 64)
	if err != nil || v > population.MaxSeed {
		return fmt.Errorf("%q is no seed, allowed: whole numbers from 0 to %d", text, uint64(population.MaxSeed))
	}
	*s = seedFlag(v)
	return nil
}

// countFlag is a whole number; its range is judged with the other flags.
type countFlag int

// Decode implements kong.MapperValue, as for seedFlag.
func (n *countFlag) Decode(ctx *kong.DecodeContext) error {
	text := word(ctx)
	v, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%q is no whole number", text)
	}
	*n = countFlag(v)
	return nil
}

// caseFlag names one case of a population.
type caseFlag struct {
	seed  seedFlag
	index int
}

// Decode implements kong.MapperValue, as for seedFlag.
func (c *caseFlag) Decode(ctx *kong.DecodeContext) error {
	text := word(ctx)
	seed, index, _ := strings.Cut(text, ":")
	n, err := strconv.Atoi(index)
	if err != nil || n < 0 || n >= population.MaxCases {
		return fmt.Errorf("%q is no case, allowed: SEED:INDEX with an index from 0 to %d", text, population.MaxCases-1)
	}
	c.index = n
	return c.seed.parse(seed)
}

// conflicts refuses flags that mean nothing together, and numbers out of range.
func (c *simulateCommand) conflicts() error {
	const (
		treatment = "one treatment"
		people    = "--population"
		again     = "--population-case"
		times     = "--detection"
	)
	var modes []string
	for _, m := range []struct {
		name  string
		given bool
	}{{people, c.Population != nil}, {again, c.PopulationCase != nil}, {times, c.Detection}} {
		if m.given {
			modes = append(modes, m.name)
		}
	}
	if len(modes) > 1 {
		return fmt.Errorf("%s exclude each other: give one of them", strings.Join(modes, " and "))
	}
	mode := append(modes, treatment)[0]
	var errs []error
	for _, f := range []struct {
		name  string
		given bool
		in    string // the modes that take it
	}{
		{"--programme", c.Programme != "", treatment}, {"--patient", c.Patient != "", treatment}, {"--table", c.Table != "", treatment},
		{"--faults", c.Faults != "", treatment}, {"--body-weight", c.BodyWeight != "", treatment},
		{"--seed", c.Seed != nil, treatment + ", " + people + ", " + times}, {"--workers", c.Workers != nil, people + ", " + times},
		{"--injections", c.Injections != nil, times},
		{"--faults-each", c.FaultsEach != nil, people + ", " + again},
		{"--trace", c.Trace != "", treatment + ", " + again}, {"--plot", c.Plot != "", treatment + ", " + again},
	} {
		if f.given && !strings.Contains(f.in+",", mode+",") {
			errs = append(errs, fmt.Errorf("%s means nothing with %s, it belongs to: %s", f.name, mode, f.in))
		}
	}
	if mode == treatment && c.Programme == "" {
		errs = append(errs, errors.New("missing flags: --programme=STRING"))
	}
	for _, f := range []struct {
		name   string
		value  *countFlag
		lo, hi countFlag
	}{
		{"--population", c.Population, 1, population.MaxCases},
		{"--faults-each", c.FaultsEach, 0, population.MaxFaults},
		{"--workers", c.Workers, 1, population.MaxWorkers},
		{"--injections", c.Injections, 1, population.MaxInjections},
	} {
		if f.value != nil && (*f.value < f.lo || *f.value > f.hi) {
			errs = append(errs, fmt.Errorf("%s: %d is out of range, allowed: %d to %d", f.name, *f.value, f.lo, f.hi))
		}
	}
	return errors.Join(append(errs, c.checkPlot())...)
}

// seed is what was given, or 1.
func (c *simulateCommand) seed() uint64 {
	if c.Seed == nil {
		return 1
	}
	return uint64(*c.Seed)
}

// orElse is what a flag says, or its default.
func orElse(flag *countFlag, otherwise int) int {
	if flag == nil {
		return otherwise
	}
	return int(*flag)
}

// faultsEach is how many faults a case has unless something else is asked for.
const faultsEach = 1

func (c *simulateCommand) runPopulation(ctx context.Context, out io.Writer) error {
	report, err := population.Run(ctx, population.Config{Cases: int(*c.Population), Seed: c.seed(), Faults: orElse(c.FaultsEach, faultsEach), Workers: orElse(c.Workers, 0)})
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(out, report)
	} else {
		err = report.Print(out)
	}
	if report.Broken() {
		err = errors.Join(err, fmt.Errorf("%d of %d treatments broke an invariant", len(report.Failures), report.Treatments))
	}
	return err
}

// injections for each interlock unless something else is asked for.
const injections = 200

func (c *simulateCommand) runDetection(ctx context.Context, out io.Writer) error {
	table, err := population.Detect(ctx, population.DetectionConfig{Injections: orElse(c.Injections, injections), Seed: c.seed(), Workers: orElse(c.Workers, 0)})
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(out, table)
	} else {
		err = table.Print(out)
	}
	if table.Broken > 0 {
		err = errors.Join(err, fmt.Errorf("%d injections broke an invariant or let the drive add too much", table.Broken))
	}
	return err
}

// runCase plays one case again and says all of it.
func (c *simulateCommand) runCase(out io.Writer) error {
	who := population.Draw(uint64(c.PopulationCase.seed), c.PopulationCase.index, orElse(c.FaultsEach, faultsEach))
	var trace simulation.Trace
	outcome, err := population.Play(&who, &trace)
	if err != nil {
		return err
	}
	title := fmt.Sprintf("case %d:%d · %s · table %s · simulated", who.Seed, who.Index, who.Patient.Name, who.Table.Name)
	if err := c.write(title, &trace); err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(out, outcome)
	} else {
		_, err = fmt.Fprintf(out, "%v%v", &who, &outcome)
	}
	if len(outcome.Violations) > 0 {
		err = errors.Join(err, fmt.Errorf("%d invariants were broken", len(outcome.Violations)))
	}
	return err
}
