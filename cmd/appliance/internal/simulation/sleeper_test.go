package simulation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/hw/simtable"
)

// lateness runs an idle table with a fault from 2 to 3 s and returns how late its
// ticks were, at most, before, during and after.
func lateness(t *testing.T, kind string, value float64) (before, during, after time.Duration) {
	t.Helper()
	o := Options{Table: table(t, "winch"), Patient: patient(t, "median"),
		Faults: []simtable.Fault{{Kind: kind, At: 2 * time.Second, For: time.Second, Value: value}}}
	o.Exec.Each = func(in *control.Input, _ *control.Output) {
		switch {
		case in.Now < 2*time.Second:
			before = max(before, in.Late)
		case in.Now < 3100*time.Millisecond:
			during = max(during, in.Late)
		default:
			after = max(after, in.Late)
		}
	}
	r, _, err := NewVirtual(o)
	require.NoError(t, err)
	r.Exec.RunUntil(5*time.Second, func() bool { return false })
	return before, during, after
}

func TestFaultsOfTimeReachTheExecutive(t *testing.T) {
	const frame = 100 * time.Microsecond // of reading the cell, which makes the next tick no later
	before, during, after := lateness(t, "stall", 400)
	assert.InDelta(t, 400*time.Millisecond, during, float64(2*time.Millisecond))
	assert.Less(t, max(before, after), frame)

	before, during, after = lateness(t, "late-ticks", 15)
	assert.Greater(t, during, 13*time.Millisecond)
	assert.LessOrEqual(t, during, 16*time.Millisecond)
	assert.Less(t, max(before, after), frame)
}
