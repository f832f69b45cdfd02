package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"traction/control/link"
	"traction/mqtt"
	"traction/record"
)

// What goes wrong with the record is told once, in the log and over the network:
// a record that silently has holes is worse than none.

func (r *Recorder) tell(kind mqtt.Kind, text string) {
	if r.Tell != nil {
		r.Tell(kind, text)
	}
}

// tellDamage tells of a file that was set aside, if there is one that it has not told of.
func (r *Recorder) tellDamage() (told bool) {
	d := r.Store.Damage()
	if d == nil || d == r.damage {
		return false
	}
	r.damage = d
	r.Log.Error("record: the file was damaged; it was set aside and a new one begun", "damaged", d.Path, "error", d.Err)
	r.tell(mqtt.RecordDamaged, fmt.Sprintf("The record was damaged. It is now at %s, and a new one has begun; "+
		"keep a copy of it, and replace the computer's card if this happens again.", d.Path))
	return true
}

// refusedFor is how long the record has to refuse before that is told: what
// another program's use of the file can cause is over by then.
const refusedFor = 10 * time.Second

// tellRefused tells when the disk is full, and when the record refuses for another
// reason and goes on to. The control process holds a quarter of an hour of samples
// meanwhile. Errors of the way to the control process change nothing.
func (r *Recorder) tellRefused(err error, now time.Time) {
	var refused refusal
	switch {
	case !errors.As(err, &refused):
	case errors.Is(err, record.ErrFull):
		if !r.full {
			r.full = true
			r.Log.Error("record: the disk is full; nothing is recorded until there is space", "error", err)
			r.tell(mqtt.RecordFull, "There is no space left for the record. Make some within a quarter of an hour, and nothing is lost; "+
				"\"appliance sessions delete\" deletes old sessions.")
		}
	case r.since.IsZero():
		r.since = now
	case now.Sub(r.since) >= cmp.Or(r.after, refusedFor) && !r.lost:
		r.lost = true
		r.Log.Error("record: it refuses to be written; nothing is recorded until that is mended", "error", err)
		r.tell(mqtt.RecordLost, fmt.Sprintf("The record cannot be written, so nothing is recorded: %v. Perhaps the computer's card is at its end: "+
			"make a copy of the record, and replace it. Mended within a quarter of an hour, nothing is lost.", err))
	}
}

// tellWorks tells the log when something was recorded again.
func (r *Recorder) tellWorks() {
	if r.full || r.lost {
		r.Log.Info("record: it is written again; recording goes on")
	}
	r.full, r.lost, r.since = false, false, time.Time{}
}

// Check looks through the whole file, and tells when that cannot be done; damage
// is told by Run. It ends when ctx does.
func (r *Recorder) Check(ctx context.Context) {
	err := r.Store.Check(ctx)
	if err == nil || errors.Is(err, record.ErrCorrupt) {
		return
	}
	r.Log.Error("record: it cannot be read to its end", "error", err)
	r.tell(mqtt.RecordLost, fmt.Sprintf("The record cannot be read to its end: %v. Perhaps the computer's card is at its end: "+
		"make a copy of the record, and replace it.", err))
}

// tellGap tells of samples that are lost. Events have a watch of their own, in mqtt.
func (r *Recorder) tellGap(g *link.Gap) {
	r.Log.Error("record: the journal no longer held some rows", "of", g.Of, "from", g.From, "to", g.To)
	if g.Of == link.Entries {
		r.tell(mqtt.JournalGap, fmt.Sprintf("The samples %d to %d were lost: they were not recorded in time.", g.From, g.To))
	}
}
