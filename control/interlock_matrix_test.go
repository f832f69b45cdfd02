package control

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// place is a mode and phase, and the rig that has got there.
type place struct {
	name string
	rig  rig
	ctl  Controller
}

// places brings a rig into every mode and phase.
func places(t *testing.T, cfg Config) []place {
	var out []place
	at := func(name string, r *rig) { out = append(out, place{name, *r, *r.c}) }

	r := newRig(t, cfg)
	r.run(200 * time.Millisecond)
	r.must(Command{Kind: CommandAcknowledge})
	at("idle", r)
	r = newRig(t, cfg)
	r.armed(testProgramme())
	at("armed", r)
	r.must(Command{Kind: CommandStart})
	for _, ph := range []Phase{Slack, Pull, Hold, Ease, Rest} {
		r.until("phase", time.Minute, r.phase(ph))
		r.run(20 * time.Millisecond)
		at("treating "+ph.String(), r)
	}
	r.must(Command{Kind: CommandPause})
	at("paused", r)
	r.must(Command{Kind: CommandStop})
	r.run(20 * time.Millisecond)
	require.Equal(t, Releasing, r.c.mode)
	at("releasing", r)

	r = newRig(t, cfg)
	r.holding(testProgramme())
	r.in.Switches.EmergencyStop = true
	r.run(10 * time.Millisecond)
	r.in.Switches.EmergencyStop = false
	r.run(5 * time.Second)
	require.Equal(t, Tripped, r.c.mode)
	r.c.guard.latched = 0 // so that what is tried next is alone
	at("tripped", r)

	r = newRig(t, cfg)
	r.x, r.in.Motion.Position = 60, 60e6
	r.slackX = 0
	r.c.cfg.Table.BackDrivable = false
	r.until("recovering", 3*time.Second, r.mode(Recovering))
	r.c.cfg.Table.BackDrivable = cfg.Table.BackDrivable
	r.c.guard.latched = 0
	at("recovering", r)
	return out
}

// again gives a fresh copy of a place.
func (p *place) again(t *testing.T) *rig {
	r, c := p.rig, p.ctl
	r.t, r.c, r.events = t, &c, nil
	c.guard.active = 0 // so that what is tried is alone
	return &r
}

// only makes exactly the rows of set hold, whatever the table is doing.
func only(t *testing.T, table []interlock, set InterlockSet) {
	for i := range table {
		holds := set.Has(table[i].id)
		table[i].holds = func(*Controller, *Input) bool { return holds }
	}
}

// withTable lets a test change the interlock table and puts it back.
func withTable(t *testing.T) []interlock {
	was := interlocks
	t.Cleanup(func() { interlocks = was })
	return interlocks[:]
}

func bothDrives(t *testing.T, f func(t *testing.T, cfg Config)) {
	for _, back := range []bool{true, false} {
		cfg := testConfig()
		cfg.Table.BackDrivable = back
		t.Run(fmt.Sprint("back-drivable ", back), func(t *testing.T) { f(t, cfg) })
	}
}

// TestEveryInterlockInEveryMode: each row, alone, in each mode and phase, does
// what its row says where it applies, and nothing where it does not; it is told
// once, raises its alarm, latches or not, and clears only as it may.
func TestEveryInterlockInEveryMode(t *testing.T) {
	bothDrives(t, func(t *testing.T, cfg Config) {
		at := places(t, cfg)
		table := withTable(t)
		for i := range table {
			row := table[i]
			for p := range at {
				t.Run(row.id.String()+" "+at[p].name, func(t *testing.T) {
					r := at[p].again(t)
					before := r.c.mode
					only(t, table, InterlockSet(0).With(row.id))
					r.tick()
					if !row.in.has(before) {
						assert.Zero(t, r.c.guard.active)
						assert.Equal(t, before, r.c.mode)
						return
					}
					holdsAlone(t, r, &table[i], before)
					r.tick()
					assert.Equal(t, 1, r.count(row.id), "told once")
					only(t, table, 0)
					r.tick()
					clears(t, r, &table[i])
				})
			}
		}
	})
}

// count is how often an interlock was told.
func (r *rig) count(id InterlockID) (n int) {
	for _, e := range r.events {
		if e.Interlock == id && (e.Kind == EventTrip || e.Kind == EventWarning) {
			n++
		}
	}
	return n
}

// holdsAlone: one row holds, and this tick was the first of it.
func holdsAlone(t *testing.T, r *rig, row *interlock, before Mode) {
	action := r.c.actionOf(row)
	assert.Equal(t, action, r.c.guard.action)
	assert.GreaterOrEqual(t, r.c.alarm.priority, row.priority)
	assert.Equal(t, r.c.clearOf(row) != ByItself, r.c.guard.latched.Has(row.id))
	want := before
	switch {
	case action == Disable && before != Idle, action == Release && before == Armed:
		want = Tripped
	case action == Disable:
		want = Tripped // and an acknowledgement is asked for
	case action == Release && underway.has(before):
		want = Releasing
	}
	assert.Equal(t, want, r.c.mode)
	if action >= Freeze {
		assert.LessOrEqual(t, r.driven, 0.0, "towards force")
	}
	if action >= Disable {
		assert.Equal(t, DriveDisabled, r.out.Drive.Mode)
	}
}

// clears: the condition is gone.
func clears(t *testing.T, r *rig, row *interlock) {
	switch r.c.clearOf(row) {
	case ByItself:
		assert.True(t, r.has(EventCleared, row.id))
		assert.Zero(t, r.c.guard.latched)
		return
	case ByRestart:
		assert.NotZero(t, r.say(Command{Kind: CommandAcknowledge}).Code)
		assert.True(t, r.c.guard.latched.Has(row.id))
		return
	}
	assert.True(t, r.c.guard.latched.Has(row.id), "a latch holds without its condition")
	r.until("the end of a release", 3*time.Minute, func() bool { return r.c.mode == Idle || r.c.mode == Tripped })
	require.True(t, r.c.guard.latched.Has(row.id), "nothing but a word clears it")
	r.say(Command{Kind: CommandAcknowledge})
	assert.False(t, r.c.guard.latched.Has(row.id))
	assert.True(t, r.has(EventAcknowledged, row.id))
}

// TestStrongestOfTwoInEveryMode: whichever two rows hold together, in whichever
// order they stand in the table, the stronger action is taken.
func TestStrongestOfTwoInEveryMode(t *testing.T) {
	bothDrives(t, func(t *testing.T, cfg Config) {
		at := places(t, cfg)
		table := withTable(t)
		for p := range at {
			for i := range table {
				for j := range i {
					a, b := &table[i], &table[j]
					mode := at[p].ctl.mode
					if !a.in.has(mode) || !b.in.has(mode) {
						continue
					}
					one := together(t, &at[p], table, a.id, b.id)
					table[i], table[j] = table[j], table[i]
					other := together(t, &at[p], table, a.id, b.id)
					table[i], table[j] = table[j], table[i]
					require.Equal(t, one, other, "%s: %v and %v", at[p].name, a.id, b.id)
					want := max(at[p].ctl.actionOf(a), at[p].ctl.actionOf(b))
					require.Equal(t, want, one.action, "%s: %v and %v", at[p].name, a.id, b.id)
				}
			}
		}
	})
}

// outcome is what two rows come to.
type outcome struct {
	action          Action
	mode            Mode
	drive           Drive
	alarm           Priority
	latched, active InterlockSet
}

func together(t *testing.T, p *place, table []interlock, a, b InterlockID) outcome {
	r := p.again(t)
	only(t, table, InterlockSet(0).With(a).With(b))
	r.tick()
	g := &r.c.guard
	return outcome{g.action, r.c.mode, r.out.Drive, r.c.alarm.priority, g.latched, g.active}
}
