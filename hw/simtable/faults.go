package simtable

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Fault is something that goes wrong at a time.
type Fault struct {
	Kind  string        // a name of FaultKinds
	At    time.Duration // after New, 0 to 24 h; a time that has passed means now
	For   time.Duration // how long it lasts, 0 to 24 h; 0 is for good
	Value float64       // its size; the kind says in which unit and range
}

const (
	maxTimeS  = 24 * 60 * 60
	maxTime   = maxTimeS * time.Second
	maxFaults = 10000 // to come at any moment
)

// Inject adds faults to those to come. It reports everything that is wrong with them at once, an unknown kind as
// ErrUnknown with the list of the known ones, and then adds none. Call it from the goroutine that owns the table.
func (s *Sim) Inject(faults ...Fault) error {
	if err := validateFaults(faults); err != nil {
		return err
	}
	if n := len(s.events.list) + len(faults); n > maxFaults {
		return fmt.Errorf("simtable: %d faults to come: allowed is 0 to %d", n, maxFaults)
	}
	for _, f := range faults {
		k, _ := kindByName(f.Kind) // validated above
		s.events.add(change{at: s.start + f.At, kind: k, begins: true, value: f.Value, lasts: f.For})
	}
	s.happen(s.look())
	return nil
}

// LoadFaults reads a list of faults from a TOML file of tables [[fault]] with kind, at_s, for_s and value. Unknown
// keys, unknown kinds and values out of range are reported all at once.
func LoadFaults(path string) ([]Fault, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("simtable: faults: %w", err)
	}
	return decodeFaults(path, data)
}

func decodeFaults(from string, data []byte) ([]Fault, error) {
	var file struct {
		Fault []struct {
			Kind  string  `toml:"kind"`
			AtS   float64 `toml:"at_s"`
			ForS  float64 `toml:"for_s"`
			Value float64 `toml:"value"`
		} `toml:"fault"`
	}
	var faults []Fault
	err := decode(bytes.NewReader(data), &file, func() error {
		var r ranges
		for i, f := range file.Fault {
			// In seconds first: a number too large for a Duration must not turn into a small one.
			r.within(fmt.Sprintf("fault[%d].at_s", i), f.AtS, 0, maxTimeS)
			r.within(fmt.Sprintf("fault[%d].for_s", i), f.ForS, 0, maxTimeS)
			faults = append(faults, Fault{Kind: f.Kind, Value: f.Value})
		}
		r.add(validateFaults(faults))
		return errors.Join(r.errs...)
	})
	if err != nil {
		return nil, fmt.Errorf("simtable: %s:\n%w", from, err)
	}
	for i, f := range file.Fault {
		faults[i].At, faults[i].For = seconds(f.AtS), seconds(f.ForS)
	}
	return faults, nil
}

func validateFaults(faults []Fault) error {
	var r ranges
	for i, f := range faults {
		r.within(fmt.Sprintf("fault[%d].at_s", i), f.At.Seconds(), 0, maxTimeS)
		r.within(fmt.Sprintf("fault[%d].for_s", i), f.For.Seconds(), 0, maxTimeS)
		k, err := kindByName(f.Kind)
		if err != nil {
			r.add(fmt.Errorf("fault[%d].kind: %w", i, err))
			continue
		}
		r.within(fmt.Sprintf("fault[%d].value of %s", i, f.Kind), f.Value, faultKinds[k].Low, faultKinds[k].High)
	}
	return errors.Join(r.errs...)
}

func kindByName(name string) (kind, error) {
	var known []string
	for k := range faultKinds {
		if faultKinds[k].Name == name {
			return kind(k), nil
		}
		known = append(known, faultKinds[k].Name)
	}
	return 0, fmt.Errorf("%w %q: known are %s", ErrUnknown, name, strings.Join(known, ", "))
}

// patientFaults are the events that a patient brings along.
func patientFaults(p Patient) []Fault {
	var list []Fault
	for _, c := range p.Coughs {
		list = append(list, Fault{Kind: "cough", At: seconds(c.AtS), For: seconds(c.DurationS), Value: c.ForceN})
	}
	for _, g := range p.GettingUp {
		list = append(list, Fault{Kind: "getting-up", At: seconds(g.AtS), For: seconds(g.SlackS), Value: g.ForceN})
	}
	for _, w := range p.Slips {
		if w.AtS > 0 {
			list = append(list, Fault{Kind: "harness-slip", At: seconds(w.AtS), Value: w.MM})
		}
	}
	for _, m := range p.Shifts {
		list = append(list, Fault{Kind: "shift", At: seconds(m.AtS), Value: m.MM})
	}
	return list
}
