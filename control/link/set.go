package link

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"traction/control"
)

// The names of the members of each set, by bit. They are asked for once, because
// the sets' own methods allocate their answers.
var (
	interlockBits = func() (names []string) {
		for i := control.NoInterlock; i < 64 && i.String() != "unknown"; i++ {
			names = append(names, i.String())
		}
		names[control.NoInterlock] = "" // is never a member
		return names
	}()
	missingBits = func() (names []string) {
		for bit := control.Missing(1); bit != 0 && len(bit.Names()) == 1; bit <<= 1 {
			names = append(names, bit.Names()[0])
		}
		return names
	}()
	settingBits = []string{"hold", "rest", "hold_time", "rest_time", "duration"} // as control.Field counts
)

// set is an array of the names of the bits that are set. Bits without a name are
// left out.
func set[T any, V ~uint8 | ~uint16 | ~uint64](name string, bits []string, at func(*T) *V) field[T] {
	return field[T]{
		name: name,
		append: func(b []byte, v *T) []byte {
			b = append(b, '[')
			first := true
			for i, n := range bits {
				if *at(v)&(1<<i) == 0 || n == "" {
					continue
				}
				if !first {
					b = append(b, ',')
				}
				first = false
				b = append(b, '"')
				b = append(b, n...)
				b = append(b, '"')
			}
			return append(b, ']')
		},
		parse: func(raw []byte, v *T) error {
			var names []string
			if err := json.Unmarshal(raw, &names); err != nil {
				return errors.New("is not an array of names")
			}
			*at(v) = 0
			for _, n := range names {
				i := slices.Index(bits, n)
				if i < 0 || n == "" {
					return fmt.Errorf("%s is unknown, allowed: %v", excerpt(n), bits)
				}
				*at(v) |= 1 << i
			}
			return nil
		},
	}
}
