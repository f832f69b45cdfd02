package executive

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

// TestATickDoesNotAllocate: a second of ticks makes no garbage, from idle through
// slack, pull and hold, the journal and its readers included.
func TestATickDoesNotAllocate(t *testing.T) {
	r := newRig(t, "winch", nil)
	r.events = make([]control.Event, 0, 1000)
	second := func() { r.run(time.Second) }
	assert.Zero(t, testing.AllocsPerRun(5, second), "idle")
	r.started()
	assert.Zero(t, testing.AllocsPerRun(25, second), "slack, pull and hold")
	require.Equal(t, control.Hold, r.state().Phase)

	var entries [64]control.Entry
	var events [32]control.Event
	var reports [2]control.Report
	var next uint64
	j := r.exec.Journal()
	assert.Zero(t, testing.AllocsPerRun(5, func() {
		for range 50 {
			r.run(20 * tick)
			n, _ := j.Entries(next, entries[:])
			next += uint64(n)
			j.Events(0, events[:])
			j.Reports(0, reports[:])
			_, _ = j.Snapshot(), j.Lateness()
		}
	}), "with a reader")
	assert.Greater(t, next, uint64(300), "the reader has read")
}

// BenchmarkTick is one tick with its edges. The simulated pins, table and person
// are most of it.
func BenchmarkTick(b *testing.B) {
	for _, c := range []struct {
		name  string
		begin func(*rig)
	}{
		{"idle", func(r *rig) { r.run(time.Second) }},
		{"holding", (*rig).holding},
	} {
		b.Run(c.name, func(b *testing.B) {
			fresh := func() *rig {
				r := newRig(b, "winch", nil)
				c.begin(r)
				return r
			}
			r := fresh()
			b.ReportAllocs()
			for b.Loop() {
				r.once()
				if r.out.HasReport { // the treatment is over
					b.StopTimer()
					r = fresh()
					b.StartTimer()
				}
			}
		})
	}
}

// BenchmarkJournalAdd is what noting one sample costs the real-time thread.
func BenchmarkJournalAdd(b *testing.B) {
	r := newRig(b, "winch", nil)
	r.holding()
	out := r.out
	out.HasEntry, out.NEvents, out.HasReport = true, 0, false
	j := NewJournal()
	b.ReportAllocs()
	for b.Loop() {
		out.Entry.Seq++
		j.add(&out, r.ctl)
	}
}
