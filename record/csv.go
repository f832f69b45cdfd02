package record

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"

	"traction/control"
)

// wallFormat is RFC 3339 with milliseconds.
const wallFormat = "2006-01-02T15:04:05.000Z07:00"

// csvHeader names the columns, each with its unit: time is the wall clock, at_s
// the seconds since the boot.
const csvHeader = "time,at_s,seq,treatment,mode,phase,step,cycle,force_n,set_point_n,position_mm,counts,fresh,action\n"

// WriteCSV writes the entries of a session as a table, one line a sample. Forces,
// positions and seconds are exact. When it meets ErrDamaged it goes on with what
// follows and returns the error at the end; any other error ends it.
func WriteCSV(w io.Writer, x Session, entries iter.Seq2[control.Entry, error]) error {
	out := bufio.NewWriter(w)
	if _, err := out.WriteString(csvHeader); err != nil {
		return fmt.Errorf("record: csv: %w", err)
	}
	var damage []error
	var b []byte
	for e, err := range entries {
		if errors.Is(err, ErrDamaged) {
			damage = append(damage, err)
			continue
		}
		if err == nil {
			b = appendLine(b[:0], &x, &e)
			_, err = out.Write(b)
		}
		if err != nil {
			return fmt.Errorf("record: csv: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("record: csv: %w", err)
	}
	return errors.Join(damage...)
}

// appendLine writes one entry. No value can contain a comma or a quote.
func appendLine(b []byte, x *Session, e *control.Entry) []byte {
	text := func(s string) { b = append(append(b, s...), ',') }
	number := func(v int64) { b = append(strconv.AppendInt(b, v, 10), ',') }
	quantity := func(v int64, places int) { b = append(decimal{v, places}.append(b), ',') }

	b = x.Wall(e.At).AppendFormat(b, wallFormat)
	b = append(b, ',')
	quantity(int64(e.At), nano)
	number(int64(e.Seq))
	number(int64(e.Treatment))
	text(e.Mode.String())
	text(e.Phase.String())
	number(int64(e.Step))
	number(int64(e.Cycle))
	quantity(int64(e.Force), nano)
	quantity(int64(e.SetPoint), nano)
	quantity(int64(e.Position), micro)
	number(int64(e.Counts))
	b = strconv.AppendBool(b, e.Fresh)
	b = append(b, ',')
	return append(append(b, e.Action.String()...), '\n')
}
