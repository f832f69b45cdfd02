package population

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Outcome is what became of a case.
type Outcome struct {
	End        string         `json:"end"`        // how the treatment ended, "refused", "not-started", "killed" or "unending"
	Trips      []string       `json:"trips"`      // all that were latched, in order
	Unprovoked []string       `json:"unprovoked"` // those that came before anything had happened
	Faults     []FaultOutcome `json:"faults"`     // in the order of the case
	Violations []Violation    `json:"violations"`
	Worst      Worst          `json:"worst"`
	TreatmentS float64        `json:"treatment_s"`
	SimulatedS float64        `json:"simulated_s"`
}

// FaultOutcome is what became of a fault.
type FaultOutcome struct {
	Kind    string  `json:"kind"`
	Reached bool    `json:"reached"` // its moment came
	AtS     float64 `json:"at_s"`    // when
	Trip    string  `json:"trip"`    // the first interlock that was latched after it, "" = none
}

// String says it in a few lines.
func (o *Outcome) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 12, 0, 0, ' ', 0)
	say := func(what, format string, a ...any) {
		fmt.Fprintf(w, "%s\t%s\n", what, fmt.Sprintf(format, a...)) //nolint:errcheck // a Builder never fails
	}
	say("end", "%s after %.1f s of treatment, %.1f s in all", o.End, o.TreatmentS, o.SimulatedS)
	if len(o.Trips) > 0 {
		say("trips", "%s", strings.Join(o.Trips, ", "))
	}
	if len(o.Unprovoked) > 0 {
		say("for nothing", "%s", strings.Join(o.Unprovoked, ", "))
	}
	for _, f := range o.Faults {
		switch {
		case !f.Reached:
			say("fault", "%s: its moment never came", f.Kind)
		case f.Trip == "":
			say("fault", "%s at %.3f s: nothing tripped", f.Kind, f.AtS)
		default:
			say("fault", "%s at %.3f s: %s", f.Kind, f.AtS, f.Trip)
		}
	}
	say("worst", "%v", &o.Worst)
	for _, v := range o.Violations {
		say("broken", "%v", v)
	}
	w.Flush() //nolint:errcheck // a Builder never fails
	return b.String()
}
