package link

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// The longest lines. A client's holds a request and its wrapping; a server's
// holds a batch of entries at their longest.
const (
	maxClientLine = 2 * MaxRequest
	maxServerLine = 64 << 10
)

// helloJSON, gapJSON and errorJSON are the seldom messages, for encoding/json.
type (
	helloJSON struct {
		Boot         string             `json:"boot"`
		Started      time.Time          `json:"started"`
		Table        string             `json:"table"`
		Version      string             `json:"version"`
		Schema       int                `json:"schema"`
		Origin       control.Origin     `json:"origin"`
		EntryColumns []string           `json:"entry_columns"`
		Remote       control.Permission `json:"remote"`
		Signed       bool               `json:"signed"`
		Programmes   []string           `json:"programmes"`
	}
	gapJSON struct {
		Of   Journal `json:"of"`
		From uint64  `json:"from"`
		To   uint64  `json:"to"`
	}
	errorJSON struct {
		Message string `json:"message"`
	}
)

// appendSeldom writes one line of a message that may allocate.
func appendSeldom(b []byte, kind string, v any) []byte {
	value, err := json.Marshal(v)
	if err != nil { // a year beyond 9999 in Hello, say
		kind = "error"
		value, _ = json.Marshal(errorJSON{err.Error()})
	}
	b = append(b, '{', '"')
	b = append(b, kind...)
	b = append(b, '"', ':')
	b = append(b, value...)
	return append(b, '}', '\n')
}

func appendHello(b []byte, h Hello) []byte {
	return appendSeldom(b, "hello", helloJSON{Boot: h.ID, Started: h.Started, Table: h.Table,
		Version: h.Version, Schema: Schema, Origin: h.Origin, EntryColumns: entryFields.names(),
		Remote: h.Remote, Signed: h.Signed, Programmes: h.Programmes})
}

func appendGap(b []byte, g Gap) []byte { return appendSeldom(b, "gap", gapJSON(g)) }

// The frequent messages: no allocation but room in b.

func appendSnapshot(b []byte, s *control.Snapshot) []byte {
	b = append(b, `{"snapshot":`...)
	b = snapshotFields.append(b, s)
	return append(b, "}\n"...)
}

func appendEntries(b []byte, entries []control.Entry) []byte {
	b = append(b, `{"entries":[`...)
	for i := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = entryFields.appendRow(b, &entries[i])
	}
	return append(b, "]}\n"...)
}

func appendEvent(b []byte, e *control.Event) []byte {
	b = append(b, `{"event":`...)
	b = eventFields.append(b, e)
	return append(b, "}\n"...)
}

func appendReport(b []byte, r *control.Report) []byte {
	b = append(b, `{"report":`...)
	b = reportFields.append(b, r)
	return append(b, "}\n"...)
}

// serverLine is one line from the server; one member is set.
type serverLine struct {
	hello    *Hello
	update   Update
	response *Response
	fault    string
}

// envelope opens the one-membered object that every line is.
func envelope(raw []byte) (member, error) {
	all, err := members(raw)
	if err != nil {
		return member{}, err
	}
	if len(all) != 1 {
		return member{}, fmt.Errorf("has %d members, want 1", len(all))
	}
	return all[0], nil
}

// parseServerLine is the client's decoder.
func parseServerLine(raw []byte) (l serverLine, err error) {
	m, err := envelope(raw)
	if err != nil {
		return l, err
	}
	switch m.name {
	case "hello":
		var h helloJSON
		err = json.Unmarshal(m.value, &h)
		l.hello = &Hello{Boot: Boot{ID: h.Boot, Started: h.Started, Table: h.Table, Version: h.Version},
			Schema: h.Schema, Origin: h.Origin, EntryColumns: h.EntryColumns,
			Remote: h.Remote, Signed: h.Signed, Programmes: h.Programmes}
	case "snapshot":
		l.update.Snapshot = new(control.Snapshot)
		err = snapshotFields.parse(m.value, l.update.Snapshot)
	case "entries":
		l.update.Entries, err = parseEntries(m.value)
	case "event":
		l.update.Events = make([]control.Event, 1)
		err = eventFields.parse(m.value, &l.update.Events[0])
	case "report":
		l.update.Report = new(control.Report)
		err = reportFields.parse(m.value, l.update.Report)
	case "gap":
		var g gapJSON
		err = json.Unmarshal(m.value, &g)
		l.update.Gap = (*Gap)(&g)
	case "response":
		l.response = new(Response)
		err = json.Unmarshal(m.value, l.response)
	case "error":
		var e errorJSON
		err = json.Unmarshal(m.value, &e)
		l.fault = "the server says: " + e.Message
	default:
		err = errors.New("is a kind of message unknown to this version")
	}
	if err != nil {
		return serverLine{}, fmt.Errorf("%s: %w", excerpt(m.name), err)
	}
	return l, nil
}

func parseEntries(raw []byte) ([]control.Entry, error) {
	var rows []json.RawMessage
	if err := json.Unmarshal(raw, &rows); err != nil {
		return nil, notJSON(err)
	}
	out := make([]control.Entry, len(rows))
	for i, row := range rows {
		if err := entryFields.parseRow(row, &out[i]); err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
	}
	return out, nil
}

// clientLine is one line from a client; a ping has no member set.
type clientLine struct {
	subscribe *Subscription
	request   []byte
}

// parseClientLine is the server's decoder; a request stays undecoded.
func parseClientLine(raw []byte) (l clientLine, err error) {
	m, err := envelope(raw)
	if err != nil {
		return l, fmt.Errorf("line: %w", err)
	}
	switch m.name {
	case "subscribe":
		l.subscribe, err = parseSubscription(m.value)
	case "request":
		l.request = m.value
	case "ping":
	default:
		err = errors.New("is an unknown kind of message, allowed: subscribe, request, ping")
	}
	if err != nil {
		return clientLine{}, fmt.Errorf("%s: %w", excerpt(m.name), err)
	}
	return l, nil
}

func appendRequest(b []byte, r *Request) []byte {
	b = append(b, `{"request":`...)
	b = r.append(b)
	return append(b, "}\n"...)
}

func appendSubscription(b []byte, s *Subscription) []byte {
	b = append(b, `{"subscribe":{"snapshots_hz":`...)
	b = appendFixed(b, int64(s.Snapshots), 6)
	if s.EntriesFrom != nil {
		b = append(b, `,"entries_from":`...)
		b = strconv.AppendUint(b, *s.EntriesFrom, 10)
	}
	if s.EventsFrom != nil {
		b = append(b, `,"events_from":`...)
		b = strconv.AppendUint(b, *s.EventsFrom, 10)
	}
	if s.ReportsFrom != nil {
		b = append(b, `,"reports_from":`...)
		b = strconv.AppendUint(b, uint64(*s.ReportsFrom), 10)
	}
	return append(b, "}}\n"...)
}

// parseSubscription takes absent fields for "not wanted" and refuses unknown ones.
func parseSubscription(raw []byte) (*Subscription, error) {
	all, err := members(raw)
	if err != nil {
		return nil, err
	}
	s := new(Subscription)
	for _, m := range all {
		switch m.name {
		case "snapshots_hz":
			var hz int64
			hz, err = parseFixed(m.value, 6)
			s.Snapshots = physic.Frequency(hz)
		case "entries_from":
			s.EntriesFrom = new(uint64)
			err = json.Unmarshal(m.value, s.EntriesFrom)
		case "events_from":
			s.EventsFrom = new(uint64)
			err = json.Unmarshal(m.value, s.EventsFrom)
		case "reports_from":
			s.ReportsFrom = new(uint32)
			err = json.Unmarshal(m.value, s.ReportsFrom)
		default:
			err = errors.New("is not a field of subscribe")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", excerpt(m.name), err)
		}
	}
	return s, s.validate()
}

// validate keeps the rate of snapshots in its range.
func (s *Subscription) validate() error {
	if s.Snapshots != 0 && (s.Snapshots < MinSnapshots || s.Snapshots > MaxSnapshots) {
		return fmt.Errorf("snapshots_hz: %s is out of range, allowed: 1 to 20, or 0 for none", appendFixed(nil, int64(s.Snapshots), 6))
	}
	return nil
}
