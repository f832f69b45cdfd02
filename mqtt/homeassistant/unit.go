package homeassistant

import (
	"fmt"
	"math"

	"periph.io/x/conn/v3/physic"
)

// Unit of force.
type Unit string

// The units that can be chosen.
const (
	Newton        Unit = "N"
	PoundForce    Unit = "lbf"
	KilogramForce Unit = "kgf"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *Unit) UnmarshalText(b []byte) error {
	v := Unit(b)
	if _, err := v.scale(); err != nil || v == "" {
		return fmt.Errorf("%q is unknown, allowed: %s, %s, %s", b, Newton, PoundForce, KilogramForce)
	}
	*u = v
	return nil
}

// scale is a unit with what it takes to show and to set values in it.
type scale struct {
	unit   Unit
	newton float64 // newtons in one unit
	digits int     // shown after the point: steps of 1 N, 0.44 N and 0.98 N
	step   float64 // of a number that can be set
}

// scale finds a unit; empty means newtons. One kilogram-force is 9.80665 N (3rd
// CGPM, 1901), one pound is 0.45359237 kg (agreement of 1959).
func (u Unit) scale() (scale, error) {
	switch u {
	case "", Newton:
		return scale{unit: Newton, newton: 1, digits: 0, step: 1}, nil
	case PoundForce:
		return scale{unit: PoundForce, newton: 9.80665 * 0.45359237, digits: 1, step: 0.5}, nil
	case KilogramForce:
		return scale{unit: KilogramForce, newton: 9.80665, digits: 1, step: 0.5}, nil
	}
	return scale{}, fmt.Errorf("homeassistant: force unit %q is unknown, allowed: %s, %s, %s", string(u), Newton, PoundForce, KilogramForce)
}

// decimals of a value that can be set: those of the state topic, so that a value
// in force is the same here and in Home Assistant.
const decimals = 3

// in gives a force in the unit.
func (s scale) in(f physic.Force) float64 {
	return rounded(rounded(float64(f)/float64(physic.Newton)) / s.newton)
}

// rounded to decimals, in two ways alike: here and in a template.
func rounded(v float64) float64 { return math.Round(v*1000) / 1000 }

// span is the range of a number in its own unit.
type span struct{ lo, hi float64 }

// inwards makes a range of whole steps that lies within lo and hi: what Home
// Assistant offers must not be refused for a rounding. The value in force is let
// in as it is, because Home Assistant drops a value outside of the range.
func inwards(lo, hi, step, now float64) span {
	const noise = 1e-9  // of a floating-point division
	const near = 0.0006 // a value in force at a limit is one, rounded to decimals
	s := span{rounded(math.Ceil(lo/step-noise) * step), rounded(math.Floor(hi/step+noise) * step)}
	if s.lo > s.hi { // no whole step lies between them
		s.lo, s.hi = lo, max(lo, hi)
	}
	if now >= lo-near && now <= hi+near {
		s.lo, s.hi = min(s.lo, now), max(s.hi, now)
	}
	return s
}
