package executive

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// TestAStallFreezesAndIsNotTheCellsFault: when the process did not run, nobody
// looked at the cell, so its silence says nothing about it.
// It shows tick-late, tick-missed and R-TICK-BOUND.
func TestAStallFreezesAndIsNotTheCellsFault(t *testing.T) {
	for _, table := range []string{"winch", "worm"} {
		for _, stall := range []time.Duration{25 * time.Millisecond, 300 * time.Millisecond, 3 * time.Second} {
			for _, inTick := range []bool{false, true} {
				t.Run(fmt.Sprint(table, " ", stall, " in tick ", inTick), func(t *testing.T) {
					stalled(t, table, stall, inTick)
				})
			}
		}
	}
}

func stalled(t *testing.T, table string, stall time.Duration, inTick bool) {
	r := newRig(t, table, nil)
	r.holding()
	// In the middle of a pull, where a drive that goes on would add force.
	r.must(control.Command{Kind: control.CommandSet, Set: control.Settings{Fields: control.FieldHold, Hold: 350 * physic.Newton}})
	r.run(time.Second)
	require.Equal(t, control.Pull, r.state().Phase)
	require.Positive(t, r.in.Motion.Speed)
	setPoint := r.state().SetPoint

	var back time.Duration // the tick that was told
	frozen := 0
	var was physic.Distance
	r.each = func() {
		switch {
		case back == 0 && r.in.Late > 20*time.Millisecond:
			back, was = r.in.Now, r.in.Motion.Position
		case back == 0:
			return
		case r.in.Now-back < 50*time.Millisecond:
			frozen++
			require.LessOrEqual(t, r.in.Motion.Position, was, "no step towards force")
			require.GreaterOrEqual(t, r.state().Action, control.Freeze)
		}
		require.LessOrEqual(t, r.out.Drive.Velocity, 25*mmps)
	}
	if inTick {
		watch := r.each
		r.each = func() { r.clock.Spend(stall) }
		r.once()
		r.each = watch
	} else {
		r.stall.after, r.stall.stall = r.clock.Now(), stall
		r.once()
	}
	r.run(60 * time.Millisecond)
	require.NotZero(t, back, "a tick was told how late it is")
	assert.Greater(t, frozen, 45)
	assert.InDelta(t, float64(setPoint), float64(max(r.state().SetPoint, setPoint)), float64(5*physic.Newton), "the ramp has not run ahead")

	r.run(2 * time.Second)
	assert.False(t, r.tripped(control.ILCellLost), "the cell was not lost")
	assert.False(t, r.tripped(control.ILCellImplausible))
	switch {
	case stall > 300*time.Millisecond:
		assert.True(t, r.tripped(control.ILTickMissed), "nobody watched the force for so long")
		r.until("the release", 20*time.Second, func() bool { return r.state().Mode == control.Tripped })
		assert.Less(t, r.sim.Truth().ForceN, 15.0)
	case table == "worm": // which holds its rope without power
		assert.Equal(t, control.Treating, r.state().Mode, "%v", r.state().Trips.IDs())
		r.until("the new hold", 20*time.Second, func() bool { return r.state().Phase == control.Hold })
	}
	assert.Less(t, r.sim.Truth().PeakForceN, 360.0)
}
