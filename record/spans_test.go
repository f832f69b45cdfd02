package record

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestSpansAdd(t *testing.T) {
	tests := []struct {
		name        string
		have        spans
		first, last uint64
		want        spans
	}{
		{"first", nil, 5, 9, spans{{5, 9}}},
		{"continues", spans{{1, 4}}, 5, 9, spans{{1, 9}}},
		{"after a gap", spans{{1, 4}}, 6, 9, spans{{1, 4}, {6, 9}}},
		{"known", spans{{1, 4}, {6, 9}}, 7, 8, spans{{1, 4}, {6, 9}}},
		{"fills", spans{{1, 4}, {6, 9}}, 5, 5, spans{{1, 9}}},
		{"grows down", spans{{1, 4}, {8, 9}}, 7, 7, spans{{1, 4}, {7, 9}}},
		{"between", spans{{1, 4}, {10, 12}}, 6, 8, spans{{1, 4}, {6, 8}, {10, 12}}},
		{"before all", spans{{5, 6}}, 1, 2, spans{{1, 2}, {5, 6}}},
		{"swallows", spans{{2, 3}, {5, 6}, {9, 9}}, 1, 20, spans{{1, 20}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, tt.have.add(tt.first, tt.last))
		})
	}
	assert.Equal(t, []span{{1, 1}, {4, 4}, {7, 8}}, spans{{2, 3}, {5, 6}, {9, 9}}.gaps())
	assert.Empty(t, spans{{1, 9}}.gaps())
	assert.Zero(t, spans(nil).top())
}

func TestSpansAgainstSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s spans
		set := map[uint64]bool{}
		for range rapid.IntRange(1, 30).Draw(t, "adds") {
			first := rapid.Uint64Range(1, 60).Draw(t, "first")
			last := first + rapid.Uint64Range(0, 6).Draw(t, "more")
			s = s.add(first, last)
			for i := first; i <= last; i++ {
				set[i] = true
			}
		}
		for i := uint64(1); i <= 70; i++ {
			if s.has(i) != set[i] {
				t.Fatalf("has(%d) is %v in %v", i, s.has(i), s)
			}
		}
		for _, g := range s.gaps() {
			for i := g.first; i <= g.last; i++ {
				if set[i] {
					t.Fatalf("%d is no gap in %v", i, s)
				}
			}
		}
		for i := 1; i < len(s); i++ {
			if s[i].first <= s[i-1].last+1 {
				t.Fatalf("spans touch: %v", s)
			}
		}
	})
}
