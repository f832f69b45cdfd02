// Package record keeps what happened on the table: the samples, events and
// reports of every treatment in one SQLite file, and turns them into tables,
// pictures and summaries.
//
// Nothing here decides about force. A record that is damaged, full or missing
// costs history, never safety, so each failure is an error value that leaves the
// store usable.
package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite" // also registers the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrFull: there is no space left. Nothing of the call was stored; the same
	// call succeeds once there is space again.
	ErrFull = errors.New("no space left for the record")
	// ErrCorrupt: the file is damaged. Opening it again sets it aside.
	ErrCorrupt = errors.New("the record's file is damaged")
	// ErrNewer: the file was written by a newer version of this program.
	ErrNewer = errors.New("the record was written by a newer version")
	// ErrForeign: the file is a database, but not a record.
	ErrForeign = errors.New("the file is a database of another program")
	// ErrReadOnly: the store was opened for reading.
	ErrReadOnly = errors.New("the record is open for reading only")
	// ErrNotFound: no such boot or treatment.
	ErrNotFound = errors.New("not in the record")
)

const (
	// busyTimeout is how long a statement waits for another program that uses
	// the file, for example an export that runs beside the gateway.
	busyTimeout = 5 * time.Second
	// syncPeriod bounds what a power cut can take: samples not older than this.
	syncPeriod = time.Second
	// readers is how many queries run at the same time.
	readers = 4
	// fileMode: records are about people's health.
	fileMode = 0o640
)

// Options of a store; the zero value is right for the gateway.
type Options struct {
	// ReadOnly opens an existing file beside the gateway that writes it: nothing
	// is created, migrated or set aside.
	ReadOnly bool
	// Now is the clock that paces syncing and names what is set aside; nil means
	// time.Now.
	Now func() time.Time
}

// Store is one record file. It is safe for concurrent use; there must be only
// one writing Store for a file.
type Store struct {
	path   string
	now    func() time.Time
	read   *sql.DB
	damage *Damage

	mu    sync.Mutex // guards all below
	write *sql.DB    // one connection; nil when read only
	conn  *sql.Conn
	boot  *progress // of the boot that is being recorded
	// What is known about the disk, for the pacing of syncs.
	synced   time.Time
	unsynced bool
	level    string
}

// Open opens the record at path, or begins a new one. A damaged file is renamed
// to path.corrupt-<time> and a new one begun: Damage tells. Errors: ErrNewer,
// ErrForeign, ErrFull, and whatever the file system says.
func Open(path string, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	s, err := open(path, o)
	if !errors.Is(err, ErrCorrupt) || o.ReadOnly {
		return s, err
	}
	aside, moved := setAside(path, o.Now())
	if moved != nil {
		return nil, fmt.Errorf("record: %s is damaged and cannot be set aside: %w", path, moved)
	}
	cause := err
	if s, err = open(path, o); err != nil {
		return nil, err
	}
	s.damage = &Damage{Path: aside, Err: cause}
	return s, nil
}

// open opens the file as it is.
func open(path string, o Options) (_ *Store, err error) {
	s := &Store{path: path, now: o.Now}
	defer func() {
		if err != nil {
			s.closeAll()
			err = fmt.Errorf("record: open %s: %w", path, classify(err))
		}
	}()
	mode := os.O_RDWR | os.O_CREATE
	if o.ReadOnly {
		mode = os.O_RDONLY
	}
	// SQLite itself would make the file readable by everyone.
	f, err := os.OpenFile(path, mode, fileMode)
	if err != nil {
		return nil, err
	}
	f.Close()

	if !o.ReadOnly {
		if err := s.openWriter(); err != nil {
			return nil, err
		}
	}
	if s.read, err = sql.Open("sqlite", dsn(path, "mode=ro", "_pragma=query_only(1)")); err != nil {
		return nil, err
	}
	s.read.SetMaxOpenConns(readers)
	if o.ReadOnly {
		return s, checkSchema(s.read)
	}
	return s, nil
}

// openWriter opens, checks and migrates through the one writing connection.
func (s *Store) openWriter() (err error) {
	// Write-ahead log: a reader never blocks the writer, nor the other way round.
	s.write, err = sql.Open("sqlite", dsn(s.path,
		"_pragma=journal_mode(wal)", "_pragma=synchronous(full)", "_pragma=foreign_keys(1)",
		"_pragma=journal_size_limit(8388608)"))
	if err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if s.conn, err = s.write.Conn(context.Background()); err != nil {
		return err
	}
	s.level, s.synced = levelFull, s.now()
	if err := checkFile(s.conn); err != nil {
		return err
	}
	return migrate(s.conn, migrations)
}

// dsn names the file for the driver, whatever characters its path has.
func dsn(path string, params ...string) string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	u.RawQuery = fmt.Sprintf("_pragma=busy_timeout(%d)&_txlock=immediate", busyTimeout.Milliseconds())
	for _, p := range params {
		u.RawQuery += "&" + p
	}
	return u.String()
}

// Damage returns what was found wrong when the store was opened, or nil.
func (s *Store) Damage() *Damage { return s.damage }

// Close makes everything durable and closes the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.conn != nil {
		err = s.settle()
	}
	return errors.Join(err, s.closeAll())
}

func (s *Store) closeAll() error {
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
		s.conn = nil
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	return errors.Join(errs...)
}

const (
	levelFull   = "PRAGMA synchronous = FULL"
	levelNormal = "PRAGMA synchronous = NORMAL"
)

// transact runs f in one transaction. With the write-ahead log, NORMAL survives
// a crash of the program but not a power cut, and FULL waits for the disk at
// each commit, which five times a second would wear out an SD card. So a commit
// is FULL when it is urgent or the last one is a second ago, and NORMAL between:
// syncing the log makes the earlier commits durable too.
func (s *Store) transact(urgent bool, f func(*sql.Conn) error) (err error) {
	if err := s.writable(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("record: write: %w", classify(err))
		}
	}()
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
	s.unsynced = level == levelNormal
	if !s.unsynced {
		s.synced = now
	}
	return nil
}

// writable tells why nothing can be written, if so.
func (s *Store) writable() error {
	switch {
	case s.write == nil:
		return fmt.Errorf("record: %w", ErrReadOnly)
	case s.conn == nil:
		return fmt.Errorf("record: %w", os.ErrClosed)
	}
	return nil
}

// due tells whether the next commit has to reach the disk.
func (s *Store) due(now time.Time) bool { return now.Sub(s.synced) >= syncPeriod }

// classify adds the sentinel that callers branch on.
func classify(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %w", ErrFull, err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}
