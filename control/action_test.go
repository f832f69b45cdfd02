package control

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a row of the table does where something else does nearly the same: a
// freeze beside the last word of limit, which stops for late samples too, and a
// release beside the release that is under way.

// halfway is a rig in the first pull, with the drive moving towards force.
func halfway(t *testing.T) *rig {
	r := newRig(t, testConfig())
	r.armed(testProgramme())
	r.must(Command{Kind: CommandStart})
	r.until("pull", time.Minute, func() bool { return r.c.phase() == Pull && r.force > 80 && r.driven > 1 })
	return r
}

// frozen runs while an interlock is active, which it has to be now: its action
// is a freeze, it is told, and nothing moves towards force. It gives the time.
func frozen(t *testing.T, r *rig, id InterlockID) time.Duration {
	t.Helper()
	require.True(t, r.has(EventWarning, id))
	from := r.now
	for r.c.guard.active.Has(id) {
		require.Equal(t, Freeze, r.c.guard.action, "after %v", r.now-from)
		require.LessOrEqual(t, r.driven, 0.0, "towards force, after %v", r.now-from)
		require.Less(t, r.now-from, 5*time.Second)
		r.tick()
	}
	assert.True(t, r.has(EventCleared, id))
	assert.Equal(t, Treating, r.c.mode)
	assert.Zero(t, r.c.guard.latched)
	return r.now - from
}

// TestLateSamplesFreeze: cell-late.
func TestLateSamplesFreeze(t *testing.T) {
	r := halfway(t)
	r.cellGone = true
	last := r.in.Load.At
	r.until("cell-late", time.Second, func() bool { return r.has(EventWarning, ILCellLate) })
	assert.InDelta(t, 36, float64((r.now-last)/time.Millisecond), 2)
	r.run(20 * time.Millisecond)
	r.cellGone = false
	frozen(t, r, ILCellLate)
}

// TestBadSamplesFreeze: cell-late, by a fault that the cell itself reports.
func TestBadSamplesFreeze(t *testing.T) {
	r := halfway(t)
	r.in.Load.Fault = CellStuck
	r.until("cell-late", time.Second, func() bool { return r.has(EventWarning, ILCellLate) })
	r.in.Load.Fault = CellOK
	frozen(t, r, ILCellLate)
}

// TestLateTickFreezes: tick-late, until the ticks have been punctual for a while.
func TestLateTickFreezes(t *testing.T) {
	r := halfway(t)
	r.in.Late = lateTick
	r.tick()
	assert.False(t, r.has(EventWarning, ILTickLate), "not yet too late")
	r.in.Late = lateTick + time.Millisecond
	r.tick()
	r.in.Late = 0
	assert.InDelta(t, float64(lateTickFreeze), float64(frozen(t, r, ILTickLate)), float64(2*time.Millisecond))
	r.until("pulling again", time.Second, func() bool { return r.driven > 1 })
}

// TestFastRiseFreezes: rate-of-rise by itself. Force that rises so fast also counts
// as the person's moving, which freezes too.
func TestFastRiseFreezes(t *testing.T) {
	r := halfway(t)
	for i, table := 0, withTable(t); i < len(table); i++ {
		if table[i].id == ILPatientMoves {
			table[i].holds = never
		}
	}
	from := r.now.Seconds()
	r.extra = func(t float64) float64 { return min((t-from)*450, 120) }
	r.until("rate-of-rise", time.Second, func() bool { return r.has(EventWarning, ILRateOfRise) })
	frozen(t, r, ILRateOfRise)
}

// TestStalledReleaseGoesOn: release-stalled. A self-locking drive that was
// disabled would keep the tension: its release goes on, and no longer gently.
func TestStalledReleaseGoesOn(t *testing.T) {
	cfg := testConfig()
	cfg.Table.BackDrivable = false
	r := newRig(t, cfg)
	r.holding(testProgramme())
	r.c.endTreatment(EndCompleted, gentle, &r.out)
	require.Equal(t, gentle, r.c.rel.kind)
	r.motor = false // steps without motion
	r.until("release-stalled", time.Minute, func() bool { return r.has(EventTrip, ILReleaseStalled) })
	assert.Equal(t, Release, r.c.guard.action)
	assert.Equal(t, Releasing, r.c.mode)
	assert.NotEqual(t, DriveDisabled, r.out.Drive.Mode)
	assert.NotEqual(t, gentle, r.c.rel.kind, "it goes on as fast as it may")
	r.motor = true
	r.until("the end", 30*time.Second, r.mode(Tripped))
	assert.Less(t, r.force, slackForce)
}

// TestTableSaysWhatTheDefaultsDo: the row of gateway-lost shows the action of the
// policy that nobody has changed.
func TestTableSaysWhatTheDefaultsDo(t *testing.T) {
	c, err := New(testConfig())
	require.NoError(t, err)
	for i := range interlocks {
		if row := &interlocks[i]; row.id == ILGatewayLost {
			assert.Equal(t, c.actionOf(row), row.action)
			assert.Equal(t, c.clearOf(row), row.clear)
		}
	}
}
