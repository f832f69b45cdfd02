package record

import (
	"context"
	"database/sql"
	"encoding"
	"fmt"

	"traction/control"
)

const eventColumns = `seq, at, kind, mode, phase, interlock, command, origin, code, end_reason, heat, treatment, force, position`

var insertEvent = eventsTable.insert(unforgotten("?13")) + "ON CONFLICT (boot, seq) DO NOTHING"

// writeEvents inserts those that are not there yet, unless they were deleted with
// their treatment.
func writeEvents(c *sql.Conn, boot int64, events []control.Event) error {
	for i := range events {
		e := &events[i]
		_, err := c.ExecContext(context.Background(), insertEvent, boot, e.Seq, int64(e.At), e.Kind.String(), e.Mode.String(), e.Phase.String(), e.Interlock.String(),
			e.Command.String(), e.Origin.String(), e.Code.String(), e.End.String(), e.Heat.String(),
			e.Treatment, int64(e.Force), int64(e.Position))
		if err != nil {
			return err
		}
	}
	return nil
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
