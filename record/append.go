package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"traction/control"
)

// saveIdle is how often the sequence numbers of entries that are not stored are
// written: a restart asks for the entries of that time again, which costs less
// than writing to an SD card all night.
const saveIdle = time.Minute

// Append stores what arrived from the control process, all of it or, on an
// error, nothing. What is here already is ignored, so sending twice is harmless.
// What belongs to a deleted treatment is
// received and not kept. Entries of an idle table, and of modes without motion after a while, are
// counted but not kept. Errors: ErrFull, after which the same call may be
// repeated or everything asked for again from Next; ErrNotFound for a boot that
// was never made known; ErrCorrupt.
//
// A crash of the gateway loses nothing that Append returned for; a power cut
// loses at most the last second of samples, and no event and no report
// (R-RECORD).
func (s *Store) Append(boot string, entries []control.Entry, events []control.Event, reports []control.Report) error {
	if err := checkNumbers(entries, events, reports); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.append(boot, entries, events, reports)
}

// AppendTo stores events and reports as Append does, and makes their boot known
// first where it is not, but only in the file that known, Damage's result, speaks
// of. Otherwise, or when the file turns out to be damaged and is replaced, the error is
// ErrReplaced and the new file has nothing of the call: in a record that begins anew
// a late number would hide that the earlier ones are to be asked for again.
func (s *Store) AppendTo(known *Damage, b Boot, events []control.Event, reports []control.Report) error {
	if err := checkNumbers(nil, events, reports); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.damage != known {
		return fmt.Errorf("record: append: %w", ErrReplaced)
	}
	err := s.append(b.ID, nil, events, reports)
	if errors.Is(err, ErrNotFound) {
		err = s.makeKnown(b)
		if err == nil {
			err = s.append(b.ID, nil, events, reports)
		}
	}
	if err != nil && s.damage != known {
		return fmt.Errorf("%w: %w", ErrReplaced, err)
	}
	return err
}

// append is Append; s.mu is held.
func (s *Store) append(boot string, entries []control.Entry, events []control.Event, reports []control.Report) error {
	if err := s.own(); err != nil {
		return err
	}
	if s.boot != nil && s.boot.id != boot {
		if err := s.settle(); err != nil {
			return err
		}
	}
	p, err := s.load(boot)
	if err != nil {
		return err
	}
	next, packs := p.receive(entries)
	urgent := len(events) > 0 || len(reports) > 0
	now := s.now()
	if len(packs) == 0 && !urgent && !(s.unsynced && s.due(now)) && !(next.ahead() && now.Sub(next.savedAt) >= saveIdle) {
		s.boot = next
		return nil
	}
	// Only the first pack can be there already: see resume.
	begun := len(packs) != 1 || packs[0].n == 0
	err = s.transact(urgent, func(c *sql.Conn) error {
		if err := next.writePacks(c, packs); err != nil {
			return err
		}
		if begun || urgent {
			if err := next.writeSpans(c, now); err != nil {
				return err
			}
		}
		if err := writeEvents(c, next.n, events); err != nil {
			return err
		}
		return writeReports(c, next.n, reports)
	})
	if err != nil {
		return err
	}
	s.boot = next
	return nil
}

// settle writes what only memory knows and makes the file durable.
func (s *Store) settle() error {
	if s.boot == nil || !s.boot.ahead() && !s.unsynced {
		return nil
	}
	next := *s.boot
	err := s.transact(true, func(c *sql.Conn) error { return next.writeSpans(c, s.now()) })
	if err == nil {
		s.boot = &next
	}
	return err
}

// checkNumbers refuses numbers that cannot come from a journal.
func checkNumbers(entries []control.Entry, events []control.Event, reports []control.Report) error {
	bad := func(what string, seq uint64) error {
		return fmt.Errorf("record: append: %s number %d is out of range, allowed: 1 to %d", what, seq, int64(math.MaxInt64/2))
	}
	for i := range entries {
		if seq := entries[i].Seq; seq < 1 || seq > math.MaxInt64/2 {
			return bad("entry", seq)
		}
	}
	for i := range events {
		if seq := events[i].Seq; seq < 1 || seq > math.MaxInt64/2 {
			return bad("event", seq)
		}
	}
	for i := range reports {
		if reports[i].Treatment < 1 {
			return bad("treatment", 0)
		}
	}
	return nil
}

// unforgotten is the condition that the treatment in a statement's parameter was
// not deleted; the boot is parameter 1.
func unforgotten(treatment string) string {
	return "NOT EXISTS (SELECT 1 FROM forgotten f WHERE f.boot = ?1 AND f.treatment = " + treatment + ")"
}

var (
	insertPack = "INSERT INTO packs (boot, treatment, first, last, ended, data) SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE " + unforgotten("?2")

	growPack = "UPDATE packs SET last = ?, ended = ?, data = ? WHERE n = ? AND boot = ? AND first = ?"

	insertTreatment = treatmentsTable.insert(unforgotten("?2")) + `ON CONFLICT (boot, number)
		DO UPDATE SET began = excluded.began, sum = excluded.sum WHERE excluded.began < began`

	insertSpan = spansTable.insert("")
)

// writePacks inserts new packs and rewrites the one that grew.
func (p *progress) writePacks(c *sql.Conn, packs []*pack) error {
	ctx := context.Background()
	for _, k := range packs {
		first, last := &k.entries[0], &k.entries[len(k.entries)-1]
		data := encodePack(make([]byte, 0, 32*len(k.entries)), k.entries)
		if k.n != 0 {
			res, err := c.ExecContext(ctx, growPack, last.Seq, int64(last.At), data, k.n, p.n, first.Seq)
			if err != nil {
				return err
			}
			if rows, _ := res.RowsAffected(); rows > 0 { // it has no error here
				continue
			}
			// Another program has deleted the treatment: what follows writes nothing.
		}
		res, err := c.ExecContext(ctx, insertPack, p.n, k.treatment, first.Seq, last.Seq, int64(last.At), data)
		if err != nil {
			return err
		}
		if k.n, err = res.LastInsertId(); err != nil {
			return err
		}
		if k.treatment != 0 && (k.treatment != p.treat || first.At < p.began) {
			if err := writeTreatment(c, p.n, k.treatment, first.At); err != nil {
				return err
			}
			p.treat, p.began = k.treatment, first.At
		}
	}
	return nil
}

// writeTreatment makes a treatment known.
func writeTreatment(c *sql.Conn, boot int64, number uint32, began time.Duration) error {
	_, err := c.ExecContext(context.Background(), insertTreatment, boot, number, int64(began))
	return err
}

// writeSpans makes the table of spans what memory says. It always rewrites the
// last one, even unchanged: a commit that changes nothing would not reach the
// disk, and neither would the commits before it.
func (p *progress) writeSpans(c *sql.Conn, now time.Time) error {
	if len(p.spans) == 0 {
		return nil
	}
	same := 0
	for same < len(p.spans)-1 && same < len(p.saved) && p.saved[same] == p.spans[same] {
		same++
	}
	from := p.spans[same].first
	if same < len(p.saved) {
		from = min(from, p.saved[same].first)
	}
	if len(p.saved) == 0 {
		from = 0
	}
	ctx := context.Background()
	if _, err := c.ExecContext(ctx, "DELETE FROM spans WHERE boot = ? AND first >= ?", p.n, from); err != nil {
		return err
	}
	for _, x := range p.spans[same:] {
		if _, err := c.ExecContext(ctx, insertSpan, p.n, x.first, x.last); err != nil {
			return err
		}
	}
	p.saved, p.savedAt = slices.Clone(p.spans), now
	return nil
}
