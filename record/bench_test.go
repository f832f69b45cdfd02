package record

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traction/control"
)

// One call as the gateway makes it, five times a second.
func BenchmarkAppend(b *testing.B) {
	s, c := begin(b, filepath.Join(b.TempDir(), "record.db"))
	es := treatment(25 * time.Minute).entries
	batch := make([]control.Entry, 16)
	seq := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		for i := range batch {
			batch[i] = es[int(seq)%len(es)]
			seq++
			batch[i].Seq, batch[i].Treatment = seq, 1+uint32(seq/uint64(len(es)))
			batch[i].Mode = control.Treating
		}
		c.advance(200 * time.Millisecond)
		if err := s.Append(testBoot.ID, batch, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSessions(b *testing.B) {
	s, _ := begin(b, filepath.Join(b.TempDir(), "record.db"))
	var reports []control.Report
	for i := range 1000 {
		r := tripped().report
		r.Treatment = uint32(i + 1)
		reports = append(reports, r)
	}
	require.NoError(b, s.Append(testBoot.ID, nil, nil, reports))
	for b.Loop() {
		list, err := s.Sessions(1000)
		if err != nil || len(list) != 1000 {
			b.Fatal(len(list), err)
		}
	}
}

func BenchmarkEntries(b *testing.B) {
	s, c := begin(b, filepath.Join(b.TempDir(), "record.db"))
	x := treatment(25 * time.Minute)
	feed(b, s, c, x.entries)
	for b.Loop() {
		n := 0
		for _, err := range s.Entries(testBoot.ID, 1) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != len(x.entries) {
			b.Fatal(n)
		}
	}
}
