package record

import (
	"compress/gzip"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

// old unpacks a record that a program of this schema version wrote: 20 s of
// treatment, of which the first two events were acknowledged.
func old(t *testing.T, version int) (path string) {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("testdata/version-%d.sqlite.gz", version))
	require.NoError(t, err, "each schema version leaves a file behind; see TestEverySchemaVersionHasAFile")
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	data, err := io.ReadAll(z)
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "record.db")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// Records of all earlier versions open, with all that is in them.
func TestUpgrade(t *testing.T) {
	x := treatment(20 * time.Second)
	for version := 1; version <= len(migrations); version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			path := old(t, version)
			if version < len(migrations) {
				_, err := Open(path, Options{ReadOnly: true})
				assert.ErrorContains(t, err, "start the gateway once")
				_, err = Open(path, Options{Beside: true})
				assert.ErrorContains(t, err, "start the gateway once", "only the gateway migrates")
			}
			c := newClock()
			s, err := Open(path, Options{Now: c.now})
			require.NoError(t, err)
			defer s.Close()
			require.Nil(t, s.Damage())
			v, err := schemaVersion(s.conn)
			require.NoError(t, err)
			assert.Equal(t, len(migrations), v)

			assert.Equal(t, x.entries, stored(t, s, 1))
			events, err := s.Events(testBoot.ID, 1)
			require.NoError(t, err)
			assert.Equal(t, x.events, events)
			_, report, err := s.Report(SessionName(testBoot.ID, 1))
			require.NoError(t, err)
			assert.Equal(t, x.report, report)
			pending, err := s.UnsentEvents(1000)
			require.NoError(t, err)
			assert.Len(t, pending, len(x.events)-2)
			assert.Equal(t, [3]uint64{uint64(len(x.entries)) + 1, uint64(len(x.events)) + 1, 2}, next(t, s))
			missing, err := s.Missing(testBoot.ID)
			require.NoError(t, err)
			assert.Empty(t, missing)

			// It works as a new one does.
			require.NoError(t, s.AppendOwn(testBoot, 1, started, "k", "t"))
			require.NoError(t, s.Append(testBoot.ID, nil, nil, []control.Report{{Treatment: 2}}))
			require.NoError(t, s.Delete(t.Context(), testBoot.ID, 1))
			var vacuum int
			require.NoError(t, s.queryRow("PRAGMA auto_vacuum").Scan(&vacuum))
			assert.Equal(t, 2, vacuum, "it can become smaller")
		})
	}
}

// Who adds a schema version keeps a file of the one before, for the test above.
// With -update the file of the present version is written; one that is there is
// never changed.
func TestEverySchemaVersionHasAFile(t *testing.T) {
	name := fmt.Sprintf("testdata/version-%d.sqlite.gz", len(migrations))
	if !exists(name) && *update {
		s, c := begin(t, filepath.Join(t.TempDir(), "record.db"))
		x := treatment(20 * time.Second)
		feed(t, s, c, x.entries)
		require.NoError(t, s.Append(testBoot.ID, nil, x.events, []control.Report{x.report}))
		require.NoError(t, s.MarkSent(testBoot.ID, 1, 2))
		require.NoError(t, s.Close())
		data, err := os.ReadFile(s.path)
		require.NoError(t, err)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		require.NoError(t, err)
		z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
		require.NoError(t, err)
		_, err = z.Write(data)
		require.NoError(t, err)
		require.NoError(t, z.Close())
		require.NoError(t, f.Close())
	}
	assert.FileExists(t, name)
}

// An upgrade that fails leaves the file as it was.
func TestUpgradeIsAllOrNothing(t *testing.T) {
	path := old(t, 1)
	db, err := sql.Open("sqlite", dsn(path))
	require.NoError(t, err)
	_, err = db.Exec("CREATE TABLE own_events (x)") // in the way of the last steps of version 2
	require.NoError(t, err)
	require.NoError(t, db.Close())
	_, err = Open(path, Options{})
	require.ErrorContains(t, err, "migrate to version 2")
	db, err = sql.Open("sqlite", dsn(path))
	require.NoError(t, err)
	defer db.Close()
	var sums int
	require.NoError(t, db.QueryRow("SELECT count(*) FROM pragma_table_info('events') WHERE name = 'sum'").Scan(&sums))
	assert.Zero(t, sums)
	_, err = db.Exec("DROP TABLE own_events")
	require.NoError(t, err)
	s, err := Open(path, Options{})
	require.NoError(t, err)
	assert.Len(t, stored(t, s, 1), len(treatment(20*time.Second).entries))
	require.NoError(t, s.Close())
}
