package link

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMemoryActsOnce(t *testing.T) {
	var m memory
	acts := 0
	act := func() (Response, bool) { acts++; return Response{ID: "a", Rev: uint64(acts)}, true }
	for i := range 3 {
		r, err := m.once(t.Context(), "a", act)
		require.NoError(t, err)
		assert.Equal(t, uint64(1), r.Rev)
		assert.Equal(t, i > 0, r.Repeated)
	}
	assert.Equal(t, 1, acts)
}

func TestMemoryTriesAgainWhatDidNothing(t *testing.T) {
	var m memory
	for want := uint64(1); want <= 3; want++ {
		r, _ := m.once(t.Context(), "a", func() (Response, bool) { return Response{Rev: want}, want == 2 })
		assert.Equal(t, min(want, 2), r.Rev)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	var m memory
	acts := map[string]int{}
	do := func(id string) {
		_, _ = m.once(t.Context(), id, func() (Response, bool) { acts[id]++; return Response{}, true })
	}
	for i := range 10 * memorySize {
		do(fmt.Sprint(i))
		assert.LessOrEqual(t, len(m.byID), memorySize)
	}
	do(fmt.Sprint(9 * memorySize)) // the oldest of the last 128
	assert.Equal(t, 1, acts[fmt.Sprint(9*memorySize)])
	do(fmt.Sprint(9*memorySize - 1)) // one older: forgotten, done again
	assert.Equal(t, 2, acts[fmt.Sprint(9*memorySize-1)])
}

// An id that was forgotten and came back keeps its full time in the memory.
func TestMemoryKeepsTheLaterOfOneID(t *testing.T) {
	var m memory
	_, _ = m.once(t.Context(), "a", func() (Response, bool) { return Response{}, false })
	_, _ = m.once(t.Context(), "a", func() (Response, bool) { return Response{}, true })
	for i := range memorySize - 1 { // pushes out the first "a" only
		_, _ = m.once(t.Context(), fmt.Sprint(i), func() (Response, bool) { return Response{}, true })
	}
	_, _ = m.once(t.Context(), "a", func() (Response, bool) { t.Error("done again"); return Response{}, true })
}

func TestMemoryWaitsForTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memory
		slow := func() (Response, bool) { time.Sleep(time.Second); return Response{Rev: 7}, true }
		go func() { _, _ = m.once(t.Context(), "a", slow) }()
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := m.once(short, "a", slow)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		r, err := m.once(t.Context(), "a", func() (Response, bool) { t.Error("done twice"); return Response{}, true })
		assert.NoError(t, err)
		assert.Equal(t, uint64(7), r.Rev)
	})
}

func TestMemorySurvivesAPanic(t *testing.T) {
	var m memory
	assert.Panics(t, func() { _, _ = m.once(t.Context(), "a", func() (Response, bool) { panic("mistake") }) })
	r, err := m.once(t.Context(), "a", func() (Response, bool) { return Response{Rev: 1}, true })
	require.NoError(t, err)
	assert.Equal(t, uint64(1), r.Rev)
}

func TestBucket(t *testing.T) {
	now := time.Unix(1000, 0)
	b := bucket{rate: 20, burst: 10}
	takes := func() (n int) {
		for b.take(now) {
			n++
		}
		return n
	}
	assert.Equal(t, 10, takes(), "the burst")
	now = now.Add(49 * time.Millisecond)
	assert.Equal(t, 0, takes())
	now = now.Add(2 * time.Millisecond)
	assert.Equal(t, 1, takes(), "20 a second")
	now = now.Add(time.Hour)
	assert.Equal(t, 10, takes(), "no more than the burst after a rest")
}
