package link

import (
	"errors"
	"math"
	"strconv"
	"unicode/utf8"
)

var (
	errNotNumber = errors.New("is not a number")
	errTooLarge  = errors.New("is too large a number")
)

// powers of ten up to the largest number of decimals on the wire: 12, kilograms
// in nanograms.
var powers = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12}

// appendFixed writes v / 10^decimals with all the digits it needs and no more.
// It is exact where a float64 would not be.
func appendFixed(b []byte, v int64, decimals int) []byte {
	u := uint64(v)
	if v < 0 {
		b = append(b, '-')
		u = -u
	}
	scale := powers[decimals]
	b = strconv.AppendUint(b, u/scale, 10)
	frac := u % scale
	if frac == 0 {
		return b
	}
	b = append(b, '.')
	for d := scale / 10; frac > 0; d /= 10 {
		b = append(b, byte('0'+frac/d))
		frac %= d
	}
	return b
}

// parseFixed reads a JSON number as an integer of 10^-decimals: the inverse of
// appendFixed. Further decimals are rounded half away from zero, because other
// programs write 0.30000000000000004. It goes by the digits, not through a float64.
func parseFixed(raw []byte, decimals int) (int64, error) {
	negative := len(raw) > 0 && raw[0] == '-'
	if negative {
		raw = raw[1:]
	}
	mantissa, exponent, err := splitExponent(raw)
	if err != nil {
		return 0, err
	}
	whole, digits, err := countDigits(mantissa)
	if err != nil {
		return 0, err
	}
	u, err := takeDigits(mantissa, digits, whole+exponent+decimals)
	if err != nil {
		return 0, err
	}
	if negative {
		if u > 1<<63 {
			return 0, errTooLarge
		}
		return -int64(u), nil
	}
	if u > math.MaxInt64 {
		return 0, errTooLarge
	}
	return int64(u), nil
}

// splitExponent separates 1.5e3 into 1.5 and 3. Exponents beyond +-999 are
// refused: no quantity has them.
func splitExponent(raw []byte) (mantissa []byte, exponent int, err error) {
	for i, c := range raw {
		if c != 'e' && c != 'E' {
			continue
		}
		text := raw[i+1:]
		sign := 1
		if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
			if text[0] == '-' {
				sign = -1
			}
			text = text[1:]
		}
		if len(text) == 0 {
			return nil, 0, errNotNumber
		}
		for _, d := range text {
			if d < '0' || d > '9' {
				return nil, 0, errNotNumber
			}
			exponent = exponent*10 + int(d-'0')
			if exponent > 999 {
				return nil, 0, errTooLarge
			}
		}
		return raw[:i], sign * exponent, nil
	}
	return raw, 0, nil
}

// countDigits returns how many digits stand before the point and in all.
func countDigits(mantissa []byte) (whole, all int, err error) {
	point := false
	for _, c := range mantissa {
		switch {
		case c == '.' && !point && whole > 0:
			point = true
		case c < '0' || c > '9':
			return 0, 0, errNotNumber
		default:
			all++
			if !point {
				whole++
			}
		}
	}
	if all == 0 || point && all == whole {
		return 0, 0, errNotNumber
	}
	return whole, all, nil
}

// takeDigits makes an integer of the first take digits of the mantissa, filling
// up with zeros, and rounds by the digit after them.
func takeDigits(mantissa []byte, digits, take int) (uint64, error) {
	var u uint64
	n := 0
	for _, c := range mantissa {
		if c == '.' {
			continue
		}
		if n >= take {
			if n == take && c >= '5' {
				u++ // at most 2^63 here, see below
			}
			break
		}
		if u > 1<<63/10 {
			return 0, errTooLarge
		}
		u = u*10 + uint64(c-'0')
		n++
	}
	for ; u > 0 && digits < take; digits++ {
		if u > 1<<63/10 {
			return 0, errTooLarge
		}
		u *= 10
	}
	return u, nil
}

// appendFloat writes a plain number; what JSON cannot hold becomes null, which
// reads back as "not a number" and never as 0.
func appendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}

const hexDigits = "0123456789abcdef"

// appendString writes a JSON string; bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
