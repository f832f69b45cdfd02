package control

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestSwitchesThatHaveNotSettledTellNothing: after a start all switches read as
// pressed for a moment. On a table that was left under tension the slack end
// switch must not be remembered from then, or the release away from there would
// look as if the count of steps were wrong. It shows end-mismatch.
func TestSwitchesThatHaveNotSettledTellNothing(t *testing.T) {
	bothDrives(t, func(t *testing.T, cfg Config) {
		r := newRig(t, cfg)
		r.x, r.slackX = 60, 10
		r.in.Motion.Enabled = true
		pressed := Switches{Patient: true, EmergencyStop: true, EndSlack: true, EndPull: true}
		r.in.Switches = pressed
		r.run(settleAtBoot - 10*time.Millisecond)
		r.in.Switches = Switches{}
		if cfg.Table.BackDrivable {
			r.run(time.Second)
		} else {
			r.until("recovering", 2*time.Second, r.mode(Recovering))
		}
		r.until("slack", 30*time.Second, r.mode(Idle))
		assert.Less(t, r.force, slackForce)
		for _, e := range r.events {
			assert.NotEqual(t, EventTrip, e.Kind, "%v", e.Interlock)
		}
	})
}
