package record

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const (
	// ownDepth is how many of the gateway's own events are kept, sent or not: with
	// one a minute, a week without a broker.
	ownDepth = 10_000
	// ownKind and ownText bound their lengths in bytes.
	ownKind, ownText = 64, 4096
)

// PendingOwn is an event of the gateway itself that no broker has acknowledged
// yet.
type PendingOwn struct {
	// Boot is the run of the gateway: ID and Seq together identify the event.
	Boot Boot
	Seq  uint64
	At   time.Time
	Kind string
	Text string
}

// AppendOwn stores an event of the gateway itself: what is here already under the
// boot's ID and this number, from 1, is ignored. Kind has 1 to 64 bytes, text at
// most 4096. A crash of the gateway loses nothing that AppendOwn returned for; a
// power cut loses at most the last second, because whoever can make the gateway
// tell something must not be able to wear out its card. Errors: ErrFull,
// ErrCorrupt, and what is out of range.
func (s *Store) AppendOwn(boot Boot, seq uint64, at time.Time, kind, text string) error {
	switch {
	case boot.ID == "":
		return fmt.Errorf("record: own event: boot id is empty")
	case seq < 1 || seq > 1<<62:
		return fmt.Errorf("record: own event: number %d is out of range, allowed: 1 to %d", seq, uint64(1)<<62)
	case kind == "" || len(kind) > ownKind:
		return fmt.Errorf("record: own event: kind has %d bytes, allowed: 1 to %d", len(kind), ownKind)
	case len(text) > ownText:
		return fmt.Errorf("record: own event: text has %d bytes, allowed: at most %d", len(text), ownText)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.own(); err != nil {
		return err
	}
	ctx := context.Background()
	return s.transact(false, func(c *sql.Conn) error {
		if err := writeBoot(c, ownBootsTable, &boot); err != nil {
			return err
		}
		var n int64
		if err := c.QueryRowContext(ctx, "SELECT n FROM own_boots WHERE id = ?", boot.ID).Scan(&n); err != nil {
			return err
		}
		if _, err := c.ExecContext(ctx, ownEventsTable.insert("")+"ON CONFLICT (boot, seq) DO NOTHING", n, seq, at.UnixNano(), kind, text); err != nil {
			return err
		}
		if _, err := c.ExecContext(ctx, "DELETE FROM own_events WHERE n <= (SELECT max(n) FROM own_events) - ?", ownDepth); err != nil {
			return err
		}
		_, err := c.ExecContext(ctx, "DELETE FROM own_boots WHERE n < ? AND NOT EXISTS (SELECT 1 FROM own_events e WHERE e.boot = own_boots.n)", n)
		return err
	})
}

// UnsentOwn returns up to max of the gateway's own events that were not marked as
// sent, in the order in which they were stored: oldest first.
func (s *Store) UnsentOwn(max int) ([]PendingOwn, error) {
	return unsent(s, ownEventsTable, ownBootsTable, "e.seq, e.at, e.kind, e.text", max, func(p *PendingOwn) []any {
		return append(bootFields(&p.Boot), &p.Seq, (*instant)(&p.At), &p.Kind, &p.Text)
	})
}

// MarkOwnSent notes that these events of a run of the gateway were acknowledged.
// What is marked just before a power cut may be offered again.
func (s *Store) MarkOwnSent(boot string, seq ...uint64) error {
	return s.mark("UPDATE own_events SET sent = 1 WHERE boot = (SELECT n FROM own_boots WHERE id = ?) AND seq = ?", boot, seq)
}
