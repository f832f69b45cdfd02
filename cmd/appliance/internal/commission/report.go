package commission

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Verdict on one thing.
type Verdict string

// The verdicts. Only Fail makes a check fail.
const (
	Pass Verdict = "pass"
	Warn Verdict = "warn" // works, but know it
	Fail Verdict = "fail" // nobody may lie on this table
	Skip Verdict = "skip" // could not be looked at, because something else failed
)

// Finding is one line of a check.
type Finding struct {
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	Found   string  `json:"found"`
	Advice  string  `json:"advice,omitempty"` // what to do; empty when nothing needs doing
}

// Schema is the version of the report's JSON form (docs/commissioning/README.md).
// It grows when a field changes its meaning or goes; new fields and new checks may
// come at any time.
const Schema = 1

// Report is a whole check, for people and, as JSON, for support.
type Report struct {
	Schema    int       `json:"schema"`
	Version   string    `json:"version"`
	At        time.Time `json:"at"`
	Config    string    `json:"config"`
	Table     string    `json:"table"`
	Simulated bool      `json:"simulated"`
	Kernel    string    `json:"kernel,omitempty"`
	Seconds   float64   `json:"seconds"` // how long the table was looked at
	Findings  []Finding `json:"findings"`

	Lines    []LineFigures    `json:"lines,omitempty"`
	Lateness *LatenessFigures `json:"lateness,omitempty"`
	Cell     *CellFigures     `json:"cell,omitempty"`
	Second   *CellFigures     `json:"second_cell,omitempty"`
	Switches []SwitchFigures  `json:"switches,omitempty"`
}

// LineFigures are one line that the settings name, before it was opened.
type LineFigures struct {
	Pin    string `json:"pin"`
	Line   string `json:"line"`
	At     string `json:"at,omitempty"`      // chip and offset
	HeldBy string `json:"held_by,omitempty"` // another program, or the kernel
}

// Failed tells whether anything failed.
func (r *Report) Failed() bool { return r.count(Fail) > 0 }

// LookedAtTheTable tells whether the table itself was looked at; else the report is
// about the computer and the settings only.
func (r *Report) LookedAtTheTable() bool { return r.Cell != nil }

func (r *Report) count(v Verdict) (n int) {
	for _, f := range r.Findings {
		if f.Verdict == v {
			n++
		}
	}
	return n
}

func (r *Report) add(check string, v Verdict, advice, found string, args ...any) {
	if v == Pass || v == Skip {
		advice = ""
	}
	r.Findings = append(r.Findings, Finding{Check: check, Verdict: v, Advice: advice, Found: fmt.Sprintf(found, args...)})
}

// addErrors makes a failure of every error that is joined in err.
func (r *Report) addErrors(check, advice string, err error) {
	for _, e := range flatten(err) {
		r.add(check, Fail, advice, "%s", e)
	}
}

// flatten takes joined errors apart, also below a heading that wraps them.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	if inner := errors.Unwrap(err); inner != nil {
		if _, ok := inner.(interface{ Unwrap() []error }); ok && strings.HasSuffix(err.Error(), inner.Error()) {
			return flatten(inner)
		}
	}
	return []error{err}
}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	what := r.Config
	if r.Simulated {
		what = "simulated"
	}
	fmt.Fprintf(&b, "table %s (%s), %s, appliance %s\n\n", r.Table, what, r.At.Format("2006-01-02 15:04:05"), r.Version)
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%-5s %-16s %s\n", strings.ToUpper(string(f.Verdict)), f.Check, wrapped(f.Found, 23))
		if f.Advice != "" {
			fmt.Fprintf(&b, "%22s -> %s\n", "", wrapped(f.Advice, 26))
		}
	}
	if r.Lateness != nil {
		r.Lateness.write(&b)
	}
	fmt.Fprintf(&b, "\n%d failed, %d to know, %d passed, %d not looked at\n", r.count(Fail), r.count(Warn), r.count(Pass), r.count(Skip))
	_, err := io.WriteString(w, b.String())
	return err
}

// widest line of a report for people, where no word is longer.
const widest = 110

// wrapped breaks a text between words and keeps its lines below its first one,
// which begins at column by.
func wrapped(s string, by int) string {
	var b strings.Builder
	for i, line := range strings.Split(s, "\n") {
		column := 0
		for word := range strings.FieldsSeq(line) {
			switch {
			case column == 0 && i == 0:
			case column == 0 || by+column+1+len(word) > widest:
				b.WriteString("\n" + strings.Repeat(" ", by))
				column = 0
			default:
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += len(word)
		}
	}
	return b.String()
}
