package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"traction/control"
)

// Boot is one run of the control process; sequence numbers and monotonic times
// mean something only within one.
type Boot struct {
	ID      string
	Started time.Time // wall clock at monotonic zero
	Table   string    // which table
	Version string    // of the control process
}

// Boot makes the boot known, or corrects what is known of it: a Raspberry Pi has
// no clock of its own, so the anchor of the wall clock may improve.
func (s *Store) Boot(b Boot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.makeKnown(b)
}

// makeKnown is Boot; s.mu is held.
func (s *Store) makeKnown(b Boot) error {
	if b.ID == "" {
		return errors.New("record: boot: id is empty")
	}
	if err := s.own(); err != nil {
		return err
	}
	return s.transact(true, func(c *sql.Conn) error {
		return writeBoot(c, bootsTable, &b)
	})
}

func writeBoot(c *sql.Conn, t table, b *Boot) error {
	_, err := c.ExecContext(context.Background(), t.insert("")+`ON CONFLICT (id) DO UPDATE
		SET started = excluded.started, appliance = excluded.appliance, version = excluded.version, sum = excluded.sum`,
		b.ID, b.Started.UnixNano(), b.Table, b.Version)
	return err
}

// progress is how far the recording of one boot has come.
type progress struct {
	id    string
	n     int64 // key in the table boots
	spans spans // received entries, ahead of the table by at most a minute of idle ones
	keep  keeper
	open  *pack // the newest, still growing
	// The treatment that the table knows of, and since when.
	treat uint32
	began time.Duration
	// What is in the table of spans, nil = unknown, and since when.
	saved   spans
	savedAt time.Time
}

// ahead tells whether memory knows of numbers that the file does not.
func (p *progress) ahead() bool { return !slices.Equal(p.saved, p.spans) }

// load returns the progress of a boot, from the file if it is not the one that
// is being recorded.
func (s *Store) load(id string) (*progress, error) {
	if s.boot != nil && s.boot.id == id {
		return s.boot, nil
	}
	p := &progress{id: id, savedAt: s.now(), keep: keeper{mode: noMode}}
	db := s.read.Load()
	err := db.QueryRow("SELECT n FROM boots WHERE id = ?", id).Scan(&p.n)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("record: boot %s: %w", id, ErrNotFound)
	}
	if err == nil {
		err = p.resume(db)
	}
	if err != nil {
		return nil, fmt.Errorf("record: boot %s: %w", id, s.suspect(db, err))
	}
	return p, nil
}

// resume reads how far a boot has come. The spans are written whenever a pack is
// begun, so only the newest pack can have grown since.
//
// Where a span is damaged the packs tell what was received; entries between them
// that were not worth storing then count as missing, which is the lesser wrong.
func (p *progress) resume(db *sql.DB) error {
	damaged, err := p.addSpans(db, "SELECT first, last, "+spansTable.intact("x")+" FROM spans x WHERE boot = ? ORDER BY first")
	if err == nil && damaged {
		_, err = p.addSpans(db, "SELECT first, last, 1 FROM packs WHERE boot = ? ORDER BY first")
	}
	if err != nil {
		return err
	}
	var (
		newest    span
		treatment uint32
	)
	err = db.QueryRow("SELECT first, last, treatment FROM packs WHERE boot = ? ORDER BY n DESC LIMIT 1", p.n).
		Scan(&newest.first, &newest.last, &treatment)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	p.spans = p.spans.add(newest.first, newest.last)
	if p.spans.top() == newest.last {
		p.keep.after = treatment
	}
	return nil
}

// addSpans adds what a query for first, last, and whether they are intact, gives;
// it tells whether any was not.
func (p *progress) addSpans(db *sql.DB, query string) (damaged bool, err error) {
	rows, err := db.Query(query, p.n)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	for rows.Next() {
		var x span
		var intact bool
		if err := rows.Scan(&x.first, &x.last, &intact); err != nil {
			return false, err
		}
		if !intact || x.first > x.last {
			damaged = true
			continue
		}
		p.spans = p.spans.add(x.first, x.last)
	}
	return damaged, rows.Err()
}

// Next returns where to continue with a boot: the first sequence number of
// entries and events, and the first treatment whose report, that come after all
// that is here; 1 where there is nothing. Ask the control process for these.
func (s *Store) Next(boot string) (entry, event uint64, report uint32, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.load(boot)
	if errors.Is(err, ErrNotFound) {
		return 1, 1, 1, nil
	}
	if err != nil {
		return 0, 0, 0, err
	}
	db := s.read.Load()
	err = db.QueryRow(`
		SELECT 1 + max((SELECT coalesce(max(seq), 0) FROM events WHERE boot = ?1),
				(SELECT coalesce(max(last_event), 0) FROM forgotten WHERE boot = ?1)),
			1 + max((SELECT coalesce(max(treatment), 0) FROM reports WHERE boot = ?1),
				(SELECT coalesce(max(treatment), 0) FROM forgotten WHERE boot = ?1))`, p.n).Scan(&event, &report)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("record: next: %w", s.suspect(db, err))
	}
	return p.spans.top() + 1, event, report, nil
}

// Stream names one of the numbered sequences of a boot.
type Stream string

// The streams that can have gaps.
const (
	StreamEntries Stream = "entries"
	StreamEvents  Stream = "events"
)

// Range is a run of sequence numbers that never arrived, both ends included.
type Range struct {
	Stream      Stream
	First, Last uint64
}

// Missing returns the gaps in the sequence numbers of a boot, counted from 1 to
// the newest that arrived. Entries that arrived but were not worth storing are
// not missing, nor are those that were deleted. Append takes missing ones in any order if they turn up later.
func (s *Store) Missing(boot string) ([]Range, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.load(boot)
	if err != nil {
		return nil, err
	}
	var out []Range
	for _, g := range p.spans.gaps() {
		out = append(out, Range{StreamEntries, g.first, g.last})
	}
	// The windows' maximum, because runs of deleted events may overlap what is there.
	rows, err := s.query(`
		SELECT before + 1, first - 1 FROM (
			SELECT first, max(last) OVER (ORDER BY first ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM (
				SELECT 0 AS first, 0 AS last
				UNION ALL SELECT seq, seq FROM events WHERE boot = ?1
				UNION ALL SELECT first_event, last_event FROM forgotten WHERE boot = ?1 AND first_event > 0))
		WHERE first > before + 1 ORDER BY first`, p.n)
	if err != nil {
		return nil, fmt.Errorf("record: missing: %w", classify(err))
	}
	defer rows.Close()
	for rows.Next() {
		r := Range{Stream: StreamEvents}
		if err := rows.Scan(&r.First, &r.Last); err != nil {
			return nil, fmt.Errorf("record: missing: %w", classify(err))
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("record: missing: %w", classify(err))
	}
	return out, nil
}

// pack is a pack that is being written.
type pack struct {
	n         int64  // key in the table, 0 = not there yet
	treatment uint32 // it is stored with; the entries may carry 0 instead
	entries   []control.Entry
}

// takes tells whether e continues the pack.
func (p *pack) takes(e *control.Entry, treatment uint32) bool {
	if p == nil || len(p.entries) >= packSize || treatment != p.treatment {
		return false
	}
	last := &p.entries[len(p.entries)-1]
	return e.Seq == last.Seq+1 && e.Treatment == last.Treatment
}

// receive returns the progress after these entries, and the packs to write for
// it. The receiver stays as it is, in case writing fails.
func (p *progress) receive(entries []control.Entry) (*progress, []*pack) {
	next := *p
	next.spans = slices.Clone(p.spans)
	var dirty []*pack
	for i := range entries {
		e := &entries[i]
		if next.spans.has(e.Seq) {
			continue
		}
		decide := next.keep.keep
		if e.Seq < next.spans.top() {
			decide = late
		}
		next.spans = next.spans.add(e.Seq, e.Seq)
		treatment, ok := decide(e)
		if !ok {
			next.open = nil
			continue
		}
		switch {
		case !next.open.takes(e, treatment):
			next.open = &pack{treatment: treatment, entries: make([]control.Entry, 0, packSize)}
			dirty = append(dirty, next.open)
		case len(dirty) == 0:
			// Begun by an earlier call: grow a copy.
			grown := *next.open
			next.open = &grown
			dirty = append(dirty, next.open)
		}
		next.open.entries = append(next.open.entries, *e)
	}
	return &next, dirty
}
