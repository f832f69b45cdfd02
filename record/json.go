package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"traction/control"
)

// WriteJSON writes everything about a session as one JSON object with the members
// schema, session (its report is in it), events and samples, one event or sample a
// line; with entries nil it leaves samples out. Errors are as with WriteCSV.
func WriteJSON(w io.Writer, x Session, events []control.Event, entries iter.Seq2[control.Entry, error]) error {
	j := jsonWriter{out: bufio.NewWriter(w)}
	j.text(fmt.Sprintf("{\"schema\":%d,\n\"session\":", exportSchema))
	j.value(x.form())
	j.text(",\n\"events\":[")
	for i := range events {
		j.element(i, x.eventForm(&events[i]))
	}
	j.text("\n]")
	var damage []error
	if entries != nil {
		j.text(",\n\"samples\":[")
		n := 0
		for e, bad := range entries {
			if errors.Is(bad, ErrDamaged) {
				damage = append(damage, bad)
				continue
			}
			j.fail(bad)
			j.element(n, x.sampleForm(&e))
			n++
			if j.err != nil {
				break
			}
		}
		j.text("\n]")
	}
	j.text("}\n")
	if err := j.end(); err != nil {
		return err
	}
	return errors.Join(damage...)
}

// WriteSessions writes a list of sessions with their reports as one JSON array, a
// session a line.
func WriteSessions(w io.Writer, list []Session) error {
	j := jsonWriter{out: bufio.NewWriter(w)}
	j.text("[")
	for i := range list {
		j.element(i, list[i].form())
	}
	j.text("\n]\n")
	return j.end()
}

// jsonWriter writes until the first error.
type jsonWriter struct {
	out *bufio.Writer
	err error
}

func (j *jsonWriter) fail(err error) {
	if j.err == nil {
		j.err = err
	}
}

func (j *jsonWriter) text(s string) {
	if j.err == nil {
		_, j.err = j.out.WriteString(s)
	}
}

func (j *jsonWriter) value(v any) {
	if j.err != nil {
		return
	}
	b, err := json.Marshal(v)
	j.fail(err)
	j.text(string(b))
}

// element writes a member of an array.
func (j *jsonWriter) element(i int, v any) {
	if i > 0 {
		j.text(",")
	}
	j.text("\n")
	j.value(v)
}

func (j *jsonWriter) end() error {
	if j.err == nil {
		j.err = j.out.Flush()
	}
	if j.err != nil {
		return fmt.Errorf("record: json: %w", j.err)
	}
	return nil
}
