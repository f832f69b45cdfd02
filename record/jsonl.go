package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"traction/control"
)

// The lines of WriteJSONL.
type (
	sessionLine struct {
		Type   string `json:"type"` // "session"
		Schema int    `json:"schema"`
		sessionForm
	}
	eventLine struct {
		Type string `json:"type"` // "event"
		eventForm
	}
	sampleLine struct {
		Type string `json:"type"` // "sample"
		sampleForm
	}
)

// WriteJSONL writes everything about a session as JSON, one object a line: first
// the session with its report, then events and samples in order of time. Errors
// are as with WriteCSV.
func WriteJSONL(w io.Writer, x Session, events []control.Event, entries iter.Seq2[control.Entry, error]) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(sessionLine{"session", exportSchema, x.form()})
	eventsUntil := func(at time.Duration) {
		for ; err == nil && len(events) > 0 && events[0].At <= at; events = events[1:] {
			err = enc.Encode(eventLine{"event", x.eventForm(&events[0])})
		}
	}
	var damage []error
	for e, bad := range entries {
		if errors.Is(bad, ErrDamaged) {
			damage = append(damage, bad)
			continue
		}
		if err == nil {
			err = bad
		}
		eventsUntil(e.At)
		if err == nil {
			err = enc.Encode(sampleLine{"sample", x.sampleForm(&e)})
		}
		if err != nil {
			break
		}
	}
	eventsUntil(1<<63 - 1)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("record: json lines: %w", err)
	}
	return errors.Join(damage...)
}
