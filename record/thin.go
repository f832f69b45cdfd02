package record

import "math"

// sample is one point of a curve: seconds since the picture's zero, and a value.
type sample struct{ x, y float64 }

// gapBreak is how long (s) a curve may be without a point before it is broken:
// where nothing was measured, nothing is drawn.
const gapBreak = 0.5

// thin turns up to hundreds of thousands of samples into at most four for each of
// n columns of equal width between from and to: the first, lowest, highest and
// last one, fewer where the curve is level. What a pixel could show survives,
// peaks included. Each part of the
// result is one unbroken line. Samples come in the order of time; those outside
// are left out.
func thin(samples func(yield func(sample) bool), from, to float64, n int) [][]sample {
	width := (to - from) / float64(n)
	if !(width > 0) {
		return nil
	}
	var (
		parts [][]sample
		part  []sample
		c     column4
		prev  = math.Inf(-1)
	)
	for s := range samples {
		if s.x < from || s.x > to {
			continue
		}
		index := int((s.x - from) / width)
		if s.x-prev > gapBreak {
			part = c.flush(part)
			if len(part) > 0 {
				parts = append(parts, part)
			}
			part = nil
		} else if index != c.index {
			part = c.flush(part)
		}
		c.add(s, index)
		prev = s.x
	}
	if part = c.flush(part); len(part) > 0 {
		parts = append(parts, part)
	}
	return parts
}

// column4 gathers one column.
type column4 struct {
	index                  int
	n                      int
	first, low, high, last sample
}

func (c *column4) add(s sample, index int) {
	if c.n == 0 {
		*c = column4{index: index, first: s, low: s, high: s}
	}
	if s.y < c.low.y {
		c.low = s
	}
	if s.y > c.high.y {
		c.high = s
	}
	c.last = s
	c.n++
}

// flush appends the column's points in the order of time and empties it.
func (c *column4) flush(part []sample) []sample {
	if c.n == 0 {
		return part
	}
	a, b := c.low, c.high
	if b.x < a.x {
		a, b = b, a
	}
	for _, s := range [...]sample{c.first, a, b, c.last} {
		n := len(part)
		switch {
		case n > 0 && part[n-1] == s:
		case n > 1 && part[n-1].y == s.y && part[n-2].y == s.y:
			part[n-1] = s // a level line needs only its ends
		default:
			part = append(part, s)
		}
	}
	c.n = 0
	return part
}
