// Package record keeps what happened on the table: the samples, events and
// reports of every treatment in one SQLite file, and turns them into tables,
// pictures and summaries.
//
// Nothing here decides about force. A record that is damaged, full or missing
// costs history, never safety, so each failure is an error value that leaves the
// store usable.
package record

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite" // also registers the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrFull: there is no space left. Nothing of the call was stored; the same
	// call succeeds once there is space again.
	ErrFull = errors.New("no space left for the record")
	// ErrCorrupt: the file is damaged. A store that writes has set it aside and
	// begun a new one, see Damage; so does Open.
	ErrCorrupt = errors.New("the record's file is damaged")
	// ErrReplaced: a new file was begun meanwhile, see Damage and AppendTo.
	ErrReplaced = errors.New("the record's file was damaged and a new one has begun")
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
	// the file, for example one that deletes a session beside the gateway.
	busyTimeout = 5 * time.Second
	// syncPeriod bounds what a power cut can take to a second of samples: entries
	// come in portions of 200 ms, so the disk has those that are older than this
	// and one portion.
	syncPeriod = 800 * time.Millisecond
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
	// Beside does the same, but Delete works.
	Beside bool
	// Now is the clock that paces syncing and names what is set aside; nil means
	// time.Now.
	Now func() time.Time
}

// Store is one record file. It is safe for concurrent use; there must be only
// one Store for a file that writes and is not Beside.
type Store struct {
	path    string
	options Options
	now     func() time.Time
	read    atomic.Pointer[sql.DB]

	mu     sync.Mutex // guards all below
	closed bool
	write  *sql.DB // one connection; nil when read only
	conn   *sql.Conn
	damage *Damage
	boot   *progress // of the boot that is being recorded
	// What is known about the disk, for the pacing of syncs.
	synced   time.Time
	unsynced bool
	level    string
}

// Open opens the record at path, or begins a new one. A file that cannot be read is
// renamed to path.corrupt-<time> and a new one begun: Damage tells. Check looks for
// damage that does not show yet. On a full disk it
// opens all the same, and calls that write are ErrFull until there is space.
// Errors: ErrNewer, ErrForeign, and whatever the file system says.
func Open(path string, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	s := &Store{path: path, options: o, now: o.Now}
	err = s.open()
	if errors.Is(err, ErrCorrupt) && s.owner() {
		err = s.replace(err)
	}
	if errors.Is(err, ErrFull) && s.owner() {
		err = s.openReader() // the writer is tried again by each call that writes
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// owner tells whether this store looks after the file: creates, migrates and, when
// it is damaged, replaces it.
func (s *Store) owner() bool { return !s.options.ReadOnly && !s.options.Beside }

// Damage tells what was found wrong with the file, when the store was opened or
// later, and where that file is now; nil = nothing.
func (s *Store) Damage() *Damage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.damage
}

// Close makes everything durable and closes the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.conn != nil {
		err = s.settle()
	}
	s.closed = true
	return errors.Join(err, s.closeAll())
}

// closeAll closes what is open; the store can be opened again.
func (s *Store) closeAll() error {
	var errs []error
	if db := s.read.Load(); db != nil {
		errs = append(errs, db.Close())
	}
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
		s.conn = nil
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
		s.write = nil
	}
	return errors.Join(errs...)
}

func (s *Store) query(q string, args ...any) (*sql.Rows, error) {
	return s.read.Load().Query(q, args...)
}

func (s *Store) queryRow(q string, args ...any) *sql.Row { return s.read.Load().QueryRow(q, args...) }

// classify adds the sentinel that callers branch on.
func classify(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) || errors.Is(err, ErrFull) || errors.Is(err, ErrCorrupt) {
		return err
	}
	switch code := e.Code(); {
	case code&0xff == sqlite3.SQLITE_FULL, code == sqlite3.SQLITE_IOERR_SHMSIZE:
		return fmt.Errorf("%w: %w", ErrFull, err)
	case code&0xff == sqlite3.SQLITE_CORRUPT, code&0xff == sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}
