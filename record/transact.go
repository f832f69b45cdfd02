package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"
)

const (
	levelFull   = "PRAGMA synchronous = FULL"
	levelNormal = "PRAGMA synchronous = NORMAL"
)

// committed is called after each commit, in tests only.
var committed func()

// transact runs f in one transaction; s.mu is held. With the write-ahead log,
// NORMAL survives a crash of the program but not a power cut, and FULL waits for
// the disk at each commit, which five times a second would wear out an SD card. So
// a commit is FULL when it is urgent or the last one is a while ago, and NORMAL
// between: syncing the log makes the earlier commits durable too.
//
// When the file turns out to be damaged a new one is begun, and the error is
// ErrCorrupt: the caller asks for everything again from Next.
func (s *Store) transact(urgent bool, f func(*sql.Conn) error) error {
	if err := s.writable(); err != nil {
		return err
	}
	err := s.attempt(urgent, f)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("record: write: %w", classify(err))
	if errors.Is(err, ErrFull) {
		// The log may hold the same page many times: brought into the file, it may leave
		// the room that the next call needs. If not, nothing is lost.
		_, _ = s.conn.ExecContext(context.Background(), "PRAGMA wal_checkpoint(truncate)")
	}
	return s.suspect(s.read.Load(), err)
}

func (s *Store) attempt(urgent bool, f func(*sql.Conn) error) (err error) {
	ctx := context.Background()
	now := s.now()
	level := levelNormal
	if urgent || s.due(now) {
		level = levelFull
	}
	if level != s.level {
		if _, err := s.conn.ExecContext(ctx, level); err != nil {
			return err
		}
		s.level = level
	}
	if _, err := s.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err = f(s.conn); err == nil {
		_, err = s.conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		// A full disk has rolled back already; then this fails, and may.
		_, _ = s.conn.ExecContext(ctx, "ROLLBACK")
		return err
	}
	if committed != nil {
		committed()
	}
	s.unsynced = level == levelNormal
	if !s.unsynced {
		s.synced = now
	}
	return nil
}

// writable tells why nothing can be written, if so. A new file that could not be
// begun, for example on a full disk, is tried again.
func (s *Store) writable() error {
	switch {
	case s.options.ReadOnly:
		return fmt.Errorf("record: %w", ErrReadOnly)
	case s.closed:
		return fmt.Errorf("record: %w", os.ErrClosed)
	case s.conn == nil:
		return s.open()
	}
	return nil
}

// own is writable for what only the gateway's store does.
func (s *Store) own() error {
	if !s.owner() {
		return fmt.Errorf("record: %w", ErrReadOnly)
	}
	return s.writable()
}

// due tells whether the next commit has to reach the disk.
func (s *Store) due(now time.Time) bool { return now.Sub(s.synced) >= syncPeriod }

// suspect looks at the error of a query of db: a damaged file is replaced at once,
// rather than by the next write that meets the damage, which may be never. s.mu
// is held.
func (s *Store) suspect(db *sql.DB, err error) error {
	err = classify(err)
	// Of two queries that met it, the second one is late.
	if !errors.Is(err, ErrCorrupt) || !s.owner() || s.closed || db != s.read.Load() {
		return err
	}
	if replaced := s.replace(err); replaced != nil {
		return errors.Join(err, replaced)
	}
	return err
}
