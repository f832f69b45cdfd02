package record

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

// A power cut takes what was written and not yet synced, or parts of it: of every
// sector of 512 bytes either the new contents or the old ones are there, in no
// order. What was synced stays.
//
// What is synced when, is SQLite's write-ahead log (sqlite.org/wal.html): a commit
// with synchronous = FULL has synced the log; a checkpoint syncs the log, writes the
// file, and syncs it before the log is used from its beginning again.

// disk is what the two files of a record hold.
type disk struct{ file, log []byte }

func look(t *testing.T, path string) (d disk) {
	t.Helper()
	var err error
	d.file, err = os.ReadFile(path)
	require.NoError(t, err)
	d.log, err = os.ReadFile(path + "-wal")
	require.NoError(t, err)
	return d
}

// tear mixes old and new sectors; old ones beyond its end are zero, or cut off.
func tear(rng *rand.Rand, old, recent []byte) []byte {
	const sector = 512
	out := bytes.Clone(recent)
	for at := 0; at < len(out); at += sector {
		end := min(at+sector, len(out))
		if rng.IntN(2) == 0 {
			continue
		}
		n := 0
		if at < len(old) {
			n = copy(out[at:end], old[at:])
		}
		clear(out[at+n : end])
	}
	if len(old) < len(out) && rng.IntN(3) == 0 {
		out = out[:len(old)+rng.IntN(len(out)-len(old)+1)]
	}
	return out
}

// recoverFrom opens a record from what a power cut left.
func recoverFrom(t *testing.T, d disk) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "record.db")
	require.NoError(t, os.WriteFile(path, d.file, 0o600))
	require.NoError(t, os.WriteFile(path+"-wal", d.log, 0o600))
	s, err := Open(path, Options{})
	require.NoError(t, err)
	require.Nil(t, s.Damage(), "it is whole")
	return s
}

// kept checks that a record has everything up to a point and, after that, nothing
// but what happened; it tells how many entries there are.
func (x *scene) kept(t *testing.T, s *Store, entries, events int) int {
	t.Helper()
	got := stored(t, s, 1)
	require.GreaterOrEqual(t, len(got), entries, "what was synced")
	require.LessOrEqual(t, len(got), len(x.entries))
	require.Equal(t, x.entries[:len(got)], got)
	told, err := s.Events(testBoot.ID, 1)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(told), events)
	if len(told) > 0 {
		require.Equal(t, x.events[:len(told)], told)
	}
	// And it goes on without a gap.
	n := next(t, s)
	require.NoError(t, s.Append(testBoot.ID, x.entries[n[0]-1:], x.events[n[1]-1:], []control.Report{x.report}))
	all := stored(t, s, 1)
	require.Len(t, all, len(x.entries), "after %d of them", len(got))
	assert.Equal(t, x.entries, all)
	missing, err := s.Missing(testBoot.ID)
	require.NoError(t, err)
	assert.Empty(t, missing)
	return len(got)
}

// TestPowerCut cuts the power at moments spread over a treatment, each time losing
// another part of what was not synced. The record is whole, has everything that is
// older than a second, and every event that was taken. It shows R-RECORD.
func TestPowerCut(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	length := 90 * time.Second
	if testing.Short() {
		length = 30 * time.Second
	}
	x := treatment(length)
	_, err := s.conn.ExecContext(t.Context(), "PRAGMA wal_autocheckpoint = 120") // pages; more often than in life
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(20, 26))
	synced := look(t, s.path)
	syncedEntries, events, worst, cuts, checkpoints := 0, 0, time.Duration(0), 0, 0
	for at := 0; at < len(x.entries); at += 16 {
		end := min(at+16, len(x.entries))
		told := x.events[events:]
		for i := range told {
			if told[i].At > x.entries[end-1].At {
				told = told[:i]
				break
			}
		}
		c.advance(x.entries[end-1].At - x.entries[max(at-1, 0)].At)
		before := look(t, s.path)
		require.NoError(t, s.Append(testBoot.ID, x.entries[at:end], told, nil))
		events += len(told)
		after := look(t, s.path)

		if !bytes.Equal(before.file, after.file) {
			checkpoints++
			// In the middle of the checkpoint: the log is synced, the file half written.
			r := recoverFrom(t, disk{tear(rng, before.file, after.file), after.log})
			x.kept(t, r, end, events)
			require.NoError(t, r.Close())
			synced, syncedEntries = after, end
		}
		if !s.unsynced {
			synced, syncedEntries = after, end
		}
		if at/16%11 == 0 || len(told) > 0 && cuts%5 == 0 {
			cuts++
			r := recoverFrom(t, disk{synced.file, tear(rng, synced.log, after.log)})
			n := x.kept(t, r, syncedEntries, events)
			require.NoError(t, r.Close())
			// The next portion had nearly arrived.
			lost := x.entries[end-1].At - x.entries[max(n-1, 0)].At + 200*time.Millisecond
			worst = max(worst, lost)
		}
	}
	assert.Positive(t, checkpoints, "a log that long is brought into the file")
	assert.Greater(t, cuts, 15)
	assert.LessOrEqual(t, worst, time.Second)
	t.Logf("%d power cuts, %d in checkpoints; at most %v of samples lost", cuts+checkpoints, checkpoints, worst.Round(time.Millisecond))
}

// Without the syncs the same cuts would cost more: the test above sees them.
func TestPowerCutTearsWhatIsNotSynced(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	x := treatment(10 * time.Second)
	synced := look(t, s.path)
	for at := 0; at+16 <= len(x.entries) && at < 16*4; at += 16 {
		c.advance(time.Millisecond) // so that no commit is due
		require.NoError(t, s.Append(testBoot.ID, x.entries[at:at+16], nil, nil))
		require.True(t, s.unsynced)
	}
	after := look(t, s.path)
	seen := map[int]bool{}
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := recoverFrom(t, disk{synced.file, tear(rand.New(rand.NewPCG(seed, 1)), synced.log, after.log)})
			defer r.Close()
			seen[len(stored(t, r, 1))] = true
		})
	}
	assert.True(t, seen[0] && len(seen) > 1, "%v", seen)
}
