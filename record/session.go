package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
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

// Sessions returns up to max treatments, the newest first. With ErrDamaged the
// list is what could be read.
func (s *Store) Sessions(max int) ([]Session, error) { return s.SessionsSince(time.Time{}, max) }

// SessionsSince returns up to max treatments, 0 = all, that began at this time or
// later, the newest first. With ErrDamaged the list is what could be read.
func (s *Store) SessionsSince(since time.Time, max int) ([]Session, error) {
	if max <= 0 {
		max = -1 // no limit, in SQL
	}
	from := int64(math.MinInt64)
	if !since.IsZero() {
		from = since.UnixNano()
	}
	list, err := s.sessions("b.started + t.began >= ?", max, from)
	if err != nil {
		err = fmt.Errorf("record: sessions: %w", classify(err))
	}
	return list, err
}

// Session returns one treatment, or ErrNotFound. With ErrDamaged it is what could
// be read, which may be nothing.
func (s *Store) Session(boot string, treatment uint32) (Session, error) {
	list, err := s.sessions("b.id = ? AND t.number = ?", 1, boot, treatment)
	return only(SessionName(boot, treatment), list, err)
}

// only takes the one session that a query for it gave.
func only(name string, list []Session, err error) (x Session, _ error) {
	if len(list) > 0 {
		x = list[0]
	} else if err == nil {
		err = ErrNotFound
	}
	if err != nil {
		err = fmt.Errorf("record: session %s: %w", name, classify(err))
	}
	return x, err
}

// sessions returns up to most treatments, the newest first, with their reports.
// The two queries see the same state of the file.
func (s *Store) sessions(where string, most int, args ...any) (list []Session, err error) {
	ctx := context.Background()
	tx, err := s.read.Load().BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	found := "FROM treatments t JOIN boots b ON b.n = t.boot WHERE " + where + " ORDER BY t.boot DESC, t.number DESC LIMIT ?"
	args = append(args, most)
	damagedReports := 0
	reports, err := readReports(tx, "JOIN (SELECT t.boot, t.number "+found+") x ON r.boot = x.boot AND r.treatment = x.number", args, &damagedReports)
	if err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, "SELECT t.boot, "+bootsTable.intact("b")+" AND "+treatmentsTable.intact("t")+", "+bootColumns+`, t.number, t.began, coalesce(
		(SELECT ended FROM packs p WHERE p.boot = t.boot AND p.treatment = t.number ORDER BY first DESC LIMIT 1), t.began) `+found, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	damaged := 0
	for rows.Next() {
		var x Session
		var key reportKey
		var intact bool
		if err := rows.Scan(append(append([]any{&key.boot, &intact}, bootFields(&x.Boot)...), &x.Treatment, (*int64)(&x.Began), (*int64)(&x.Ended))...); err != nil {
			return nil, err
		}
		if !intact {
			damaged++
			continue
		}
		key.treatment = x.Treatment
		if r := reports[key]; r != nil {
			x.Report, x.Ended = r, r.Ended
		}
		list = append(list, x)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return list, errors.Join(treatmentsTable.damaged(damaged), reportsTable.damaged(damagedReports))
}

// reportKey finds a report.
type reportKey struct {
	boot      int64
	treatment uint32
}

// readReports reads the reports that a join with r selects, and counts those that
// are damaged.
func readReports(tx *sql.Tx, join string, args []any, damaged *int) (map[reportKey]*control.Report, error) {
	columns := "r." + strings.ReplaceAll(reportColumns, ", ", ", r.")
	rows, err := tx.Query("SELECT r.boot, "+reportsTable.intact("r")+", "+columns+" FROM reports r "+join, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[reportKey]*control.Report{}
	for rows.Next() {
		var r control.Report
		var key reportKey
		var intact bool
		if err := rows.Scan(append([]any{&key.boot, &intact}, reportFields(&r)...)...); err != nil {
			return nil, err
		}
		if !intact {
			*damaged++
			continue
		}
		key.treatment = r.Treatment
		out[key] = &r
	}
	return out, rows.Err()
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
				es, err := p.decode()
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

// decode gives the entries, which must be those that the row says they are.
func (p *storedPack) decode() ([]control.Entry, error) {
	es, err := decodePack(p.data)
	if err == nil && (es[0].Seq != uint64(p.first) || es[len(es)-1].Seq != uint64(p.last)) {
		err = fmt.Errorf("%w: they are entries %d to %d", ErrDamaged, es[0].Seq, es[len(es)-1].Seq)
	}
	if err != nil {
		return nil, err
	}
	return es, nil
}

// packs returns the next packs whose first number is above after.
func (s *Store) packs(boot string, treatment uint32, after int64) ([]storedPack, error) {
	rows, err := s.query(`SELECT first, last, data FROM packs
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
	x, bad := s.Session(boot, treatment)
	if bad != nil && (x.Treatment == 0 || !errors.Is(bad, ErrDamaged)) {
		return Trace{}, bad
	}
	t := Trace{Title: fmt.Sprintf("treatment %d", treatment), Started: x.Boot.Started, Report: x.Report}
	if x.Report != nil {
		t.Title, t.Limit = x.Report.Programme, x.Report.Limit
	}
	damage := []error{bad}
	if t.Events, bad = s.Events(boot, treatment); bad != nil {
		if !errors.Is(bad, ErrDamaged) {
			return Trace{}, bad
		}
		damage = append(damage, bad)
	}
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
