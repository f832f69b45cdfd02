package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"traction/control"
)

// backlogDepth bounds the backlog: of the newest so many events, and of as many
// reports, those are offered that were never acknowledged. A broker takes about a
// thousand a second, so the newest event, which may be an alarm, is never behind more
// than some ten seconds of old ones, and a broker that is set up after a year does not
// get the events of a year. These are 110 sessions of 25 minutes.
const backlogDepth = 10_000

// PendingEvent is an event that no broker has acknowledged yet.
type PendingEvent struct {
	Boot  Boot
	Event control.Event
}

// PendingReport is a report that no broker has acknowledged yet.
type PendingReport struct {
	Boot   Boot
	Report control.Report
}

// bootColumns and bootFields read a Boot; started is Unix nanoseconds.
const bootColumns = "b.id, b.started, b.appliance, b.version"

func bootFields(b *Boot) []any {
	return []any{&b.ID, (*instant)(&b.Started), &b.Table, &b.Version}
}

// instant scans Unix nanoseconds into a time in UTC.
type instant time.Time

// Scan implements sql.Scanner.
func (t *instant) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("time is a %T", src)
	}
	*t = instant(time.Unix(0, n).UTC())
	return nil
}

// UnsentEvents returns up to max events that were not marked as sent, in the
// order in which they arrived: oldest first. With ErrDamaged they are those that
// could be read; so it is with reports and own events.
func (s *Store) UnsentEvents(max int) ([]PendingEvent, error) {
	return unsent(s, eventsTable, bootsTable, eventColumns, max, func(p *PendingEvent) []any {
		return append(bootFields(&p.Boot), eventFields(&p.Event)...)
	})
}

// UnsentReports returns up to max reports that were not marked as sent, oldest
// first.
func (s *Store) UnsentReports(max int) ([]PendingReport, error) {
	return unsent(s, reportsTable, bootsTable, reportColumns, max, func(p *PendingReport) []any {
		return append(bootFields(&p.Boot), reportFields(&p.Report)...)
	})
}

// unsent reads up to max rows that wait for a broker, oldest first. Damaged ones
// are passed over with ErrDamaged: nothing may be published that is not what
// happened, and what follows need not wait for it. fields are where Scan puts
// bootColumns and columns.
func unsent[T any](s *Store, t, boots table, columns string, max int, fields func(*T) []any) (out []T, err error) {
	db := s.read.Load()
	defer func() {
		if err != nil && !errors.Is(err, ErrDamaged) {
			s.mu.Lock()
			defer s.mu.Unlock()
			out, err = nil, fmt.Errorf("record: unsent %s: %w", t.name, s.suspect(db, err))
		}
	}()
	rows, err := db.Query(fmt.Sprintf(`SELECT %s AND %s, %s, %s FROM %s e JOIN %s b ON b.n = e.boot
		WHERE e.sent = 0 AND e.n > (SELECT max(n) FROM %[5]s) - ? ORDER BY e.n`,
		t.intact("e"), boots.intact("b"), bootColumns, columns, t.name, boots.name), backlogDepth)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	damaged := 0
	for len(out) < max && rows.Next() {
		var row T
		var intact bool
		if err := rows.Scan(append([]any{&intact}, fields(&row)...)...); err != nil {
			return nil, err
		}
		if !intact {
			damaged++
			continue
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return out, t.damaged(damaged)
}

// MarkSent notes that these events of a boot were acknowledged. What is marked
// just before a power cut may be offered again: at least once, not exactly once.
func (s *Store) MarkSent(boot string, seq ...uint64) error {
	return s.mark("UPDATE events SET sent = 1 WHERE boot = (SELECT n FROM boots WHERE id = ?) AND seq = ?", boot, seq)
}

// MarkReportSent does the same for the reports of these treatments.
func (s *Store) MarkReportSent(boot string, treatment ...uint32) error {
	numbers := make([]uint64, len(treatment))
	for i, t := range treatment {
		numbers[i] = uint64(t)
	}
	return s.mark("UPDATE reports SET sent = 1 WHERE boot = (SELECT n FROM boots WHERE id = ?) AND treatment = ?", boot, numbers)
}

func (s *Store) mark(statement, boot string, numbers []uint64) error {
	if len(numbers) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.own(); err != nil {
		return err
	}
	return s.transact(false, func(c *sql.Conn) error {
		for _, n := range numbers {
			if _, err := c.ExecContext(context.Background(), statement, boot, n); err != nil {
				return err
			}
		}
		return nil
	})
}

// Waiting tells how many events, reports and own events wait for a broker.
func (s *Store) Waiting() (int, error) {
	n := 0
	for _, t := range []table{eventsTable, reportsTable, ownEventsTable} {
		var some int
		err := s.queryRow(fmt.Sprintf("SELECT count(*) FROM %s WHERE sent = 0 AND n > (SELECT max(n) FROM %[1]s) - ?", t.name), backlogDepth).Scan(&some)
		if err != nil {
			return 0, fmt.Errorf("record: waiting: %w", classify(err))
		}
		n += some
	}
	return n, nil
}

// PassedOver tells how many events and reports no broker has acknowledged, and none
// will be offered any more: they are older than the newest 10,000 of their kind.
func (s *Store) PassedOver() (int, error) {
	n := 0
	for _, t := range []table{eventsTable, reportsTable} {
		var some int
		err := s.queryRow(fmt.Sprintf("SELECT count(*) FROM %s WHERE sent = 0 AND n <= (SELECT max(n) FROM %[1]s) - ?", t.name), backlogDepth).Scan(&some)
		if err != nil {
			return 0, fmt.Errorf("record: passed over: %w", classify(err))
		}
		n += some
	}
	return n, nil
}
