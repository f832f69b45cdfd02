package mqtt

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
)

func TestBackoff(t *testing.T) {
	b := backoff{first: time.Second, most: 60 * time.Second}
	seen := map[time.Duration]bool{}
	for failures, step := range map[int]time.Duration{0: 1, 1: 1, 2: 2, 3: 4, 6: 32, 7: 60, 8: 60, 1000: 60, math.MaxInt: 60} {
		for range 50 {
			got := b.wait(failures)
			assert.GreaterOrEqual(t, got, step*time.Second/2, failures)
			assert.LessOrEqual(t, got, step*time.Second, failures)
			seen[got] = true
		}
	}
	assert.Greater(t, len(seen), 100, "at random")
}

// TestBackoffSpreadsTheFirstWait: the first waits fill the whole spread, later
// ones begin where it ends, so that second attempts do not add to first ones.
func TestBackoffSpreadsTheFirstWait(t *testing.T) {
	b := defaultPace().reconnect
	tenths := map[int]int{}
	const n = 10_000
	for range n {
		first := b.wait(1)
		require.GreaterOrEqual(t, first, time.Duration(0))
		require.LessOrEqual(t, first, b.spread)
		tenths[int(10*first/(b.spread+1))]++
		later := b.wait(2)
		require.GreaterOrEqual(t, later, b.spread)
		require.LessOrEqual(t, later, b.most)
	}
	require.Len(t, tenths, 10)
	for tenth, got := range tenths {
		assert.InDelta(t, n/10, got, n/50, "tenth %d; 200 is more than six standard deviations", tenth)
	}
	assert.LessOrEqual(t, b.most+defaultPace().connect, 60*time.Second, "all are back within a minute")
	assert.Greater(t, defaultPace().settled, b.most+defaultPace().connect)
}

func TestLimiter(t *testing.T) {
	l := newLimiter(20, 10)
	now := time.Now()
	took := func(tries int) (n int) {
		for range tries {
			if l.allow(now) {
				n++
			}
		}
		return n
	}
	assert.Equal(t, 10, took(1000), "the burst")
	now = now.Add(time.Second)
	assert.Equal(t, 10, took(1000), "no more than the burst, however long it was quiet")
	for range 10 {
		now = now.Add(100 * time.Millisecond)
		assert.Equal(t, 2, took(50), "the rate")
	}
	now = now.Add(-time.Hour)
	assert.Equal(t, 0, took(5), "a clock that goes back gives nothing")
}

func TestComplaint(t *testing.T) {
	c := complaint{repeat: 10 * time.Minute}
	now := time.Now()
	assert.False(t, c.settle(), "there was none")
	assert.True(t, c.worth("a", now))
	assert.False(t, c.worth("a", now.Add(9*time.Minute)))
	assert.True(t, c.worth("a", now.Add(10*time.Minute)))
	assert.True(t, c.worth("b", now.Add(10*time.Minute)))
	assert.True(t, c.settle())
	assert.True(t, c.worth("b", now.Add(10*time.Minute)), "it is a new one after it was over")
}

func TestAnswersAreBounded(t *testing.T) {
	a := newAnswers()
	request := func(i int) link.Request {
		rev := uint64(1)
		return link.Request{ID: fmt.Sprint(i), Rev: &rev, Command: control.CommandArm}
	}
	for i := range 10 * remembered {
		a.remember("", request(i), link.Response{ID: fmt.Sprint(i)})
	}
	assert.Len(t, a.byID, remembered)
	assert.Len(t, a.order, remembered)
	_, found, _ := a.recall("", request(10*remembered-remembered))
	assert.True(t, found, "the oldest of those kept")
	_, found, _ = a.recall("", request(10*remembered-remembered-1))
	assert.False(t, found, "forgotten")
	for _, again := range []control.Code{control.QueueFull, control.Unanswered} {
		a.remember("", request(-1), link.Response{Code: again})
		_, found, _ = a.recall("", request(-1))
		assert.False(t, found, again)
	}
}

func TestMemory(t *testing.T) {
	m := new(Memory)
	b1, b2 := link.Boot{ID: "1"}, link.Boot{ID: "2"}
	events := func(from, to uint64) (out []control.Event) {
		for s := from; s <= to; s++ {
			out = append(out, control.Event{Seq: s})
		}
		return out
	}
	require.NoError(t, m.Add(b1, events(1, 3), nil))
	require.NoError(t, m.Add(b1, events(2, 4), []control.Report{{Treatment: 1}}), "what it has it ignores")
	require.NoError(t, m.Add(b2, events(1, 1), nil), "another boot counts anew")
	all, err := m.Next(100)
	require.NoError(t, err)
	var got []string
	for _, i := range all {
		k := i.key()
		got = append(got, fmt.Sprintf("%s %v %d", k.boot, k.report, k.number))
	}
	assert.Equal(t, []string{"1 false 1", "1 false 2", "1 false 3", "1 false 4", "1 true 1", "2 false 1"}, got)
	event, treatment, err := m.Last("2")
	require.NoError(t, err)
	assert.Equal(t, []any{uint64(1), uint32(0)}, []any{event, treatment})
	event, _, _ = m.Last("unknown")
	assert.Zero(t, event)

	first, err := m.Next(2)
	require.NoError(t, err)
	require.Len(t, first, 2)
	require.NoError(t, m.Acknowledge(first[1]))
	require.NoError(t, m.Acknowledge(first[1]), "twice is no error")
	again, _ := m.Next(2)
	assert.Equal(t, []uint64{1, 3}, []uint64{again[0].Event.Seq, again[1].Event.Seq})
}

func TestMemoryIsBounded(t *testing.T) {
	m := new(Memory)
	boot := link.Boot{ID: "1"}
	require.NoError(t, m.Add(boot, []control.Event{{Seq: 1}}, []control.Report{{Treatment: 1}}))
	var full error
	for s := uint64(2); s <= maxEvents+10; s++ {
		full = errors.Join(full, m.Add(boot, []control.Event{{Seq: s}}, nil))
	}
	require.ErrorContains(t, full, "oldest 1 were dropped")
	all, _ := m.Next(2 * maxEvents)
	assert.Len(t, all, maxEvents+1, "events make no room for reports, nor the other way round")
	assert.Equal(t, uint32(1), all[0].Report.Treatment)
	assert.Equal(t, uint64(11), all[1].Event.Seq)
	assert.Equal(t, uint64(maxEvents+10), all[maxEvents].Event.Seq)
}

// Whatever arrives: no panic, no waiting, at most one place in one queue or one
// answer, and a plain stop is always taken for one.
func FuzzTake(f *testing.F) {
	f.Add([]byte(`{"id":"7f","rev":1,"command":"arm"}`))
	f.Add([]byte(`{"id":"7f","command":"stop"}`))
	f.Add([]byte(`{"id":"7f","command":"pause"}`))
	f.Add([]byte(`{"command":"stop"`))
	f.Add([]byte("\x00\xff"))
	g, err := New(tcp1(), Parts{Dial: newTable().dial})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, raw []byte) {
		g.clients, g.refusals = newClients(), newLimiter(1, 1)
		g.take("", raw)
		require.Equal(t, 1, len(g.requests)+len(g.stops)+len(g.pauses)+len(g.out))
		if strings.Contains(string(raw), `"command":"stop"`) {
			require.Len(t, g.stops, 1)
		}
		for _, queue := range []chan incoming{g.requests, g.stops, g.pauses} {
			for len(queue) > 0 {
				in := <-queue
				require.True(t, in.err == nil || in.request.Command == control.CommandStop)
			}
		}
		for len(g.out) > 0 {
			r := decode[Response](t, string((<-g.out).payload))
			require.Equal(t, link.StatusRefused, r.Status)
			require.NotEmpty(t, r.Message)
		}
	})
}
