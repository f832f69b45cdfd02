package commission

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/hw"
	"traction/hw/hx711"
)

// What makes a measurement useless; each asks for patience or for a screwdriver.
var (
	// ErrNoisy: the rope or the weight moves, or the cell is disturbed.
	ErrNoisy = errors.New("too noisy")
	// ErrDrifting: the reading has not come to rest.
	ErrDrifting = errors.New("still drifting")
	// ErrCell: the converter does not deliver.
	ErrCell = errors.New("the load cell does not deliver")
)

// measured is one reading of one cell at rest.
type measured struct {
	counts float64 // mean
	noise  float64 // rms, counts
}

// cellNames where there are two.
var cellNames = [2]string{"first cell", "second cell"}

// readings are taken of all cells at the same time, the first cell's first.
type readings []measured

// each tells about every cell, by name when there are two.
func (r readings) each(tell func(name string, i int)) {
	for i := range r {
		name := ""
		if len(r) > 1 {
			name = cellNames[i] + ", "
		}
		tell(name, i)
	}
}

const (
	// averaging: 240 conversions bring the converter's 39 counts down to 2.5, which
	// is 0.6 mN on a cell of 2 mV/V and 1000 N.
	averaging = 3 * time.Second
	// restless is the drift over a measurement that a cell at rest does not show:
	// chance alone makes 9 counts of it (39 counts rms, 240 of them).
	restless = 100.0
	// loadShare of the load may be added to what noise and drift are allowed: a
	// weight that swings by 3 degrees pulls 0.2 % more and less.
	loadShare = 0.002
)

// measure averages each cell, and refuses what is noisy or drifts. zero is the
// reading without load, nil while it is being taken; what is on the cells widens
// what is allowed.
func (b *Bench) measure(ctx context.Context, rate physic.Frequency, zero readings) (readings, error) {
	var s [2]series
	before := b.stats()
	began := b.Clock.Now()
	_, err := b.observe(ctx, settled+averaging, func(r *hw.Reading, _ time.Duration) {
		if r.At-began < settled {
			return
		}
		for i, c := range [...]*hx711.Reading{&r.Cell, &r.Second} {
			if c.Ready {
				s[i].add(c.At, float64(c.Counts))
			}
		}
	})
	if err != nil {
		return nil, err
	}
	after := b.stats()
	all := make(readings, len(after))
	var errs []error
	all.each(func(name string, i int) {
		var unloaded *measured
		if zero != nil {
			unloaded = &zero[i]
		}
		m, err := atRest(&s[i], rate, unloaded, before[i], after[i])
		if err != nil {
			errs = append(errs, fmt.Errorf("%s%w", name, err))
		}
		all[i] = m
	})
	return all, errors.Join(errs...)
}

// stats of each cell that is wired.
func (b *Bench) stats() []hx711.Stats {
	if b.Table.HasSecond() {
		return []hx711.Stats{b.Table.CellStats(), b.Table.SecondStats()}
	}
	return []hx711.Stats{b.Table.CellStats()}
}

// atRest judges what one cell said.
func atRest(s *series, rate physic.Frequency, zero *measured, before, after hx711.Stats) (measured, error) {
	expected := float64(rate) / float64(physic.Hertz) * averaging.Seconds()
	if s.n < fewest*expected {
		return measured{}, fmt.Errorf("%w: %.0f conversions in %s, expected about %.0f%s", ErrCell, s.n, averaging, expected,
			blame(before, after))
	}
	m := measured{counts: s.mean(), noise: s.noise()}
	load := 0.0
	if zero != nil {
		load = loadShare * math.Abs(m.counts-zero.counts)
	}
	if most := noisy + load; m.noise > most {
		return m, fmt.Errorf("%w: %.0f counts rms, allowed: %.0f", ErrNoisy, m.noise, most)
	}
	if most := restless + load; math.Abs(s.drift()) > most {
		return m, fmt.Errorf("%w: %+.0f counts in %s, allowed: %.0f either way", ErrDrifting, s.drift(), averaging, most)
	}
	return m, nil
}

// blame names the fault that was counted most between two looks, with what to do.
func blame(before, after hx711.Stats) string {
	most, worst := uint64(0), hx711.None
	for _, f := range hx711.Faults() {
		if n := after.Rejected[f] - before.Rejected[f]; n > most {
			most, worst = n, f
		}
	}
	if most == 0 {
		return ""
	}
	return fmt.Sprintf("; %s: %s", worst, faultAdvice[worst])
}
