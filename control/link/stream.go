package link

import (
	"time"

	"traction/control"
)

// pollEvery is how often a subscribed client's writer looks at the Source. It
// looks by itself, because waking it would cost the real-time thread a system call
// for every client, and that thread owes nothing to anybody but the table. 20 ms
// is sooner than people see, and brings one or two rows at a time.
const pollEvery = 20 * time.Millisecond

// What one look may send. A quarter of an hour of journal at 80 rows a second is
// caught up within 6 s, without holding a processor for long at a time.
const (
	batch        = 64
	batches      = 4
	eventsAtOnce = 32
)

// stream is what one client has been told and is yet to be told. Its buffers are
// used again and again: sending makes no garbage.
type stream struct {
	src Source

	entriesWanted, eventsWanted, reportsWanted bool
	nextEntry, nextEvent                       uint64
	nextReport                                 uint32
	period                                     time.Duration // of snapshots, 0 = not wanted
	due                                        time.Time

	entries [batch]control.Entry
	events  [eventsAtOnce]control.Event
	reports [1]control.Report
	// shown was sent last, if sent; current is the newest.
	shown, current control.Snapshot
	sent           bool
}

// subscribe takes over what a client wants and tells whether that is anything.
func (s *stream) subscribe(w Subscription) bool {
	*s = stream{src: s.src, entriesWanted: w.EntriesFrom != nil, eventsWanted: w.EventsFrom != nil, reportsWanted: w.ReportsFrom != nil}
	if s.entriesWanted {
		s.nextEntry = *w.EntriesFrom
	}
	if s.eventsWanted {
		s.nextEvent = *w.EventsFrom
	}
	if s.reportsWanted {
		s.nextReport = *w.ReportsFrom
	}
	if w.Snapshots > 0 {
		s.period = w.Snapshots.Period()
	}
	return s.entriesWanted || s.eventsWanted || s.reportsWanted || s.period > 0
}

// poll appends the lines that are due at now.
func (s *stream) poll(out []byte, now time.Time) []byte {
	if s.eventsWanted {
		out = s.pollEvents(out)
	}
	if s.entriesWanted {
		for range batches {
			before := len(out)
			if out = s.pollEntries(out); len(out) == before {
				break
			}
		}
	}
	if s.reportsWanted && s.src.Reports(s.nextReport, s.reports[:]) > 0 {
		out = appendReport(out, &s.reports[0])
		s.nextReport = s.reports[0].Treatment + 1
	}
	if s.period > 0 {
		out = s.pollSnapshot(out, now)
	}
	return out
}

func (s *stream) pollEvents(out []byte) []byte {
	n, oldest := s.src.Events(s.nextEvent, s.events[:])
	for i := range s.events[:n] {
		e := &s.events[i]
		out, _ = skip(out, Events, s.nextEvent, e.Seq)
		out = appendEvent(out, e)
		s.nextEvent = e.Seq + 1
	}
	if n == 0 {
		out, s.nextEvent = skip(out, Events, s.nextEvent, oldest)
	}
	return out
}

func (s *stream) pollEntries(out []byte) []byte {
	n, oldest := s.src.Entries(s.nextEntry, s.entries[:])
	for rest := s.entries[:n]; len(rest) > 0; {
		run := 1 // rows without a number missing between them
		for run < len(rest) && rest[run].Seq == rest[run-1].Seq+1 {
			run++
		}
		out, _ = skip(out, Entries, s.nextEntry, rest[0].Seq)
		out = appendEntries(out, rest[:run])
		s.nextEntry = rest[run-1].Seq + 1
		rest = rest[run:]
	}
	if n == 0 {
		out, s.nextEntry = skip(out, Entries, s.nextEntry, oldest)
	}
	return out
}

// skip reports what is missing when next was wanted and the journal goes on at
// seq. A next of 0 asked for no number in particular, so it misses nothing.
func skip(out []byte, of Journal, next, seq uint64) ([]byte, uint64) {
	if next == 0 || seq <= next {
		return out, next
	}
	return appendGap(out, Gap{Of: of, From: next, To: seq - 1}), seq
}

// pollSnapshot sends the state when something changed that people act on, and
// otherwise at the rate asked for.
func (s *stream) pollSnapshot(out []byte, now time.Time) []byte {
	s.current = s.src.Snapshot()
	periodic := !now.Before(s.due)
	if !periodic && s.sent && !changed(&s.shown, &s.current) {
		return out
	}
	if periodic {
		if s.due = s.due.Add(s.period); s.due.Before(now) {
			s.due = now.Add(s.period) // the first, or we are behind
		}
	}
	s.shown, s.sent = s.current, true
	return appendSnapshot(out, &s.current)
}

// changed tells whether b must not wait for its turn after a.
func changed(a, b *control.Snapshot) bool {
	return a.Rev != b.Rev || a.Mode != b.Mode || a.Phase != b.Phase || a.Trips != b.Trips || a.Active != b.Active
}
