package main

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
	"traction/record"
	"traction/test/parts"
)

// journal is a test's own copy of everything that a control process journals,
// taken over the operator's socket.
type journal struct {
	boot string
	mu   sync.Mutex
	control.Snapshot
	entries []control.Entry
	events  []control.Event
	reports []control.Report
	gaps    []link.Gap
	err     error
}

// journalOf copies the journal of the control process in dir from its beginning, until
// the test ends or the process does.
func journalOf(t *testing.T, dir string) *journal {
	t.Helper()
	c := dial(t, dir)
	j := &journal{boot: c.Hello().ID}
	require.NoError(t, c.Subscribe(link.Subscription{EntriesFrom: new(uint64(0)), EventsFrom: new(uint64(0)), ReportsFrom: new(uint32(0)), Snapshots: link.MaxSnapshots}))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			u, err := c.Next(ctx)
			j.take(&u, err)
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return j
}

func (j *journal) take(u *link.Update, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries, j.events = append(j.entries, u.Entries...), append(j.events, u.Events...)
	if u.Report != nil {
		j.reports = append(j.reports, *u.Report)
	}
	if u.Gap != nil {
		j.gaps = append(j.gaps, *u.Gap)
	}
	if u.Snapshot != nil {
		j.Snapshot = *u.Snapshot
	}
	j.err = err
}

// wait waits until the journal shows something.
func (j *journal) wait(t *testing.T, what string, shows func(*journal) bool) {
	t.Helper()
	for deadline := time.Now().Add(parts.Patience); ; time.Sleep(2 * time.Millisecond) {
		j.mu.Lock()
		ok, err, s := shows(j), j.err, j.Snapshot
		j.mu.Unlock()
		if ok {
			return
		}
		require.NoError(t, err, what)
		require.True(t, time.Now().Before(deadline), "%s: not yet; mode %v, phase %v, trips %v", what, s.Mode, s.Phase, s.Trips.IDs())
	}
}

// last gives treated and told while the copying goes on.
func (j *journal) last() (entry, event uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.treated(), j.told()
}

// treated is the number of the last entry of a treatment, 0 = there is none.
func (j *journal) treated() uint64 {
	for _, e := range slices.Backward(j.entries) {
		if e.Treatment != 0 {
			return e.Seq
		}
	}
	return 0
}

// told is the number of the last event.
func (j *journal) told() uint64 { return j.events[len(j.events)-1].Seq }

// levels are what a programme asks for.
type levels struct {
	hold, rest physic.Force
	rampUp     control.ForceRate
	rampDown   control.ForceRate
	holdTime   time.Duration
}

// follows checks every entry of a treatment against the programme: the set-point
// is that of the phase, it moves no faster than its ramp, the phases come in their
// order, and no interlock acts but those that watch the machine itself. Nothing of
// this knows how fast the machine is: the control process's own clock counts.
func (j *journal) follows(t *testing.T, p levels) {
	t.Helper()
	require.Empty(t, j.gaps)
	after := map[control.Phase][]control.Phase{
		control.NoPhase: {control.Slack, control.NoPhase}, control.Slack: {control.Pull}, control.Pull: {control.Hold},
		control.Hold: {control.Ease}, control.Ease: {control.Rest}, control.Rest: {control.Pull},
	}
	last := control.Entry{Seq: j.entries[0].Seq - 1}
	var first control.Entry    // of the phase
	var treating time.Duration // in the phase, pauses left out
	for _, e := range j.entries {
		require.Equal(t, last.Seq+1, e.Seq, "an entry is missing")
		if e.Mode == control.Treating || e.Mode == control.Paused {
			require.True(t, e.Action <= control.Warn || e.Action == control.Freeze && j.late(e.At), "%+v", e)
			if e.Phase != last.Phase {
				require.Contains(t, after[last.Phase], e.Phase, "%+v after %+v", e, last)
				if last.Phase == control.Hold {
					assert.GreaterOrEqual(t, treating+e.At-last.At, p.holdTime, "a hold was cut short: %+v", e)
				}
				first, treating = e, 0
			} else if e.Mode == control.Treating {
				treating += e.At - last.At
			}
			p.check(t, &first, &last, &e, treating)
		}
		last = e
	}
}

// check holds the set-point of one entry against the first of its phase and the
// one before it. It moves with the samples, each of which has its own time and
// counts for 50 ms at most.
func (p *levels) check(t *testing.T, first, last, e *control.Entry, treating time.Duration) {
	t.Helper()
	const rounding, sample = float64(physic.MicroNewton), 50 * time.Millisecond
	at, since, step := float64(e.SetPoint), float64(e.SetPoint-first.SetPoint), float64(e.SetPoint-last.SetPoint)
	most := func(r control.ForceRate, d time.Duration) float64 { return d.Seconds()*float64(r) + rounding }
	switch e.Phase {
	case control.Hold:
		require.InDelta(t, float64(p.hold), at, rounding, "%+v", e)
	case control.Rest:
		require.InDelta(t, float64(p.rest), at, rounding, "%+v", e)
	case control.Pull:
		require.True(t, at <= float64(p.hold)+rounding && since <= most(p.rampUp, treating+sample), "%+v", e)
		require.True(t, e.Seq == first.Seq || step >= -rounding && step <= most(p.rampUp, sample), "%v after %+v: %+v", e.SetPoint-last.SetPoint, last, e)
	case control.Ease:
		require.True(t, at >= float64(p.rest)-rounding && -since <= most(p.rampDown, treating+sample), "%+v", e)
		require.True(t, e.Seq == first.Seq || step <= rounding && -step <= most(p.rampDown, sample), "%v after %+v: %+v", e.SetPoint-last.SetPoint, last, e)
	}
}

// late tells whether the machine was late at a time: a tick, or the samples with it.
func (j *journal) late(at time.Duration) bool {
	var since control.InterlockSet
	for _, e := range j.events {
		if e.At > at {
			break
		}
		switch e.Kind {
		case control.EventWarning:
			since = since.With(e.Interlock)
		case control.EventCleared:
			since = since.Without(e.Interlock)
		}
	}
	return since.Has(control.ILTickLate) || since.Has(control.ILCellLate)
}

// stored compares a record with the journal, entry by entry of the treatment, event
// by event and report by report.
func (j *journal) stored(t *testing.T, store *record.Store, treatment uint32) {
	t.Helper()
	missing, err := store.Missing(j.boot)
	require.NoError(t, err)
	assert.Empty(t, missing)

	var got []control.Entry
	for e, err := range store.Entries(j.boot, treatment) {
		require.NoError(t, err)
		if e.Treatment == treatment {
			got = append(got, e)
		}
	}
	want := slices.DeleteFunc(slices.Clone(j.entries), func(e control.Entry) bool { return e.Treatment != treatment })
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i], got[i])
	}

	events, err := store.Events(j.boot, treatment)
	require.NoError(t, err)
	seen := map[uint64]control.Event{}
	for _, e := range events {
		seen[e.Seq] = e
	}
	for _, e := range j.events {
		if e.Treatment == treatment {
			require.Equal(t, e, seen[e.Seq])
		}
	}
	session, err := store.Session(j.boot, treatment)
	require.NoError(t, err)
	i := slices.IndexFunc(j.reports, func(r control.Report) bool { return r.Treatment == treatment })
	require.GreaterOrEqual(t, i, 0)
	require.Equal(t, &j.reports[i], session.Report)
}

// recorded waits until the gateway's record holds a journal up to an entry of a
// treatment and an event, and opens it. Of an idle table's entries the record only
// notes the numbers, once a minute.
func recorded(t *testing.T, dir, boot string, entry, event uint64) *record.Store {
	t.Helper()
	for deadline := time.Now().Add(parts.Patience); ; time.Sleep(20 * time.Millisecond) {
		store, err := record.Open(filepath.Join(dir, "record.sqlite"), record.Options{ReadOnly: true})
		var nextEntry, nextEvent uint64
		if err == nil {
			if nextEntry, nextEvent, _, err = store.Next(boot); err == nil && nextEntry > entry && nextEvent > event {
				return store
			}
			require.NoError(t, store.Close())
		}
		require.True(t, time.Now().Before(deadline), "the record has come to entry %d of %d, event %d of %d: %v", nextEntry, entry, nextEvent, event, err)
	}
}
