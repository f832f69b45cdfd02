package commission

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/calfile"
	"traction/control/quantity"
)

// ErrUnfit: the readings make no calibration that anybody should pull with.
var ErrUnfit = errors.New("no calibration comes of this")

const (
	// mostError of the span, for the second weight and for the return to zero.
	mostError = 0.01
	// leastSpan of the capacity: below it the scale is mostly noise and friction.
	leastSpan = 0.05
	// apart is how far a second weight must be from the first, as a share of it.
	apart = 0.1
	// An ordinary cell delivers 1 to 3 mV/V at its capacity; half and one and a half
	// times that leaves room. Outside, a unit or the capacity is wrong.
	leastOutput, mostOutput = 0.5, 4.5 // mV/V
	// fullScale is counts for 1 V/V: 24 bits for an input of AVDD / 128 (HX711 data
	// sheet), with the cell on AVDD.
	fullScale = 128 * (1 << 24)
	// unbalanced is more of the capacity than a cell shows without load: cells leave the
	// factory with 1 to 5 %, and a hook hangs on it. One that was overloaded stays bent.
	unbalanced = 0.2
	// highest is the largest code of the converter's 24 bits.
	highest = 1<<23 - 1
	// changed against the calibration before it: a good cell stays within 0.1 %.
	changed = 0.02
)

// weighed is a known force with what one cell said to it.
type weighed struct {
	force physic.Force
	measured
}

// hung is a known force with what all cells said to it.
type hung struct {
	force physic.Force
	readings
}

// fitAll makes the calibration of each cell. The error joins what is wrong with
// any of them.
func fitAll(capacity physic.Force, zero readings, weights []hung, after readings) (all []fitted, err error) {
	zero.each(func(name string, i int) {
		var of []weighed
		for _, w := range weights {
			of = append(of, weighed{w.force, w.readings[i]})
		}
		f, fitErr := fit(capacity, zero[i], of, after[i])
		if fitErr != nil {
			err = errors.Join(err, fmt.Errorf("%s%w", name, fitErr))
		}
		all = append(all, f)
	})
	return all, err
}

// fitted is a calibration with how good it is.
type fitted struct {
	control.Calibration
	points  []calfile.Point // heaviest first
	span    physic.Force
	noiseN  float64 // rms
	bowN    float64 // error at the lighter weight; NaN without one
	returnN float64 // at the return to zero
	doubts  []string
}

// fit makes the calibration from zero to the heaviest weight; everything else
// tests it. What is possible and unlikely is a doubt (R-SCALE-DOUBTED).
func fit(capacity physic.Force, zero measured, weights []weighed, after measured) (fitted, error) {
	weights = slices.Clone(weights)
	slices.SortFunc(weights, func(a, b weighed) int { return cmp.Compare(b.force, a.force) })
	heaviest := weights[0]
	f := fitted{span: heaviest.force, bowN: math.NaN()}
	f.Calibration = control.Calibration{
		Zero:      int32(math.Round(zero.counts)),
		PerNewton: (heaviest.counts - zero.counts) / inNewtons(heaviest.force),
		Capacity:  capacity,
	}
	k := f.PerNewton
	if !f.Valid() {
		return f, fmt.Errorf("%w: the weight changed the reading by %.0f counts; is it on the cell, and the cell's plug in?", ErrUnfit, heaviest.counts-zero.counts)
	}
	for _, w := range weights {
		f.points = append(f.points, calfile.Point{Force: w.force, Counts: int32(math.Round(w.counts))})
		f.noiseN = max(f.noiseN, w.noise/math.Abs(k))
	}
	f.returnN = (after.counts - zero.counts) / k
	most := mostError * inNewtons(f.span)
	var errs []error
	if len(weights) > 1 {
		light := weights[1]
		f.bowN = (light.counts-zero.counts)/k - inNewtons(light.force)
		if math.Abs(f.bowN) > most {
			errs = append(errs, fmt.Errorf("%w: %s reads %+.2f N off, allowed: %.2f N (1 %% of the span); is one of the weights wrong?",
				ErrUnfit, quantity.Format(light.force), f.bowN, most))
		}
	}
	if math.Abs(f.returnN) > most {
		errs = append(errs, fmt.Errorf("%w: unloaded it reads %+.2f N, allowed: %.2f N (1 %% of the span); something rubs, sticks or still hangs on it",
			ErrUnfit, f.returnN, most))
	}
	// The converter is lopsided by the zero: one of its two ends comes first.
	if end := (highest - math.Copysign(zero.counts, zero.counts*k)) / math.Abs(k); end < inNewtons(capacity) {
		errs = append(errs, fmt.Errorf("%w: the converter is at its end at %.0f N, below the cell's %s: it could not tell more from that; its zero is at %.0f counts of %d",
			ErrUnfit, end, quantity.Format(capacity), zero.counts, highest))
	}
	if share := math.Abs(zero.counts/k) / inNewtons(capacity); share > unbalanced {
		f.doubts = append(f.doubts, fmt.Sprintf("unloaded it shows %.0f %% of its capacity already; ordinary cells show less than 5: was it overloaded, or does something hang on it?", 100*share))
	}
	output := math.Abs(k) * inNewtons(capacity) / fullScale * 1000
	if output < leastOutput || output > mostOutput {
		f.doubts = append(f.doubts, fmt.Sprintf("a cell of %s would deliver %.2f mV/V; ordinary ones deliver 1 to 3: is the unit of the weight right, and cell.capacity?",
			quantity.Format(capacity), output))
	}
	return f, errors.Join(errs...)
}

// compare adds a doubt when the calibration before was very different.
func (f *fitted) compare(old control.Calibration, date time.Time, by string) {
	if d := f.PerNewton/old.PerNewton - 1; math.Abs(d) > changed {
		f.doubts = append(f.doubts, fmt.Sprintf("the calibration of %s by %s had %.1f counts for 1 N, this one %+.1f %%: one of them is wrong, unless the cell was replaced",
			date.Format(time.DateOnly), by, old.PerNewton, 100*d))
	}
}

// String is the result for people.
func (f *fitted) String() string {
	var b strings.Builder
	span := inNewtons(f.span)
	fmt.Fprintf(&b, "  zero            %d counts\n", f.Zero)
	fmt.Fprintf(&b, "  scale           %.3f counts for 1 N, from 0 to %s\n", f.PerNewton, quantity.Format(f.span))
	fmt.Fprintf(&b, "  noise           %.3f N rms\n", f.noiseN)
	if math.IsNaN(f.bowN) {
		fmt.Fprintf(&b, "  non-linearity   not tested: no second weight\n")
	} else {
		fmt.Fprintf(&b, "  non-linearity   %+.3f N at %s, %.3f %% of the span\n", f.bowN, quantity.Format(f.points[1].Force), 100*math.Abs(f.bowN)/span)
	}
	fmt.Fprintf(&b, "  return to zero  %+.3f N, %.3f %% of the span\n", f.returnN, 100*math.Abs(f.returnN)/span)
	for _, d := range f.doubts {
		fmt.Fprintf(&b, "  DOUBT: %s\n", d)
	}
	return b.String()
}

// parseWeight reads a force, or a mass for its weight at standard gravity; the true
// one differs by up to 0.3 % between equator and poles.
func parseWeight(s string, capacity physic.Force) (physic.Force, error) {
	f, err := quantity.Parse[physic.Force](s)
	if errors.Is(err, quantity.ErrUnit) {
		m, massErr := quantity.Parse[physic.Mass](s)
		if massErr != nil {
			return 0, fmt.Errorf("%w; or as a mass: %w", err, massErr)
		}
		f, err = quantity.Weight(m), nil
	}
	if err != nil {
		return 0, err
	}
	if least := physic.Force(leastSpan * float64(capacity)); f < least || f > capacity {
		return 0, fmt.Errorf("%s, allowed: %s to %s, 5 %% of the cell's capacity to all of it", quantity.Format(f), quantity.Format(least), quantity.Format(capacity))
	}
	return f, nil
}
