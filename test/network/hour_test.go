//go:build linux

package network

import (
	"flag"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/record"
	"traction/test/network/proxy"
	"traction/test/parts"
)

var offlineEvents = flag.Int("offline-events", 600, "events that wait in the record of TestHourOffline; ten a minute")

// offlineReports is a treatment each quarter of an hour.
const offlineReports = 4

// TestHourOffline starts a gateway whose record holds what happened in an hour
// without a broker, then gives it one.
func TestHourOffline(t *testing.T) {
	parts.Heavy(t, "takes half a minute of real time")
	t.Parallel()
	const boot = "00000000000000aa"
	s := newSite(t)
	s.validate()
	s.way.Set(proxy.Drop)
	fill(t, filepath.Join(s.dir, "record.sqlite"), boot)
	s.begin()
	until(t, s.operator(), "the control process", func(*control.Snapshot) bool { return true })
	parts.Eventually(t, "the gateway has tried", func() bool { return len(s.way.Counts().Accepted) > 0 })
	s.way.Set(proxy.None)

	sessions := func() int { return len(s.on(&s.acked, "session")) }
	parts.Eventually(t, "all of it", func() bool {
		return len(distinct(eventsOf(t, s.on(&s.acked, "event"), boot))) == *offlineEvents && sessions() >= offlineReports
	})
	time.Sleep(quiet)
	began, ended := s.span(t, boot)
	t.Logf("%d events and %d reports in %v, at most %d in flight", *offlineEvents, sessions(), ended.Sub(began).Round(time.Millisecond), s.way.Counts().InFlight)
	for i, seq := range eventsOf(t, s.on(&s.all, "event"), boot) {
		require.Equal(t, uint64(i+1), seq, "in order, each once")
	}
	assert.LessOrEqual(t, s.way.Counts().InFlight, 16)
	first := map[string]int{}
	for i, m := range s.all {
		if _, known := first[m.Topic]; !known {
			first[m.Topic] = i
		}
	}
	assert.Less(t, first["traction/plain/availability"], first["traction/plain/state"])
	assert.Less(t, first["traction/plain/state"], first["traction/plain/event"], "live state first")
	assert.Less(t, first["traction/plain/state"], first["traction/plain/session"])
}

// fill writes an hour into a record, as a gateway would have.
func fill(t *testing.T, path, boot string) {
	t.Helper()
	store, err := record.Open(path, record.Options{})
	require.NoError(t, err)
	require.NoError(t, store.Boot(record.Boot{ID: boot, Started: time.Now().Add(-time.Hour), Table: "plain", Version: "test"}))
	var events []control.Event
	var reports []control.Report
	step := time.Hour / time.Duration(*offlineEvents+1)
	for i := range *offlineEvents {
		events = append(events, control.Event{Seq: uint64(i + 1), At: time.Duration(i+1) * step, Kind: control.EventPhase,
			Mode: control.Treating, Phase: control.Hold})
	}
	for i := range offlineReports {
		at := time.Duration(i+1) * time.Hour / (offlineReports + 1)
		reports = append(reports, control.Report{Treatment: uint32(i + 1), Programme: "test", Started: at - time.Minute, Ended: at, End: control.EndCompleted})
	}
	require.NoError(t, store.Append(boot, nil, events, reports))
	require.NoError(t, store.Close())
}

// span is when the first event of a boot was published and the last acknowledged.
func (s *site) span(t *testing.T, boot string) (first, last time.Time) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.all {
		if len(eventsOf(t, filter(m), boot)) > 0 {
			first = m.At
			break
		}
	}
	for _, m := range s.acked {
		if len(eventsOf(t, filter(m), boot)) > 0 {
			last = m.At
		}
	}
	return first, last
}

// filter is the message if it is an event.
func filter(m proxy.Publish) []proxy.Publish {
	if m.Topic != "traction/plain/event" {
		return nil
	}
	return []proxy.Publish{m}
}
