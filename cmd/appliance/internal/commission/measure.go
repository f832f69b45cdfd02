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

// measured is one reading of the cell at rest.
type measured struct {
	counts float64 // mean
	noise  float64 // rms, counts
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

// measure averages the cell, and refuses what is noisy or drifts. zero is the
// reading without load, nil while it is being taken; what is on the cell widens
// what is allowed.
func (b *Bench) measure(ctx context.Context, rate physic.Frequency, zero *measured) (measured, error) {
	var s series
	before := b.Table.CellStats()
	began := b.Clock.Now()
	_, err := b.observe(ctx, settled+averaging, func(r *hw.Reading, _ time.Duration) {
		if r.Cell.Ready && r.At-began >= settled {
			s.add(r.Cell.At, float64(r.Cell.Counts))
		}
	})
	if err != nil {
		return measured{}, err
	}
	expected := float64(rate) / float64(physic.Hertz) * averaging.Seconds()
	if s.n < fewest*expected {
		return measured{}, fmt.Errorf("%w: %.0f conversions in %s, expected about %.0f%s", ErrCell, s.n, averaging, expected,
			blame(before, b.Table.CellStats()))
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
