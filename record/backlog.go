package record

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"traction/control"
)

// backlogDepth bounds the backlog: of the newest so many events and reports,
// those are offered that were never acknowledged. A broker that is set up after
// a year does not get the events of a year.
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
// order in which they arrived: oldest first.
func (s *Store) UnsentEvents(max int) ([]PendingEvent, error) {
	rows, err := s.read.Query("SELECT "+bootColumns+", "+eventColumns+` FROM events e JOIN boots b ON b.n = e.boot
		WHERE e.sent = 0 AND e.n > (SELECT max(n) FROM events) - ? ORDER BY e.n LIMIT ?`, backlogDepth, max)
	if err != nil {
		return nil, fmt.Errorf("record: unsent events: %w", classify(err))
	}
	defer rows.Close()
	var out []PendingEvent
	for rows.Next() {
		var p PendingEvent
		if err := rows.Scan(append(bootFields(&p.Boot), eventFields(&p.Event)...)...); err != nil {
			return nil, fmt.Errorf("record: unsent events: %w", classify(err))
		}
		out = append(out, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("record: unsent events: %w", classify(err))
	}
	return out, nil
}

// UnsentReports returns up to max reports that were not marked as sent, oldest
// first.
func (s *Store) UnsentReports(max int) ([]PendingReport, error) {
	rows, err := s.read.Query("SELECT "+bootColumns+", "+reportColumns+` FROM reports r JOIN boots b ON b.n = r.boot
		WHERE r.sent = 0 AND r.n > (SELECT max(n) FROM reports) - ? ORDER BY r.n LIMIT ?`, backlogDepth, max)
	if err != nil {
		return nil, fmt.Errorf("record: unsent reports: %w", classify(err))
	}
	defer rows.Close()
	var out []PendingReport
	for rows.Next() {
		var p PendingReport
		if err := rows.Scan(append(bootFields(&p.Boot), reportFields(&p.Report)...)...); err != nil {
			return nil, fmt.Errorf("record: unsent reports: %w", classify(err))
		}
		out = append(out, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("record: unsent reports: %w", classify(err))
	}
	return out, nil
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
	return s.transact(false, func(c *sql.Conn) error {
		for _, n := range numbers {
			if _, err := c.ExecContext(context.Background(), statement, boot, n); err != nil {
				return err
			}
		}
		return nil
	})
}
