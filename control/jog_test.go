package control

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
	"pgregory.net/rapid"
)

// jogRig is an empty table to be commissioned: a drive that counts, a rope that
// pulls where the story says so, switches at its ends.
type jogRig struct {
	t   *testing.T
	j   *Jog
	in  Input
	out Output

	now, nextSample time.Duration
	x               float64
	pull            func(x float64) float64 // N, nil = the rope is slack
	slackEnd        float64                 // mm, where the switches open
	pullEnd         float64
	cells           int
	scale           float64 // counts for 1 N
	dead            bool    // the cell says no more
	stuck           bool    // the motor does not turn

	buzzed, moved time.Duration // for how long
	fastest       float64
	first         time.Duration // when the first motion began
}

func newJogRig(t *testing.T, cfg Config, cells int) *jogRig {
	j, err := NewJog(&cfg, cells == 2)
	require.NoError(t, err)
	r := &jogRig{t: t, j: j, now: time.Second, slackEnd: -100, pullEnd: 200, cells: cells, scale: countsPerNewton}
	r.run(time.Second)
	return r
}

func (r *jogRig) tick() {
	in := &r.in
	in.Now = r.now
	force := 0.0
	if r.pull != nil {
		force = r.pull(r.x)
	}
	if r.now >= r.nextSample && !r.dead {
		r.nextSample = r.now + 12500*time.Microsecond
		load := Load{Counts: 1234 + int32(force*r.scale), At: r.now, Seq: in.Load.Seq + 1}
		in.Load = load
		if r.cells == 2 {
			in.Second = load
		}
	}
	in.Switches.EndSlack, in.Switches.EndPull = in.Switches.EndSlack || r.x <= r.slackEnd, in.Switches.EndPull || r.x >= r.pullEnd
	in.Motion.Position = physic.Distance(math.Round(r.x * 1e6))
	r.j.Step(in, &r.out)
	in.Switches.EndSlack, in.Switches.EndPull = false, false
	if r.out.Buzzer {
		r.buzzed += time.Millisecond
	}
	if d := r.out.Drive; d.Mode == DriveMoving {
		v := inMillimetresPerSecond(d.Velocity)
		if r.moved == 0 {
			r.first = r.now
		}
		r.moved += time.Millisecond
		r.fastest = math.Max(r.fastest, math.Abs(v))
		if !r.stuck {
			r.x += v * 0.001
		}
	}
	r.now += time.Millisecond
}

func (r *jogRig) run(d time.Duration) {
	for end := r.now + d; r.now < end; {
		r.tick()
	}
}

// order asks and follows the motion to its end.
func (r *jogRig) order(o JogOrder) JogEnd {
	r.t.Helper()
	require.NoError(r.t, r.j.Order(o))
	for range 200_000 {
		if r.tick(); !r.j.State().Moving {
			return r.j.State().Ended
		}
	}
	r.t.Fatal("it never ends")
	return JogNone
}

func by(mm float64) JogOrder {
	return JogOrder{By: physic.Distance(mm * 1e6), Speed: 5 * MilliMetrePerSecond}
}

func uncalibrated() Config {
	cfg := testConfig()
	cfg.Calibration = Calibration{Capacity: 1000 * physic.Newton}
	return cfg
}

func TestJogMovesByTheWay(t *testing.T) {
	for _, way := range []float64{0.1, 1, 50, -0.1, -1, -50} {
		r := newJogRig(t, testConfig(), 1)
		assert.Equal(t, DriveDisabled, r.out.Drive.Mode, "before the first motion")
		asked := r.j.State().At
		assert.Equal(t, JogDone, r.order(by(way)))
		assert.InDelta(t, way, r.x, 0.011, "a tick's way at the most")
		assert.InDelta(t, way, float64(r.j.State().Position)*1e-6, 0.011)
		assert.InDelta(t, 5.0, r.fastest, 1e-9)
		assert.InDelta(t, JogWarning.Seconds(), r.buzzed.Seconds(), 0.002)
		assert.GreaterOrEqual(t, r.first-asked, JogWarning, "nothing moves before the warning is over")
		assert.True(t, r.out.LampCaution)
		assert.Equal(t, DriveStopped, r.out.Drive.Mode, "it holds what it has reached")
		r.run(JogRest)
		assert.Equal(t, DriveDisabled, r.out.Drive.Mode)
		assert.False(t, r.out.Pump)
	}
}

func TestJogGoesToTheEnds(t *testing.T) {
	r := newJogRig(t, uncalibrated(), 2)
	assert.Equal(t, JogPullEnd, r.order(JogOrder{Until: JogToPull, Speed: JogSpeed}))
	assert.InDelta(t, 200, r.x, 0.02)
	require.ErrorContains(t, r.j.Order(by(1)), "pull end switch is open")
	assert.Equal(t, JogDone, r.order(by(-20)))
	assert.Equal(t, JogSlackEnd, r.order(JogOrder{Until: JogToSlack, Speed: JogSpeed}))
	assert.InDelta(t, -100, r.x, 0.02)
	require.ErrorContains(t, r.j.Order(by(-1)), "slack end switch is open")
	assert.Equal(t, JogDone, r.order(by(1)), "away from it")

	r = newJogRig(t, testConfig(), 1)
	r.pullEnd = 10_000
	assert.Equal(t, JogNoEnd, r.order(JogOrder{Until: JogToPull, Speed: JogSpeed}), "a switch that never opens")
	assert.InDelta(t, 600, r.x, 0.02)
	require.ErrorContains(t, r.j.Order(by(1)), "allowed: 600 mm either way")
}

// A motor that turns the other way shows at once: the wrong switch opens, or the
// rope winds that should let go.
func TestJogWrongDirection(t *testing.T) {
	r := newJogRig(t, testConfig(), 1)
	r.slackEnd = -10
	r.pullEnd = math.Inf(1)
	turned := r.x
	require.NoError(t, r.j.Order(JogOrder{Until: JogToPull, Speed: JogSpeed}))
	for range 100_000 {
		x := r.x
		r.tick()
		turned -= r.x - x
		r.in.Switches.EndSlack = turned <= -10
		if !r.j.State().Moving {
			break
		}
	}
	assert.Equal(t, JogSlackEnd, r.j.State().Ended)

	r = newJogRig(t, testConfig(), 1)
	r.pull = func(x float64) float64 { return math.Max(0, -20*x) }
	assert.Equal(t, JogTension, r.order(by(-50)))
	assert.Less(t, r.pull(r.x), jogRise+2, "R-JOG-FORCE")
}

// TestJogForce shows R-JOG-FORCE.
func TestJogForce(t *testing.T) {
	t.Run("calibrated", func(t *testing.T) {
		r := newJogRig(t, testConfig(), 1)
		r.pull = func(x float64) float64 { return math.Max(0, 20*x) }
		assert.Equal(t, JogTension, r.order(by(50)))
		assert.Less(t, r.pull(r.x), 53.0, "what 5 mm/s wind in a sample's time")
		require.ErrorContains(t, r.j.Order(by(1)), "only away from force")
		assert.Equal(t, JogDone, r.order(by(-2)), "away from force it may move")
	})
	t.Run("not calibrated, whichever way the cell counts", func(t *testing.T) {
		for _, sensitivity := range []float64{-3, -1, 1, 2, 3} { // mV/V
			r := newJogRig(t, uncalibrated(), 1)
			r.scale = sensitivity * leastSensitive / 1000
			r.pull = func(x float64) float64 { return math.Max(0, 20*x) }
			assert.Equal(t, JogTension, r.order(by(50)))
			assert.Less(t, r.pull(r.x), 53.0, "%v mV/V", sensitivity)
		}
	})
	t.Run("tension from the beginning", func(t *testing.T) {
		r := newJogRig(t, testConfig(), 1)
		r.pull = func(x float64) float64 { return math.Max(0, 150+10*x) }
		r.run(50 * time.Millisecond)
		require.ErrorContains(t, r.j.Order(by(1)), "the rope pulls with 150.0 N, allowed: up to 50 N")
		assert.Equal(t, JogDone, r.order(by(-15)))
	})
}

// TestJogStops shows R-JOG-BOUNDED and R-JOG-SEEN: whatever is not as it should
// be ends a motion in the tick that sees it, and keeps the next from beginning.
func TestJogStops(t *testing.T) {
	stories := []struct {
		name    string
		begin   func(r *jogRig)
		want    JogEnd
		within  time.Duration
		refused string
		off     bool // the drive is disabled
	}{
		{"patient switch", func(r *jogRig) { r.in.Switches.Patient = true }, JogHeld, time.Millisecond, "patient switch", true},
		{"emergency stop", func(r *jogRig) { r.in.Switches.EmergencyStop = true }, JogHeld, time.Millisecond, "emergency stop", true},
		{"supply", func(r *jogRig) { r.in.Switches.SupplyLow = true }, JogHeld, time.Millisecond, "supply is low", true},
		{"drive fault", func(r *jogRig) { r.in.Motion.Fault = true }, JogDrive, time.Millisecond, "motor driver reports a fault", true},
		{"silent cell", func(r *jogRig) { r.dead = true }, JogCell, lateAfter + 2*time.Millisecond, "load cell cannot be relied on", false},
		{"stuck cell", func(r *jogRig) { r.in.Load.Fault = CellStuck; r.dead = true }, JogCell, time.Millisecond, "(stuck)", false},
		{"late tick", func(r *jogRig) { r.in.Late = jogLate + 1 }, JogStall, time.Millisecond, "", true},
		{"stall", func(r *jogRig) { r.now += jogLate; r.nextSample = r.now }, JogStall, time.Millisecond, "", true},
		{"told", func(r *jogRig) { r.j.Stop() }, JogStopped, time.Millisecond, "", false},
	}
	for _, story := range stories {
		for _, cells := range []int{1, 2} {
			t.Run(story.name, func(t *testing.T) {
				r := newJogRig(t, testConfig(), cells)
				require.NoError(t, r.j.Order(by(50)))
				r.run(JogWarning + time.Second)
				require.Equal(t, DriveMoving, r.out.Drive.Mode)
				at := r.now
				story.begin(r)
				for r.out.Drive.Mode == DriveMoving && r.now < at+time.Second {
					r.tick()
				}
				assert.LessOrEqual(t, r.now-at-jogLate*b2i(story.name == "stall"), story.within)
				assert.Equal(t, story.want, r.j.State().Ended)
				assert.Equal(t, story.off, r.out.Drive.Mode == DriveDisabled)
				assert.Equal(t, story.off, !r.out.Pump)
				x := r.x
				r.run(time.Second)
				assert.Zero(t, r.x-x, "it stays")
				if story.refused != "" {
					require.ErrorContains(t, r.j.Order(by(1)), story.refused)
				}
				r.run(2 * time.Second)
				assert.Zero(t, r.x-x, "a refusal moves nothing, and nothing goes on by itself")
			})
		}
	}
}

func b2i(b bool) time.Duration {
	if b {
		return 1
	}
	return 0
}

func TestJogBothEndsOpenIsABrokenWire(t *testing.T) {
	r := newJogRig(t, testConfig(), 1)
	r.slackEnd, r.pullEnd = math.Inf(1), math.Inf(-1)
	r.run(10 * time.Millisecond)
	require.Error(t, r.j.Order(by(1)))
	require.Error(t, r.j.Order(by(-1)))
}

func TestJogEndSwitchThatOpensAgain(t *testing.T) {
	r := newJogRig(t, testConfig(), 1)
	r.slackEnd = 0 // the session begins on it
	r.run(10 * time.Millisecond)
	require.NoError(t, r.j.Order(by(50)))
	r.run(JogWarning + time.Second)
	require.Positive(t, r.x)
	r.in.Switches.EndSlack = true // its wire breaks
	r.tick()
	assert.Equal(t, JogSlackEnd, r.j.State().Ended)
}

// The session begins on an end, and the motor turns the other way: further into it.
func TestJogFurtherIntoAnOpenEnd(t *testing.T) {
	for _, o := range []JogOrder{by(50), {Until: JogToPull, Speed: JogSpeed}, by(-50), {Until: JogToSlack, Speed: JogSpeed}} {
		r := newJogRig(t, testConfig(), 1)
		r.slackEnd, r.pullEnd = math.Inf(-1), math.Inf(1)
		outwards := o.Until == JogToPull || o.By > 0
		open := func() { r.in.Switches.EndSlack, r.in.Switches.EndPull = outwards, !outwards }
		open()
		r.tick()
		require.NoError(t, r.j.Order(o))
		for moving := true; moving; moving = r.j.State().Moving {
			open()
			r.tick()
		}
		assert.Equal(t, JogNotLeft, r.j.State().Ended)
		assert.InDelta(t, jogLeave, math.Abs(r.x), 0.02)
	}
}

// Whoever lets a switch go again has asked for nothing yet.
func TestJogStaysOffAfterASwitch(t *testing.T) {
	for name, press := range map[string]func(in *Input, pressed bool){
		"emergency stop": func(in *Input, p bool) { in.Switches.EmergencyStop = p },
		"patient switch": func(in *Input, p bool) { in.Switches.Patient = p },
		"drive fault":    func(in *Input, p bool) { in.Motion.Fault = p },
	} {
		for _, moving := range []bool{true, false} {
			r := newJogRig(t, testConfig(), 1)
			require.NoError(t, r.j.Order(by(50)), name)
			r.run(JogWarning + time.Second)
			if !moving {
				r.j.Stop()
				r.run(time.Second)
			}
			press(&r.in, true)
			r.tick()
			press(&r.in, false)
			for range 1000 {
				r.tick()
				require.Equal(t, DriveDisabled, r.out.Drive.Mode, name)
				require.False(t, r.out.Pump, name)
				require.False(t, r.j.State().Energised, name)
			}
			assert.Equal(t, JogDone, r.order(by(1)), name)
		}
	}
}

func TestJogNamesTheFaultOfTheSecondCell(t *testing.T) {
	r := newJogRig(t, testConfig(), 2)
	r.dead, r.in.Second.Fault = true, CellSilent
	r.run(time.Second)
	require.ErrorContains(t, r.j.Order(by(1)), "(silent)")
	assert.Equal(t, CellSilent, r.j.State().Fault)
}

func TestJogMotorThatDoesNotTurn(t *testing.T) {
	r := newJogRig(t, testConfig(), 1)
	r.stuck = true
	assert.Equal(t, JogTime, r.order(by(10)))
	assert.Less(t, r.moved, 7*time.Second)
}

func TestJogRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		o    JogOrder
		says string
	}{
		"too far":     {by(50.1), "a way of 50.1 mm, allowed: up to 50 mm either way, not 0"},
		"too far up":  {by(-50.1), "a way of -50.1 mm"},
		"nothing":     {by(0), "a way of 0 mm"},
		"too fast":    {JogOrder{By: physic.MilliMetre, Speed: JogSpeed + 1}, "allowed: above 0 to 10 mm/s"},
		"no speed":    {JogOrder{By: physic.MilliMetre}, "speed 0 mm/s"},
		"wrong speed": {JogOrder{By: physic.MilliMetre, Speed: -1}, "allowed: above 0"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newJogRig(t, testConfig(), 1)
			err := r.j.Order(c.o)
			require.ErrorIs(t, err, ErrJog)
			require.ErrorContains(t, err, c.says)
		})
	}
	r := newJogRig(t, testConfig(), 1)
	require.NoError(t, r.j.Order(by(1)))
	require.ErrorContains(t, r.j.Order(by(1)), "the last motion is not over")

	slow := testConfig()
	slow.Table.PullSpeed = 2 * MilliMetrePerSecond
	require.ErrorContains(t, newJogRig(t, slow, 1).j.Order(by(1)), "allowed: above 0 to 2 mm/s")

	cfg := testConfig()
	j, err := NewJog(&cfg, false)
	require.NoError(t, err)
	require.ErrorContains(t, j.Order(by(1)), "load cell", "before the first sample")
	cfg.Calibration.Capacity = 0
	_, err = NewJog(&cfg, false)
	require.ErrorIs(t, err, ErrUnsafe)
}

// Whatever the pins say in whatever order: never faster, never further, never
// towards force above the bound or while somebody presses a switch.
func TestJogProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := testConfig()
		if rapid.Bool().Draw(rt, "uncalibrated") {
			cfg = uncalibrated()
		}
		r := newJogRig(t, cfg, rapid.IntRange(1, 2).Draw(rt, "cells"))
		dice := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		pull := 0.0
		r.pull = func(float64) float64 { return pull }
		for range 20 {
			s := &r.in.Switches
			s.Patient, s.EmergencyStop, s.SupplyLow = dice.IntN(8) == 0, dice.IntN(8) == 0, dice.IntN(8) == 0
			r.in.Motion.Fault = dice.IntN(8) == 0
			r.dead, pull = dice.IntN(8) == 0, dice.Float64()*100-20
			_ = r.j.Order(JogOrder{Until: JogUntil(dice.IntN(3)), By: physic.Distance(dice.Int64N(120e6) - 60e6), Speed: physic.Speed(dice.Int64N(12e6))})
			from := r.x
			for range dice.IntN(1500) {
				r.tick()
				d := r.out.Drive
				if d.Mode != DriveMoving {
					continue
				}
				switch { // millions of ticks: no assertion for each
				case math.Abs(inMillimetresPerSecond(d.Velocity)) > 10,
					s.Patient || s.EmergencyStop || s.SupplyLow || r.in.Motion.Fault,
					r.now-r.in.Load.At > lateAfter+2*time.Millisecond,
					d.Velocity > 0 && r.j.force() > 50:
					rt.Fatalf("moves: %+v, %+v, fault %t, force %.1f N, sample of %v ago", d, *s, r.in.Motion.Fault, r.j.force(), r.now-r.in.Load.At)
				}
			}
			require.LessOrEqual(rt, math.Abs(r.x), 601.0)
			require.LessOrEqual(rt, math.Abs(r.x-from), 16.0, "10 mm/s for 1.5 s")
			require.Zero(rt, r.out.Heat)
		}
	})
}
