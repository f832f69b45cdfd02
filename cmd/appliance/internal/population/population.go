// Package population lets many random persons be treated on many random tables,
// with faults and with operators who do what operators do, in virtual time and
// through the pins. At every tick it checks what must hold whatever happens (the
// invariants), and it tells how to run a case that broke one again, exactly.
//
// The parts: a Case is drawn from a seed and an index (case.go and what it
// names), played on a rig (play.go), watched by a checker (checker.go and the
// files of its rules) and counted in a Report (report.go). Nothing depends on
// the number of workers, on the machine's speed or on the wall clock.
package population

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Config of a population.
type Config struct {
	Cases   int    // how many, 1 to MaxCases
	Seed    uint64 // of all that is random, 0 to MaxSeed
	Faults  int    // faults in each case, 0 to MaxFaults
	Workers int    // cases at the same time, 0 to MaxWorkers; 0 = as many as there are cores
}

const (
	// MaxCases bounds a run to some days on a small computer.
	MaxCases = 1_000_000
	// MaxSeed is what every JSON reader keeps exactly.
	MaxSeed = 1<<53 - 1
	// MaxFaults in one case: more would hide each other.
	MaxFaults = 10
	// MaxWorkers is more than any computer of today has cores.
	MaxWorkers = 1024
)

// Validate reports every value out of its range, each with field, value and range.
func (c *Config) Validate() error {
	var errs []error
	within := func(field string, v, lo, hi int64) {
		if v < lo || v > hi {
			errs = append(errs, fmt.Errorf("population: %s: %d is out of range, allowed: %d to %d", field, v, lo, hi))
		}
	}
	within("cases", int64(c.Cases), 1, MaxCases)
	if c.Seed > MaxSeed {
		errs = append(errs, fmt.Errorf("population: seed: %d is out of range, allowed: 0 to %d", c.Seed, uint64(MaxSeed)))
	}
	within("faults", int64(c.Faults), 0, MaxFaults)
	within("workers", int64(c.Workers), 0, MaxWorkers)
	return errors.Join(errs...)
}

// Run plays all cases and counts them. The report is the same for every number
// of workers, its times on the wall apart. It ends early, without a report, when
// the context does.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	began := time.Now()
	outcomes := make([]Outcome, cfg.Cases)
	workers := cfg.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, cfg.Cases)
	err := share(ctx, workers, cfg.Cases, func(i int) (err error) {
		c := Draw(cfg.Seed, i, cfg.Faults)
		outcomes[i], err = Play(&c, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	r := newReport(cfg, outcomes)
	r.WallS, r.Workers = time.Since(began).Seconds(), workers
	return r, nil
}

// share lets workers do the jobs 0 to n-1 and ends early at an error, of which
// that of the lowest job is returned, or with the context.
func share(ctx context.Context, workers, n int, job func(int) error) error {
	var next atomic.Int64
	var failed atomic.Bool
	errs := make([]error, n)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for !failed.Load() && ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if errs[i] = job(i); errs[i] != nil {
					failed.Store(true)
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
