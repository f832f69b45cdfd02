package control

import "time"

// slackWatch knows whether the harness may be opened, and whether tension has
// come back where nothing runs.
type slackWatch struct {
	unconfirmed bool // the rope has not been seen slack since it was last pulled
	harnessed   bool // somebody may still be in the harness: since the last start, until the next arming
	unwound     bool // by position: no cell has seen it, but there is nothing left to unwind
	pulled      bool // in this boot
	tense       bool
	slackSince  time.Duration // 0 = not slack
	tenseSince  time.Duration // 0 = not tense
}

const (
	// confirmAfter is how long a rope at rest must be slack to count as slack.
	confirmAfter = time.Second
	// tensionLeft (N) for tensionAfter while nothing runs is tension on a person:
	// above what counts as slack, with room for the cell's drift.
	tensionLeft  = 20.0
	tensionAfter = time.Second
)

// pulls notes that the drive is about to put tension on the rope, or may have.
func (w *slackWatch) pulls() { *w = slackWatch{unconfirmed: true, harnessed: true, pulled: true} }

// update looks at the rope at rest.
func (w *slackWatch) update(c *Controller) {
	if c.mode != Idle && c.mode != Tripped {
		w.slackSince, w.tenseSince, w.tense = 0, 0, false
		return
	}
	if c.blind() {
		w.slackSince, w.tenseSince = 0, 0
		w.tense = w.pulled && w.unknown()
		return
	}
	force := c.most()
	if lasts(&w.slackSince, force < slackForce, c.now, confirmAfter) {
		w.unconfirmed, w.tense = false, false
	}
	if lasts(&w.tenseSince, force >= tensionLeft, c.now, tensionAfter) {
		w.tense = w.harnessed
	}
}

// unknown: the rope may be under tension, and no cell would tell.
func (w *slackWatch) unknown() bool { return w.unconfirmed && !w.unwound }

// lasts tells whether cond has held for d without a break; since holds when it began.
func lasts(since *time.Duration, cond bool, now, d time.Duration) bool {
	switch {
	case !cond:
		*since = 0
	case *since == 0:
		*since = now
	}
	return cond && now-*since >= d
}
