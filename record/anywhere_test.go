package record

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

// content is all that can be read of a record, and what went wrong in each call.
type content struct {
	sessions []Session
	entries  [2][]control.Entry
	events   [2][]control.Event
	pending  []PendingEvent
	reports  []PendingReport
	own      []PendingOwn
	missing  []Range
}

// read reads everything; errs are those of the calls in their order, nil = none.
func read(s *Store) (c content, errs [8]error) {
	c.sessions, errs[0] = s.Sessions(0)
	for n := range c.entries {
		for e, err := range s.Entries(testBoot.ID, uint32(n+1)) {
			errs[1+n] = errors.Join(errs[1+n], err)
			if err == nil {
				c.entries[n] = append(c.entries[n], e)
			}
		}
	}
	for n := range c.events {
		var err error
		c.events[n], err = s.Events(testBoot.ID, uint32(n+1))
		errs[3] = errors.Join(errs[3], err)
	}
	c.pending, errs[4] = s.UnsentEvents(1000)
	c.reports, errs[5] = s.UnsentReports(1000)
	c.own, errs[6] = s.UnsentOwn(1000)
	c.missing, errs[7] = s.Missing(testBoot.ID)
	return c, errs
}

// within tells whether every one of got is one of want.
func within[T comparable](got, want []T) bool {
	known := map[T]bool{}
	for _, w := range want {
		known[w] = true
	}
	for _, g := range got {
		if !known[g] {
			return false
		}
	}
	return true
}

// true tells whether nothing in c is other than it was; something may be missing.
func (c *content) true(want *content) bool {
	plain := func(list []Session) (out []Session) {
		for _, x := range list {
			x.Report, x.Ended = nil, 0 // without its report a session ends with its last sample
			out = append(out, x)
		}
		return out
	}
	ok := within(plain(c.sessions), plain(want.sessions)) && within(c.pending, want.pending) && within(c.reports, want.reports) && within(c.own, want.own)
	for n := range c.entries {
		ok = ok && within(c.entries[n], want.entries[n]) && within(c.events[n], want.events[n])
	}
	var reports, wanted []control.Report
	for i := range want.sessions {
		wanted = append(wanted, *want.sessions[i].Report)
	}
	for i := range c.sessions {
		if c.sessions[i].Report != nil {
			reports = append(reports, *c.sessions[i].Report)
		}
	}
	return ok && within(reports, wanted)
}

// TestDamageAnywhere damages a record in 200 random places, in different ways.
// Nothing panics; nothing that is read is other than it was; and what is not
// there any more is told: by an error, by Missing, or because the file was set aside.
func TestDamageAnywhere(t *testing.T) {
	s, _ := begin(t, filepath.Join(t.TempDir(), "record.db"))
	x := newScene(5, 1)
	var reports []control.Report
	for x.number = 1; x.number <= 2; x.number++ {
		x.start()
		x.cycles(392, 117, 8*time.Second, 4*time.Second, 40*time.Second)
		x.end(control.EndCompleted, control.NoInterlock)
		reports = append(reports, x.report)
	}
	require.NoError(t, s.Append(testBoot.ID, x.entries, x.events, reports))
	for n := range uint64(20) {
		require.NoError(t, s.AppendOwn(testBoot, n+1, started, "control-lost", "The control process is gone."))
	}
	want, errs := read(s)
	require.Equal(t, [8]error{}, errs)
	require.Len(t, want.sessions, 2)
	require.NoError(t, s.Close())
	file, err := os.ReadFile(s.path)
	require.NoError(t, err)

	outcomes := map[string]int{}
	places := uint64(200)
	if testing.Short() {
		places = 20
	}
	for seed := range places {
		rng := rand.New(rand.NewPCG(seed, 7))
		bad := bytes.Clone(file)
		at := rng.IntN(len(bad))
		switch seed % 4 {
		case 0: // one bit
			bad[at] ^= 1 << rng.IntN(8)
		case 1: // some bytes
			for i := range bad[at:min(at+1+rng.IntN(64), len(bad))] {
				bad[at+i] = byte(rng.Uint32())
			}
		case 2: // a sector that was never written
			at = at / 512 * 512
			clear(bad[at:min(at+512, len(bad))])
		case 3: // a page that was written to another place
			from := rng.IntN(len(bad)/4096) * 4096
			copy(bad[at/4096*4096:], file[from:from+4096])
		}
		outcomes[damaged(t, bad, &want, seed)]++
	}
	t.Log(outcomes)
	assert.Greater(t, outcomes["told"]+outcomes["set aside"], int(places)/2, "most places matter")
}

// damaged reads a damaged file, first beside nobody and then as the gateway does.
func damaged(t *testing.T, file []byte, want *content, seed uint64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "record.db")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	if s, err := Open(path, Options{ReadOnly: true}); err == nil {
		got, _ := read(s)
		assert.True(t, got.true(want), "place %d, read only", seed)
		require.NoError(t, s.Close())
	}
	s, err := Open(path, Options{})
	if err != nil { // for example it is of another program now
		return "refused"
	}
	defer s.Close()
	if s.Damage() == nil {
		if err := s.Check(t.Context()); err != nil {
			assert.ErrorIs(t, err, ErrCorrupt, "place %d", seed)
			assert.NotNil(t, s.Damage(), "place %d", seed)
		}
	}
	if d := s.Damage(); d != nil {
		kept, err := os.ReadFile(d.Path)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(file, kept), "place %d", seed)
		return "set aside"
	}
	got, errs := read(s)
	assert.True(t, got.true(want), "place %d", seed)
	if s.Damage() != nil {
		return "set aside"
	}
	told := errors.Join(errs[:]...) != nil || len(got.missing) > 0
	all := assert.ObjectsAreEqual(*want, got)
	assert.True(t, all || told, "place %d: something is not there and nobody says so", seed)
	switch {
	case told:
		return "told"
	case all:
		return "no harm"
	}
	return "untold"
}
