package record

import (
	"context"
	"database/sql"
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

// checkTime bounds the check at start: a record of years on a slow card would
// keep the gateway from starting, and a treatment that was started over the network
// ends when nothing is heard of the gateway for 12 s. What was not looked at by then
// is found when it is read.
const checkTime = 5 * time.Second

// checkFile looks through the whole file for damage, and whether indexes and
// tables say the same.
func checkFile(conn *sql.Conn) error {
	// The first statement that touches the file must not be interrupted.
	var version int
	if err := conn.QueryRowContext(context.Background(), "PRAGMA schema_version").Scan(&version); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	var verdict string
	err := conn.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	case verdict != "ok":
		return fmt.Errorf("%w: %s", ErrCorrupt, strings.TrimSpace(verdict))
	}
	return nil
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
