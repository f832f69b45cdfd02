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
	"traction/control/link"
)

// The lines of WriteJSONL. Units are in the names; time is the wall clock, at_s
// the seconds since the boot.
type (
	sessionLine struct {
		Type      string      `json:"type"` // "session"
		Schema    int         `json:"schema"`
		Boot      string      `json:"boot"`
		Table     string      `json:"table"`
		Version   string      `json:"version"`
		Treatment uint32      `json:"treatment"`
		Began     string      `json:"began"`
		Ended     string      `json:"ended"`
		Report    *reportPart `json:"report"` // null when it was cut off
	}
	reportPart struct {
		Programme     string                `json:"programme"`
		End           control.EndReason     `json:"end"`
		Elapsed       decimal               `json:"elapsed_s"`
		Cycles        uint16                `json:"cycles"`
		Trips         []control.InterlockID `json:"trips"`
		Peak          decimal               `json:"peak_n"`
		Limit         decimal               `json:"force_limit_n"`
		LimitReason   control.Reason        `json:"force_limit_reason"`
		MeanHold      decimal               `json:"mean_hold_n"`
		MeanHoldError decimal               `json:"mean_hold_error_n"`
		Within5       float64               `json:"share_within_5_percent"` // 0 to 1
		Holds         uint32                `json:"holds"`
		TimeToSlack   decimal               `json:"time_to_slack_s"`
		MaxTravel     decimal               `json:"max_travel_mm"`
	}
	eventLine struct {
		Type      string              `json:"type"` // "event"
		Time      string              `json:"time"`
		At        decimal             `json:"at_s"`
		Seq       uint64              `json:"seq"`
		Kind      control.EventKind   `json:"kind"`
		Text      string              `json:"text"`
		Mode      control.Mode        `json:"mode"`
		Phase     control.Phase       `json:"phase"`
		Interlock control.InterlockID `json:"interlock"`
		Command   control.CommandKind `json:"command"`
		Origin    control.Origin      `json:"origin"`
		Code      control.Code        `json:"code"`
		End       control.EndReason   `json:"end"`
		Heat      control.HeatReason  `json:"heat"`
		Treatment uint32              `json:"treatment"`
		Force     decimal             `json:"force_n"`
		Position  decimal             `json:"position_mm"`
	}
	entryLine struct {
		Type      string         `json:"type"` // "entry"
		Time      string         `json:"time"`
		At        decimal        `json:"at_s"`
		Seq       uint64         `json:"seq"`
		Treatment uint32         `json:"treatment"`
		Mode      control.Mode   `json:"mode"`
		Phase     control.Phase  `json:"phase"`
		Step      uint16         `json:"step"`
		Cycle     uint16         `json:"cycle"`
		Force     decimal        `json:"force_n"`
		SetPoint  decimal        `json:"set_point_n"`
		Position  decimal        `json:"position_mm"`
		Counts    int32          `json:"counts"`
		Fresh     bool           `json:"fresh"`
		Action    control.Action `json:"action"`
	}
)

// jsonlSchema changes when a line loses a member or a member its meaning.
const jsonlSchema = 1

// WriteJSONL writes everything about a session as JSON, one object a line: first
// the session with its report, then events and entries in order of time. Errors
// are as with WriteCSV.
func WriteJSONL(w io.Writer, x Session, events []control.Event, entries iter.Seq2[control.Entry, error]) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(x.line())
	eventsUntil := func(at time.Duration) {
		for ; err == nil && len(events) > 0 && events[0].At <= at; events = events[1:] {
			err = enc.Encode(x.eventLine(&events[0]))
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
			err = enc.Encode(x.entryLine(&e))
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
		return fmt.Errorf("record: json: %w", err)
	}
	return errors.Join(damage...)
}

func (x *Session) wall(at time.Duration) string { return x.Wall(at).Format(wallFormat) }

func (x *Session) line() sessionLine {
	l := sessionLine{Type: "session", Schema: jsonlSchema, Boot: x.Boot.ID, Table: x.Boot.Table, Version: x.Boot.Version,
		Treatment: x.Treatment, Began: x.wall(x.Began), Ended: x.wall(x.Ended)}
	if r := x.Report; r != nil {
		l.Report = &reportPart{
			Programme: r.Programme, End: r.End, Elapsed: decimal{int64(r.Elapsed), nano}, Cycles: r.Cycles,
			Trips: append([]control.InterlockID{}, r.Trips.IDs()...), Peak: decimal{int64(r.Peak), nano},
			Limit: decimal{int64(r.Limit.Value), nano}, LimitReason: r.Limit.Reason,
			MeanHold: decimal{int64(r.MeanHold), nano}, MeanHoldError: decimal{int64(r.MeanHoldError), nano},
			Within5: r.HoldWithin5, Holds: r.Holds,
			TimeToSlack: decimal{int64(r.TimeToSlack), nano}, MaxTravel: decimal{int64(r.MaxTravel), micro},
		}
	}
	return l
}

func (x *Session) eventLine(e *control.Event) eventLine {
	return eventLine{Type: "event", Time: x.wall(e.At), At: decimal{int64(e.At), nano}, Seq: e.Seq, Kind: e.Kind,
		Text: link.Text(*e), Mode: e.Mode, Phase: e.Phase, Interlock: e.Interlock, Command: e.Command, Origin: e.Origin,
		Code: e.Code, End: e.End, Heat: e.Heat, Treatment: e.Treatment,
		Force: decimal{int64(e.Force), nano}, Position: decimal{int64(e.Position), micro}}
}

func (x *Session) entryLine(e *control.Entry) entryLine {
	return entryLine{Type: "entry", Time: x.wall(e.At), At: decimal{int64(e.At), nano}, Seq: e.Seq, Treatment: e.Treatment,
		Mode: e.Mode, Phase: e.Phase, Step: e.Step, Cycle: e.Cycle,
		Force: decimal{int64(e.Force), nano}, SetPoint: decimal{int64(e.SetPoint), nano},
		Position: decimal{int64(e.Position), micro}, Counts: e.Counts, Fresh: e.Fresh, Action: e.Action}
}
