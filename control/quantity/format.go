package quantity

import (
	"math/big"
	"strings"
)

// format writes v exactly, so that parse gives the same v back.
func (k *kind) format(v int64) string {
	u := k.units[0]
	if k.compound {
		u = k.readable(v)
	}
	// Units that are written have den 1, and a num that is a power of ten or
	// divides v, so the decimals end.
	n := new(big.Int).Sub(big.NewInt(v), big.NewInt(u.offset))
	sign := ""
	if n.Sign() < 0 {
		sign = "-"
		n.Neg(n)
	}
	whole, part := new(big.Int).QuoRem(n, big.NewInt(u.num), new(big.Int))
	out := sign + whole.String()
	if part.Sign() != 0 {
		places := len(big.NewInt(u.num).String()) - 1
		digits := part.String()
		digits = strings.Repeat("0", places-len(digits)) + digits
		out += "." + strings.TrimRight(digits, "0")
	}
	return out + " " + u.name
}

// readable picks the unit of a duration that people would: whole minutes from
// two on, seconds, and below that the largest unit without leading zeros.
func (k *kind) readable(v int64) unit {
	const second, minute = 1_000_000_000, 60_000_000_000
	size := v
	if size < 0 {
		size = -size
	}
	pick := "s"
	switch {
	case size >= 2*minute && size%minute == 0:
		pick = "min"
	case size >= second || size <= 0: // the smallest int64 stays negative, seconds will do
	case size >= 1_000_000:
		pick = "ms"
	case size >= 1_000:
		pick = "us"
	default:
		pick = "ns"
	}
	u, _ := k.find(pick)
	return u
}
