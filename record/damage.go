package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// Damage tells of a record that could not be read and was set aside.
type Damage struct {
	// Path is where the damaged file is now; its write-ahead log is beside it.
	Path string
	// Err is what was found wrong.
	Err error
}

// Check looks through the whole file for damage, and whether indexes and tables say
// the same; a damaged file is replaced, see Damage, and the error is ErrCorrupt. It
// takes seconds for a record of years, and a minute on a slow card, during which
// the store is used as ever. The error is nil when ctx ended before, and when
// somebody else met damage first: the file that would be checked is gone then. Other
// errors say that the file could not be read to its end.
func (s *Store) Check(ctx context.Context) error {
	db := s.read.Load()
	var verdict string
	err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict)
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil && verdict != "ok":
		err = fmt.Errorf("%w: %s", ErrCorrupt, strings.TrimSpace(verdict))
	}
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || db != s.read.Load() {
		return nil
	}
	return fmt.Errorf("record: check: %w", s.suspect(db, err))
}

// setAside renames a damaged file and its log, so that a specialist may still
// get something out of them.
func setAside(path string, now time.Time) (string, error) {
	base := path + ".corrupt-" + now.UTC().Format("20060102T150405Z")
	aside := base
	for i := 2; exists(aside); i++ {
		if i > 100 {
			return "", fmt.Errorf("%s: %w", base, os.ErrExist)
		}
		aside = fmt.Sprintf("%s-%d", base, i)
	}
	if err := os.Rename(path, aside); err != nil {
		return "", err
	}
	// The log belongs to the damaged file: left here, it would be replayed into
	// the new one. The shared memory is only an index of the log.
	if err := os.Rename(path+"-wal", aside+"-wal"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	if err := os.Remove(path + "-shm"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	return aside, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}
