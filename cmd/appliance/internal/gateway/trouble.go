package gateway

import (
	"errors"
	"fmt"

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

// tellFull tells when the disk is full, and the log when it no longer is. The
// control process holds a quarter of an hour of samples meanwhile.
func (r *Recorder) tellFull(err error) {
	full := errors.Is(err, record.ErrFull)
	switch {
	case full && !r.full:
		r.full = true
		r.Log.Error("record: the disk is full; nothing is recorded until there is space", "error", err)
		r.tell(mqtt.RecordFull, "There is no space left for the record. Make some within a quarter of an hour, and nothing is lost; "+
			"\"appliance sessions delete\" deletes old sessions.")
	case err == nil && r.full:
		r.full = false
		r.Log.Info("record: there is space again; recording goes on")
	}
}

// tellGap tells of samples that are lost. Events have a watch of their own, in mqtt.
func (r *Recorder) tellGap(g *link.Gap) {
	r.Log.Error("record: the journal no longer held some rows", "of", g.Of, "from", g.From, "to", g.To)
	if g.Of == link.Entries {
		r.tell(mqtt.JournalGap, fmt.Sprintf("The samples %d to %d were lost: they were not recorded in time.", g.From, g.To))
	}
}
