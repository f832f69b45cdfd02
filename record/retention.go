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
	now := s.now()
	for _, c := range old {
		if big := k.Bytes > 0 && done.After > k.Bytes; !big {
			if c.began.After(now) {
				continue // from a day with a wrong clock; it only goes for its size
			}
			if k.Age <= 0 || aged >= agedAtOnce || now.Sub(c.began) <= k.Age {
				// What was recorded after one that stays, stays: it may seem to be of 1970,
				// where a computer without a clock begins.
				break
			}
			aged++
		}
		if err := s.pruneChapter(ctx, c, k.Waiting, done); err != nil {
			return err
		}
		if err := s.dropBoots(ctx, c.boot); err != nil {
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

// chapters are those that may go, in the order in which they were recorded.
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

// dropBoots deletes boots up to one, but never the newest, of which nothing is left.
func (s *Store) dropBoots(ctx context.Context, upTo int64) error {
	const nothing = `n < (SELECT max(n) FROM boots)
		AND NOT EXISTS (SELECT 1 FROM treatments t WHERE t.boot = boots.n) AND NOT EXISTS (SELECT 1 FROM packs p WHERE p.boot = boots.n)
		AND NOT EXISTS (SELECT 1 FROM events e WHERE e.boot = boots.n) AND NOT EXISTS (SELECT 1 FROM reports r WHERE r.boot = boots.n)`
	for after := int64(0); ; {
		// Looked for outside the transaction: it may take a while.
		err := s.queryRow("SELECT n FROM boots WHERE n > ? AND n <= ? AND "+nothing+" ORDER BY n LIMIT 1", after, upTo).Scan(&after)
		if isNone(err) {
			return nil
		}
		if err == nil {
			err = s.change(func(c *sql.Conn) error {
				for _, q := range []string{"DELETE FROM spans WHERE boot = ?1", "DELETE FROM forgotten WHERE boot = ?1", "DELETE FROM boots WHERE n = ?1"} {
					if _, err := c.ExecContext(ctx, q+" AND ?1 IN (SELECT n FROM boots WHERE "+nothing+" AND n = ?1)", after); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err == nil {
			err = rest(ctx)
		}
		if err != nil {
			return err
		}
	}
}

func isNone(err error) bool { return errors.Is(err, sql.ErrNoRows) }
