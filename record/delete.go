package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ErrRunning: the session has not ended yet, as far as is known.
var ErrRunning = errors.New("it still runs; stop the treatment, or wait for its report")

const (
	// What one transaction deletes at most. A pack is about 1.5 kB and an event a
	// tenth of that; both together must not keep a recording waiting for 50 ms.
	packsAtOnce, eventsAtOnce = 16, 64
	// breath is left to others between two such transactions.
	breath = 5 * time.Millisecond
)

// Unsent tells what of a session waits for a broker: how many events, and whether
// its report does.
func (s *Store) Unsent(boot string, treatment uint32) (events int, report bool, err error) {
	err = s.queryRow(`SELECT
		(SELECT count(*) FROM events WHERE boot = b.n AND treatment = ?2 AND sent = 0),
		EXISTS (SELECT 1 FROM reports WHERE boot = b.n AND treatment = ?2 AND sent = 0)
		FROM boots b WHERE id = ?1`, boot, treatment).Scan(&events, &report)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return 0, false, fmt.Errorf("record: session %s: %w", SessionName(boot, treatment), classify(err))
	}
	return events, report, nil
}

// Delete removes a session with its samples, events and report, sent or not. The
// gateway may record meanwhile, and will not take the session in again although
// the control process may still hold it. When ctx ends in the middle the session is
// gone; what is left of its samples goes with the next Prune. Errors: ErrNotFound,
// ErrRunning, ErrFull, ErrCorrupt.
func (s *Store) Delete(ctx context.Context, boot string, treatment uint32) error {
	err := s.delete(ctx, boot, treatment)
	if err == nil {
		err = s.shrink(ctx)
	}
	if err != nil {
		return fmt.Errorf("record: delete %s: %w", SessionName(boot, treatment), classify(err))
	}
	return nil
}

func (s *Store) delete(ctx context.Context, boot string, treatment uint32) error {
	var n int64
	err := s.change(func(c *sql.Conn) error {
		var ended, newest bool
		err := c.QueryRowContext(ctx, `SELECT b.n, EXISTS (SELECT 1 FROM reports r WHERE r.boot = b.n AND r.treatment = t.number), b.n = (SELECT max(n) FROM boots)
			FROM treatments t JOIN boots b ON b.n = t.boot WHERE b.id = ? AND t.number = ?`, boot, treatment).Scan(&n, &ended, &newest)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return ErrNotFound
		case err != nil:
			return err
		case newest && !ended: // one of an earlier boot was cut off, and is over
			return ErrRunning
		}
		return forget(c, n, treatment)
	})
	if err != nil {
		return err
	}
	return s.sweep(ctx, n, treatment)
}

// forget makes a session one that was deleted, but for what takes long: its
// packs and events.
func forget(c *sql.Conn, boot int64, treatment uint32) error {
	for _, q := range []string{
		`INSERT INTO forgotten (boot, treatment, first_event, last_event)
			SELECT ?1, ?2, coalesce(min(seq), 0), coalesce(max(seq), 0) FROM events WHERE boot = ?1 AND treatment = ?2
			ON CONFLICT DO NOTHING`,
		"DELETE FROM reports WHERE boot = ?1 AND treatment = ?2",
		"DELETE FROM treatments WHERE boot = ?1 AND number = ?2",
	} {
		if _, err := c.ExecContext(context.Background(), q, boot, treatment); err != nil {
			return err
		}
	}
	return nil
}

// sweep deletes packs and events of a forgotten session.
func (s *Store) sweep(ctx context.Context, boot int64, treatment uint32) error {
	if err := s.sweepPacks(ctx, boot, treatment); err != nil {
		return err
	}
	return s.inPortions(ctx, eventsAtOnce, "DELETE FROM events WHERE n IN (SELECT n FROM events WHERE boot = ? AND treatment = ? LIMIT ?)",
		boot, treatment)
}

func (s *Store) sweepPacks(ctx context.Context, boot int64, treatment uint32) error {
	return s.inPortions(ctx, packsAtOnce, "DELETE FROM packs WHERE n IN (SELECT n FROM packs WHERE boot = ? AND treatment = ? LIMIT ?)",
		boot, treatment)
}

// inPortions repeats a statement that deletes at most so many rows, its last
// parameter, until it finds fewer, each time in a transaction of its own.
func (s *Store) inPortions(ctx context.Context, most int64, statement string, args ...any) error {
	args = append(args, most)
	for {
		var rows int64
		err := s.change(func(c *sql.Conn) error {
			res, err := c.ExecContext(ctx, statement, args...)
			if err == nil {
				rows, err = res.RowsAffected()
			}
			return err
		})
		if err != nil {
			return err
		}
		if err := rest(ctx); err != nil || rows < most {
			return err
		}
	}
}

// change is one transaction of what may delete. On a full disk it takes the
// reserve.
func (s *Store) change(f func(*sql.Conn) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.transact(false, f)
	if errors.Is(err, ErrFull) && s.spendReserve() {
		err = s.transact(false, f)
	}
	return err
}

// rest lets others write.
func rest(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(breath):
		return nil
	}
}
