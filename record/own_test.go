package record

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOwnEvents(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	first := Boot{ID: "9a7e", Started: started, Table: "room-2", Version: "1"}
	second := Boot{ID: "9a7f", Started: started.Add(time.Hour), Table: "room-2", Version: "2"}
	var want []PendingOwn
	add := func(b Boot, seq uint64, kind string) {
		t.Helper()
		at := b.Started.Add(time.Duration(seq) * time.Second)
		require.NoError(t, s.AppendOwn(b, seq, at, kind, "text of "+kind))
		want = append(want, PendingOwn{b, seq, at, kind, "text of " + kind})
	}
	add(first, 1, "control-lost")
	add(first, 2, "control-back")
	add(first, 3, "journal-gap")
	add(second, 1, "retained-request")
	require.NoError(t, s.AppendOwn(first, 2, started, "another", "the same number again"))
	got, err := s.UnsentOwn(100)
	require.NoError(t, err)
	assert.Equal(t, want, got, "each number once, in order")
	got, err = s.UnsentOwn(2)
	require.NoError(t, err)
	assert.Equal(t, want[:2], got)

	require.NoError(t, s.MarkOwnSent(first.ID, 2, 1))
	require.NoError(t, s.MarkOwnSent("other", 3))
	require.NoError(t, s.Close())
	s, err = Open(s.path, Options{Now: c.now})
	require.NoError(t, err)
	defer s.Close()
	got, err = s.UnsentOwn(100)
	require.NoError(t, err)
	assert.Equal(t, want[2:], got, "also after a restart")
	require.NoError(t, s.AppendOwn(first, 1, started, "control-lost", ""))
	got, err = s.UnsentOwn(100)
	require.NoError(t, err)
	assert.Equal(t, want[2:], got, "what was acknowledged does not wait again")

	list, err := s.Sessions(0)
	require.NoError(t, err)
	assert.Empty(t, list)
	_, _, _, err = s.Next(first.ID)
	assert.NoError(t, err, "a gateway's run is no boot of a control process")
	assert.ErrorIs(t, s.Append(first.ID, nil, nil, nil), ErrNotFound)
}

func TestOwnEventsOutOfRange(t *testing.T) {
	s, _ := begin(t, filepath.Join(t.TempDir(), "record.db"))
	for _, c := range []struct {
		boot       string
		seq        uint64
		kind, text string
		says       string
	}{
		{"", 1, "k", "", "boot id is empty"}, {"b", 0, "k", "", "number 0 is out of range, allowed: 1 to"},
		{"b", 1 << 63, "k", "", "out of range"}, {"b", 1, "", "", "kind has 0 bytes, allowed: 1 to 64"},
		{"b", 1, strings.Repeat("k", 65), "", "kind has 65 bytes"}, {"b", 1, "k", strings.Repeat("t", 4097), "text has 4097 bytes, allowed: at most 4096"},
	} {
		assert.ErrorContains(t, s.AppendOwn(Boot{ID: c.boot}, c.seq, started, c.kind, c.text), c.says)
	}
	got, err := s.UnsentOwn(1)
	require.NoError(t, err)
	assert.Empty(t, got)
}

// Whatever makes the gateway complain, for however long: the file stays small.
func TestOwnEventsAreBounded(t *testing.T) {
	s, _ := begin(t, filepath.Join(t.TempDir(), "record.db"))
	boot := func(n int) Boot { return Boot{ID: fmt.Sprintf("b%d", n), Started: started} }
	require.NoError(t, s.AppendOwn(boot(1), 1, started, "first", ""))
	_, err := s.conn.ExecContext(t.Context(), `
		INSERT INTO own_boots (n, id, started, appliance, version, sum) VALUES (2, 'b2', 0, '', '', row_sum('b2', 0, '', ''));
		INSERT INTO own_events (boot, seq, at, kind, text, sum)
			SELECT 2, value, 0, 'k', '', row_sum(2, value, 0, 'k', '') FROM (WITH RECURSIVE s(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM s LIMIT ?) SELECT value FROM s)`, ownDepth)
	require.NoError(t, err)
	require.NoError(t, s.AppendOwn(boot(3), 1, started, "last", ""))
	assert.Equal(t, ownDepth, left(t, s, "own_events", "true"))
	assert.Equal(t, 2, left(t, s, "own_boots", "true"))
	got, err := s.UnsentOwn(1)
	require.NoError(t, err)
	assert.Equal(t, uint64(2), got[0].Seq, "the oldest make room")
}
