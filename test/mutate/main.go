// Command mutate shows that the tests would notice if the interlock table were
// wrong. For every row of the table in the package control it makes the program
// worse in one way after the other (see mutantsOf) and runs the tests; a mutant
// that no test fails on is a hole in the tests.
//
//	go run ./test/mutate [-only PATTERN] [-parallel N]
//
// The tree is never touched: the changed file is laid over it (go test -overlay).
// The tests of ./control run first; what survives them meets those of whole
// simulated treatments, -short. The exit status is 1 when a mutant survives and 2
// when nothing could be said, for example because the tests fail without it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// suites are the tests that a mutant meets, the fast ones first. The limits bound
// a mutant that hangs; they are many times what the tests need.
var suites = []suite{
	{pkg: "./control", limit: 3 * time.Minute},
	{pkg: "./cmd/appliance/internal/simulation", args: []string{"-short"}, limit: 10 * time.Minute},
}

// errSurvived: the tests do not notice something.
var errSurvived = errors.New("mutate: mutants survived")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, errSurvived):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	only := flags.String("only", "", "mutants whose \"row mutant\" matches this regular expression; empty = all")
	parallel := flags.Int("parallel", 1, "mutants at a time, 1 to 64")
	root := flags.String("root", ".", "the module's folder")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("mutate: %w", err)
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("mutate: -only: %w", err)
	}
	if *parallel < 1 || *parallel > 64 {
		return fmt.Errorf("mutate: -parallel: %d is out of range, allowed: 1 to 64", *parallel)
	}
	dir, err := filepath.Abs(*root)
	if err != nil {
		return fmt.Errorf("mutate: -root: %w", err)
	}
	all, err := mutants(filepath.Join(dir, "control"))
	if err != nil {
		return fmt.Errorf("mutate: %w", err)
	}
	var chosen []mutant
	for _, m := range all {
		if pattern.MatchString(m.row + " " + m.name) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("mutate: -only: %q matches none of %d mutants", *only, len(all))
	}
	return judge(ctx, dir, chosen, *parallel, out)
}

// judge runs the tests against each mutant and prints a row for each.
func judge(ctx context.Context, dir string, ms []mutant, parallel int, out io.Writer) error {
	begin := time.Now()
	if err := healthy(ctx, dir); err != nil {
		return err
	}
	fmt.Fprintf(out, "%-24s %-20s %s\n", "row", "mutant", "killed by")
	var lock sync.Mutex
	var survived int
	var errs []error
	places := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	for _, m := range ms {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			by, err := killer(ctx, dir, &m)
			lock.Lock()
			defer lock.Unlock()
			switch {
			case err != nil:
				errs = append(errs, err)
				by = "?"
			case by == "":
				survived++
				by = "SURVIVED"
			}
			fmt.Fprintf(out, "%-24s %-20s %s\n", m.row, m.name, by)
		})
	}
	wg.Wait()
	fmt.Fprintf(out, "%d mutants, %d killed, %d survived, %d failed, %s\n",
		len(ms), len(ms)-survived-len(errs), survived, len(errs), time.Since(begin).Round(time.Second))
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if survived > 0 {
		return fmt.Errorf("%w: %d of %d", errSurvived, survived, len(ms))
	}
	return nil
}
