// Package calfile keeps the load cell's calibration.
//
// A wrong scale or zero pulls with a wrong force while everything looks right, so
// the file is believed only when it is whole, was made for this table and this
// cell, and agrees with the weights it was made from (R-CALIBRATION-BELIEVED).
// There is never a default: without a calibration nothing can be armed. A second
// cell's is a part of the same file, so that both are always of the same day and
// the same weights.
package calfile

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"
	"unicode"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/quantity"
)

// The sentinels that callers branch on. All of them mean: calibrate.
var (
	// ErrNone: there is no calibration file.
	ErrNone = errors.New("the load cell was never calibrated")
	// ErrCorrupt: the file is cut off, was changed after it was written, or holds
	// what no calibration can.
	ErrCorrupt = errors.New("the calibration cannot be believed")
	// ErrForeign: the calibration belongs to another table or another cell.
	ErrForeign = errors.New("the calibration belongs to another table or cell")
)

// advice ends every message: what to do does not depend on what went wrong.
const advice = "calibrate again with known weights, or put back your copy of the file"

// File is one calibration with its origin.
type File struct {
	// Table is the ID of the table it was made on, 1 to 40 letters, digits, - and _.
	Table string
	// Date of the calibration, to the second.
	Date time.Time
	// By is who made it, 1 to 80 printable characters.
	By string
	// Calibration is the result.
	Calibration control.Calibration
	// Points are the weights it was made from, 1 to 20 of them.
	Points []Point
	// Second is that of the second load cell, zero without one.
	Second Second
}

// Second is the calibration of the second load cell, which hangs in series with
// the first and so feels the same weights.
type Second struct {
	// Calibration is the result; its capacity is that of the first cell.
	Calibration control.Calibration
	// Points are the weights of the first cell in the same order, with the counts
	// of the second one.
	Points []Point
}

// HasSecond tells whether there is a calibration of a second cell.
func (f *File) HasSecond() bool {
	return f.Second.Calibration != control.Calibration{} || len(f.Second.Points) > 0
}

// SecondCell is what the controller takes for the second cell: nothing when none
// is wired; when one is wired that was never calibrated, what is not valid, so
// that no force ever comes of it and nothing can be armed.
func (f *File) SecondCell(wired bool) control.Calibration {
	switch {
	case !wired:
		return control.Calibration{}
	case !f.HasSecond():
		return control.Calibration{PerNewton: math.NaN()}
	}
	return f.Second.Calibration
}

// Point is one known weight on the rope.
type Point struct {
	// Force of the weight, + as a pull, above 0.
	Force physic.Force
	// Counts read with it, 24-bit signed.
	Counts int32
}

const (
	maxPoints = 20
	// The heaviest weight must be at least this share of the cell's capacity, in
	// percent: below it the scale is mostly noise and friction of the pulley.
	leastSpan = 5
	// A point may be off the line by this share of capacity, in percent. Ordinary
	// cells are linear to 0.05 %; a whole percent means a wrong weight.
	mostOff = 1
)

// Validate reports everything that makes the calibration unbelievable, each with
// key, value and range, joined into one error.
func (f *File) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !validID(f.Table) {
		bad("table: %q, allowed: 1 to 40 letters, digits, - and _", f.Table)
	}
	if f.Date.Year() < 2000 || f.Date.Year() > 9999 {
		bad("date: %s, allowed: years 2000 to 9999", f.Date.Format(time.RFC3339))
	}
	if !validName(f.By) {
		bad("by: %q, allowed: 1 to 80 printable characters", f.By)
	}
	if c := f.Calibration.Capacity; !validCapacity(c) {
		bad("capacity: %s, allowed: 100 N to 5000 N", quantity.Format(c))
	}
	errs = append(errs, validateCell("", &f.Calibration, f.Points)...)
	if f.HasSecond() {
		errs = append(errs, f.validateSecond()...)
	}
	return errors.Join(errs...)
}

// validateSecond holds the second cell against the first, too.
func (f *File) validateSecond() (errs []error) {
	s := &f.Second
	if s.Calibration.Capacity != f.Calibration.Capacity {
		errs = append(errs, fmt.Errorf("second: a cell of %s, allowed: that of the first, %s",
			quantity.Format(s.Calibration.Capacity), quantity.Format(f.Calibration.Capacity)))
	}
	if len(s.Points) != len(f.Points) {
		return append(errs, fmt.Errorf("second.point: %d of them, allowed: the first cell's, %d", len(s.Points), len(f.Points)))
	}
	for i, p := range s.Points {
		if p.Force != f.Points[i].Force {
			errs = append(errs, fmt.Errorf("second.point[%d].force: %s, allowed: the first cell's, %s", i, quantity.Format(p.Force), quantity.Format(f.Points[i].Force)))
		}
	}
	return append(errs, validateCell("second.", &s.Calibration, s.Points)...)
}

// validateCell judges the result of one cell, whose keys begin with prefix.
func validateCell(prefix string, c *control.Calibration, points []Point) (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(prefix+format, args...)) }
	if c.Zero <= -1<<23 || c.Zero >= 1<<23-1 {
		bad("zero_counts: %d, allowed: %d to %d", c.Zero, -1<<23+1, 1<<23-2)
	}
	if p := math.Abs(c.PerNewton); !(p >= 1 && p < 1e6) {
		bad("counts_per_newton: %v, allowed: 1 to 1000000, or the same below zero", c.PerNewton)
	}
	if len(points) < 1 || len(points) > maxPoints {
		bad("point: %d of them, allowed: 1 to %d", len(points), maxPoints)
	}
	if len(errs) == 0 && validCapacity(c.Capacity) {
		validatePoints(c, points, bad)
	}
	return errs
}

// validatePoints holds the result against the weights it was made from.
func validatePoints(c *control.Calibration, points []Point, bad func(format string, args ...any)) {
	largest, wrong := physic.Force(0), false
	for i, p := range points {
		if p.Force <= 0 || p.Force > c.Capacity {
			bad("point[%d].force: %s, allowed: above 0 N to the capacity %s", i, quantity.Format(p.Force), quantity.Format(c.Capacity))
			wrong = true
			continue
		}
		if p.Counts <= -1<<23 || p.Counts >= 1<<23-1 {
			bad("point[%d].counts: %d, allowed: %d to %d", i, p.Counts, -1<<23+1, 1<<23-2)
			wrong = true
			continue
		}
		largest = max(largest, p.Force)
		measured := float64(p.Counts-c.Zero) / c.PerNewton
		off := measured - float64(p.Force)/float64(physic.Newton)
		if most := float64(c.Capacity*mostOff/100) / float64(physic.Newton); math.Abs(off) > most {
			bad("point[%d].counts: %d is %.1f N by this calibration, %.1f N off its weight, allowed: %.1f N", i, p.Counts, measured, off, most)
			wrong = true
		}
	}
	if least := c.Capacity * leastSpan / 100; !wrong && largest < least {
		bad("point: the heaviest is %s, allowed: at least %d %% of the capacity, %s", quantity.Format(largest), leastSpan, quantity.Format(least))
	}
}

// belongs refuses the calibration of another table or cell.
func (f *File) belongs(table string, capacity physic.Force) error {
	if f.Table != table {
		return fmt.Errorf("%w: it was made on table %q, this is %q; %s", ErrForeign, f.Table, table, advice)
	}
	if f.Calibration.Capacity != capacity {
		return fmt.Errorf("%w: it was made with a cell of %s, cell.capacity says %s; %s", ErrForeign,
			quantity.Format(f.Calibration.Capacity), quantity.Format(capacity), advice)
	}
	return nil
}

// none explains a missing file.
func none(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w; calibrate with known weights", ErrNone, err)
	}
	return err
}

func validCapacity(f physic.Force) bool { return f >= 100*physic.Newton && f <= 5*physic.KiloNewton }

func validID(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 40
}

func validName(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 80
}
