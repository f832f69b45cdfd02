package control

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
)

// TestRevChangesWithWhatAStartWouldDo: R-REV. Whoever arms or starts has seen the
// programme and its values.
func TestRevChangesWithWhatAStartWouldDo(t *testing.T) {
	r := newRig(t, testConfig())
	r.run(100 * time.Millisecond)
	r.must(Command{Kind: CommandAcknowledge})
	rev := r.c.rev
	r.must(Command{Kind: CommandSelect, Programme: testProgramme()})
	assert.Equal(t, rev+1, r.c.rev)
	assert.Equal(t, rev+1, r.out.Reply.Rev, "the answer has the new one")
	assert.NotEqual(t, Accepted, r.say(Command{Kind: CommandSelect, Programme: &Programme{Name: "x", Title: "x", Source: "x", Hold: 800 * physic.Newton,
		HoldTime: time.Second, Rest: 80 * physic.Newton, RestTime: time.Second, RampUp: NewtonPerSecond, RampDown: NewtonPerSecond, Duration: time.Minute}}).Code)
	assert.Equal(t, rev+1, r.c.rev, "a refused one changes nothing")
	r.armed(testProgramme())
	rev = r.c.rev
	r.must(Command{Kind: CommandSet, Set: Settings{Fields: FieldHold, Hold: 150 * physic.Newton}})
	assert.Equal(t, rev+1, r.c.rev)
	r.must(Command{Kind: CommandStart})
	r.until("hold", 30*time.Second, r.phase(Hold))
	rev = r.c.rev
	r.must(Command{Kind: CommandSet, Set: Settings{Fields: FieldHold, Hold: 160 * physic.Newton}})
	assert.Equal(t, rev, r.c.rev, "while it runs, one raise after the other needs no new look")
}

// TestRevChangesWithWhatIsLess: R-REV. A request for more that was decided before
// somebody asked for less, or before a trip, finds another rev.
func TestRevChangesWithWhatIsLess(t *testing.T) {
	hold := func(n int64) Command {
		return Command{Kind: CommandSet, Set: Settings{Fields: FieldHold, Hold: physic.Force(n) * physic.Newton}}
	}
	warm := func(c physic.Temperature) Command {
		return Command{Kind: CommandHeat, Heat: physic.ZeroCelsius + c*physic.Kelvin}
	}
	set := func(s Settings) Command { return Command{Kind: CommandSet, Set: s} }
	for name, tc := range map[string]struct {
		before, less, late Command
	}{
		"hold":      {Command{}, hold(90), hold(150)},
		"rest":      {Command{}, set(Settings{Fields: FieldRest, Rest: 40 * physic.Newton}), set(Settings{Fields: FieldRest, Rest: 90 * physic.Newton})},
		"hold time": {Command{}, set(Settings{Fields: FieldHoldTime, HoldTime: 4 * time.Second}), hold(201)},
		"rest time": {Command{}, set(Settings{Fields: FieldRestTime, RestTime: 9 * time.Second}), hold(201)},
		"duration":  {Command{}, set(Settings{Fields: FieldDuration, Duration: 50 * time.Second}), set(Settings{Fields: FieldDuration, Duration: time.Minute})},
		"heat":      {warm(38), warm(36), warm(38)},
		"heat off":  {warm(38), Command{Kind: CommandHeat}, warm(38)},
		"a pause with the force as it is becomes one without": {Command{Kind: CommandHold}, Command{Kind: CommandPause}, Command{Kind: CommandResume}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, testConfig())
			r.holding(testProgramme())
			r.in.Pad = Pad{Present: true, Temperature: physic.ZeroCelsius + 25*physic.Kelvin, At: r.in.Now}
			if tc.before.Kind != NoCommand {
				r.must(tc.before)
			}
			seen := r.c.rev
			r.must(tc.less)
			assert.Equal(t, seen+1, r.out.Reply.Rev, "the answer has the new one")
			tc.late.Rev, tc.late.Origin, tc.late.Ticket = seen, Remote, 9
			r.in.Command = tc.late
			r.tick()
			assert.Equal(t, StaleRev, r.out.Reply.Code)
			assert.Equal(t, seen+1, r.c.rev)
		})
	}

	r := newRig(t, testConfig())
	r.in.Pad = Pad{Present: true, Temperature: physic.ZeroCelsius + 25*physic.Kelvin, At: time.Millisecond}
	r.run(100 * time.Millisecond)
	r.must(Command{Kind: CommandAcknowledge})
	r.must(warm(38))
	seen := r.c.rev
	r.must(Command{Kind: CommandStop})
	assert.Equal(t, Idle, r.c.mode)
	assert.Equal(t, seen+1, r.c.rev, "a stop ends heat in a table at rest, too")
}

// TestAcknowledgementOfWhatNobodySaw: R-REV. An interlock that trips later, in the
// same mode, is not acknowledged with the first.
func TestAcknowledgementOfWhatNobodySaw(t *testing.T) {
	r := newRig(t, testConfig())
	r.holding(testProgramme())
	r.in.Switches.Patient = true
	r.until("tripped", 10*time.Second, r.mode(Tripped))
	r.in.Switches.Patient = false
	r.run(time.Second)
	seen := r.c.rev
	r.in.Switches.EmergencyStop = true
	r.run(100 * time.Millisecond)
	r.in.Switches.EmergencyStop = false
	r.run(100 * time.Millisecond)
	require.Equal(t, Tripped, r.c.mode)
	require.True(t, r.c.guard.latched.Has(ILEmergencyStop))
	r.in.Command = Command{Kind: CommandAcknowledge, Rev: seen, Ticket: 9}
	r.tick()
	assert.Equal(t, StaleRev, r.out.Reply.Code)
	assert.True(t, r.c.guard.latched.Has(ILEmergencyStop))
}

func TestStaleRevDoesNothing(t *testing.T) {
	r := newRig(t, testConfig())
	r.armed(testProgramme())
	r.in.Command = Command{Kind: CommandStart, Ticket: 9, Rev: r.c.rev - 1}
	r.tick()
	assert.Equal(t, StaleRev, r.out.Reply.Code)
	assert.Equal(t, Armed, r.c.mode)
}
