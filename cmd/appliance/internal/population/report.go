package population

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"traction/hw/simtable"
)

// Report counts a population.
type Report struct {
	Treatments int                   `json:"treatments"`
	Completed  int                   `json:"completed"`
	Tripped    int                   `json:"tripped"`
	Stopped    int                   `json:"stopped"`
	PauseOver  int                   `json:"pause_over"`
	NotStarted int                   `json:"not_started"` // a fault kept it from starting
	Killed     int                   `json:"killed"`      // the control process was killed in it
	Refused    int                   `json:"refused"`     // more than the limits allow was asked for
	Seed       uint64                `json:"seed"`
	FaultsEach int                   `json:"faults_each"`
	Violations map[string]int        `json:"violations"` // cases, by invariant
	Faults     map[string]FaultCount `json:"faults"`
	Trips      map[string]int        `json:"trips"`       // latched in all cases, by interlock
	Unprovoked map[string]int        `json:"unprovoked"`  // those of them that came before anything had happened
	ForNothing []string              `json:"for_nothing"` // a command for each of these
	Failures   []Failure             `json:"failures"`
	Replay     []string              `json:"replay"` // a command for each failure
	Worst      Worst                 `json:"worst"`  // where the cell tells the truth
	SimulatedH float64               `json:"simulated_h"`
	WallS      float64               `json:"wall_s"`
	Workers    int                   `json:"workers"`
}

// FaultCount is what became of a kind of fault.
type FaultCount struct {
	N         int            `json:"n"`
	Reached   int            `json:"reached"` // its moment came
	Tripped   int            `json:"tripped"`
	Interlock map[string]int `json:"by_interlock,omitempty"` // the first that was latched after it
}

// Failure is a case in which an invariant was broken.
type Failure struct {
	Index      int         `json:"index"`
	Replay     string      `json:"replay"`
	Violations []Violation `json:"violations"`
}

// Broken tells whether any invariant was broken.
func (r *Report) Broken() bool { return len(r.Failures) > 0 }

// newReport counts outcomes in the order of their cases.
func newReport(cfg Config, outcomes []Outcome) *Report {
	r := &Report{Treatments: len(outcomes), Seed: cfg.Seed, FaultsEach: cfg.Faults,
		Violations: map[string]int{}, Faults: map[string]FaultCount{}, Trips: map[string]int{}, Unprovoked: map[string]int{}, ForNothing: []string{}, Failures: []Failure{}, Replay: []string{}}
	for i := range invariants {
		r.Violations[i.String()] = 0
	}
	for _, k := range simtable.FaultKinds() {
		r.Faults[k.Name] = FaultCount{Interlock: map[string]int{}}
	}
	seconds := 0.0
	for i := range outcomes {
		o := &outcomes[i]
		r.count(o.End)
		seconds += o.SimulatedS
		r.Worst.merge(&o.Worst)
		for _, t := range o.Trips {
			r.Trips[t]++
		}
		for _, f := range o.Faults {
			r.countFault(f)
		}
		c := Case{Seed: cfg.Seed, Index: i, Number: cfg.Faults}
		for _, t := range o.Unprovoked {
			r.Unprovoked[t]++
			r.ForNothing = append(r.ForNothing, c.Replay()+" # "+t)
		}
		if len(o.Violations) > 0 {
			r.Failures = append(r.Failures, Failure{Index: i, Replay: c.Replay(), Violations: o.Violations})
			r.Replay = append(r.Replay, c.Replay())
		}
		for _, v := range o.Violations {
			r.Violations[v.ID.String()]++
		}
	}
	r.SimulatedH = seconds / 3600
	return r
}

func (r *Report) count(end string) {
	switch end {
	case "completed":
		r.Completed++
	case "tripped":
		r.Tripped++
	case "stopped":
		r.Stopped++
	case "pause-over":
		r.PauseOver++
	case "killed":
		r.Killed++
	case "refused":
		r.Refused++
	default:
		r.NotStarted++
	}
}

func (r *Report) countFault(f FaultOutcome) {
	c := r.Faults[f.Kind]
	if c.Interlock == nil {
		c.Interlock = map[string]int{}
	}
	c.N++
	if f.Reached {
		c.Reached++
	}
	if f.Trip != "" {
		c.Tripped++
		c.Interlock[f.Trip]++
	}
	r.Faults[f.Kind] = c
}

// failuresShown bounds what is printed; JSON has all.
const failuresShown = 20

// Print writes the report for people.
func (r *Report) Print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	say := func(format string, a ...any) { fmt.Fprintf(w, format+"\n", a...) } //nolint:errcheck // Flush tells
	say("treatments\t%d: %d completed, %d tripped, %d stopped, %d paused for too long, %d killed, %d not started, %d refused",
		r.Treatments, r.Completed, r.Tripped, r.Stopped, r.PauseOver, r.Killed, r.NotStarted, r.Refused)
	say("worst\t%v", &r.Worst)
	say("simulated\t%.1f h in %.0f s with %d workers, seed %d, %d faults each", r.SimulatedH, r.WallS, r.Workers, r.Seed, r.FaultsEach)
	say("")
	say("FAULT\tDRAWN\tREACHED\tTRIPPED\tBY")
	for _, name := range sorted(r.Faults) {
		f := r.Faults[name]
		if f.N > 0 {
			say("%s\t%d\t%d\t%d\t%s", name, f.N, f.Reached, f.Tripped, counts(f.Interlock))
		}
	}
	if len(r.Unprovoked) > 0 {
		say("")
		say("tripped before anything had happened\t%s", counts(r.Unprovoked))
		for _, c := range r.ForNothing[:min(len(r.ForNothing), failuresShown)] {
			say("  %s", c)
		}
	}
	say("")
	say("INVARIANT\tBROKEN IN")
	for i := range invariants {
		say("%v\t%d", i, r.Violations[i.String()])
	}
	for _, f := range r.Failures[:min(len(r.Failures), failuresShown)] {
		say("")
		say("%s", f.Replay)
		for _, v := range f.Violations {
			say("  %v", v)
		}
	}
	if n := len(r.Failures) - failuresShown; n > 0 {
		say("and %d more", n)
	}
	return w.Flush()
}

// counts says a map of counts, the most frequent first.
func counts(m map[string]int) string {
	names := sorted(m)
	slices.SortStableFunc(names, func(a, b string) int { return m[b] - m[a] })
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = fmt.Sprintf("%s %d", n, m[n])
	}
	return strings.Join(parts, ", ")
}

func sorted[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
