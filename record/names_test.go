package record

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

func TestParseName(t *testing.T) {
	for _, c := range []struct {
		text, boot string
		treatment  uint32
	}{
		{"94d74cc8fbbff80d-2", "94d74cc8fbbff80d", 2}, {"0-1", "0", 1}, {"ab-4294967295", "ab", 1<<32 - 1},
	} {
		boot, treatment, err := ParseName(c.text)
		require.NoError(t, err, c.text)
		assert.Equal(t, c.boot, boot)
		assert.Equal(t, c.treatment, treatment)
		assert.Equal(t, c.text, SessionName(boot, treatment), "there and back")
	}
	for _, text := range []string{"", "last", "94d7", "94d7-", "-1", "94d7-0", "94d7-01", "94d7-+1", "94d7--1", "94D7-1", "94g7-1",
		"94d7-4294967296", "94d7-99999999999", " 94d7-1", "94d7-1 ", "94d7-1\n", "94d7-1-1", "94d7-1; DROP TABLE boots"} {
		_, _, err := ParseName(text)
		assert.ErrorIs(t, err, ErrName, "%q", text)
	}
}

func TestFindAndReport(t *testing.T) {
	s, _ := begin(t, filepath.Join(t.TempDir(), "record.db"))
	_, err := s.Find(Last)
	assert.ErrorIs(t, err, ErrNotFound)
	_, _, err = s.Report("")
	assert.ErrorIs(t, err, ErrNotFound)

	add := func(id string, treatments ...uint32) {
		require.NoError(t, s.Boot(Boot{ID: id, Started: started}))
		for _, n := range treatments {
			require.NoError(t, s.Append(id, nil, nil, []control.Report{{Treatment: n, Programme: "p", Ended: time.Second}}))
		}
	}
	add("abc1", 1, 2, 12)
	add("abd2", 1)
	add("ab", 1)
	add("77", 1)
	require.NoError(t, s.Append("77", []control.Entry{{Seq: 1, Treatment: 2, Mode: control.Treating}}, nil, nil))

	for text, want := range map[string]string{
		Last: "77-2", "abc1-12": "abc1-12", "abc-2": "abc1-2", "abd": "abd2-1", "abd2": "abd2-1", "ab-1": "ab-1", "77-1": "77-1",
	} {
		x, err := s.Find(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, x.Name())
	}
	for text, want := range map[string]error{
		"ab": ErrAmbiguous, "abc1": ErrAmbiguous, "a-1": ErrAmbiguous, "ff": ErrNotFound, "abc1-3": ErrNotFound,
		"": ErrName, "abc1-": ErrName, "abc1-0": ErrName, "Last": ErrName, "%": ErrName, "a_c1-1": ErrName,
	} {
		_, err := s.Find(text)
		assert.ErrorIs(t, err, want, "%q", text)
	}
	_, err = s.Find("ab")
	assert.ErrorContains(t, err, "ab-1, abd2-1, abc1-12, abc1-2, ...", "the newest first")

	for text, want := range map[string]uint32{"": 1, Last: 1, "abc1-12": 12, "77-1": 1} {
		boot, r, err := s.Report(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, r.Treatment)
		assert.NotEmpty(t, boot.ID)
	}
	boot, _, err := s.Report(Last)
	require.NoError(t, err)
	assert.Equal(t, "77", boot.ID, "the newest that has one")
	for text, want := range map[string]error{"77-2": ErrNotFound, "abc1-3": ErrNotFound, "abc": ErrName, "abc1": ErrName} {
		_, _, err := s.Report(text)
		assert.ErrorIs(t, err, want, text)
	}
}
