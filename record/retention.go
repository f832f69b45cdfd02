package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// keepNewest is how many of the newest sessions Prune never touches, whatever
// their age and size: who looks something up looks these up.
const keepNewest = 3

// agedAtOnce bounds how many sessions one Prune deletes for their age. A clock that
// is years ahead for a day must not cost the record of years.
const agedAtOnce = 100

// Keep says how long sessions are kept.
type Keep struct {
	// Age of sessions that go, counted from their beginning; 0 = none goes for its age.
	Age time.Duration
	// Bytes that the record may hold: the oldest sessions make room. 0 = no limit.
	Bytes int64
	// Waiting: there is a broker, and what it has not acknowledged stays, however old.
	// Of such a session only the samples go, which are for no broker.
	Waiting bool
}

// Pruned tells what a Prune has done.
type Pruned struct {
	// Sessions that were deleted, and those of which only the samples were.
	Sessions, SamplesOnly int
	// Bytes that the record held before and holds now.
	Before, After int64
}

// chapter is a session, or with treatment 0 a boot without any.
type chapter struct {
	boot      int64
	treatment uint32
	began     time.Time
}

// Prune deletes the oldest sessions that Keep does not keep, with what was
// recorded before them outside any session, and makes the file smaller. It works in
// many small transactions, so that recording never waits for long. The newest
// sessions and the one that runs are always kept. Errors: those of ctx, ErrFull,
// ErrCorrupt.
func (s *Store) Prune(ctx context.Context, k Keep) (Pruned, error) {
	var done Pruned
	err := s.prune(ctx, k, &done)
	if err != nil {
		err = fmt.Errorf("record: prune: %w", classify(err))
	}
	return done, err
}

func (s *Store) prune(ctx context.Context, k Keep, done *Pruned) (err error) {
	if err := s.finishDeleting(ctx); err != nil {
		return err
	}
	if done.Before, err = s.used(); err != nil {
		return err
	}
	old, err := s.chapters()
	if err != nil {
		return err
	}
	done.After = done.Before
	aged := 0
	oldest := s.now().Add(-k.Age)
	for _, c := range old {
		big := k.Bytes > 0 && done.After > k.Bytes
		if !big && (k.Age <= 0 || aged >= agedAtOnce || !c.began.Before(oldest)) {
			// Chapters only get younger, and room is not taken meanwhile.
			break
		}
		if !big {
			aged++
		}
		if err := s.pruneChapter(ctx, c, k.Waiting, done); err != nil {
			return err
		}
		if err := s.dropBoots(ctx); err != nil {
			return err
		}
		if done.After, err = s.used(); err != nil {
			return err
		}
	}
	if err := s.shrink(ctx); err != nil {
		return err
	}
	if s.owner() {
		s.reserve()
	}
	return nil
}

// finishDeleting deletes what was left when a Delete was interrupted.
func (s *Store) finishDeleting(ctx context.Context) error {
	for {
		var c chapter
		err := s.queryRow(`SELECT boot, treatment FROM forgotten f
			WHERE EXISTS (SELECT 1 FROM packs p WHERE p.boot = f.boot AND p.treatment = f.treatment)
				OR EXISTS (SELECT 1 FROM events e WHERE e.boot = f.boot AND e.treatment = f.treatment) LIMIT 1`).Scan(&c.boot, &c.treatment)
		if isNone(err) {
			return nil
		}
		if err == nil {
			err = s.sweep(ctx, c.boot, c.treatment)
		}
		if err != nil {
			return err
		}
	}
}

// chapters are those that may go, oldest first in the order in which they were
// recorded: the wall clock may have been wrong. Each counts as at least as young as
// those before it, so that one from a day without the right time does not seem to
// be of 1970.
func (s *Store) chapters() ([]chapter, error) {
	rows, err := s.query(`SELECT b.n, b.started, coalesce(t.number, 0), coalesce(t.began, 0) FROM boots b LEFT JOIN treatments t ON t.boot = b.n
		WHERE t.number IS NOT NULL OR b.n < (SELECT max(n) FROM boots) ORDER BY b.n, t.number`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []chapter
	sessions := 0
	for rows.Next() {
		var c chapter
		var began time.Duration
		if err := rows.Scan(&c.boot, (*instant)(&c.began), &c.treatment, (*int64)(&began)); err != nil {
			return nil, err
		}
		c.began = c.began.Add(began)
		if n := len(out); n > 0 && c.began.Before(out[n-1].began) {
			c.began = out[n-1].began
		}
		if c.treatment != 0 {
			sessions++
		}
		out = append(out, c)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return withoutNewest(out, sessions), nil
}

// withoutNewest leaves the newest sessions, and what is between them, out.
func withoutNewest(cs []chapter, sessions int) []chapter {
	for i, c := range cs {
		if c.treatment == 0 {
			continue
		}
		if sessions <= keepNewest {
			return cs[:i]
		}
		sessions--
	}
	return cs
}

// pruneChapter deletes what may go of one.
func (s *Store) pruneChapter(ctx context.Context, c chapter, waiting bool, done *Pruned) error {
	if err := s.sweepBefore(ctx, c, waiting); err != nil {
		return err
	}
	if c.treatment == 0 {
		return nil
	}
	if waiting {
		var waits, samples bool
		err := s.queryRow("SELECT "+waitsIn("reports")+" OR "+waitsIn("events")+
			", EXISTS (SELECT 1 FROM packs WHERE boot = ?1 AND treatment = ?2)", c.boot, c.treatment, backlogDepth).Scan(&waits, &samples)
		if err != nil {
			return err
		}
		if waits {
			if samples {
				done.SamplesOnly++
			}
			return s.sweepPacks(ctx, c.boot, c.treatment)
		}
	}
	if err := s.change(func(conn *sql.Conn) error { return forget(conn, c.boot, c.treatment) }); err != nil {
		return err
	}
	done.Sessions++
	return s.sweep(ctx, c.boot, c.treatment)
}

// waitsIn is an expression: whether rows of the session ?1, ?2 wait for a broker;
// ?3 is how far back the backlog goes.
func waitsIn(table string) string {
	return fmt.Sprintf("EXISTS (SELECT 1 FROM %s WHERE boot = ?1 AND treatment = ?2 AND sent = 0 AND n > (SELECT max(n) FROM %[1]s) - ?3)", table)
}

// sweepBefore deletes what was recorded before a chapter and belongs to no
// session; with treatment 0 all that its boot has.
func (s *Store) sweepBefore(ctx context.Context, c chapter, waiting bool) error {
	err := s.inPortions(ctx, packsAtOnce, `DELETE FROM packs WHERE n IN (
		SELECT p.n FROM boots b JOIN packs p ON p.boot = b.n AND p.treatment = 0 WHERE b.n < ?1
			OR b.n = ?1 AND (?2 = 0 OR p.n < (SELECT min(n) FROM packs WHERE boot = ?1 AND treatment = ?2)) LIMIT ?3)`,
		c.boot, c.treatment)
	if err != nil {
		return err
	}
	return s.inPortions(ctx, eventsAtOnce, `DELETE FROM events WHERE n IN (
		SELECT e.n FROM boots b JOIN events e ON e.boot = b.n AND e.treatment = 0 WHERE (b.n < ?1
				OR b.n = ?1 AND (?2 = 0 OR e.n < (SELECT min(n) FROM events WHERE boot = ?1 AND treatment = ?2)))
			AND (e.sent = 1 OR NOT ?3 OR e.n <= (SELECT max(n) FROM events) - ?4) LIMIT ?5)`,
		c.boot, c.treatment, waiting, backlogDepth)
}

// dropBoots deletes boots of which nothing is left.
func (s *Store) dropBoots(ctx context.Context) error {
	for {
		dropped := false
		err := s.change(func(c *sql.Conn) error {
			var n int64
			err := c.QueryRowContext(ctx, `SELECT n FROM boots b WHERE n < (SELECT max(n) FROM boots)
				AND NOT EXISTS (SELECT 1 FROM treatments t WHERE t.boot = b.n) AND NOT EXISTS (SELECT 1 FROM packs p WHERE p.boot = b.n)
				AND NOT EXISTS (SELECT 1 FROM events e WHERE e.boot = b.n) AND NOT EXISTS (SELECT 1 FROM reports r WHERE r.boot = b.n) LIMIT 1`).Scan(&n)
			if isNone(err) {
				return nil
			}
			for _, q := range []string{"DELETE FROM spans WHERE boot = ?", "DELETE FROM forgotten WHERE boot = ?", "DELETE FROM boots WHERE n = ?"} {
				if err == nil {
					_, err = c.ExecContext(ctx, q, n)
				}
			}
			dropped = err == nil
			return err
		})
		if err != nil || !dropped {
			return err
		}
		if err := rest(ctx); err != nil {
			return err
		}
	}
}

func isNone(err error) bool { return errors.Is(err, sql.ErrNoRows) }
