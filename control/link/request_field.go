package link

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// requestField is one optional field of a Request, described once for reading,
// writing and checking.
type requestField struct {
	name    string
	command control.CommandKind // the only command it belongs to
	allowed string              // for people
	rule    FieldRule           // for documents; Name, Command and Allowed are those above
	given   func(r *Request) bool
	append  func(b []byte, r *Request) []byte
	read    func(raw []byte, r *Request) error
	inRange func(r *Request) bool
}

// The person's weight: wide enough for any adult and many children, narrow
// enough to notice grams.
const (
	minBodyWeight = 20 * physic.KiloGram
	maxBodyWeight = 300 * physic.KiloGram
)

// maxProgrammeName is the longest name of a programme in bytes: Programme.Validate's.
const maxProgrammeName = 40

// requestFields; the ranges are those that every programme must keep. The
// control process judges the values again, by the limits in force.
var requestFields = []requestField{
	{
		name: "programme", command: control.CommandSelect, allowed: "the name of a programme",
		rule:   FieldRule{Length: maxProgrammeName},
		given:  func(r *Request) bool { return r.Programme != "" },
		append: func(b []byte, r *Request) []byte { return appendString(b, r.Programme) },
		read: func(raw []byte, r *Request) error {
			if json.Unmarshal(raw, &r.Programme) != nil || r.Programme == "" || len(r.Programme) > maxProgrammeName {
				return errors.New("is not a programme's name")
			}
			return nil
		},
		inRange: func(*Request) bool { return true },
	},
	quantity("body_weight_kg", 12, control.CommandSelect, minBodyWeight, maxBodyWeight, func(r *Request) **physic.Mass { return &r.BodyWeight }),
	quantity("max_force_n", 9, control.CommandSelect, control.MinHold, control.CeilingForce, func(r *Request) **physic.Force { return &r.MaxForce }),
	quantity("hold_n", 9, control.CommandSet, control.MinHold, control.MaxHold, func(r *Request) **physic.Force { return &r.Hold }),
	quantity("rest_n", 9, control.CommandSet, control.MinRest, control.MaxHold, func(r *Request) **physic.Force { return &r.Rest }),
	quantity("hold_s", 9, control.CommandSet, control.MinHoldTime, control.MaxHoldTime, func(r *Request) **time.Duration { return &r.HoldTime }),
	quantity("rest_s", 9, control.CommandSet, 0, control.MaxRestTime, func(r *Request) **time.Duration { return &r.RestTime }),
	quantity("duration_s", 9, control.CommandSet, control.MinDuration, control.CeilingDuration, func(r *Request) **time.Duration { return &r.Duration }),
	{
		name: "session", command: control.CommandReport, allowed: "a treatment's name, such as 94d74cc8fbbff80d-2",
		rule:   FieldRule{Length: maxID, Pattern: IDPattern},
		given:  func(r *Request) bool { return r.Session != "" },
		append: func(b []byte, r *Request) []byte { return appendString(b, r.Session) },
		read: func(raw []byte, r *Request) error {
			if json.Unmarshal(raw, &r.Session) != nil || !validID(r.Session) {
				r.Session = ""
				return errors.New("is not a treatment's name")
			}
			return nil
		},
		inRange: func(r *Request) bool { return validID(r.Session) },
	},
	heatField(),
}

// quantity is a number with so many decimals between lo and hi, both included.
func quantity[V ~int64](name string, decimals int, command control.CommandKind, lo, hi V, at func(*Request) **V) requestField {
	return requestField{
		name: name, command: command,
		allowed: fmt.Sprintf("%s to %s", appendFixed(nil, int64(lo), decimals), appendFixed(nil, int64(hi), decimals)),
		rule:    FieldRule{Least: number(int64(lo), decimals), Most: number(int64(hi), decimals)},
		given:   func(r *Request) bool { return *at(r) != nil },
		append:  func(b []byte, r *Request) []byte { return appendFixed(b, int64(**at(r)), decimals) },
		read: func(raw []byte, r *Request) error {
			n, err := parseFixed(raw, decimals)
			if err == nil {
				v := V(n)
				*at(r) = &v
			}
			return err
		},
		inRange: func(r *Request) bool { v := **at(r); return v >= lo && v <= hi },
	}
}

const heatAllowed = "25 to 40, or 0 to switch the heat off"

// heatField is a temperature in Celsius, where the number 0 means off.
func heatField() requestField {
	f := quantity("heat_c", 9, control.CommandHeat, control.MinHeat-physic.ZeroCelsius, control.CeilingTemperature-physic.ZeroCelsius,
		func(r *Request) **physic.Temperature { return &r.Heat })
	f.allowed = heatAllowed
	f.rule.Off = true
	f.append = func(b []byte, r *Request) []byte {
		if *r.Heat == 0 {
			return append(b, '0')
		}
		return appendFixed(b, int64(*r.Heat-physic.ZeroCelsius), 9)
	}
	f.read = func(raw []byte, r *Request) error {
		n, err := parseFixed(raw, 9)
		if err != nil {
			return err
		}
		var t physic.Temperature
		if n != 0 {
			t = physic.Temperature(n) + physic.ZeroCelsius
			if t == 0 {
				return errors.New("is absolute zero") // not to be taken for "off"
			}
		}
		r.Heat = &t
		return nil
	}
	f.inRange = func(r *Request) bool {
		return *r.Heat == 0 || *r.Heat >= control.MinHeat && *r.Heat <= control.CeilingTemperature
	}
	return f
}

// check notes what is missing, what is out of range and what does not belong.
func (r *Request) check(bad *problems) {
	switch {
	case bad.about("id"):
	case r.ID == "":
		bad.malformed("id", "is missing, allowed: %s", idRule)
	case !validID(r.ID):
		bad.malformed("id", "%s is not allowed: %s", excerpt(r.ID), idRule)
	}
	if bad.about("command") {
		return // which fields belong cannot be told
	}
	if r.Command == control.NoCommand || r.Command.String() == "unknown" {
		bad.malformed("command", "is missing, allowed: %s", commandNames)
		return
	}
	if r.Rev == nil && r.Command.NeedsRev() {
		bad.malformed("rev", "is missing; %s needs the rev of the state it was decided on", r.Command)
	}
	own := false // a field of this command was there, good or bad
	for _, f := range requestFields {
		own = own || f.command == r.Command && (f.given(r) || bad.about(f.name))
		switch {
		case !f.given(r):
		case f.command != r.Command:
			bad.malformed(f.name, "does not belong to %s, only to %s", r.Command, f.command)
		case !f.inRange(r):
			bad.outOfRange(f.name, "%s is out of range, allowed: %s", f.append(nil, r), f.allowed)
		}
	}
	switch {
	case r.Command == control.CommandSelect && r.Programme == "" && !bad.about("programme"):
		bad.malformed("programme", "is missing; select needs the name of a programme")
	case r.Command == control.CommandSet && !own:
		bad.malformed("set", "needs at least one of hold_n, rest_n, hold_s, rest_s, duration_s")
	case r.Command == control.CommandHeat && !own:
		bad.malformed("heat_c", "is missing, allowed: %s", heatAllowed)
	}
}

// settings collects the values of a set request.
func (r *Request) settings() control.Settings {
	var s control.Settings
	take(&s, control.FieldHold, r.Hold, &s.Hold)
	take(&s, control.FieldRest, r.Rest, &s.Rest)
	take(&s, control.FieldHoldTime, r.HoldTime, &s.HoldTime)
	take(&s, control.FieldRestTime, r.RestTime, &s.RestTime)
	take(&s, control.FieldDuration, r.Duration, &s.Duration)
	return s
}

func take[V any](s *control.Settings, bit control.Field, from *V, to *V) {
	if from != nil {
		s.Fields |= bit
		*to = *from
	}
}

// weight is the force of a mass at rest, by standard gravity: 9.80665 m/s2 (3rd
// CGPM, 1901). One kilogram is 1e12 ng and weighs 9.80665e9 nN.
func weight(m physic.Mass) physic.Force { return physic.Force(int64(m) / 1000 * 980665 / 100000) }
