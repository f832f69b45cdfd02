package quantity_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/quantity"
	"traction/test/fuzz"
)

// FuzzEveryKind reads any text as each kind of quantity. No text means two
// things; a refusal keeps the old value and says what would have been allowed.
func FuzzEveryKind(f *testing.F) {
	for _, s := range []string{"450 N", "-45.25 kgf", "100 lbf", "75 kg", "165 lb", "1.5 cm", "0.5 in/s", "60 mm/min", "40 N/s", "10 lbf/s",
		"1000 mm/s2", "313.15 K", "-40 °F", "1.5 kHz", "1h2m3s4ms5us6ns", "+5 N", "44,1 N", "1e3 N", "99999999999999999999 kN", "45"} {
		f.Add(s)
	}
	f.Add(strings.Repeat(" ", 500) + "5 N N")
	f.Fuzz(func(t *testing.T, s string) {
		fuzz.Bounded(t, len(s), func() {
			accepted := 0
			for _, read := range []func(*testing.T, string) bool{
				readAs[physic.Force], readAs[physic.Mass], readAs[physic.Distance], readAs[physic.Speed], readAs[physic.Temperature],
				readAs[physic.Frequency], readAs[control.ForceRate], readAs[quantity.Acceleration], readAs[time.Duration],
			} {
				if read(t, s) {
					accepted++
				}
			}
			// A metre and a minute both begin with an m; nothing else is ambiguous.
			require.True(t, accepted <= 1 || accepted == 2 && strings.Contains(s, "m"), "%q is %d kinds of quantity", s, accepted)
		})
	})
}

func readAs[T quantity.Value](t *testing.T, s string) bool {
	const before = 12345
	v := quantity.Text[T]{Value: before}
	err := v.UnmarshalText([]byte(s))
	if err != nil {
		require.EqualValues(t, before, v.Value)
		require.True(t, errors.Is(err, quantity.ErrNumber) || errors.Is(err, quantity.ErrUnit) || errors.Is(err, quantity.ErrTooLarge), "%v", err)
		require.ErrorContains(t, err, "allowed units: ")
		require.Less(t, len(err.Error()), 1000)
		return false
	}
	var back quantity.Text[T]
	require.NoError(t, back.UnmarshalText([]byte(v.String())))
	require.Equal(t, v, back)
	return true
}

// FuzzNewtons compares with exact arithmetic of the standard library: digits, a
// point and digits, in newtons, kilograms-force and pounds-force.
func FuzzNewtons(f *testing.F) {
	f.Add(uint64(450), uint64(0), uint8(0), false)
	f.Add(uint64(44), uint64(1), uint8(1), true)
	f.Add(uint64(8_999_999), uint64(5), uint8(2), false)
	f.Add(uint64(9223372036), uint64(854775807), uint8(2), false)
	f.Fuzz(func(t *testing.T, whole, part uint64, unit uint8, negative bool) {
		units := []struct{ name, newtons string }{{"N", "1"}, {"kgf", "9.80665"}, {"lbf", "4.4482216152605"}}
		u := units[int(unit)%len(units)]
		text := new(big.Int).SetUint64(whole).String() + "." + new(big.Int).SetUint64(part).String()
		if negative {
			text = "-" + text
		}
		got, err := quantity.Parse[physic.Force](text + " " + u.name)
		want, _ := new(big.Rat).SetString(text)
		factor, _ := new(big.Rat).SetString(u.newtons)
		want.Mul(want, factor).Mul(want, new(big.Rat).SetInt64(1e9))
		off := new(big.Rat).Sub(want, new(big.Rat).SetInt64(int64(got)))
		if err != nil {
			require.ErrorIs(t, err, quantity.ErrTooLarge)
			require.Positive(t, new(big.Rat).Abs(want).Cmp(new(big.Rat).SetFloat64(9.2233720368e18)), text)
			return
		}
		require.LessOrEqual(t, off.Abs(off).Cmp(big.NewRat(1, 2)), 0, "%s %s is %d nN", text, u.name, int64(got))
	})
}
