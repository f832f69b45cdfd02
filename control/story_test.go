package control

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
)

func TestTreatmentRunsToItsEnd(t *testing.T) {
	r := newRig(t, testConfig())
	r.extra = func(s float64) float64 { return 10 * math.Sin(2*math.Pi*0.25*s) }
	r.armed(testProgramme())
	r.must(Command{Kind: CommandStart})
	r.until("end", 2*time.Minute, r.mode(Idle))
	require.Len(t, r.reports, 1)
	rep := r.reports[0]
	assert.Equal(t, EndCompleted, rep.End)
	assert.Equal(t, InterlockSet(0), rep.Trips)
	assert.InDelta(t, 60, rep.Elapsed.Seconds(), 0.1)
	assert.Less(t, inNewtons(rep.Peak), 205.0)
	assert.Less(t, inNewtons(rep.MeanHoldError), 0.8)
	assert.Greater(t, rep.HoldWithin5, 0.99)
	assert.GreaterOrEqual(t, int(rep.Cycles), 4)
	assert.True(t, r.has(EventSlackConfirmed, NoInterlock))
	t.Logf("%+v", rep)
}

// TestStartNeedsEverything: start-up, R-START-LATCHED, R-PROOF-OF-SWITCH.
func TestStartNeedsEverything(t *testing.T) {
	r := newRig(t, testConfig())
	r.run(100 * time.Millisecond)
	assert.Equal(t, NotReady, r.say(Command{Kind: CommandArm}).Code)
	assert.Equal(t, MissingAcknowledge|MissingProgramme, r.out.Reply.Missing)
	r.must(Command{Kind: CommandAcknowledge})
	r.must(Command{Kind: CommandSelect, Programme: testProgramme()})
	r.must(Command{Kind: CommandArm})
	assert.Equal(t, NotReady, r.say(Command{Kind: CommandStart}).Code)
	assert.Equal(t, MissingProof, r.out.Reply.Missing)
	r.in.Switches.Patient = true
	r.run(20 * time.Millisecond)
	assert.Equal(t, NotReady, r.say(Command{Kind: CommandStart}).Code, "switch still pressed")
	r.in.Switches.Patient = false
	r.run(20 * time.Millisecond)
	r.must(Command{Kind: CommandStart})
	assert.Equal(t, Treating, r.c.mode)
}

func TestPatientSwitchReleasesFast(t *testing.T) {
	for _, k := range []float64{1.9, 6.7, 20} {
		r := newRig(t, testConfig())
		r.k = k
		p := testProgramme()
		p.Hold, p.HoldTime, p.Duration = 450*physic.Newton, time.Minute, 10*time.Minute
		r.armed(p)
		r.must(Command{Kind: CommandStart})
		r.until("hold", time.Minute, r.phase(Hold))
		r.run(2 * time.Second)
		r.in.Switches.Patient = true
		r.tick()
		assert.LessOrEqual(t, r.driven, 0.0)
		d := r.until("slack", 5*time.Second, func() bool { return r.force < 20 })
		t.Logf("k %.1f: below 20 N after %v", k, d)
		r.until("tripped", 5*time.Second, r.mode(Tripped))
		assert.True(t, r.c.guard.latched.Has(ILPatientSwitch))
		assert.NotEqual(t, Accepted, r.say(Command{Kind: CommandArm}).Code)
		assert.Equal(t, Accepted, r.say(Command{Kind: CommandAcknowledge}).Code)
		assert.Equal(t, Idle, r.c.mode)
	}
}

// TestCellSilence: cell-late, cell-lost, R-RELEASE-BY-POSITION.
func TestCellSilence(t *testing.T) {
	r := newRig(t, testConfig())
	r.holding(testProgramme())
	r.run(time.Second)
	r.extra = func(float64) float64 { return -20 } // the regulator wants to pull
	r.until("pulling", time.Second, func() bool { return r.driven > 1 })
	r.cellGone = true
	last := r.in.Load.At
	r.until("end of motion", time.Second, func() bool { return r.driven <= 0 })
	assert.LessOrEqual(t, r.now-last, 40*time.Millisecond)
	r.extra = nil
	r.until("tripped", 10*time.Second, r.mode(Tripped))
	assert.Zero(t, r.force)
	assert.True(t, r.c.guard.latched.Has(ILCellLost))
}

// TestTrips: sudden-drop, force-limit, emergency-stop, end-pull, drive-dead, cell-lost
// and force-without-motion.
func TestTrips(t *testing.T) {
	cases := []struct {
		name string
		do   func(*rig)
		want InterlockID
		most time.Duration // to the trip
	}{
		{"force limit", func(r *rig) { r.extra = func(float64) float64 { return 80 } }, ILForceLimit, 15 * time.Millisecond},
		{"cord breaks", func(r *rig) { r.rope = false }, ILSuddenDrop, 20 * time.Millisecond},
		{"emergency stop", func(r *rig) { r.in.Switches.EmergencyStop = true }, ILEmergencyStop, 2 * time.Millisecond},
		{"pull end", func(r *rig) { r.in.Switches.EndPull = true }, ILEndPull, 2 * time.Millisecond},
		{"drive fault", func(r *rig) { r.in.Motion.Fault = true }, ILDriveDead, 2 * time.Millisecond},
		{"stuck cell", func(r *rig) { r.in.Load.Fault = CellStuck }, ILCellLost, 150 * time.Millisecond},
		{"something pulls", func(r *rig) {
			r.extra = func(float64) float64 { return 245 - r.k*(r.x-r.slackX) }
		}, ILForceWithoutMotion, 1200 * time.Millisecond},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, testConfig())
			r.holding(testProgramme())
			r.run(time.Second)
			tc.do(r)
			d := r.until("trip", 10*time.Second, func() bool { return r.c.guard.latched != 0 })
			assert.True(t, r.c.guard.latched.Has(tc.want), "latched %v", r.c.guard.latched.IDs())
			assert.LessOrEqual(t, d, tc.most)
			assert.LessOrEqual(t, r.driven, 0.0)
			up := r.worstUp
			r.worstUp = 0
			r.extra = nil
			r.until("tripped", 20*time.Second, r.mode(Tripped))
			assert.LessOrEqual(t, r.worstUp, 0.0, "moved towards force after the trip; before %v", up)
			require.Len(t, r.reports, 1)
			assert.Equal(t, EndTripped, r.reports[0].End)
		})
	}
}

// TestRopeCannotPush: cell-implausible.
func TestRopeCannotPush(t *testing.T) {
	r := newRig(t, testConfig())
	r.armed(testProgramme())
	r.c.cell.cal.Zero += 50 * countsPerNewton // as a torn wire would
	r.until("tripped", 100*time.Millisecond, r.mode(Tripped))
	assert.True(t, r.c.guard.latched.Has(ILCellImplausible))
}

func TestMotionWithoutForce(t *testing.T) {
	r := newRig(t, testConfig())
	r.slackX = 1e6
	r.armed(testProgramme())
	r.must(Command{Kind: CommandStart})
	r.until("trip", 30*time.Second, func() bool { return r.c.guard.latched.Has(ILMotionWithoutForce) })
	assert.InDelta(t, slackTravel, r.x, 1)
	r.until("tripped", 10*time.Second, r.mode(Tripped))
}

// TestMotorThatStandsInEase: force-without-motion. The count runs out and the force
// stays; that is noticed, and once the motor turns again the release lets go.
func TestMotorThatStandsInEase(t *testing.T) {
	for _, away := range []time.Duration{0, 20 * time.Second} {
		cfg := testConfig()
		cfg.Table.BackDrivable = false
		r := newRig(t, cfg)
		r.holding(testProgramme())
		r.until("ease", 10*time.Second, r.phase(Ease))
		r.motor = false
		r.until("trip", 10*time.Second, func() bool { return r.c.guard.latched.Has(ILForceWithoutMotion) })
		assert.Greater(t, r.force, 150.0)
		assert.Greater(t, r.c.guard.mark.outX-r.c.x, outMost)
		r.run(away)
		r.motor = true
		if away == 0 {
			r.until("slack", 10*time.Second, func() bool { return r.force < slackForce })
			continue
		}
		r.until("given up", time.Minute, r.mode(Tripped)) // a drum would have turned round
		assert.Equal(t, High, r.c.alarm.priority)
		r.must(Command{Kind: CommandAcknowledge})
		r.until("slack", 2*time.Minute, func() bool { return r.force < slackForce })
	}
}

// TestReleaseWithACountThatIsWrong: a count that says that more rope is out than
// was ever in does not end a release that helps.
func TestReleaseWithACountThatIsWrong(t *testing.T) {
	for _, back := range []bool{true, false} {
		cfg := testConfig()
		cfg.Table.BackDrivable = back
		r := newRig(t, cfg)
		r.holding(testProgramme())
		r.c.treat.armX += 2 * inMillimetres(cfg.Table.Travel)
		r.in.Switches.Patient = true
		r.until("slack", 3*time.Second, func() bool { return r.force < slackForce })
		assert.False(t, r.c.guard.latched.Has(ILReleaseStalled))
	}
}

// TestNegativeForceIsNotSlack: a cell whose sign has turned round in a release does
// not confirm slack; the release goes on by position.
func TestNegativeForceIsNotSlack(t *testing.T) {
	r := newRig(t, testConfig())
	r.holding(testProgramme())
	r.in.Switches.Patient = true
	r.run(20 * time.Millisecond)
	r.zero = -230 // it reads less than nothing from here to the end
	r.until("ended", 10*time.Second, r.mode(Tripped))
	assert.False(t, slices.ContainsFunc(r.events, func(e Event) bool { return e.Kind == EventSlackConfirmed }))
	assert.Less(t, r.x, r.c.treat.armX-blindTravel+1)
}

// TestDeadMotorReleaseIsDisabled: release-stalled, R-KEEP-UNWINDING.
func TestDeadMotorReleaseIsDisabled(t *testing.T) {
	for _, back := range []bool{true, false} {
		cfg := testConfig()
		cfg.Table.BackDrivable = back
		r := newRig(t, cfg)
		r.holding(testProgramme())
		r.motor = false // counted, but it does not turn
		r.in.Stop = true
		r.until("stalled", 3*time.Second, func() bool { return r.c.guard.latched.Has(ILReleaseStalled) })
		if back {
			assert.Equal(t, DriveDisabled, r.out.Drive.Mode)
			r.until("let go", time.Second, func() bool { return r.force == 0 })
		} else {
			r.until("unwinding again", time.Second, func() bool { return r.driven < 0 })
			r.run(time.Second)
			assert.Equal(t, Releasing, r.c.mode, "it must not freeze the tension")
		}
		r.until("tripped", time.Minute, r.mode(Tripped))
		assert.Equal(t, High, r.c.alarm.priority)
	}
}

// TestBrokenSlackEndSwitch: far from the slack end an open switch is a broken
// wire. It must neither keep the force on nor end the release before slack.
// It shows end-slack.
func TestBrokenSlackEndSwitch(t *testing.T) {
	for _, back := range []bool{true, false} {
		cfg := testConfig()
		cfg.Table.BackDrivable = back
		r := newRig(t, cfg)
		r.holding(testProgramme())
		r.in.Switches.EndSlack = true
		r.until("trip", 10*time.Millisecond, func() bool { return r.c.guard.latched.Has(ILEndSlack) })
		r.until("tripped", 10*time.Second, r.mode(Tripped))
		assert.Less(t, r.force, slackForce)
		assert.True(t, r.has(EventSlackConfirmed, NoInterlock))
	}
}

// TestReleaseThatCannotGoOnAlarms: at the true slack end with tension left, a
// self-locking table must call for a release by hand.
func TestReleaseThatCannotGoOnAlarms(t *testing.T) {
	cfg := testConfig()
	cfg.Table.BackDrivable = false
	r := newRig(t, cfg)
	r.holding(testProgramme())
	r.extra = func(float64) float64 { return 100 - r.k*(r.x-r.slackX) } // the person hangs in the rope
	r.slackX = -1e3
	r.in.Stop = true
	r.until("close to the slack end", 10*time.Second, func() bool { return r.x < 20 })
	r.in.Switches.EndSlack = true
	r.until("tripped", time.Second, r.mode(Tripped))
	assert.True(t, r.c.guard.latched.Has(ILReleaseStalled))
	assert.Equal(t, High, r.c.alarm.priority)
	assert.False(t, r.has(EventSlackConfirmed, NoInterlock))
}

// TestDriveThatGoesTheWrongWay: DIR stuck towards force. The release must not
// wind the person up.
// It shows release-backwards.
func TestDriveThatGoesTheWrongWay(t *testing.T) {
	for _, k := range []float64{1.9, 6.7, 20} {
		cfg := testConfig()
		cfg.Table.BackDrivable = false
		r := newRig(t, cfg)
		r.k = k
		r.holding(testProgramme())
		r.run(time.Second)
		before := r.force
		r.reversed = true
		r.in.Stop = true
		worst := 0.0
		r.until("disabled", 5*time.Second, func() bool { worst = max(worst, r.force); return r.out.Drive.Mode == DriveDisabled })
		assert.True(t, r.c.guard.latched.Has(ILReleaseBackwards))
		assert.Less(t, worst, before+150, "stiffness %v", k)
		t.Logf("k %.1f: %.0f N before, %.0f N at the worst", k, before, worst)
	}
}

// TestCoughInARelease does not end it.
func TestCoughInARelease(t *testing.T) {
	for _, k := range []float64{1.9, 6.7, 20} {
		cfg := testConfig()
		cfg.Table.BackDrivable = false
		r := newRig(t, cfg)
		r.k = k
		r.holding(testProgramme())
		r.in.Switches.Patient = true
		from := r.now.Seconds()
		r.extra = func(s float64) float64 {
			if s-from < 0.3 {
				return 80 * math.Sin(math.Pi*(s-from)/0.3)
			}
			return 0
		}
		r.until("tripped", 10*time.Second, r.mode(Tripped))
		assert.Zero(t, r.force)
		assert.False(t, r.c.guard.latched.Has(ILReleaseBackwards))
	}
}

// TestPauseKeepsForceAndStopsTheTimer: R-PAUSE-STOPS-TIMER, R-PAUSE-ENDS.
func TestPauseKeepsForceAndStopsTheTimer(t *testing.T) {
	r := newRig(t, testConfig())
	r.holding(testProgramme())
	r.run(time.Second)
	r.must(Command{Kind: CommandPause})
	before := r.c.treat.elapsed
	r.run(20 * time.Second)
	assert.Equal(t, before, r.c.treat.elapsed)
	assert.InDelta(t, 200, r.force, 2)
	assert.Equal(t, Paused, r.c.mode)
	r.must(Command{Kind: CommandResume})
	r.until("hold", time.Second, r.phase(Hold))
	d := r.until("ease", 10*time.Second, r.phase(Ease))
	assert.InDelta(t, 4, d.Seconds(), 0.2, "the rest of the hold")
	r.must(Command{Kind: CommandPause})
	r.until("pause over", 11*time.Minute, r.mode(Idle))
	assert.Equal(t, EndPauseOver, r.reports[0].End)
}

// TestHoldKeepsForceForAMoment: R-HOLD-ENDS. In a programme whose pauses rest, a
// hold keeps the force for a minute and eases then; no rev, no hold.
func TestHoldKeepsForceForAMoment(t *testing.T) {
	r := newRig(t, testConfig())
	p := testProgramme()
	p.PauseRests = true
	r.holding(p)
	r.run(time.Second)
	r.in.Command = Command{Kind: CommandHold, Rev: r.c.rev - 1, Ticket: 1}
	r.tick()
	assert.Equal(t, StaleRev, r.out.Reply.Code)
	r.must(Command{Kind: CommandHold})
	assert.Equal(t, Paused, r.c.mode)
	var s Snapshot
	r.c.Snapshot(&s)
	assert.True(t, s.Held)
	r.run(holdMost - time.Second)
	assert.InDelta(t, 200, r.force, 2)
	r.run(10 * time.Second)
	assert.InDelta(t, 80, r.force, 3, "it rests as any other pause does")
	r.c.Snapshot(&s)
	assert.False(t, s.Held)
	assert.Equal(t, WrongMode, r.say(Command{Kind: CommandHold}).Code)
	r.until("pause over", 11*time.Minute, r.mode(Idle))
}

// TestPauseEndsAHold: R-HOLD-ENDS. A pause needs no rev, and acts although the table
// is paused already.
func TestPauseEndsAHold(t *testing.T) {
	r := newRig(t, testConfig())
	p := testProgramme()
	p.PauseRests = true
	r.holding(p)
	r.must(Command{Kind: CommandHold})
	r.run(time.Second)
	r.in.Command = Command{Kind: CommandPause, Origin: Remote, Ticket: 1}
	r.tick()
	assert.Equal(t, Accepted, r.out.Reply.Code)
	r.run(10 * time.Second)
	assert.InDelta(t, 80, r.force, 3, "it rests as any other pause does")
	assert.Equal(t, Paused, r.c.mode)
	assert.Equal(t, WrongMode, r.say(Command{Kind: CommandPause}).Code, "the second one changes nothing")
}

// TestLostGatewayEndsAHold: R-HOLD-ENDS. Where a lost gateway means a pause, it does
// not mean a hold.
func TestLostGatewayEndsAHold(t *testing.T) {
	cfg := testConfig()
	cfg.GatewayLost = GatewayPause
	r := newRig(t, cfg)
	p := testProgramme()
	p.PauseRests = true
	r.armed(p)
	r.must(Command{Kind: CommandStart, Origin: Remote})
	r.until("hold", time.Minute, r.phase(Hold))
	r.must(Command{Kind: CommandHold, Origin: Remote})
	r.in.GatewayLost = true
	r.run(10 * time.Second)
	assert.InDelta(t, 80, r.force, 3, "it rests as any other pause does")
	assert.Equal(t, Paused, r.c.mode)
}

// TestHoldInAPull: the force stays where the ramp has brought it.
func TestHoldInAPull(t *testing.T) {
	r := newRig(t, testConfig())
	r.armed(testProgramme())
	r.must(Command{Kind: CommandStart})
	r.until("100 N", 30*time.Second, func() bool { return r.force > 100 })
	r.must(Command{Kind: CommandHold})
	r.run(10 * time.Second)
	assert.InDelta(t, 100, r.force, 6)
	r.must(Command{Kind: CommandResume})
	r.until("hold", 10*time.Second, r.phase(Hold))
}

func TestSetDuringTheRun(t *testing.T) {
	r := newRig(t, testConfig())
	r.holding(testProgramme())
	r.run(3 * time.Second)
	r.must(Command{Kind: CommandSet, Set: Settings{Fields: FieldHold, Hold: 250 * physic.Newton}})
	assert.Equal(t, Pull, r.c.phase())
	r.until("hold", 5*time.Second, r.phase(Hold))
	assert.InDelta(t, 250, r.force, 6)
	d := r.until("ease", 10*time.Second, r.phase(Ease))
	assert.InDelta(t, 5, d.Seconds(), 0.1, "hold time starts when the new force is there")

	rep := r.say(Command{Kind: CommandSet, Set: Settings{Fields: FieldHold, Hold: 490 * physic.Newton}})
	assert.Equal(t, AboveLimit, rep.Code)
	assert.Equal(t, ReasonTable, rep.Reason)
	assert.EqualValues(t, 480*physic.Newton, rep.Max)
	rep = r.say(Command{Kind: CommandSet, Set: Settings{Fields: FieldRest, Rest: 300 * physic.Newton}})
	assert.Equal(t, OutOfRange, rep.Code)
	r.run(5 * time.Second)
	assert.Empty(t, r.c.guard.latched)
}

// TestRemoteRaise: R-REMOTE-RAISE. From far away the force is raised no further than
// the programme as it was written leaves room for, not in steps either; the table
// may, and may be lowered from far away.
func TestRemoteRaise(t *testing.T) {
	cfg := testConfig()
	cfg.Remote = FullRemote
	r := newRig(t, cfg)
	r.holding(testProgramme()) // 200 N, so its limit is 250 N
	set := func(from Origin, hold physic.Force) Reply {
		return r.say(Command{Kind: CommandSet, Origin: from, Set: Settings{Fields: FieldHold, Hold: hold}})
	}
	assert.Equal(t, Accepted, set(Remote, 240*physic.Newton).Code)
	for range 3 {
		rep := set(Remote, 241*physic.Newton)
		assert.Equal(t, AboveLimit, rep.Code)
		assert.Equal(t, ReasonProgramme, rep.Reason)
		assert.EqualValues(t, 240*physic.Newton, rep.Max)
	}
	assert.Equal(t, Accepted, set(Table, 300*physic.Newton).Code)
	assert.Equal(t, Accepted, set(Remote, 290*physic.Newton).Code, "lower than it is")
	assert.Equal(t, AboveLimit, set(Remote, 300*physic.Newton).Code)
	var s Snapshot
	r.c.Snapshot(&s)
	assert.Equal(t, Bound[physic.Force]{Value: 290 * physic.Newton, Reason: ReasonOperator}, s.RemoteHold)
}

// TestReportTellsTheLimitAtThePeak: a hold that was raised at the table moves its
// limit, and the report does not look like a pull above it.
func TestReportTellsTheLimitAtThePeak(t *testing.T) {
	r := newRig(t, testConfig())
	r.holding(testProgramme())
	r.must(Command{Kind: CommandSet, Set: Settings{Fields: FieldHold, Hold: 300 * physic.Newton}})
	r.until("300 N", 20*time.Second, func() bool { return r.force > 298 })
	r.must(Command{Kind: CommandSet, Set: Settings{Fields: FieldHold, Hold: 100 * physic.Newton}})
	r.run(10 * time.Second)
	r.must(Command{Kind: CommandStop})
	r.until("idle", 10*time.Second, r.mode(Idle))
	require.Len(t, r.reports, 1)
	assert.Greater(t, r.reports[0].Limit.Value, r.reports[0].Peak)
	assert.EqualValues(t, 350*physic.Newton, r.reports[0].Limit.Value)
}

func TestProgressiveRegressive(t *testing.T) {
	r := newRig(t, testConfig())
	p := testProgramme()
	p.Progressive, p.Regressive, p.StepCycles, p.StepRest = 2, 1, 1, 50
	p.Duration = 100 * time.Second
	r.armed(p)
	r.must(Command{Kind: CommandStart})
	var holds []float64
	for r.c.mode != Idle {
		was := r.c.phase()
		r.until("tick", time.Second, func() bool { r.tick(); return true })
		if was != Hold && r.c.phase() == Hold {
			holds = append(holds, math.Round(r.c.treat.setPoint))
		}
		if r.now > 3*time.Minute {
			t.Fatal("does not end")
		}
	}
	require.GreaterOrEqual(t, len(holds), 5)
	assert.Equal(t, []float64{67, 133, 200, 200}, holds[:4])
	assert.Equal(t, 100.0, holds[len(holds)-1])
	assert.Equal(t, EndCompleted, r.reports[0].End)
}

func TestRecoversFromTensionAtBoot(t *testing.T) {
	r := newRig(t, testConfig())
	r.c.cfg.Table.BackDrivable = false
	r.x = 60
	r.until("recovering", 2*time.Second, r.mode(Recovering))
	r.until("idle", 20*time.Second, r.mode(Idle))
	assert.Zero(t, r.force)
	assert.Zero(t, r.worstUp)
}

// TestRemotePermissions: R-ARM-AT-TABLE.
func TestRemotePermissions(t *testing.T) {
	want := map[Permission]map[CommandKind]Code{
		Monitor:    {CommandPause: NotAllowed, CommandSet: NotAllowed, CommandSelect: NotAllowed, CommandArm: OnlyAtTable},
		StopOnly:   {CommandPause: WrongMode, CommandSet: NotAllowed, CommandSelect: NotAllowed, CommandArm: OnlyAtTable},
		Adjust:     {CommandPause: WrongMode, CommandSet: NoProgramme, CommandSelect: NotAllowed, CommandArm: OnlyAtTable},
		FullRemote: {CommandPause: WrongMode, CommandSet: NoProgramme, CommandSelect: NoProgramme, CommandArm: OnlyAtTable},
	}
	for level := range want {
		want[level][CommandHold] = want[level][CommandSet]
		if level >= Adjust {
			want[level][CommandHold] = WrongMode
		}
		want[level][CommandStart] = want[level][CommandSelect]
		if level == FullRemote {
			want[level][CommandStart] = WrongMode
		}
		want[level][CommandReport], want[level][CommandUnpublish] = NotHere, NotHere
		want[level][CommandProve], want[level][CommandSilence] = OnlyAtTable, OnlyAtTable
	}
	for level, codes := range want {
		for kind, code := range codes {
			cfg := testConfig()
			cfg.Remote = level
			r := newRig(t, cfg)
			r.run(50 * time.Millisecond)
			assert.Equal(t, code, r.say(Command{Kind: kind, Origin: Remote}).Code, "%v %v", level, kind)
		}
	}
}

// TestUnsignedDoesNothing: R-SIGNED. What changes or slows needs no signature, and
// neither does the table itself.
func TestUnsignedDoesNothing(t *testing.T) {
	cfg := testConfig()
	cfg.Remote, cfg.Signed = FullRemote, true
	r := newRig(t, cfg)
	r.armed(testProgramme())
	start := Command{Kind: CommandStart, Origin: Remote}
	assert.Equal(t, Unsigned, r.say(start).Code)
	assert.Equal(t, Unsigned, r.say(Command{Kind: CommandSelect, Origin: Remote, Programme: testProgramme()}).Code)
	assert.Equal(t, Armed, r.c.mode)
	start.Signed = true
	r.must(start)
	assert.Equal(t, Treating, r.c.mode)
	r.until("hold", 30*time.Second, r.phase(Hold))
	r.must(Command{Kind: CommandHold, Origin: Remote})
	r.must(Command{Kind: CommandResume, Origin: Remote})
	r.must(Command{Kind: CommandPause, Origin: Remote})
}

// TestRefusedCommandsDoNotFillTheJournal: a remote user in a loop is told of 20
// times, then twice a second; the table's own refusals are always told.
func TestRefusedCommandsDoNotFillTheJournal(t *testing.T) {
	r := newRig(t, testConfig())
	r.run(50 * time.Millisecond)
	refused := func(from Origin) (n int) {
		r.events = nil
		for range 10000 {
			r.say(Command{Kind: CommandStart, Origin: from})
		}
		for _, e := range r.events {
			if e.Kind == EventRefused {
				n++
			}
		}
		return n
	}
	assert.InDelta(t, 20+2*10, refused(Remote), 1)
	assert.Equal(t, 10000, refused(Table))
}

func TestStepDoesNotAllocate(t *testing.T) {
	r := newRig(t, testConfig())
	r.holding(testProgramme())
	r.events, r.reports = make([]Event, 0, 10000), make([]Report, 0, 10)
	var s Snapshot
	n := testing.AllocsPerRun(20000, func() { r.tick(); r.c.Snapshot(&s) })
	assert.Zero(t, n)
}

func BenchmarkStep(b *testing.B) {
	r := newRig(&testing.T{}, testConfig())
	r.holding(testProgramme())
	b.ReportAllocs()
	for b.Loop() {
		r.in.Now += time.Millisecond
		if r.in.Now >= r.nextSample {
			r.nextSample += 12500 * time.Microsecond
			r.in.Load.Seq++
			r.in.Load.At = r.in.Now
		}
		r.c.Step(&r.in, &r.out)
	}
}
