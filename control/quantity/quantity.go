// Package quantity reads and writes physical quantities as people write them:
// "450 N", "45 kgf", "40 C", "12 mm/s", "1m30s".
//
// A unit is always required, because "45" on a traction table may be newtons,
// kilograms or pounds and only one of them is safe. Arithmetic is exact: decimal
// digits are never turned into a float, and a value that falls between two nano
// units is rounded to the nearest, halves away from zero.
package quantity

import (
	"math/big"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// Acceleration is a rate of change of speed in nanometres per second squared.
// periph's physic has no type for it.
type Acceleration int64

// MilliMetrePerSecondSquared is the usual unit of Acceleration.
const MilliMetrePerSecondSquared Acceleration = 1e6

// String returns the exact value, such as "1000 mm/s2".
func (a Acceleration) String() string { return Format(a) }

// Value is every type that Parse and Format know.
type Value interface {
	physic.Force | physic.Mass | physic.Distance | physic.Speed | physic.Temperature | physic.Frequency |
		control.ForceRate | Acceleration | time.Duration
}

// Parse reads one quantity: a decimal number, spaces if wished, and a unit. A
// duration may have several parts, the larger unit first ("1m30s").
//
// Temperatures are absolute, so "40 C" is 313.15 K. Negative numbers are read as
// they are: the range belongs to whoever asks. The error says what is wrong and
// which units are allowed.
func Parse[T Value](s string) (T, error) {
	v, err := kindOf[T]().parse(s)
	return T(v), err
}

// Format writes v exactly, in the first unit of its kind ("44.1 N", "40 C"), so
// that Parse reads back the very same value.
func Format[T Value](v T) string { return kindOf[T]().format(int64(v)) }

// Text is a quantity in its text form, for decoders, flags and encoders.
type Text[T Value] struct{ Value T }

// String returns the value as Format writes it.
func (t Text[T]) String() string { return Format(t.Value) }

// MarshalText implements encoding.TextMarshaler; it never fails.
func (t Text[T]) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. On an error the value stays
// as it was.
func (t *Text[T]) UnmarshalText(b []byte) error {
	v, err := Parse[T](string(b))
	if err != nil {
		return err
	}
	t.Value = v
	return nil
}

// Weight is the force with which gravity pulls on m, at the standard
// acceleration 9.80665 m/s2, rounded to the nearest nanonewton. The largest Mass
// weighs 90 kN, so it cannot overflow.
func Weight(m physic.Mass) physic.Force {
	// Nanograms to nanonewtons: 1e-12 kg * 9.80665 m/s2 / 1e-9 = 9.80665e-3.
	w := new(big.Int).Mul(big.NewInt(int64(m)), big.NewInt(980_665))
	return physic.Force(divide(w, big.NewInt(100_000_000)).Int64())
}
