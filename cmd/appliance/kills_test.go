package main

import (
	"flag"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
	"traction/record"
	"traction/test/parts"
)

var kills = flag.Int("kills", 3, "how often TestRecordSurvivesKills kills the gateway")

// TestRecordSurvivesKills kills the gateway again and again in treatments, at any
// moment: while it starts, records, or asks for what it missed. After each the
// record can be read, and in the end it has every sample, event and report of the
// control process's journal. It shows R-RECORD.
func TestRecordSurvivesKills(t *testing.T) {
	parts.Heavy(t, "takes some seconds of real time")
	t.Parallel()
	dir := t.TempDir()
	start(t, "control", "--simulate", "--run-dir", dir, "--table", "plain", "--programmes", programme(t, quick))
	j := journalOf(t, dir)
	moments := rand.New(rand.NewPCG(1, 2))
	var gateway *parts.Process
	for killed, treatments := 0, 0; killed < *kills; treatments++ {
		require.Less(t, treatments, 50, "every treatment ends at once")
		toStart(t, dir, "test")
		for ; killed < *kills && !j.ended(treatments); killed++ {
			gateway = start(t, "gateway", "--run-dir", dir)
			time.Sleep(time.Duration(moments.IntN(1200)) * time.Millisecond) // any moment is good
			require.True(t, gateway.Alive())
			gateway.Kill()
			readable(t, filepath.Join(dir, "record.sqlite"))
		}
		if !j.ended(treatments) {
			order(t, dial(t, dir), link.Request{Command: control.CommandStop}, func(*control.Snapshot) bool { return true })
		}
		j.wait(t, "the report", func(j *journal) bool {
			return len(j.reports) > treatments && (j.Mode == control.Idle || j.Mode == control.Tripped)
		})
	}
	start(t, "gateway", "--run-dir", dir)
	j.mu.Lock()
	defer j.mu.Unlock()
	store := recorded(t, dir, j.boot, j.treated(), j.told())
	defer func() { assert.NoError(t, store.Close()) }()
	// A report may arrive in the portion after that of its last event.
	for deadline := time.Now().Add(parts.Patience); ; time.Sleep(20 * time.Millisecond) {
		_, _, report, err := store.Next(j.boot)
		require.NoError(t, err)
		if report > j.reports[len(j.reports)-1].Treatment {
			break
		}
		require.True(t, time.Now().Before(deadline), "the record has the reports before %d", report)
	}
	for _, r := range j.reports {
		j.stored(t, store, r.Treatment)
	}
	list, err := store.Sessions(0)
	require.NoError(t, err)
	assert.Len(t, list, len(j.reports))
	samples := 0
	for _, e := range j.entries {
		if e.Treatment != 0 {
			samples++
		}
	}
	t.Logf("%d kills in %d treatments; %d samples, %d events: none is missing", *kills, len(j.reports), samples, len(j.events))
}

// ended tells whether the treatment after so many others is over.
func (j *journal) ended(others int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.reports) > others
}

// readable reads all that a record has, right after its gateway was killed.
func readable(t *testing.T, path string) {
	t.Helper()
	store, err := record.Open(path, record.Options{ReadOnly: true})
	if err != nil && !assert.NotErrorIs(t, err, record.ErrCorrupt) {
		return
	}
	if err != nil { // it was killed before there was a record
		return
	}
	defer func() { assert.NoError(t, store.Close()) }()
	list, err := store.Sessions(0)
	require.NoError(t, err)
	for _, x := range list {
		last := uint64(0)
		for e, err := range store.Entries(x.Boot.ID, x.Treatment) {
			require.NoError(t, err)
			require.True(t, last == 0 || e.Seq == last+1, "%s: entry %d after %d", x.Name(), e.Seq, last)
			last = e.Seq
		}
		_, err := store.Events(x.Boot.ID, x.Treatment)
		require.NoError(t, err)
	}
}
