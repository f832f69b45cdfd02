package document

import (
	"encoding"
	"fmt"

	"traction/control/quantity"
)

// Quantity binds a quantity with its unit; a key that the file does not set
// leaves dst as it is. Whoever uses it checks the range.
func Quantity[T quantity.Value](d *Document, key string, dst *T) {
	v, ok := d.bind(key)
	if !ok {
		return
	}
	s, isText := v.(string)
	if !isText {
		// The message lists the units, which is what is missing.
		if _, err := quantity.Parse[T](fmt.Sprint(v)); err != nil {
			d.add(key, err, fmt.Sprintf("a quantity is a text in quotes with a unit; %v", err))
			return
		}
		d.add(key, nil, `a quantity is a text in quotes with a unit`)
		return
	}
	got, err := quantity.Parse[T](s)
	if err != nil {
		d.add(key, err, err.Error())
		return
	}
	*dst = got
}

// Within binds a quantity between lo and hi, both included.
func Within[T quantity.Value](d *Document, key string, dst *T, lo, hi T) {
	got := *dst
	before := len(d.problems)
	Quantity(d, key, &got)
	if len(d.problems) > before {
		return
	}
	if d.Has(key) && (got < lo || got > hi) {
		d.add(key, nil, fmt.Sprintf("out of range, allowed: %s to %s", quantity.Format(lo), quantity.Format(hi)))
		return
	}
	*dst = got
}

// Text binds a value that reads itself, such as control.Permission.
func (d *Document) Text(key string, dst encoding.TextUnmarshaler) {
	if s, ok := d.text(key); ok {
		if err := dst.UnmarshalText([]byte(s)); err != nil {
			d.add(key, err, err.Error())
		}
	}
}

// String binds a text; check may be nil and says what is wrong with a value.
func (d *Document) String(key string, dst *string, check func(string) error) {
	s, ok := d.text(key)
	if !ok {
		return
	}
	if check != nil {
		if err := check(s); err != nil {
			d.add(key, err, err.Error())
			return
		}
	}
	*dst = s
}

// Bool binds true or false.
func (d *Document) Bool(key string, dst *bool) {
	v, ok := d.bind(key)
	if !ok {
		return
	}
	b, ok := v.(bool)
	if !ok {
		d.add(key, nil, "is no truth value, allowed: true, false")
		return
	}
	*dst = b
}

// Int binds a whole number between lo and hi, both included.
func (d *Document) Int(key string, dst *int, lo, hi int) {
	v, ok := d.bind(key)
	if !ok {
		return
	}
	n, ok := v.(int64)
	if !ok {
		d.add(key, nil, fmt.Sprintf("is no whole number, allowed: %d to %d", lo, hi))
		return
	}
	if n < int64(lo) || n > int64(hi) {
		d.add(key, nil, fmt.Sprintf("out of range, allowed: %d to %d", lo, hi))
		return
	}
	*dst = int(n)
}

// Float binds a number between lo and hi, both included, whole or not; never NaN
// or an infinity.
func (d *Document) Float(key string, dst *float64, lo, hi float64) {
	v, ok := d.bind(key)
	if !ok {
		return
	}
	var x float64
	switch n := v.(type) {
	case int64:
		x = float64(n)
	case float64:
		x = n
	default:
		d.add(key, nil, fmt.Sprintf("is no number, allowed: %v to %v", lo, hi))
		return
	}
	if !(x >= lo && x <= hi) { // NaN compares with nothing
		d.add(key, nil, fmt.Sprintf("out of range, allowed: %v to %v", lo, hi))
		return
	}
	*dst = x
}

// Len binds an array and gives its number of elements, at most limit. Bind the
// elements under "key[0]", "key[1]" and so on.
func (d *Document) Len(key string, limit int) int {
	if v, ok := d.bind(key); ok {
		if _, empty := v.([]any); !empty {
			d.add(key, nil, "is no array")
		}
		return 0
	}
	if n := d.arrays[key]; n > limit {
		d.add(key, nil, fmt.Sprintf("has %d elements, allowed: at most %d", n, limit))
	}
	return min(d.arrays[key], limit)
}

// text binds a text value.
func (d *Document) text(key string) (string, bool) {
	v, ok := d.bind(key)
	if !ok {
		return "", false
	}
	s, ok := v.(string)
	if !ok {
		d.add(key, nil, "is no text in quotes")
	}
	return s, ok
}

// bind marks the key as known and fetches its value.
func (d *Document) bind(key string) (any, bool) {
	if !d.known[key] {
		d.known[key] = true
		d.order = append(d.order, key)
	}
	v, ok := d.values[key]
	return v, ok
}
