package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// open opens the file as it is.
func (s *Store) open() (err error) {
	defer func() {
		if err != nil {
			_ = s.closeAll() // what went wrong first says more
			var path *fs.PathError
			if errors.As(err, &path) && path.Path == s.path {
				err = path.Err // which has operation and name as well
			}
			err = fmt.Errorf("record: open %s: %w", s.path, classify(err))
		}
	}()
	mode := os.O_RDWR
	switch {
	case s.options.ReadOnly:
		mode = os.O_RDONLY
	case s.owner():
		mode |= os.O_CREATE
	}
	// SQLite itself would make the file readable by everyone.
	f, err := os.OpenFile(s.path, mode, fileMode)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	f.Close() //nolint:errcheck // nothing was written
	if err != nil {
		return err
	}
	if !s.options.ReadOnly {
		if err := s.openWriter(info.Size() == 0); err != nil {
			return err
		}
	}
	if err := s.openReader(); err != nil || s.owner() {
		return err
	}
	return checkSchema(s.read.Load())
}

// openReader prepares reading; the file is opened by the first query.
func (s *Store) openReader() error {
	db, err := sql.Open("sqlite", dsn(s.path, "mode=ro", "_pragma=query_only(1)"))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(readers)
	if old := s.read.Swap(db); old != nil {
		_ = old.Close() // nobody wrote through it
	}
	return nil
}

// openWriter opens and migrates through the one writing connection.
func (s *Store) openWriter(empty bool) (err error) {
	params := []string{"_pragma=synchronous(full)", "_pragma=foreign_keys(1)"}
	if s.owner() {
		// Write-ahead log: a reader never blocks the writer, nor the other way round.
		params = append(params, "_pragma=journal_mode(wal)", "_pragma=journal_size_limit(8388608)")
	}
	if empty {
		// What is deleted makes the file smaller, step by step. The driver sets pragmas in
		// the order of their names, and this one has to be the first. In a file that is
		// there it would be written again, before it is known that the file is whole.
		params = append(params, "_pragma=auto_vacuum(incremental)")
	}
	s.write, err = sql.Open("sqlite", dsn(s.path, params...))
	if err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if s.conn, err = s.write.Conn(context.Background()); err != nil {
		return err
	}
	s.level, s.synced, s.unsynced, s.boot = levelFull, s.now(), false, nil
	if !s.owner() {
		return nil
	}
	if err := migrate(s.conn, migrations); err != nil {
		return err
	}
	if err := prepareShrinking(s.conn); err != nil {
		return err
	}
	s.reserve()
	return nil
}

// replace sets the file aside, because of what was found wrong with it, and
// begins a new one. s.mu is held, or nobody else knows of s.
func (s *Store) replace(cause error) error {
	_ = s.closeAll() // a damaged file may not even close well
	aside, err := setAside(s.path, s.now())
	if err != nil {
		return fmt.Errorf("record: %s is damaged and cannot be set aside: %w", s.path, errors.Join(err, cause))
	}
	s.damage = &Damage{Path: aside, Err: cause}
	return s.open()
}

// dsn names the file for the driver, whatever characters its path has.
func dsn(path string, params ...string) string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	u.RawQuery = fmt.Sprintf("_pragma=busy_timeout(%d)", busyTimeout.Milliseconds())
	for _, p := range params {
		u.RawQuery += "&" + p
	}
	return u.String()
}
