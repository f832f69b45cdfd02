package executive

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
)

func ringOf(size, rows int) ring[uint64] {
	r := newRing(size, func(v *uint64) uint64 { return *v })
	for i := range uint64(rows) {
		seq := i + 1
		r.add(&seq)
	}
	return r
}

func TestRingGivesTheNewestRowsInOrder(t *testing.T) {
	for name, c := range map[string]struct {
		rows   int
		from   uint64
		buf    int
		want   []uint64
		oldest uint64
	}{
		"empty":                    {0, 0, 9, []uint64{}, 0},
		"from the oldest":          {3, 0, 9, []uint64{1, 2, 3}, 1},
		"from the middle":          {3, 2, 9, []uint64{2, 3}, 1},
		"from the newest":          {3, 3, 9, []uint64{3}, 1},
		"nothing new":              {3, 4, 9, []uint64{}, 1},
		"just full":                {4, 1, 9, []uint64{1, 2, 3, 4}, 1},
		"overrun":                  {10, 0, 9, []uint64{7, 8, 9, 10}, 7},
		"overrun before from":      {10, 3, 9, []uint64{7, 8, 9, 10}, 7},
		"overrun, from the middle": {10, 9, 9, []uint64{9, 10}, 7},
		"a small buffer":           {10, 8, 2, []uint64{8, 9}, 7},
		"no buffer":                {10, 8, 0, []uint64{}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			r := ringOf(4, c.rows)
			buf := make([]uint64, c.buf)
			n := r.copy(c.from, buf)
			assert.Equal(t, c.want, buf[:n])
			assert.Equal(t, c.oldest, r.oldest())
		})
	}
}

func TestRingFindsItsWayWhereNumbersAreMissing(t *testing.T) {
	r := newRing(4, func(v *uint64) uint64 { return *v })
	for _, seq := range []uint64{1, 2, 9, 10} {
		r.add(&seq)
	}
	buf := make([]uint64, 4)
	assert.Equal(t, []uint64{9, 10}, buf[:r.copy(3, buf)])
}

// TestRingOutlivesAYear: 80 rows a second pass 2^31 after 310 days, which is
// more than an int of 32 bits counts.
func TestRingOutlivesAYear(t *testing.T) {
	r := ringOf(4, 4)
	r.n = math.MaxInt32 - 3 // a multiple of four, as before
	for seq := uint64(5); seq <= 10; seq++ {
		r.add(&seq)
	}
	buf := make([]uint64, 4)
	assert.Equal(t, []uint64{7, 8, 9, 10}, buf[:r.copy(0, buf)])
	assert.Equal(t, uint64(7), r.oldest())
}

// writer puts rows into a journal as ticks do.
type writer struct {
	*Journal
	ctl *control.Controller
	out control.Output
	n   uint64
}

func newWriter(t *testing.T) *writer {
	ctl, err := control.New(control.Config{Table: control.TableLimits{Force: 100 * physic.Newton, Rise: control.NewtonPerSecond, PullSpeed: mmps, ReleaseSpeed: 20 * mmps, Travel: physic.MilliMetre},
		Tick: tick, SampleRate: 80 * physic.Hertz, HeatTime: time.Minute})
	require.NoError(t, err)
	return &writer{Journal: NewJournal(), ctl: ctl}
}

// tick adds an entry, an event and now and then a report. Each row tells its
// number twice, so that a torn one would show.
func (w *writer) tick() {
	w.n++
	w.out.HasEntry, w.out.Entry = true, control.Entry{Seq: w.n, At: time.Duration(w.n), Counts: int32(w.n)}
	w.out.NEvents, w.out.Events[0] = 1, control.Event{At: time.Duration(w.n), Treatment: uint32(w.n)}
	w.out.HasReport, w.out.Report = w.n%100 == 0, control.Report{Treatment: uint32(w.n / 100)}
	w.add(&w.out, w.ctl)
}

// quiet is a tick that brings nothing.
func (w *writer) quiet() {
	w.out.HasEntry, w.out.NEvents, w.out.HasReport = false, 0, false
	w.add(&w.out, w.ctl)
}

func (w *writer) entries() (seqs []uint64) {
	buf := make([]control.Entry, JournalEntries)
	n, _ := w.Entries(0, buf)
	for _, e := range buf[:n] {
		seqs = append(seqs, e.Seq)
	}
	return seqs
}

func (w *writer) events() (seqs []uint64) {
	buf := make([]control.Event, JournalEvents)
	n, _ := w.Events(0, buf)
	for _, e := range buf[:n] {
		seqs = append(seqs, e.Seq)
	}
	return seqs
}

func upTo(from, to uint64) (all []uint64) {
	for i := from; i <= to; i++ {
		all = append(all, i)
	}
	return all
}

func TestJournalKeepsRowsBackWhileAReaderHoldsIt(t *testing.T) {
	w := newWriter(t)
	for range 5 {
		w.tick()
	}
	w.mu.Lock() // a reader, for as long as it likes
	for range waitingEvents {
		w.tick() // would never return if it waited
	}
	w.mu.Unlock()
	assert.Equal(t, upTo(1, 5), w.entries(), "what was there before")
	w.quiet() // a tick with nothing of its own hands over, too
	assert.Equal(t, upTo(1, 5+waitingEvents), w.entries(), "none lost, in order")
	assert.Equal(t, upTo(1, 5+waitingEvents), w.events())
	var reports [9]control.Report
	assert.Equal(t, 2, w.Reports(0, reports[:]))

	w.tick()
	assert.Equal(t, upTo(1, 6+waitingEvents), w.entries(), "and none twice")
}

func TestJournalShowsAGapWhenAReaderHoldsItForTooLong(t *testing.T) {
	w := newWriter(t)
	w.mu.Lock()
	const lost = 500
	for range waitingEntries + lost {
		w.tick()
	}
	w.mu.Unlock()
	w.tick()
	next := uint64(waitingEntries + lost + 1)
	// The tick that hands over has no room for its own row either.
	assert.Equal(t, upTo(1, waitingEntries), w.entries())
	w.tick()
	assert.Equal(t, append(upTo(1, waitingEntries), next+1), w.entries())
	assert.Equal(t, append(upTo(1, waitingEvents), next+1), w.events(), "numbered although some were lost")
	var reports [JournalReports]control.Report
	assert.Equal(t, waitingReports, w.Reports(0, reports[:]))
}

func TestJournalBoundsEverything(t *testing.T) {
	w := newWriter(t)
	const more = 7
	for range JournalEntries + more {
		w.tick()
	}
	seqs := w.entries()
	require.Len(t, seqs, JournalEntries)
	assert.Equal(t, uint64(more+1), seqs[0])
	var one [1]control.Entry
	n, oldest := w.Entries(3, one[:])
	assert.Equal(t, uint64(more+1), oldest)
	assert.Equal(t, 1, n)
	assert.Equal(t, oldest, one[0].Seq, "the gap shows in the number")
	assert.Len(t, w.events(), JournalEvents)

	var reports [JournalReports + 1]control.Report
	require.Equal(t, JournalReports, w.Reports(0, reports[:]))
	last := uint32(w.n / 100)
	assert.Equal(t, last, reports[JournalReports-1].Treatment)
	assert.Equal(t, 2, w.Reports(last-1, reports[:]))
	assert.Zero(t, w.Reports(last+1, reports[:]))
}

func TestJournalNumbersEventsEvenForTheTickItself(t *testing.T) {
	w := newWriter(t)
	w.tick()
	assert.Equal(t, uint64(1), w.out.Events[0].Seq)
}

// TestJournalWithReadersAtWork is for the race detector above all.
func TestJournalWithReadersAtWork(t *testing.T) {
	w := newWriter(t)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			var entries [64]control.Entry
			var events [32]control.Event
			var reports [2]control.Report
			var nextEntry, nextEvent uint64
			for {
				n, _ := w.Entries(nextEntry, entries[:])
				for _, e := range entries[:n] {
					assert.True(t, e.Seq >= nextEntry && e.At == time.Duration(e.Seq) && e.Counts == int32(e.Seq), "%+v", e)
					nextEntry = e.Seq + 1
				}
				n, _ = w.Events(nextEvent, events[:])
				for _, e := range events[:n] {
					assert.True(t, e.Seq >= nextEvent && e.At == time.Duration(e.Seq) && e.Treatment == uint32(e.Seq), "%+v", e)
					nextEvent = e.Seq + 1
				}
				w.Reports(0, reports[:])
				w.Snapshot()
				w.Lateness()
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for range 20_000 {
		w.tick()
	}
	close(done)
	readers.Wait()
	w.quiet()
	w.tick()
	seqs := w.entries()
	assert.Equal(t, w.n, seqs[len(seqs)-1], "the newest is there once nobody reads")
}
