package mqtt

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"traction/control"
	"traction/control/link"
)

// Kind is the kind of an event of the gateway itself.
type Kind string

// The gateway's own events.
const (
	RetainedRequest  Kind = "retained-request"  // found, not obeyed, cleared
	RepeatedRequest  Kind = "repeated-request"  // the same id again: answered again, not done again
	MalformedRequest Kind = "malformed-request" // could not be understood, and was refused
	OversizeRequest  Kind = "oversize-request"  // too large to be read
	RefusedFlood     Kind = "refused-flood"     // more requests than allowed
	ControlLost      Kind = "control-lost"      // the control process is gone
	ControlBack      Kind = "control-back"      // and there again
	JournalGap       Kind = "journal-gap"       // rows or events were overwritten before they could be fetched, or waited for the broker behind 10,000 newer ones
	RecordDamaged    Kind = "record-damaged"    // the record was set aside and a new one begun
	RecordFull       Kind = "record-full"       // there is no space left for the record
	RecordLost       Kind = "record-lost"       // the record cannot be opened, written, or read to its end
)

var kinds = []Kind{RetainedRequest, RepeatedRequest, MalformedRequest, OversizeRequest, RefusedFlood, ControlLost, ControlBack,
	JournalGap, RecordDamaged, RecordFull, RecordLost}

// EventTypes are all values that event_type can have, of the control process and
// of the gateway.
func EventTypes() []string {
	var out []string
	for k := control.EventKind(0); k.String() != "unknown"; k++ {
		out = append(out, k.String())
	}
	for _, k := range kinds {
		out = append(out, string(k))
	}
	return out
}

// OwnEvent is an event of the gateway itself.
type OwnEvent struct {
	// Seq numbers the own events of one run of the gateway, from 1 without gaps.
	Seq uint64
	// At is the wall clock.
	At   time.Time
	Kind Kind
	// Text says it to people.
	Text string
}

const (
	// ownQueue holds own events until they are in the backlog.
	ownQueue = 64
	// ownBurst of one kind are told at once, and then one every ownEvery: who
	// floods a table must not push out what else there is to tell.
	ownBurst = 10
	ownEvery = 10 * time.Second
	// ownText is the longest text in bytes, what is added at its end left out: texts
	// quote what strangers send. The record takes four times as much.
	ownText = 1000
)

// Tell adds an event of the gateway's own to the backlog. It never waits; many of
// one kind are told as one, with their number.
func (g *Gateway) Tell(kind Kind, text string) {
	g.ownMu.Lock()
	defer g.ownMu.Unlock()
	t := g.own[kind]
	if t == nil {
		t = &told{limit: newLimiter(1/ownEvery.Seconds(), ownBurst)}
		g.own[kind] = t
	}
	now := time.Now()
	text = shorten(text, ownText)
	if !t.limit.allow(now) {
		t.more++
		return
	}
	if t.more > 0 {
		text += fmt.Sprintf(" %d more like this were not told one by one.", t.more)
	}
	select {
	case g.telling <- OwnEvent{At: now, Kind: kind, Text: text}:
		t.more = 0
	default:
		t.more++
	}
}

// shorten cuts a text at the end of a character.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "..."
}

// told is how often a kind was told.
type told struct {
	limit *limiter
	more  int // since the last one that was
}

// keepOwn numbers own events and puts them into the backlog, which may take a while.
func (g *Gateway) keepOwn(ctx context.Context) {
	boot := link.Boot{ID: g.boot, Started: g.started, Table: g.config.TableID, Version: g.version}
	for seq := uint64(1); ; seq++ {
		select {
		case <-ctx.Done():
			return
		case e := <-g.telling:
			e.Seq = seq
			if err := g.backlog.AddOwn(boot, e); err != nil {
				g.backlogFailed(err)
			}
			signal(g.filled)
		}
	}
}
