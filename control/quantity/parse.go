package quantity

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
)

// The sentinels that a caller can branch on; every error of Parse wraps one.
var (
	// ErrNumber: there is no number, or it is not written as a plain decimal.
	ErrNumber = errors.New("not a plain decimal number")
	// ErrUnit: the unit is missing or is none of this kind of quantity.
	ErrUnit = errors.New("wrong or missing unit")
	// ErrTooLarge: the value does not fit into its type.
	ErrTooLarge = errors.New("too large")
)

// maxText is the longest text that is looked at, in bytes. The longest exact
// value has 19 digits, a point, a sign and a unit.
const maxText = 64

// parse reads s as a quantity of this kind, in base units.
// R-UNITS: a number without its unit is refused.
func (k *kind) parse(s string) (int64, error) {
	s = strings.TrimSpace(s) // in messages too, which shall not grow with it
	rest := s
	if len(rest) > maxText {
		return 0, k.wrong(rest[:16]+"...", ErrNumber, fmt.Sprintf("longer than %d bytes", maxText))
	}
	negative := strings.HasPrefix(rest, "-")
	if negative || strings.HasPrefix(rest, "+") {
		rest = rest[1:]
	}
	sum := new(big.Int)
	previous := int64(0) // num of the previous part's unit; compounds have den 1
	for part := 0; ; part++ {
		digits, scale, after, err := k.number(s, rest)
		if err != nil {
			return 0, err
		}
		name, next := splitUnit(strings.TrimLeft(after, " \t"))
		u, ok := k.find(name)
		if !ok {
			return 0, k.wrongUnit(s, name)
		}
		next = strings.TrimLeft(next, " \t")
		if next != "" && (!k.compound || scale > 0) {
			return 0, k.wrong(s, ErrUnit, fmt.Sprintf("%q is left over", next))
		}
		if part > 0 && u.num >= previous {
			return 0, k.wrong(s, ErrUnit, "the larger unit comes first, each only once")
		}
		previous = u.num
		if negative {
			digits.Neg(digits)
		}
		if sum.Add(sum, u.base(digits, scale)); next == "" {
			break
		}
		rest = next
	}
	// The smallest int64 is left out as physic does, so that every value has a negative.
	if !sum.IsInt64() || sum.Int64() == math.MinInt64 {
		return 0, k.wrong(s, ErrTooLarge, "")
	}
	return sum.Int64(), nil
}

// base converts digits * 10^-scale of this unit to base units.
func (u unit) base(digits *big.Int, scale int) *big.Int {
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	v := new(big.Int).Mul(digits, big.NewInt(u.num))
	v.Add(v, new(big.Int).Mul(big.NewInt(u.offset), ten))
	return divide(v, ten.Mul(ten, big.NewInt(u.den)))
}

// divide is a/b for b > 0, rounded to the nearest, halves away from zero.
func divide(a, b *big.Int) *big.Int {
	half := new(big.Int).Rsh(b, 1)
	if a.Sign() < 0 {
		half.Neg(half)
	}
	// For an odd b the half is itself rounded down, which never changes the result.
	return half.Quo(half.Add(half, a), b)
}

// number reads digits, and at most one point between digits, from the start of
// rest. The value is digits * 10^-scale.
func (k *kind) number(whole, rest string) (digits *big.Int, scale int, after string, err error) {
	end, point := 0, -1
	for ; end < len(rest); end++ {
		if rest[end] == '.' && point < 0 {
			point = end
			continue
		}
		if rest[end] < '0' || rest[end] > '9' {
			break
		}
	}
	text, after := rest[:end], rest[end:]
	switch {
	case strings.HasPrefix(after, ","):
		return nil, 0, "", k.wrong(whole, ErrNumber, "write the decimal with a point, not a comma, and no thousands separator")
	case text == "":
		return nil, 0, "", k.wrong(whole, ErrNumber, "it begins with a number")
	case point == 0 || point == end-1 || strings.HasPrefix(after, "."):
		return nil, 0, "", k.wrong(whole, ErrNumber, "a point stands between digits, such as 0.5")
	case strings.HasPrefix(after, "e") || strings.HasPrefix(after, "E"):
		return nil, 0, "", k.wrong(whole, ErrNumber, "no exponents")
	}
	if trimmed := strings.TrimLeft(after, " \t"); trimmed != "" && trimmed[0] >= '0' && trimmed[0] <= '9' {
		return nil, 0, "", k.wrong(whole, ErrNumber, "no spaces within a number")
	}
	if point > 0 {
		scale = end - 1 - point
		text = text[:point] + text[point+1:]
	}
	digits, _ = new(big.Int).SetString(text, 10) // only digits are left
	return digits, scale, after, nil
}

// splitUnit cuts the unit off: everything up to a space, a sign or, for compounds such
// as 1m30s, up to a digit. The 2 of mm/s2 belongs to the unit since it follows /s.
func splitUnit(s string) (name, rest string) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == ' ' || c == '\t' || c == '+' || c == '-' || (c >= '0' && c <= '9' && !strings.HasSuffix(s[:i], "/s")) {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// wrongUnit explains a unit that is missing, of another kind, or unknown.
func (k *kind) wrongUnit(whole, name string) error {
	switch hint, ok := k.hints[name]; {
	case ok:
		return k.wrong(whole, ErrUnit, hint)
	case name == "":
		return k.wrong(whole, ErrUnit, "the unit is missing")
	default:
		return k.wrong(whole, ErrUnit, fmt.Sprintf("%q is no unit of %s", name, k.name))
	}
}

// wrong builds every error of this package in one form.
func (k *kind) wrong(text string, why error, detail string) error {
	if detail != "" {
		detail = ": " + detail
	}
	return fmt.Errorf("%s %q: %w%s; allowed units: %s", k.name, text, why, detail, k.allowed())
}
