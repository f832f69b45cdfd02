// Package programmes reads the files in which treatments are written, and ships
// a few whose numbers have a published source.
//
// A programme is a strict TOML file: units stand in the values, unknown keys are
// refused, and everything that is wrong is reported at once with file, line, key,
// value and allowed range. The name of a programme is the name of its file.
package programmes

import (
	"embed"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"traction/control"
	"traction/control/quantity/document"
)

//go:embed builtin/*.toml
var builtin embed.FS

// Extension of every programme's file.
const Extension = ".toml"

// ErrUnknown is wrapped when no programme has the name; the message lists those
// that exist.
var ErrUnknown = errors.New("no such programme")

// names of the built-in programmes, the one to begin with first.
var names = []string{"first-session", "lumbar-60-20", "lumbar-10-10", "static", "progressive-regressive", "cervical", "demo"}

// Builtin lists the programmes that are compiled in, the one to begin with first.
func Builtin() []string { return append([]string(nil), names...) }

// ByName gives a built-in programme; the error lists them all.
func ByName(name string) (*control.Programme, error) { return Library{}.Programme(name) }

// Load reads one file of the user's own. The error joins all that is wrong in it,
// each a *document.Problem.
func Load(path string) (*control.Programme, error) {
	d, err := document.Read(path)
	if err != nil {
		return nil, fmt.Errorf("programme: %w", err)
	}
	return bind(d, stem(path))
}

// loadBuiltin reads a compiled-in file.
func loadBuiltin(name string) (*control.Programme, error) {
	file := "builtin/" + name + Extension
	data, err := builtin.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("programme: %w", err)
	}
	d, err := document.Parse(file, data)
	if err != nil {
		return nil, fmt.Errorf("programme: %w", err)
	}
	return bind(d, name)
}

// bind fills a programme from a document. The ranges are those of
// control.Programme.Validate, so that there is one place for them.
func bind(d *document.Document, name string) (*control.Programme, error) {
	p := &control.Programme{Name: name}
	d.String("title", &p.Title, written)
	d.String("source", &p.Source, written)
	d.Text("harness", &p.Harness)
	document.Quantity(d, "hold", &p.Hold)
	document.Quantity(d, "hold_time", &p.HoldTime)
	document.Quantity(d, "rest", &p.Rest)
	document.Quantity(d, "rest_time", &p.RestTime)
	document.Quantity(d, "ramp_up", &p.RampUp)
	document.Quantity(d, "ramp_down", &p.RampDown)
	document.Quantity(d, "duration", &p.Duration)
	d.Bool("pause_rests", &p.PauseRests)
	d.Require("title", "source", "harness", "hold", "hold_time", "rest", "rest_time", "ramp_up", "ramp_down", "duration", "pause_rests")

	d.Int("progressive", &p.Progressive, 0, control.MaxSteps)
	d.Int("regressive", &p.Regressive, 0, control.MaxSteps)
	d.Int("step_cycles", &p.StepCycles, 0, control.MaxCycles)
	d.Int("step_rest_percent", &p.StepRest, 0, 100)
	document.Quantity(d, "force_limit", &p.ForceLimit)
	document.Quantity(d, "heat", &p.Heat)

	judged := *p
	if d.Failed("hold") {
		// Other ranges end at the hold level; without one they shall not be judged by 0 N.
		judged.Hold = control.MaxHold
	}
	d.Explain(judged.Validate())
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("programme %s: %w", name, err)
	}
	return p, nil
}

// written refuses an empty text: numbers without a source are not for treating.
func written(s string) error {
	if strings.TrimSpace(s) == "" || len(s) > 2000 {
		return errors.New("allowed: 1 to 2000 characters")
	}
	return nil
}

// stem is a file's name without folder and extension.
func stem(path string) string { return strings.TrimSuffix(filepath.Base(path), Extension) }
