package simulation

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/hw/simtable"
)

// process runs the appliance for 30 s on a table whose state is in a file, and
// then is gone from one tick to the next.
func process(t *testing.T, path string, op *operator, each func(*Rig, *control.Output)) *Rig {
	t.Helper()
	state, err := simtable.OpenState(path)
	require.NoError(t, err)
	defer func() { assert.NoError(t, state.Close()) }()
	o := Options{Table: table(t, "worm"), Patient: patient(t, "median"), Seed: 5, State: state}
	o.Exec.Each = func(in *control.Input, out *control.Output) {
		op.act(in, out)
		each(op.rig, out)
	}
	op.rig, _, err = NewVirtual(o)
	require.NoError(t, err)
	op.rig.Exec.RunUntil(30*time.Second, func() bool { return false })
	return op.rig
}

// TestKilledUnderLoadComesBackReleasing kills the process in a hold and starts
// another one on the same table: it finds the tension, releases it once somebody
// has acknowledged, and never goes on with the treatment.
func TestKilledUnderLoadComesBackReleasing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	op := &operator{programme: cycles(300*physic.Newton, 5*time.Minute)}
	r := process(t, path, op, func(*Rig, *control.Output) {})
	require.Greater(t, r.Sim.Truth().ForceN, 290.0, "holding when it dies")

	first, peak := 0.0, 0.0
	seen := map[control.Mode]bool{}
	op = &operator{}
	r = process(t, path, op, func(r *Rig, out *control.Output) {
		if op.stage > atAcknowledge {
			op.stage = atEnd
		}
		force := r.Sim.Truth().ForceN
		if first == 0 {
			first = force
		}
		peak = max(peak, force)
		if out.HasEntry {
			seen[out.Entry.Mode] = true
		}
	})
	assert.Greater(t, first, 280.0, "the worm has held it meanwhile")
	assert.Less(t, peak, first+12, "nothing but breath was added")
	assert.True(t, seen[control.Recovering])
	assert.False(t, seen[control.Treating])
	assert.Less(t, r.Sim.Truth().ForceN, 20.0)
}
