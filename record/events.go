package record

import (
	"context"
	"database/sql"
	"encoding"
	"errors"
	"fmt"

	"traction/control"
)

const eventColumns = `seq, at, kind, mode, phase, interlock, command, origin, code, end_reason, heat, treatment, force, position`

var insertEvent = eventsTable.insert("") + "ON CONFLICT (boot, seq) DO NOTHING"

// writeEvents inserts those that are not there yet, unless they were deleted with
// their treatment.
func writeEvents(c *sql.Conn, boot int64, events []control.Event) error {
	for i := range events {
		e := events[i]
		deleted, err := outlive(c, boot, &e)
		if err != nil {
			return err
		}
		if deleted {
			continue
		}
		_, err = c.ExecContext(context.Background(), insertEvent, boot, e.Seq, int64(e.At), e.Kind.String(), e.Mode.String(), e.Phase.String(), e.Interlock.String(),
			e.Command.String(), e.Origin.String(), e.Code.String(), e.End.String(), e.Heat.String(),
			e.Treatment, int64(e.Force), int64(e.Position))
		if err != nil {
			return err
		}
	}
	return nil
}

// outlive tells whether an event was deleted with its treatment. What came after
// that belongs to no treatment: events carry the last one's number until the next
// begins, and to delete a session must not hide a trip of the hour after it.
func outlive(c *sql.Conn, boot int64, e *control.Event) (deleted bool, err error) {
	var last uint64
	err = c.QueryRowContext(context.Background(), "SELECT last_event FROM forgotten WHERE boot = ? AND treatment = ?", boot, e.Treatment).Scan(&last)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	case e.Seq <= last:
		return true, nil
	}
	e.Treatment = 0
	return false, nil
}

// eventFields are where Scan puts eventColumns.
func eventFields(e *control.Event) []any {
	return []any{&e.Seq, (*int64)(&e.At), named(&e.Kind), named(&e.Mode), named(&e.Phase), named(&e.Interlock),
		named(&e.Command), named(&e.Origin), named(&e.Code), named(&e.End), named(&e.Heat),
		&e.Treatment, (*int64)(&e.Force), (*int64)(&e.Position)}
}

// enum scans the name of an enumeration's value.
type enum struct {
	parse func([]byte) error
	set   func(uint8)
}

func named[T ~uint8, P interface {
	*T
	encoding.TextUnmarshaler
}](v P) enum {
	return enum{parse: v.UnmarshalText, set: func(n uint8) { *v = T(n) }}
}

// Scan implements sql.Scanner. A name that this version does not know becomes
// 255, which calls itself "unknown": one event of a newer version must not make
// the others unreadable.
func (e enum) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("name is a %T", src)
	}
	if e.parse([]byte(text)) != nil {
		e.set(255)
	}
	return nil
}

// Events returns the events of a treatment, oldest first, those included that
// came after its end and before the next treatment. With ErrDamaged the events are
// what could be read.
func (s *Store) Events(boot string, treatment uint32) ([]control.Event, error) {
	rows, err := s.query("SELECT "+eventsTable.intact("e")+", "+eventColumns+` FROM events e
		WHERE boot = (SELECT n FROM boots WHERE id = ?) AND treatment = ? ORDER BY seq`, boot, treatment)
	if err != nil {
		return nil, fmt.Errorf("record: events: %w", classify(err))
	}
	defer rows.Close()
	var out []control.Event
	damaged := 0
	for rows.Next() {
		var e control.Event
		var intact bool
		if err := rows.Scan(append([]any{&intact}, eventFields(&e)...)...); err != nil {
			return nil, fmt.Errorf("record: events: %w", classify(err))
		}
		if !intact {
			damaged++
			continue
		}
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("record: events: %w", classify(err))
	}
	return out, eventsTable.damaged(damaged)
}
