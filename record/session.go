package record

import (
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"traction/control"
)

// Session is one treatment as it was recorded.
type Session struct {
	// Boot.Started is the anchor of all times; put it into another time zone and
	// everything is shown in that.
	Boot      Boot
	Treatment uint32
	// Began and Ended are monotonic: the first entry, and the report's end or,
	// without a report, the last entry.
	Began, Ended time.Duration
	// Report is nil while the treatment runs, and for ever if it was cut off by a
	// loss of power.
	Report *control.Report
}

// Wall is the wall clock at a monotonic time of the session's boot.
func (s *Session) Wall(at time.Duration) time.Time { return s.Boot.Started.Add(at) }

const sessionColumns = bootColumns + `, t.number, t.began, coalesce(
	(SELECT ended FROM packs p WHERE p.boot = t.boot AND p.treatment = t.number ORDER BY first DESC LIMIT 1), t.began)`

// Sessions returns up to max treatments, the newest first.
func (s *Store) Sessions(max int) ([]Session, error) {
	list, err := s.sessions("ORDER BY t.boot DESC, t.number DESC LIMIT ?", max)
	if err != nil {
		return nil, fmt.Errorf("record: sessions: %w", classify(err))
	}
	return list, nil
}

// Session returns one treatment, or ErrNotFound.
func (s *Store) Session(boot string, treatment uint32) (Session, error) {
	list, err := s.sessions("WHERE b.id = ? AND t.number = ?", boot, treatment)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Session{}, fmt.Errorf("record: treatment %d of boot %s: %w", treatment, boot, classify(err))
	}
	return list[0], nil
}

func (s *Store) sessions(where string, args ...any) ([]Session, error) {
	rows, err := s.read.Query("SELECT "+sessionColumns+" FROM treatments t JOIN boots b ON b.n = t.boot "+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Session
	for rows.Next() {
		var x Session
		if err := rows.Scan(append(bootFields(&x.Boot), &x.Treatment, (*int64)(&x.Began), (*int64)(&x.Ended))...); err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	for i := range out {
		if err := s.addReport(&out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// addReport completes a session that has ended.
func (s *Store) addReport(x *Session) error {
	var r control.Report
	err := s.read.QueryRow("SELECT "+reportColumns+" FROM reports WHERE boot = (SELECT n FROM boots WHERE id = ?) AND treatment = ?",
		x.Boot.ID, x.Treatment).Scan(reportFields(&r)...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	x.Report, x.Ended = &r, r.Ended
	return nil
}

// packPage is how many packs one query fetches. No query stays open while the
// caller does something slow with the entries: it would keep the write-ahead log
// from being cut.
const packPage = 64

// Entries yields the entries of a treatment in their order, its aftermath
// included: some seconds of the idle table, or what a trip left. Treatment 0 has
// what belongs to none. A damaged pack
// yields ErrDamaged once, with the numbers that are lost; what follows it comes
// if the caller goes on. Any other error is the last.
func (s *Store) Entries(boot string, treatment uint32) iter.Seq2[control.Entry, error] {
	return func(yield func(control.Entry, error) bool) {
		after := int64(-1)
		for {
			page, err := s.packs(boot, treatment, after)
			if err != nil {
				yield(control.Entry{}, fmt.Errorf("record: entries: %w", classify(err)))
				return
			}
			if len(page) == 0 {
				return
			}
			for _, p := range page {
				after = p.first
				es, err := decodePack(p.data)
				if err != nil && !yield(control.Entry{}, fmt.Errorf("record: entries %d to %d: %w", p.first, p.last, err)) {
					return
				}
				for i := range es {
					if !yield(es[i], nil) {
						return
					}
				}
			}
		}
	}
}

type storedPack struct {
	first, last int64
	data        []byte
}

// packs returns the next packs whose first number is above after.
func (s *Store) packs(boot string, treatment uint32, after int64) ([]storedPack, error) {
	rows, err := s.read.Query(`SELECT first, last, data FROM packs
		WHERE boot = (SELECT n FROM boots WHERE id = ?) AND treatment = ? AND first > ? ORDER BY first LIMIT ?`,
		boot, treatment, after, packPage)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []storedPack
	for rows.Next() {
		var p storedPack
		if err := rows.Scan(&p.first, &p.last, &p.data); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, rows.Err()
}

// Trace collects what Plot needs of a treatment. With ErrDamaged the trace is
// what could be read.
func (s *Store) Trace(boot string, treatment uint32) (Trace, error) {
	x, err := s.Session(boot, treatment)
	if err != nil {
		return Trace{}, err
	}
	t := Trace{Title: fmt.Sprintf("treatment %d", treatment), Started: x.Boot.Started, Report: x.Report}
	if x.Report != nil {
		t.Title, t.Limit = x.Report.Programme, x.Report.Limit
	}
	if t.Events, err = s.Events(boot, treatment); err != nil {
		return Trace{}, err
	}
	var damage []error
	for e, err := range s.Entries(boot, treatment) {
		switch {
		case errors.Is(err, ErrDamaged):
			damage = append(damage, err)
		case err != nil:
			return Trace{}, err
		default:
			t.Entries = append(t.Entries, e)
		}
	}
	return t, errors.Join(damage...)
}
