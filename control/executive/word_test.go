package executive

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"traction/control"
	"traction/hw/simtable"
)

func TestTheTablesStopIsTheLastWord(t *testing.T) {
	r := newRig(t, "winch", nil)
	r.exec.Stop(control.Remote)
	r.exec.Stop(control.Table)
	r.exec.RunUntil(time.Second, func() bool { return true })
	assert.True(t, r.in.Stop)
	assert.Equal(t, control.Table, r.in.StopOrigin)
}

func TestAStopFloodKeepsTheJournal(t *testing.T) {
	r := newRig(t, "winch", nil)
	r.exec.RunUntil(6*time.Second, func() bool { r.exec.Stop(control.Remote); return false })
	var buf [8]control.Event
	_, oldest := r.exec.Journal().Events(0, buf[:])
	assert.EqualValues(t, 1, oldest, "the boot event is gone")
}

func TestEndingBlindIsTold(t *testing.T) {
	r := newRig(t, "worm", nil)
	r.started()
	r.exec.RunUntil(r.clock.Now()+60*time.Second, func() bool { return r.out.Entry.Phase == control.Hold })
	now := r.clock.Now()
	_ = r.sim.Inject(simtable.Fault{Kind: "cell-silent", At: now}, simtable.Fault{Kind: "jam", At: now})
	err := r.exec.end()
	assert.ErrorIs(t, err, ErrTension)
}
