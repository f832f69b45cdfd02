package record

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

// filled makes a closed record with a treatment in it.
func filled(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "record.db")
	s, c := begin(t, path)
	x := treatment(2 * time.Minute)
	feed(t, s, c, x.entries)
	require.NoError(t, s.Append(testBoot.ID, nil, x.events, []control.Report{x.report}))
	require.NoError(t, s.Close())
	return path
}

func TestDamagedFileIsSetAside(t *testing.T) {
	tests := map[string]func(t *testing.T, path string){
		"not a database": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte("the disk had other ideas\n"), 0o600))
		},
		"header gone": func(t *testing.T, path string) { overwrite(t, path, 0, 100) },
		"page gone":   func(t *testing.T, path string) { overwrite(t, path, 4*4096, 4096) },
		"cut off": func(t *testing.T, path string) {
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.NoError(t, os.Truncate(path, info.Size()/2/4096*4096))
		},
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			path := filled(t)
			damage(t, path)
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path+"-wal", []byte("log"), 0o600))

			_, err = Open(path, Options{ReadOnly: true})
			if err != nil { // a reader may not notice, but never moves anything
				assert.ErrorIs(t, err, ErrCorrupt)
			}
			assert.FileExists(t, path)

			c := newClock()
			s, err := Open(path, Options{Now: c.now})
			require.NoError(t, err)
			if s.Damage() == nil { // it is not in what opening reads
				require.ErrorIs(t, s.Check(t.Context()), ErrCorrupt)
			}
			require.NoError(t, s.Check(t.Context()), "the new one is whole")
			require.NotNil(t, s.Damage())
			assert.ErrorIs(t, s.Damage().Err, ErrCorrupt)
			assert.Equal(t, path+".corrupt-20260504T081000Z", s.Damage().Path)
			got, err := os.ReadFile(s.Damage().Path)
			require.NoError(t, err)
			assert.Equal(t, want, got, "nothing is lost that was there")

			// The new one works.
			require.NoError(t, s.Boot(testBoot))
			es := treatment(30 * time.Second).entries
			require.NoError(t, s.Append(testBoot.ID, es, nil, nil))
			assert.Equal(t, es, stored(t, s, 1))
			require.NoError(t, s.Close())

			// Twice in the same second.
			require.NoError(t, os.WriteFile(path, []byte("again, and long enough to be taken for something\n"), 0o600))
			s, err = Open(path, Options{Now: c.now})
			require.NoError(t, err)
			defer s.Close()
			assert.Equal(t, path+".corrupt-20260504T081000Z-2", s.Damage().Path)
		})
	}
}

// The check needs nobody to wait for it, and who only reads moves nothing.
func TestCheckBesideRecording(t *testing.T) {
	path := filled(t)
	s, err := Open(path, Options{})
	require.NoError(t, err)
	defer s.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Check(ended), "nobody wants to know any more")

	x := treatment(30 * time.Second)
	require.NoError(t, s.Boot(Boot{ID: "next", Started: started, Table: "winch"}))
	var check sync.WaitGroup
	check.Go(func() {
		for range 20 {
			assert.NoError(t, s.Check(t.Context()))
		}
	})
	for part := range slices.Chunk(x.entries, 16) {
		require.NoError(t, s.Append("next", part, nil, nil))
	}
	check.Wait()
	require.Nil(t, s.Damage())
	require.NoError(t, s.Close())
	require.NoError(t, s.Check(t.Context()), "it is gone, and that is no damage")

	lost, err := Open(filled(t), Options{})
	require.NoError(t, err)
	defer lost.Close()
	require.NoError(t, os.Rename(lost.path, lost.path+"-elsewhere"))
	err = lost.Check(t.Context())
	require.ErrorContains(t, err, "check")
	assert.NotErrorIs(t, err, ErrCorrupt, "what cannot be read at all is not known to be damaged")

	overwrite(t, path, 4*4096, 4096)
	r, err := Open(path, Options{ReadOnly: true})
	require.NoError(t, err)
	defer r.Close()
	require.ErrorIs(t, r.Check(t.Context()), ErrCorrupt)
	assert.Nil(t, r.Damage())
	assert.FileExists(t, path)
}

// The log belongs to the damaged file: it must not be replayed into the new one.
func TestLogGoesWithTheDamagedFile(t *testing.T) {
	dir := t.TempDir()
	s, c := begin(t, filepath.Join(dir, "record.db"))
	x := treatment(time.Minute)
	feed(t, s, c, x.entries)
	// A crash: the log was not brought into the file yet.
	path := filepath.Join(dir, "crashed.db")
	copyFile(t, s.path, path)
	copyFile(t, s.path+"-wal", path+"-wal")
	want, err := os.ReadFile(path + "-wal")
	require.NoError(t, err)
	require.NotEmpty(t, want)

	aside, err := setAside(path, started)
	require.NoError(t, err)
	got, err := os.ReadFile(aside + "-wal")
	require.NoError(t, err)
	assert.Equal(t, want, got)
	fresh, err := Open(path, Options{})
	require.NoError(t, err)
	defer fresh.Close()
	list, err := fresh.Sessions(10)
	require.NoError(t, err)
	assert.Empty(t, list)
	old, err := Open(aside, Options{ReadOnly: true})
	require.NoError(t, err)
	defer old.Close()
	assert.Equal(t, x.entries, stored(t, old, 1), "with its log beside it, it can still be read")
}

func overwrite(t *testing.T, path string, at int64, n int) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer f.Close()
	noise := make([]byte, n)
	for i := range noise {
		noise[i] = byte(i*7 + 3)
	}
	_, err = f.WriteAt(noise, at)
	require.NoError(t, err)
}

// A pack that rots where SQLite cannot see it costs that second, not the rest.
func TestDamagedPackCostsOneSecond(t *testing.T) {
	path := filled(t)
	x := treatment(2 * time.Minute)
	db, err := sql.Open("sqlite", dsn(path))
	require.NoError(t, err)
	_, err = db.Exec("UPDATE packs SET data = zeroblob(length(data)) WHERE n = 3")
	require.NoError(t, err)
	require.NoError(t, db.Close())

	s, err := Open(path, Options{ReadOnly: true})
	require.NoError(t, err)
	defer s.Close()
	trace, err := s.Trace(testBoot.ID, 1)
	assert.ErrorIs(t, err, ErrDamaged)
	assert.ErrorContains(t, err, "entries 161 to 240")
	want := append(append([]control.Entry{}, x.entries[:160]...), x.entries[240:]...)
	assert.Equal(t, want, trace.Entries)
}

func TestDiskFull(t *testing.T) {
	s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
	limit := func(pages int) {
		_, err := s.conn.ExecContext(context.Background(), fmt.Sprintf("PRAGMA max_page_count = %d", pages))
		require.NoError(t, err)
	}
	limit(40)
	x := treatment(3 * time.Minute)
	es, failed := x.entries, 0
	for len(es) > 0 {
		n := min(16, len(es))
		c.advance(200 * time.Millisecond)
		before := next(t, s)
		err := s.Append(testBoot.ID, es[:n], nil, nil)
		if err != nil {
			require.ErrorIs(t, err, ErrFull)
			require.Equal(t, before, next(t, s), "nothing of the call is stored")
			assert.Len(t, stored(t, s, 1), int(before[0])-1)
			if failed++; failed == 5 {
				limit(100_000) // somebody made room
			}
			continue // the same again
		}
		es = es[n:]
	}
	assert.Equal(t, 5, failed)
	assert.Equal(t, x.entries, stored(t, s, 1))
	missing, err := s.Missing(testBoot.ID)
	require.NoError(t, err)
	assert.Empty(t, missing)
}

func TestMigrate(t *testing.T) {
	ctx := context.Background()
	db, err := sql.Open("sqlite", dsn(filepath.Join(t.TempDir(), "m.db")))
	require.NoError(t, err)
	defer db.Close()
	conn, err := db.Conn(ctx)
	require.NoError(t, err)
	defer conn.Close()
	version := func() int {
		v, err := schemaVersion(conn)
		require.NoError(t, err)
		return v
	}
	one := "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (7)"
	two := "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 1; UPDATE a SET y = x * 6"
	require.NoError(t, migrate(conn, []string{one}))
	require.Equal(t, 1, version())

	bad := "CREATE TABLE b (x INTEGER) STRICT; UPDATE a SET x = 'rubbish'"
	require.Error(t, migrate(conn, []string{one, bad}))
	require.Equal(t, 1, version(), "a step is all or nothing")
	require.NoError(t, migrate(conn, []string{one, two}))
	require.NoError(t, migrate(conn, []string{one, two}), "again does nothing")
	var y int
	require.NoError(t, conn.QueryRowContext(ctx, "SELECT y FROM a").Scan(&y))
	assert.Equal(t, 42, y)
	assert.ErrorIs(t, migrate(conn, []string{one}), ErrNewer)
}

func TestOpenRefuses(t *testing.T) {
	exec := func(path, statement string) {
		db, err := sql.Open("sqlite", dsn(path))
		require.NoError(t, err)
		defer db.Close()
		_, err = db.Exec(statement)
		require.NoError(t, err)
	}
	for _, readOnly := range []bool{false, true} {
		path := filled(t)
		exec(path, "PRAGMA user_version = 99")
		_, err := Open(path, Options{ReadOnly: readOnly})
		assert.ErrorIs(t, err, ErrNewer)
		assert.ErrorContains(t, err, "99")

		path = filepath.Join(t.TempDir(), "addresses.db")
		exec(path, "CREATE TABLE people (name TEXT)")
		_, err = Open(path, Options{ReadOnly: readOnly})
		assert.ErrorIs(t, err, ErrForeign)
		assert.FileExists(t, path, "not ours to move")

		_, err = Open(filepath.Join(t.TempDir(), "no", "such", "folder"), Options{ReadOnly: readOnly})
		assert.ErrorIs(t, err, os.ErrNotExist)
	}
}

func TestReadOnlyBesideTheWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd name?#%41.db")
	s, c := begin(t, path)
	x := treatment(time.Minute)
	feed(t, s, c, x.entries[:500])
	r, err := Open(path, Options{ReadOnly: true})
	require.NoError(t, err)
	defer r.Close()
	assert.Equal(t, x.entries[:500], stored(t, r, 1))
	feed(t, s, c, x.entries[500:])
	assert.Equal(t, x.entries, stored(t, r, 1))
	assert.ErrorIs(t, r.Boot(testBoot), ErrReadOnly)
	assert.ErrorIs(t, r.Append(testBoot.ID, nil, x.events, nil), ErrReadOnly)
	assert.ErrorIs(t, r.MarkSent(testBoot.ID, 1), ErrReadOnly)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Zero(t, info.Mode().Perm()&0o007, "not for everyone's eyes")
}
