package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
)

// rewriteMost bounds the file (bytes) that prepareShrinking rewrites: some seconds
// on a slow card, in which nothing is recorded.
const rewriteMost = 64 << 20

// prepareShrinking makes a file of an earlier version one that can become smaller,
// by rewriting it once. Where that is not possible the file keeps its size, and
// what is deleted in it makes room inside.
func prepareShrinking(conn *sql.Conn) error {
	ctx := context.Background()
	var mode, pages, size int64
	for q, v := range map[string]*int64{"PRAGMA auto_vacuum": &mode, "PRAGMA page_count": &pages, "PRAGMA page_size": &size} {
		if err := conn.QueryRowContext(ctx, q).Scan(v); err != nil {
			return err
		}
	}
	const incremental = 2
	if mode == incremental || pages*size > rewriteMost {
		return nil
	}
	_, err := conn.ExecContext(ctx, "PRAGMA auto_vacuum = incremental; VACUUM")
	if errors.Is(classify(err), ErrFull) {
		return nil
	}
	return err
}

const (
	// spare is how many free pages a file keeps: what is recorded next needs them.
	spare = 256
	// pagesAtOnce is how many one transaction gives back; each may have to be moved.
	pagesAtOnce = 32
)

// shrink gives free pages back to the file system, a few at a time.
func (s *Store) shrink(ctx context.Context) error {
	for last := int64(math.MaxInt64); ; {
		var free int64
		err := s.change(func(c *sql.Conn) error {
			if err := c.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&free); err != nil || free <= spare || free >= last {
				return err
			}
			_, err := c.ExecContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", min(pagesAtOnce, free-spare)))
			return err
		})
		// A file that cannot become smaller keeps its pages: see prepareShrinking.
		if err != nil || free <= spare || free >= last {
			return err
		}
		last = free
		if err := rest(ctx); err != nil {
			return err
		}
	}
}

// used is how many bytes of the file hold something.
func (s *Store) used() (int64, error) {
	var pages, free, size int64
	err := s.queryRow("SELECT page_count, freelist_count, page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size").
		Scan(&pages, &free, &size)
	return (pages - free) * size, err
}
