package record

import (
	"context"
	"database/sql"
	"fmt"
)

// applicationID marks the file as a record ("TRAC").
const applicationID = 0x54524143

// migrations lead from an empty file to the present schema; the number of those
// applied is the file's user_version. Never change one, append the next.
//
// Times are nanoseconds since the boot's monotonic zero, forces nanonewtons,
// positions and travels nanometres. Enumerations are their names, which stay the
// same when the numbers do not.
var migrations = []string{
	`
CREATE TABLE boots (
	n         INTEGER PRIMARY KEY,
	id        TEXT NOT NULL UNIQUE,
	started   INTEGER NOT NULL, -- wall clock at monotonic zero, Unix nanoseconds
	appliance TEXT NOT NULL,
	version   TEXT NOT NULL
) STRICT;

-- The sequence numbers of entries that were received, stored or not.
CREATE TABLE spans (
	boot  INTEGER NOT NULL REFERENCES boots,
	first INTEGER NOT NULL,
	last  INTEGER NOT NULL,
	PRIMARY KEY (boot, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE packs (
	n         INTEGER PRIMARY KEY,
	boot      INTEGER NOT NULL REFERENCES boots,
	treatment INTEGER NOT NULL, -- that it belongs to, its aftermath included; 0 = none
	first     INTEGER NOT NULL, -- sequence numbers
	last      INTEGER NOT NULL,
	ended     INTEGER NOT NULL, -- time of the last entry
	data      BLOB NOT NULL,
	UNIQUE (boot, treatment, first)
) STRICT;

CREATE TABLE treatments (
	boot   INTEGER NOT NULL REFERENCES boots,
	number INTEGER NOT NULL,
	began  INTEGER NOT NULL, -- time of the first entry
	PRIMARY KEY (boot, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE reports (
	n               INTEGER PRIMARY KEY,
	boot            INTEGER NOT NULL REFERENCES boots,
	treatment       INTEGER NOT NULL,
	programme       TEXT NOT NULL,
	began           INTEGER NOT NULL,
	ended           INTEGER NOT NULL,
	elapsed         INTEGER NOT NULL,
	cycles          INTEGER NOT NULL,
	end_reason      TEXT NOT NULL,
	trips           TEXT NOT NULL, -- names with spaces between
	peak            INTEGER NOT NULL,
	force_limit     INTEGER NOT NULL,
	limit_reason    TEXT NOT NULL,
	mean_hold       INTEGER NOT NULL,
	mean_hold_error INTEGER NOT NULL,
	hold_within_5   REAL NOT NULL,
	holds           INTEGER NOT NULL,
	time_to_slack   INTEGER NOT NULL,
	max_travel      INTEGER NOT NULL,
	sent            INTEGER NOT NULL DEFAULT 0,
	UNIQUE (boot, treatment)
) STRICT;
CREATE INDEX reports_unsent ON reports (n) WHERE sent = 0;

CREATE TABLE events (
	n          INTEGER PRIMARY KEY,
	boot       INTEGER NOT NULL REFERENCES boots,
	seq        INTEGER NOT NULL,
	at         INTEGER NOT NULL,
	kind       TEXT NOT NULL,
	mode       TEXT NOT NULL,
	phase      TEXT NOT NULL,
	interlock  TEXT NOT NULL,
	command    TEXT NOT NULL,
	origin     TEXT NOT NULL,
	code       TEXT NOT NULL,
	end_reason TEXT NOT NULL,
	heat       TEXT NOT NULL,
	treatment  INTEGER NOT NULL,
	force      INTEGER NOT NULL,
	position   INTEGER NOT NULL,
	sent       INTEGER NOT NULL DEFAULT 0,
	UNIQUE (boot, seq)
) STRICT;
CREATE INDEX events_unsent ON events (n) WHERE sent = 0;
CREATE INDEX events_treatment ON events (boot, treatment, seq);
`,
	`
ALTER TABLE boots ADD COLUMN sum INTEGER NOT NULL DEFAULT 0; -- row_sum, see rowsum.go
ALTER TABLE spans ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE treatments ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reports ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
UPDATE boots SET sum = row_sum(id, started, appliance, version);
UPDATE spans SET sum = row_sum(boot, first, last);
UPDATE treatments SET sum = row_sum(boot, number, began);
UPDATE reports SET sum = row_sum(boot, treatment, programme, began, ended, elapsed, cycles, end_reason, trips, peak, force_limit,
	limit_reason, mean_hold, mean_hold_error, hold_within_5, holds, time_to_slack, max_travel);
UPDATE events SET sum = row_sum(boot, seq, at, kind, mode, phase, interlock, command, origin, code, end_reason, heat, treatment,
	force, position);

-- Treatments that were deleted. The control process may still hold what belongs to
-- them: it must neither be asked for again nor be taken in again.
CREATE TABLE forgotten (
	boot        INTEGER NOT NULL REFERENCES boots,
	treatment   INTEGER NOT NULL,
	first_event INTEGER NOT NULL, -- sequence numbers, 0 = there were none
	last_event  INTEGER NOT NULL,
	PRIMARY KEY (boot, treatment)
) STRICT, WITHOUT ROWID;

-- Runs of the gateway, and what it has to tell itself.
CREATE TABLE own_boots (
	n         INTEGER PRIMARY KEY,
	id        TEXT NOT NULL UNIQUE,
	started   INTEGER NOT NULL,
	appliance TEXT NOT NULL,
	version   TEXT NOT NULL,
	sum       INTEGER NOT NULL
) STRICT;

CREATE TABLE own_events (
	n    INTEGER PRIMARY KEY,
	boot INTEGER NOT NULL REFERENCES own_boots,
	seq  INTEGER NOT NULL,
	at   INTEGER NOT NULL, -- wall clock, Unix nanoseconds
	kind TEXT NOT NULL,
	text TEXT NOT NULL,
	sent INTEGER NOT NULL DEFAULT 0,
	sum  INTEGER NOT NULL,
	UNIQUE (boot, seq)
) STRICT;
CREATE INDEX own_events_unsent ON own_events (n) WHERE sent = 0;
`,
}

// querier is a database or a connection.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// schemaVersion returns the file's version, 0 for an empty file.
func schemaVersion(q querier) (int, error) {
	ctx := context.Background()
	var version, application, tables int
	if err := q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, err
	}
	if err := q.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application); err != nil {
		return 0, err
	}
	if err := q.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return 0, err
	}
	if application != applicationID && (tables > 0 || version > 0 || application != 0) {
		return 0, ErrForeign
	}
	return version, nil
}

// migrate brings the file to the last step, each step in one transaction.
func migrate(conn *sql.Conn, steps []string) error {
	version, err := schemaVersion(conn)
	if err != nil {
		return err
	}
	if version > len(steps) {
		return fmt.Errorf("%w: its version is %d, this program knows %d", ErrNewer, version, len(steps))
	}
	ctx := context.Background()
	for i := version; i < len(steps); i++ {
		step := fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
			steps[i], applicationID, i+1)
		if _, err := conn.ExecContext(ctx, step); err != nil {
			_, _ = conn.ExecContext(ctx, "ROLLBACK")
			return fmt.Errorf("migrate to version %d: %w", i+1, err)
		}
	}
	return nil
}

// checkSchema refuses, without writing, what this program cannot read.
func checkSchema(db *sql.DB) error {
	version, err := schemaVersion(db)
	switch {
	case err != nil:
		return err
	case version > len(migrations):
		return fmt.Errorf("%w: its version is %d, this program knows %d", ErrNewer, version, len(migrations))
	case version < len(migrations):
		return fmt.Errorf("the record is of version %d, not %d: start the gateway once", version, len(migrations))
	}
	return nil
}
