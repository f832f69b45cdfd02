package link

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// field is one value of a T on the wire, described once for both directions, so
// that writer and reader cannot differ.
type field[T any] struct {
	name   string
	append func(b []byte, v *T) []byte
	parse  func(raw []byte, v *T) error
}

// object is a T as a JSON object, or as an array in the order of the fields.
type object[T any] []field[T]

// append writes {"name":value,...} and allocates nothing but room in b.
func (o object[T]) append(b []byte, v *T) []byte {
	b = append(b, '{')
	for i := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, o[i].name...)
		b = append(b, '"', ':')
		b = o[i].append(b, v)
	}
	return append(b, '}')
}

// appendRow writes [value,...].
func (o object[T]) appendRow(b []byte, v *T) []byte {
	b = append(b, '[')
	for i := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = o[i].append(b, v)
	}
	return append(b, ']')
}

// parse reads what append wrote: every field, in any order, and no other.
func (o object[T]) parse(raw []byte, v *T) error {
	got, err := members(raw)
	if err != nil {
		return err
	}
	if len(got) != len(o) {
		return fmt.Errorf("has %d fields, want %d", len(got), len(o))
	}
	byName := make(map[string]json.RawMessage, len(got))
	for _, m := range got {
		byName[m.name] = m.value
	}
	for _, f := range o {
		value, found := byName[f.name]
		if !found {
			return fmt.Errorf("%s: is missing", f.name)
		}
		if err := f.parse(value, v); err != nil {
			return fmt.Errorf("%s: %s: %w", f.name, excerpt(value), err)
		}
	}
	return nil
}

// parseRow reads what appendRow wrote.
func (o object[T]) parseRow(raw []byte, v *T) error {
	var row []json.RawMessage
	if err := json.Unmarshal(raw, &row); err != nil {
		return notJSON(err)
	}
	if len(row) != len(o) {
		return fmt.Errorf("has %d columns, want %d", len(row), len(o))
	}
	for i, f := range o {
		if err := f.parse(row[i], v); err != nil {
			return fmt.Errorf("%s: %s: %w", f.name, excerpt(row[i]), err)
		}
	}
	return nil
}

// names lists the fields in their order.
func (o object[T]) names() []string {
	out := make([]string, len(o))
	for i := range o {
		out[i] = o[i].name
	}
	return out
}

// fixed is an integer of 10^-decimals.
func fixed[T any, V ~int64](name string, decimals int, at func(*T) *V) field[T] {
	return field[T]{
		name:   name,
		append: func(b []byte, v *T) []byte { return appendFixed(b, int64(*at(v)), decimals) },
		parse: func(raw []byte, v *T) error {
			n, err := parseFixed(raw, decimals)
			*at(v) = V(n)
			return err
		},
	}
}

// The units on the wire and their decimals, down to the integer unit of each type.

func newtons[T any](name string, at func(*T) *physic.Force) field[T] { return fixed(name, 9, at) }

func newtonsPerSecond[T any](name string, at func(*T) *control.ForceRate) field[T] {
	return fixed(name, 9, at)
}

func newtonSeconds[T any](name string, at func(*T) *control.Impulse) field[T] {
	return fixed(name, 9, at)
}

func millimetres[T any](name string, at func(*T) *physic.Distance) field[T] {
	return fixed(name, 6, at)
}

func millimetresPerSecond[T any](name string, at func(*T) *physic.Speed) field[T] {
	return fixed(name, 6, at)
}

func seconds[T any](name string, at func(*T) *time.Duration) field[T] { return fixed(name, 9, at) }

func hertz[T any](name string, at func(*T) *physic.Frequency) field[T] { return fixed(name, 6, at) }

// celsius writes null for zero kelvin, which stands for "not known" or "off".
func celsius[T any](name string, at func(*T) *physic.Temperature) field[T] {
	return field[T]{
		name: name,
		append: func(b []byte, v *T) []byte {
			t := *at(v)
			if t == 0 {
				return append(b, "null"...)
			}
			return appendFixed(b, int64(t-physic.ZeroCelsius), 9)
		},
		parse: func(raw []byte, v *T) error {
			if string(raw) == "null" {
				*at(v) = 0
				return nil
			}
			n, err := parseFixed(raw, 9)
			*at(v) = physic.Temperature(n) + physic.ZeroCelsius
			return err
		},
	}
}

// count is an unsigned whole number.
func count[T any, V ~uint8 | ~uint16 | ~uint32 | ~uint64](name string, at func(*T) *V) field[T] {
	return field[T]{
		name:   name,
		append: func(b []byte, v *T) []byte { return strconv.AppendUint(b, uint64(*at(v)), 10) },
		parse: func(raw []byte, v *T) error {
			n, err := strconv.ParseUint(string(raw), 10, 64)
			if err != nil || uint64(V(n)) != n {
				return errNotNumber
			}
			*at(v) = V(n)
			return nil
		},
	}
}

// converterCode is a signed code of the load cell's converter.
func converterCode[T any](name string, at func(*T) *int32) field[T] {
	return field[T]{
		name:   name,
		append: func(b []byte, v *T) []byte { return strconv.AppendInt(b, int64(*at(v)), 10) },
		parse: func(raw []byte, v *T) error {
			n, err := strconv.ParseInt(string(raw), 10, 32)
			if err != nil {
				return errNotNumber
			}
			*at(v) = int32(n)
			return nil
		},
	}
}

// ratio is a float; null stands for "not a number".
func ratio[T any](name string, at func(*T) *float64) field[T] {
	return field[T]{
		name:   name,
		append: func(b []byte, v *T) []byte { return appendFloat(b, *at(v)) },
		parse: func(raw []byte, v *T) error {
			if string(raw) == "null" {
				*at(v) = math.NaN()
				return nil
			}
			return json.Unmarshal(raw, at(v))
		},
	}
}

// flag is true or false.
func flag[T any](name string, at func(*T) *bool) field[T] {
	return field[T]{
		name:   name,
		append: func(b []byte, v *T) []byte { return strconv.AppendBool(b, *at(v)) },
		parse: func(raw []byte, v *T) error {
			switch string(raw) {
			case "true":
				*at(v) = true
			case "false":
				*at(v) = false
			default:
				return errors.New("is neither true nor false")
			}
			return nil
		},
	}
}

// text is a string.
func text[T any](name string, at func(*T) *string) field[T] {
	return field[T]{
		name:   name,
		append: func(b []byte, v *T) []byte { return appendString(b, *at(v)) },
		parse:  func(raw []byte, v *T) error { return json.Unmarshal(raw, at(v)) },
	}
}

// enum is an enumeration by its name.
func enum[T any, V fmt.Stringer, P interface {
	*V
	encoding.TextUnmarshaler
}](name string, at func(*T) *V) field[T] {
	return field[T]{
		name: name,
		append: func(b []byte, v *T) []byte {
			b = append(b, '"')
			b = append(b, (*at(v)).String()...)
			return append(b, '"')
		},
		parse: func(raw []byte, v *T) error {
			var s string
			if err := json.Unmarshal(raw, &s); err != nil {
				return errors.New("is not a string")
			}
			return P(at(v)).UnmarshalText([]byte(s))
		},
	}
}
