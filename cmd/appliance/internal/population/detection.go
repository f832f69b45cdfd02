package population

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// DetectionConfig of a table of detection times.
type DetectionConfig struct {
	Injections int    // of faults for each interlock, 1 to MaxInjections
	Seed       uint64 // of all that is random, 0 to MaxSeed
	Workers    int    // injections at the same time, 0 to MaxWorkers; 0 = as many as there are cores
}

// MaxInjections for each interlock.
const MaxInjections = 100_000

// Validate reports every value out of its range, each with field, value and range.
func (c *DetectionConfig) Validate() error {
	errs := []error{(&Config{Cases: 1, Seed: c.Seed, Workers: c.Workers}).Validate()}
	if c.Injections < 1 || c.Injections > MaxInjections {
		errs = append(errs, fmt.Errorf("population: injections: %d is out of range, allowed: 1 to %d", c.Injections, MaxInjections))
	}
	return errors.Join(errs...)
}

// Detection is the table of detection times.
type Detection struct {
	Interlocks  []InterlockTimes  `json:"interlocks"`
	NotInjected map[string]string `json:"not_injected"` // and why
	Seed        uint64            `json:"seed"`
	Injections  int               `json:"injections"` // for each interlock
	Broken      int               `json:"broken"`     // injections in which an invariant did not hold
	WallS       float64           `json:"wall_s"`
	Workers     int               `json:"workers"`
}

// InterlockTimes is a row: how fast one interlock answers, in milliseconds of
// virtual time from the fault, or from the danger that it leads to.
type InterlockTimes struct {
	Interlock string         `json:"interlock"`
	Injected  int            `json:"injected"` // the moment came
	Raised    int            `json:"raised"`
	Instead   map[string]int `json:"instead"`   // what ended the treatment before
	Missed    int            `json:"missed"`    // neither this nor another one came
	Told      Times          `json:"told_ms"`   // its event
	Still     Times          `json:"still_ms"`  // the last step towards force
	Away      Times          `json:"away_ms"`   // the first step away, or the motor's power off
	Cold      Times          `json:"cold_ms"`   // the heater off
	OverN     float64        `json:"over_n"`    // worst true force above the limit, whoever caused it
	DrivenN   float64        `json:"driven_n"`  // worst share of the drive in it
	AllowedN  float64        `json:"allowed_n"` // what the drive may add: one frame and one tick at full speed, on the stiffest of these persons
	Excess    int            `json:"excess"`    // injections in which it added more
	Broken    int            `json:"broken"`    // injections in which an invariant did not hold
	First     string         `json:"first"`     // of those
}

// Times of many injections; N = 0 where none was seen.
type Times struct {
	N      int     `json:"n"`
	Median float64 `json:"median"`
	Worst  float64 `json:"worst"`
}

// Detect injects what raises each interlock at random moments on random persons
// and tables. It ends early, without a table, when the context does.
func Detect(ctx context.Context, cfg DetectionConfig) (*Detection, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	began := time.Now()
	workers := cfg.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	all := make([]injection, len(provocations)*cfg.Injections)
	workers = min(workers, len(all))
	err := share(ctx, workers, len(all), func(i int) (err error) {
		all[i], err = inject(&provocations[i/cfg.Injections], cfg.Seed, i%cfg.Injections)
		return err
	})
	if err != nil {
		return nil, err
	}
	d := &Detection{Seed: cfg.Seed, Injections: cfg.Injections, NotInjected: map[string]string{}}
	for id, why := range unprovoked {
		d.NotInjected[id.String()] = why
	}
	for i := range provocations {
		row := timesOf(&provocations[i], all[i*cfg.Injections:(i+1)*cfg.Injections])
		d.Interlocks = append(d.Interlocks, row)
		d.Broken += row.Broken + row.Excess
	}
	d.WallS, d.Workers = time.Since(began).Seconds(), workers
	return d, nil
}

// timesOf makes the row of an interlock.
func timesOf(v *provocation, all []injection) InterlockTimes {
	row := InterlockTimes{Interlock: v.id.String(), Instead: map[string]int{}}
	var told, still, away, cold []time.Duration
	for i := range all {
		in := &all[i]
		row.judge(i, in)
		if !in.raised {
			continue
		}
		told = append(told, in.told)
		switch v.answer {
		case stands:
			still = append(still, in.still)
		case letsGo, later:
			still = append(still, in.still)
			if in.away >= 0 {
				away = append(away, in.away)
			}
		case cools:
			if in.cold >= 0 {
				cold = append(cold, in.cold)
			}
		}
	}
	row.Told, row.Still, row.Away, row.Cold = times(told), times(still), times(away), times(cold)
	return row
}

// judge counts one injection.
func (row *InterlockTimes) judge(i int, in *injection) {
	switch {
	case len(in.broken) > 0:
		row.Broken++
	case in.driven > in.allowed:
		row.Excess++
	}
	if row.First == "" && len(in.broken) > 0 {
		row.First = fmt.Sprintf("injection %d: %v", i, in.broken[0])
	}
	row.OverN, row.DrivenN, row.AllowedN = max(row.OverN, in.over), max(row.DrivenN, in.driven), max(row.AllowedN, in.allowed)
	switch {
	case !in.began:
		return
	case in.raised:
		row.Raised++
	case in.instead != "":
		row.Instead[in.instead]++
	default:
		row.Missed++
	}
	row.Injected++
}

func times(of []time.Duration) Times {
	if len(of) == 0 {
		return Times{}
	}
	slices.Sort(of)
	ms := func(d time.Duration) float64 { return float64(d.Round(time.Microsecond)) / float64(time.Millisecond) }
	return Times{N: len(of), Median: ms(of[(len(of)-1)/2]), Worst: ms(of[len(of)-1])}
}

// Print writes the table for people.
func (d *Detection) Print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	say := func(format string, a ...any) { fmt.Fprintf(w, format+"\n", a...) } //nolint:errcheck // Flush tells
	say("INTERLOCK\tRAISED\tMISSED\tTOLD\tSTILL\tAWAY\tCOLD\tDRIVE ADDED\tALLOWED\tBROKEN\tINSTEAD")
	say("\t\t\tms\tmedian / worst\t\t\tN, worst\tN\t\t")
	for i := range d.Interlocks {
		r := &d.Interlocks[i]
		say("%s\t%d of %d\t%d\t%v\t%v\t%v\t%v\t%.1f\t%.1f\t%d\t%s", r.Interlock, r.Raised, r.Injected, r.Missed,
			r.Told, r.Still, r.Away, r.Cold, r.DrivenN, r.AllowedN, r.Broken+r.Excess, counts(r.Instead))
	}
	say("")
	for _, name := range sorted(d.NotInjected) {
		say("%s\tnot injected: %s", name, d.NotInjected[name])
	}
	for i := range d.Interlocks {
		if r := &d.Interlocks[i]; r.First != "" {
			say("%s\t%s", r.Interlock, r.First)
		}
	}
	say("")
	say("%d injections for each, seed %d, in %.0f s with %d workers", d.Injections, d.Seed, d.WallS, d.Workers)
	return w.Flush()
}

// String is median and worst.
func (t Times) String() string {
	if t.N == 0 {
		return "-"
	}
	return fmt.Sprintf("%.4g / %.4g", t.Median, t.Worst)
}
