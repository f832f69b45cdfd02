package record

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
)

var years = flag.Int("years", 0, "size of the record of TestYears: so many years of a session a day; 0 = ten days")

var yearsFile = flag.String("years-file", "", "where TestYears leaves its record, before half of it is pruned, for other measurements")

// eventsOfSession is what a session of 25 minutes with 19 cycles makes: four
// changes of phase in each cycle, commands, start, end.
const eventsOfSession = 90

// sampled is how many of the sessions have their samples, the newest ones: those
// of ten years take gigabytes and change no list.
const sampled = 5

// bootOf names the boot of a day.
func bootOf(day int) string { return fmt.Sprintf("%016x", uint64(0x5eed000000000000)+uint64(day)) }

// past fills a record with a session of 25 minutes a day.
func past(t testing.TB, s *Store, c *clock, days int) {
	t.Helper()
	x := treatment(25 * time.Minute)
	for day := range days {
		b := Boot{ID: bootOf(day), Started: started.AddDate(0, 0, day), Table: "room-2", Version: "1.0.0"}
		c.t = b.Started.Add(time.Hour)
		require.NoError(t, s.Boot(b))
		r := x.report
		r.Peak += physic.Force(day) * physic.MilliNewton
		events := make([]control.Event, eventsOfSession)
		for i := range events {
			events[i] = x.events[i%len(x.events)]
			events[i].Seq = uint64(i + 1)
		}
		var entries []control.Entry
		if days-day <= sampled {
			entries = x.entries
		}
		require.NoError(t, s.Append(b.ID, entries, events, []control.Report{r}))
		require.NoError(t, s.MarkReportSent(b.ID, 1))
	}
}

// TestYears: a record of years is listed at once and read session by session, and a
// session takes at most 3 MB. With -years 10 it tells how long things take, and holds the
// list to 200 ms.
func TestYears(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a record of some days")
	}
	days := 10
	if *years > 0 {
		days = 365 * *years
	}
	path := filepath.Join(t.TempDir(), "record.db")
	s, c := begin(t, path)
	past(t, s, c, days)
	require.NoError(t, s.Close())
	if *yearsFile != "" {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(*yearsFile, raw, 0o600))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)

	measure := func(what string, f func()) time.Duration {
		begun := time.Now()
		f()
		took := time.Since(begun)
		t.Logf("%-40s %v", what, took.Round(100*time.Microsecond))
		return took
	}
	measure("open for recording", func() { s, err = Open(path, Options{Now: c.now}) })
	require.NoError(t, err)
	defer s.Close()
	measure("the check of the whole file, meanwhile", func() { err = s.Check(t.Context()) })
	require.NoError(t, err)
	var r *Store
	measure("open for reading", func() { r, err = Open(path, Options{ReadOnly: true}) })
	require.NoError(t, err)
	defer r.Close()
	for _, most := range []int{0, 20} {
		var list []Session
		took := measure(fmt.Sprintf("list, limit %d", most), func() { list, err = r.Sessions(most) })
		require.NoError(t, err)
		if *years >= 10 { // in an ordinary run the machine's other work would decide
			assert.Less(t, took, 200*time.Millisecond, "the promise for a list")
		}
		want := days
		if most > 0 {
			want = min(most, days)
		}
		require.Len(t, list, want)
		require.NotNil(t, list[0].Report)
	}
	var trace Trace
	measure("read all samples and events of the last", func() { trace, err = r.Trace(bootOf(days-1), 1) })
	require.NoError(t, err)
	assert.Greater(t, len(trace.Entries), 24*60*80)
	measure("find the report of the first", func() { _, _, err = r.Report(SessionName(bootOf(0), 1)) })
	require.NoError(t, err)
	measure("what waits for the broker", func() { _, err = s.UnsentEvents(8) })
	require.NoError(t, err)

	without := int64(days-sampled) * 30_000 // at most, for report and events of those without samples
	perSession := (info.Size() - min(without, info.Size()*9/10)) / sampled
	assert.Less(t, info.Size(), without+sampled*3_000_000)
	t.Logf("%d sessions, %d of them with samples: %.1f MB; a session with samples takes at most %.2f MB", days, sampled, float64(info.Size())/1e6, float64(perSession)/1e6)

	held := longestHold(s)
	var done Pruned
	measure("prune half of it", func() { done, err = s.Prune(t.Context(), Keep{Bytes: info.Size() / 2}) })
	require.NoError(t, err)
	t.Logf("pruned %d sessions, %.1f MB left; recording waited at most %v", done.Sessions, float64(done.After)/1e6, held().Round(100*time.Microsecond))
}

// longestHold measures how long anyone who wants to record has to wait, until the
// result is called for.
func longestHold(s *Store) func() time.Duration {
	stop, result := make(chan struct{}), make(chan time.Duration)
	go func() {
		var worst time.Duration
		for {
			begun := time.Now()
			s.mu.Lock()
			worst = max(worst, time.Since(begun))
			s.mu.Unlock()
			select {
			case <-stop:
				result <- worst
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	return func() time.Duration {
		close(stop)
		return <-result
	}
}
