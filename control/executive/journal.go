package executive

import (
	"sort"
	"sync"

	"traction/control"
)

const (
	// JournalEntries is a quarter of an hour at 80 samples/s.
	JournalEntries = 15 * 60 * 80
	// JournalEvents is far more than a treatment makes.
	JournalEvents = 4096
	// JournalReports of one boot.
	JournalReports = 64

	// What the real-time thread may keep back while a reader holds the journal:
	// twelve seconds of samples.
	waitingEntries = 1024
	waitingEvents  = 256
	waitingReports = 4
)

// Journal keeps the last quarter of an hour of samples and the boot's events
// for whoever asks. The real-time thread never waits for it: it tries the lock,
// and keeps its rows back for the next tick when a reader has it.
type Journal struct {
	mu       sync.Mutex
	entries  ring[control.Entry]
	events   ring[control.Event]
	reports  ring[control.Report]
	snapshot control.Snapshot
	lateness Lateness

	// Only the real-time thread touches these.
	late      Lateness
	waitE     []control.Entry
	waitV     []control.Event
	waitR     []control.Report
	state     control.Snapshot
	nextEvent uint64
	dirty     bool
	dropped   bool // a row found no room
}

// overrun tells whether rows were lost since it was last asked.
func (j *Journal) overrun() bool {
	was := j.dropped
	j.dropped = false
	return was
}

// NewJournal allocates all it will ever use.
func NewJournal() *Journal {
	return &Journal{
		entries: newRing(JournalEntries, func(e *control.Entry) uint64 { return e.Seq }),
		events:  newRing(JournalEvents, func(e *control.Event) uint64 { return e.Seq }),
		reports: newRing(JournalReports, func(r *control.Report) uint64 { return uint64(r.Treatment) }),
		waitE:   make([]control.Entry, 0, waitingEntries),
		waitV:   make([]control.Event, 0, waitingEvents),
		waitR:   make([]control.Report, 0, waitingReports),
	}
}

// touch writes to every page, so that none is missing when the real-time thread
// comes to it: the rings are far larger than what is used in the first minutes.
func (j *Journal) touch() {
	clear(j.entries.rows)
	clear(j.events.rows)
	clear(j.reports.rows)
	clear(j.waitE[:cap(j.waitE)])
	clear(j.waitV[:cap(j.waitV)])
	clear(j.waitR[:cap(j.waitR)])
}

// ring holds the newest rows, numbered upwards by seq. Numbers may skip where
// rows were lost, never repeat.
type ring[T any] struct {
	rows []T
	n    uint64 // rows ever added; an int of 32 bits would be full after a year
	seq  func(*T) uint64
}

func newRing[T any](size int, seq func(*T) uint64) ring[T] {
	return ring[T]{rows: make([]T, size), seq: seq}
}

func (r *ring[T]) add(v *T) {
	r.rows[r.n%uint64(len(r.rows))] = *v
	r.n++
}

// held is the number of rows in the ring; row i of them, oldest first, is at(i).
func (r *ring[T]) held() int { return int(min(r.n, uint64(len(r.rows)))) }

func (r *ring[T]) at(i int) *T {
	return &r.rows[(r.n-uint64(r.held()-i))%uint64(len(r.rows))]
}

// oldest is the seq of the oldest row held, 0 when there is none yet.
func (r *ring[T]) oldest() uint64 {
	if r.n == 0 {
		return 0
	}
	return r.seq(r.at(0))
}

// copy copies rows with seq >= from into buf, oldest first.
func (r *ring[T]) copy(from uint64, buf []T) (n int) {
	first := sort.Search(r.held(), func(i int) bool { return r.seq(r.at(i)) >= from })
	for i := first; i < r.held() && n < len(buf); i++ {
		buf[n] = *r.at(i)
		n++
	}
	return n
}

// add takes over what a tick has put out. Called by the real-time thread only.
func (j *Journal) add(out *control.Output, c *control.Controller) {
	if out.HasEntry {
		j.waitE = keep(j, j.waitE, &out.Entry)
	}
	for i := range out.Events[:out.NEvents] {
		j.nextEvent++
		out.Events[i].Seq = j.nextEvent
		j.waitV = keep(j, j.waitV, &out.Events[i])
	}
	if out.HasReport {
		j.waitR = keep(j, j.waitR, &out.Report)
	}
	if out.HasEntry || out.NEvents > 0 || out.HasReport {
		c.Snapshot(&j.state)
		j.dirty = true
	}
	if j.dirty && j.mu.TryLock() {
		j.flush()
		j.mu.Unlock()
	}
}

// keep adds a row to those that wait, without ever growing them.
func keep[T any](j *Journal, waiting []T, row *T) []T {
	if len(waiting) == cap(waiting) {
		j.dropped = true
		return waiting
	}
	return append(waiting, *row)
}

// flush moves what waited into the rings.
func (j *Journal) flush() {
	for i := range j.waitE {
		j.entries.add(&j.waitE[i])
	}
	for i := range j.waitV {
		j.events.add(&j.waitV[i])
	}
	for i := range j.waitR {
		j.reports.add(&j.waitR[i])
	}
	j.waitE, j.waitV, j.waitR = j.waitE[:0], j.waitV[:0], j.waitR[:0]
	j.snapshot, j.lateness = j.state, j.late
	j.dirty = false
}

// Snapshot returns the newest state.
func (j *Journal) Snapshot() control.Snapshot {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.snapshot
}

// Lateness returns the histogram of tick lateness so far.
func (j *Journal) Lateness() Lateness {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lateness
}

// Entries copies journal rows with Seq >= from into buf, in order, and tells the
// oldest Seq still held.
func (j *Journal) Entries(from uint64, buf []control.Entry) (n int, oldest uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.entries.copy(from, buf), j.entries.oldest()
}

// Events does the same for events.
func (j *Journal) Events(from uint64, buf []control.Event) (n int, oldest uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.events.copy(from, buf), j.events.oldest()
}

// Reports copies the reports of treatments with a number >= from.
func (j *Journal) Reports(from uint32, buf []control.Report) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.reports.copy(uint64(from), buf)
}
