package record

import (
	"time"

	"traction/control"
)

// How long entries of a mode without motion are worth storing. Nobody looks at
// an idle table overnight, but what the force does after a treatment, and for a
// good while after a trip, may matter.
const (
	keepIdle    = 10 * time.Second // only after a treatment
	keepArmed   = time.Minute
	keepTripped = 15 * time.Minute
)

// keeper decides which entries are worth storing, and with which treatment. The
// entries after a trip carry no treatment's number any more, but belong to it.
type keeper struct {
	// after is the treatment whose aftermath this is, 0 = none.
	after uint32
	// mode of the newest entry, noMode before the first one, and since when.
	mode  control.Mode
	since time.Duration
}

// noMode is no mode: how long the present one lasts is counted from the first
// entry that is seen, also after a restart of the gateway.
const noMode = control.Mode(255)

// keep tells whether e shall be stored, and with which treatment. Entries are
// shown to it in their order.
func (k *keeper) keep(e *control.Entry) (treatment uint32, ok bool) {
	if e.Mode != k.mode {
		k.mode, k.since = e.Mode, e.At
	}
	if e.Treatment != 0 {
		k.after = e.Treatment
	}
	stood := e.At - k.since
	switch e.Mode {
	case control.Idle:
		if stood >= keepIdle {
			k.after = 0
		}
		return k.after, k.after != 0
	case control.Armed:
		k.after = e.Treatment
		return k.after, stood < keepArmed
	case control.Tripped:
		return k.after, stood < keepTripped
	}
	return k.after, true // motion: always
}

// late does the same for an entry that fills a gap.
func late(e *control.Entry) (treatment uint32, ok bool) {
	return e.Treatment, e.Mode != control.Idle || e.Treatment != 0
}
