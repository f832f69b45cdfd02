package simulation

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/hw/simtable"
)

// TestProofOfReleaseOnEveryTable: pulled, pressed, timed, and then the treatment.
func TestProofOfReleaseOnEveryTable(t *testing.T) {
	for _, name := range simtable.Tables() {
		hold := 100 * physic.Newton
		p := cycles(hold, 40*time.Second)
		run := Run{Options: Options{Table: table(t, name), Patient: patient(t, "median"), Seed: 4, ProofOfRelease: time.Hour}, Programme: p, Trace: true}
		res, trace, err := Treat(run)
		require.NoError(t, err, name)
		assert.True(t, res.Completed, "%s: %+v", name, res)
		var proofs int
		for _, e := range trace.Events {
			if e.Kind == control.EventReleaseProven {
				proofs++
			}
		}
		assert.Equal(t, 1, proofs, name)
	}
}

// TestProofOfReleaseOfAStuckTable: a drive that obeys no step is found before
// anybody is treated.
func TestProofOfReleaseOfAStuckTable(t *testing.T) {
	for _, name := range []string{"winch", "worm"} {
		o := Options{Table: table(t, name), Patient: patient(t, "median"), Seed: 4, ProofOfRelease: time.Hour}
		var jammed bool
		res, trace, err := Treat(Run{Options: o, Programme: cycles(100*physic.Newton, 40*time.Second), Trace: true,
			Each: func(r *Rig, _ *control.Input, out *control.Output) {
				if !jammed && out.HasEntry && out.Entry.Phase == control.Hold {
					jammed = true
					require.NoError(t, r.Sim.Inject(simtable.Fault{Kind: "jam"}))
				}
			}, Most: 3 * time.Minute})
		require.NoError(t, err)
		assert.False(t, res.Completed)
		assert.Equal(t, "proof-of-release", trace.Report.Programme, name)
		assert.True(t, trace.Report.Trips.Has(control.ILReleaseStalled), "%s: %v", name, trace.Report.Trips.IDs())
	}
}

// TestSecondCellThroughThePins: what one cell cannot know two do. The first one's
// wires come off, its zero jumps, or the second one fails, in a hold at 300 N.
func TestSecondCellThroughThePins(t *testing.T) {
	for _, c := range []struct {
		fault simtable.Fault
		want  []control.InterlockID
	}{
		{simtable.Fault{Kind: "zero-jump", Value: 40}, []control.InterlockID{control.ILCellsDisagree}},
		{simtable.Fault{Kind: "zero-jump", Value: -40}, []control.InterlockID{control.ILCellsDisagree}},
		{simtable.Fault{Kind: "cell-unconnected"}, []control.InterlockID{control.ILCellsDisagree, control.ILCellLost, control.ILSuddenDrop}},
	} {
		var at, tripped time.Duration
		var trips control.InterlockSet
		peak := 0.0
		_, _, err := Treat(Run{Options: Options{Table: table(t, "double"), Patient: patient(t, "median"), Seed: 4},
			Programme: cycles(300*physic.Newton, 2*time.Minute), Most: 3 * time.Minute,
			Each: func(r *Rig, in *control.Input, out *control.Output) {
				if at == 0 && out.HasEntry && out.Entry.Phase == control.Hold {
					at = in.Now
					require.NoError(t, r.Sim.Inject(c.fault))
				}
				if at != 0 {
					peak = max(peak, r.Sim.Truth().ForceN)
				}
				for _, e := range out.Events[:out.NEvents] {
					if e.Kind == control.EventTrip && at != 0 {
						trips = trips.With(e.Interlock)
						if tripped == 0 {
							tripped = in.Now
						}
					}
				}
			}})
		require.NoError(t, err)
		assert.True(t, slices.ContainsFunc(c.want, trips.Has), "%s: %v", c.fault.Kind, trips.IDs())
		assert.LessOrEqual(t, tripped-at, 120*time.Millisecond, "%s %v", c.fault.Kind, c.fault.Value)
		assert.Less(t, peak, 320.0, "%s %v", c.fault.Kind, c.fault.Value)
	}
}
