package link

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// Request is one command from outside, the same on the socket and on MQTT:
//
//	{"id":"7f","rev":42,"command":"select","programme":"lumbar-intermittent","body_weight_kg":72.5}
//
// Optional quantities are pointers: nil is "not given".
type Request struct {
	// ID is chosen by the sender and comes back in the response: 1 to 64 of
	// [A-Za-z0-9_.:-]. Remotely, the same id again is answered again and not done again.
	ID string
	// Rev of the state that the command was decided on. Needed by every command
	// except stop and pause, which may carry one and are obeyed whatever it says.
	Rev     *uint64
	Command control.CommandKind

	// With select: the name of a programme, the person's weight (20 to 300 kg)
	// and own cap (20 to 900 N).
	Programme  string
	BodyWeight *physic.Mass
	MaxForce   *physic.Force

	// With set: at least one of these, each in the range of its programme field.
	Hold     *physic.Force
	Rest     *physic.Force
	HoldTime *time.Duration
	RestTime *time.Duration
	Duration *time.Duration

	// With report: the treatment whose report is wanted, named <boot id>-<number>;
	// empty = the last one.
	Session string

	// With heat: the pad's set-point, 25 to 40 C; 0 K switches the heat off and
	// is the number 0 on the wire.
	Heat *physic.Temperature

	// Signature that the request came with; nil = none.
	Signature *Signature
}

// MaxRequest is the largest request in bytes; the longest sensible one has about 400.
const MaxRequest = 4096

// What can be wrong with a request; errors.Is finds them in DecodeRequest's error.
var (
	ErrMalformed  = errors.New("link: malformed request")
	ErrOutOfRange = errors.New("link: value out of range")
)

// DecodeRequest reads one request strictly: unknown and repeated fields, fields
// that do not belong to the command, anything after the object and more than
// MaxRequest bytes are refused, all problems at once, each with field, value and
// what is allowed. The error is ErrMalformed, or ErrOutOfRange when nothing but
// ranges is wrong.
//
// A request may come signed: see Signature.
//
// With an error the Request holds at most the id and, if a stop can be made out
// in the bytes, CommandStop: that is to be obeyed, whatever else is wrong.
func DecodeRequest(raw []byte) (Request, error) {
	var r Request
	var bad problems
	if len(raw) > MaxRequest {
		bad.malformed("request", "%d bytes are too many, allowed: %d", len(raw), MaxRequest)
	} else if fields, err := members(raw); err != nil {
		bad.malformed("request", "%w", err)
	} else if isSigned(fields) {
		return decodeSigned(raw, fields)
	} else {
		for _, m := range fields {
			r.read(m, &bad)
		}
		r.check(&bad)
	}
	if bad.none() {
		return r, nil
	}
	rest := Request{}
	if validID(r.ID) {
		rest.ID = r.ID
	}
	if r.Command == control.CommandStop || asksStop(raw) || meansStop(raw) {
		rest.Command = control.CommandStop
	}
	return rest, &bad
}

// Validate reports everything that DecodeRequest would refuse in r.
func (r *Request) Validate() error {
	var bad problems
	r.check(&bad)
	if bad.none() {
		return nil
	}
	return &bad
}

// MarshalJSON writes r as DecodeRequest reads it.
func (r Request) MarshalJSON() ([]byte, error) { return r.append(nil), nil }

// UnmarshalJSON is DecodeRequest for users of encoding/json.
func (r *Request) UnmarshalJSON(raw []byte) (err error) {
	*r, err = DecodeRequest(raw)
	return err
}

func (r *Request) append(b []byte) []byte {
	if r.Signature != nil {
		return r.Signature.append(b)
	}
	b = append(b, `{"id":`...)
	b = appendString(b, r.ID)
	if r.Rev != nil {
		b = append(b, `,"rev":`...)
		b = strconv.AppendUint(b, *r.Rev, 10)
	}
	b = append(b, `,"command":`...)
	b = appendString(b, r.Command.String())
	for _, f := range requestFields {
		if f.given(r) {
			b = append(b, ',', '"')
			b = append(b, f.name...)
			b = append(b, '"', ':')
			b = f.append(b, r)
		}
	}
	return append(b, '}')
}

// read takes one field in; what cannot be read is noted in bad.
func (r *Request) read(m member, bad *problems) {
	switch m.name {
	case "id":
		if json.Unmarshal(m.value, &r.ID) != nil || !validID(r.ID) {
			bad.malformed("id", "%s is not allowed: %s", excerptJSON(m.value), idRule)
		}
		return
	case "rev":
		rev, err := strconv.ParseUint(string(m.value), 10, 64)
		if err != nil {
			bad.malformed("rev", "%s is not a whole number, allowed: the rev of the state", excerptJSON(m.value))
		}
		r.Rev = &rev
		return
	case "command":
		var name string
		if json.Unmarshal(m.value, &name) != nil || r.Command.UnmarshalText([]byte(name)) != nil || r.Command == control.NoCommand {
			bad.malformed("command", "%s is unknown, allowed: %s", excerptJSON(m.value), commandNames)
		}
		return
	}
	for _, f := range requestFields {
		if f.name == m.name {
			if err := f.read(m.value, r); err != nil {
				bad.malformed(f.name, "%s %w, allowed: %s", excerptJSON(m.value), err, f.allowed)
			}
			return
		}
	}
	bad.malformed(excerpt(m.name), "is not a field of a request")
}

// maxID is the longest id.
const maxID = 64

// IDPattern is the rule for ids as a regular expression.
const IDPattern = `^[A-Za-z0-9_.:-]{1,64}$`

const idRule = "1 to 64 letters, digits and _ . : -"

var commandNames = func() string {
	var out []string
	for k := control.NoCommand + 1; k.String() != "unknown"; k++ {
		out = append(out, k.String())
	}
	return strings.Join(out, ", ")
}()

// validID keeps ids safe to put into topics, logs and file names.
func validID(s string) bool {
	if len(s) == 0 || len(s) > maxID {
		return false
	}
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || c > '9') && !strings.ContainsRune("_.:-", rune(c)) {
			return false
		}
	}
	return true
}

// asksStop finds a stop in bytes that need not be JSON, also within a string as in a
// signed request. It may see one too many (nobody is hurt by that) and allocates
// nothing, so that it can look at every line of a flood.
func asksStop(raw []byte) bool {
	const space = " \t\r\n"
	word := []byte("stop")
	for {
		_, after, found := bytes.Cut(raw, []byte(`"command`))
		if !found {
			return false
		}
		raw = after
		after, named := cutQuote(after)
		after = bytes.TrimLeft(after, space)
		if !named || len(after) == 0 || after[0] != ':' {
			continue
		}
		after, quoted := cutQuote(bytes.TrimLeft(after[1:], space))
		if !quoted || len(after) < len(word) || !bytes.EqualFold(after[:len(word)], word) {
			continue
		}
		if _, ended := cutQuote(after[len(word):]); ended {
			return true
		}
	}
}

// meansStop finds a stop in what never was JSON: the word alone, or an object whose
// quotation marks a shell has taken away. Only a refused request is searched.
func meansStop(raw []byte) bool {
	if len(raw) > MaxRequest || json.Valid(raw) && bytes.TrimSpace(raw)[0] == '{' {
		return false
	}
	plain := bytes.ToLower(bytes.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n\"'`\\", r) {
			return -1
		}
		return r
	}, raw))
	for {
		_, after, found := bytes.Cut(plain, []byte("command:stop"))
		if !found {
			return string(plain) == "stop"
		}
		if len(after) == 0 || bytes.ContainsAny(after[:1], ",;}]") {
			return true
		}
		plain = after
	}
}

// cutQuote cuts off a quotation mark with the backslashes before it.
func cutQuote(b []byte) (after []byte, found bool) {
	return bytes.CutPrefix(bytes.TrimLeft(b, `\`), []byte{'"'})
}

// problems collects what is wrong with a request.
type problems struct {
	fields, texts []string
	kind          error
}

func (p *problems) none() bool { return len(p.texts) == 0 }

// about tells whether something was already said about the field, so that a
// value that could not be read is not called missing as well.
func (p *problems) about(field string) bool { return slices.Contains(p.fields, field) }

func (p *problems) malformed(field, format string, args ...any) {
	p.fields = append(p.fields, field)
	p.texts = append(p.texts, field+": "+fmt.Errorf(format, args...).Error())
	p.kind = ErrMalformed
}

func (p *problems) outOfRange(field, format string, args ...any) {
	p.fields = append(p.fields, field)
	p.texts = append(p.texts, field+": "+fmt.Sprintf(format, args...))
	if p.kind == nil {
		p.kind = ErrOutOfRange
	}
}

// mostProblems are told at most; a request has no more fields than that.
const mostProblems = 16

// Error lists all problems in one line, so many at most.
func (p *problems) Error() string {
	if more := len(p.texts) - mostProblems; more > 0 {
		return fmt.Sprintf("%s; and %d more", strings.Join(p.texts[:mostProblems], "; "), more)
	}
	return strings.Join(p.texts, "; ")
}

// Unwrap gives the sentinel.
func (p *problems) Unwrap() error { return p.kind }
