package record

import "strconv"

// How many decimals lie between the stored integers and the units people read.
const (
	nano  = 9 // nanonewtons to newtons, nanoseconds to seconds
	micro = 6 // nanometres to millimetres
)

// decimal is an integer with the decimal point moved left: exact, unlike a float.
type decimal struct {
	v      int64
	places int
}

// append writes the shortest text that is exactly the value.
func (d decimal) append(b []byte) []byte {
	u := uint64(d.v)
	if d.v < 0 {
		b = append(b, '-')
		u = -u
	}
	var buf [24]byte
	digits := strconv.AppendUint(buf[:0], u, 10)
	whole := len(digits) - d.places
	if whole <= 0 {
		b = append(b, '0')
	} else {
		b = append(b, digits[:whole]...)
		digits = digits[whole:]
		whole = 0
	}
	for len(digits) > 0 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	if len(digits) == 0 {
		return b
	}
	b = append(b, '.')
	for ; whole < 0; whole++ {
		b = append(b, '0')
	}
	return append(b, digits...)
}

// MarshalJSON implements json.Marshaler.
func (d decimal) MarshalJSON() ([]byte, error) { return d.append(nil), nil }
