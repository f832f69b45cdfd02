package control

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
)

// rig is the smallest table that control can be told stories on: a perfect
// drive, a spring, a cell at 80 Hz. The real drivers and the real physics are
// behind hw/simtable; here only decisions are looked at.
type rig struct {
	t   *testing.T
	c   *Controller
	in  Input
	out Output

	now, nextSample time.Duration
	x               float64 // mm
	slackX          float64 // mm, where tension begins
	k               float64 // N/mm
	extra           func(t float64) float64
	force           float64

	rope     bool // intact
	motor    bool // turns
	reversed bool // DIR is stuck: away from force winds up
	cellGone bool
	zero     float64 // N that the first cell reads too much
	pair     bool    // a second cell is fitted
	gain     float64 // by which share the second cell reads too much
	pairGone bool
	// firstGone: the second cell goes on alone.
	firstGone bool
	driven    float64 // mm/s in the last tick
	disabled  bool
	events    []Event
	reports   []Report
	worstUp   float64
}

const countsPerNewton = 4000.0

func testTable() TableLimits {
	return TableLimits{Force: 500 * physic.Newton, Rise: 80 * NewtonPerSecond, PullSpeed: 25 * MilliMetrePerSecond,
		ReleaseSpeed: 70 * MilliMetrePerSecond, Travel: 350 * physic.MilliMetre, BackDrivable: true}
}

func testConfig() Config {
	return Config{Table: testTable(), Calibration: Calibration{Zero: 1234, PerNewton: countsPerNewton, Capacity: 1000 * physic.Newton},
		Tick: time.Millisecond, SampleRate: 80 * physic.Hertz, Remote: FullRemote, HeatTime: 30 * time.Minute, FirstRev: 1000}
}

func testProgramme() *Programme {
	return &Programme{Name: "test", Title: "Test", Source: "test", Hold: 200 * physic.Newton, HoldTime: 5 * time.Second,
		Rest: 80 * physic.Newton, RestTime: 3 * time.Second, RampUp: 40 * NewtonPerSecond, RampDown: 40 * NewtonPerSecond, Duration: time.Minute}
}

func newRig(t *testing.T, cfg Config) *rig {
	c, err := New(cfg)
	require.NoError(t, err)
	r := &rig{t: t, c: c, k: 6.7, slackX: 30, rope: true, motor: true}
	r.now = time.Second
	return r
}

// tick is one millisecond of story.
func (r *rig) tick() {
	switch {
	case r.motor && r.reversed:
		r.x += math.Abs(r.driven) * 0.001
	case r.motor:
		r.x += r.driven * 0.001
	}
	if r.disabled && r.c.cfg.Table.BackDrivable && r.x > r.slackX {
		r.x = max(r.x-0.5, r.slackX)
	}
	r.force = 0
	if r.rope && r.x > r.slackX {
		r.force = r.k * (r.x - r.slackX)
		if r.extra != nil {
			r.force = max(r.force+r.extra(r.now.Seconds()), 0)
		}
	}
	in := &r.in
	in.Now = r.now
	if r.now >= r.nextSample && !r.cellGone {
		r.nextSample = r.now + 12500*time.Microsecond
		if !r.firstGone {
			fault := in.Load.Fault
			in.Load = r.reading(in.Load.Seq+1, r.force+r.zero)
			in.Load.Fault = fault
		}
		if r.pair && !r.pairGone {
			in.Second = r.reading(in.Second.Seq+1, r.force*(1+r.gain))
		}
	}
	in.Motion.Enabled = !r.disabled
	if r.motor || r.driven != 0 {
		in.Motion.Position += physic.Distance(r.driven * 1e3)
	}
	r.c.Step(in, &r.out)
	in.Command, in.Stop = Command{}, false
	r.driven, r.disabled = 0, r.out.Drive.Mode == DriveDisabled
	if r.out.Drive.Mode == DriveMoving {
		r.driven = inMillimetresPerSecond(r.out.Drive.Velocity)
	}
	r.worstUp = max(r.worstUp, r.driven)
	r.events = append(r.events, r.out.Events[:r.out.NEvents]...)
	if r.out.HasReport {
		r.reports = append(r.reports, r.out.Report)
	}
	r.now += time.Millisecond
}

// reading is a sample of this moment.
func (r *rig) reading(seq uint32, force float64) Load {
	return Load{Seq: seq, At: r.now, Counts: 1234 + int32(math.Round(force*countsPerNewton)), Rate: 80 * physic.Hertz}
}

func (r *rig) run(d time.Duration) {
	for end := r.now + d; r.now < end; {
		r.tick()
	}
}

// until runs until cond, at most most.
func (r *rig) until(what string, most time.Duration, cond func() bool) time.Duration {
	r.t.Helper()
	from := r.now
	for !cond() {
		if r.now-from > most {
			r.t.Fatalf("%s: not within %v; mode %v phase %v force %.1f set-point %.1f x %.1f trips %v", what, most, r.c.mode, r.c.phase(), r.force, r.c.setPoint(), r.x, r.c.guard.latched.IDs())
		}
		r.tick()
	}
	return r.now - from
}

func (r *rig) mode(m Mode) func() bool   { return func() bool { return r.c.mode == m } }
func (r *rig) phase(p Phase) func() bool { return func() bool { return r.c.phase() == p } }

// say gives a command with the present rev and returns the reply.
func (r *rig) say(cmd Command) Reply {
	cmd.Rev, cmd.Ticket = r.c.rev, 1
	r.in.Command = cmd
	r.tick()
	return r.out.Reply
}

func (r *rig) must(cmd Command) {
	r.t.Helper()
	require.Equal(r.t, Accepted, r.say(cmd).Code, "%v: %+v", cmd.Kind, r.out.Reply)
}

// armed brings the rig to Armed with the switch proven.
func (r *rig) armed(p *Programme) {
	r.t.Helper()
	r.run(100 * time.Millisecond)
	r.must(Command{Kind: CommandAcknowledge})
	r.must(Command{Kind: CommandSelect, Programme: p})
	r.must(Command{Kind: CommandArm})
	r.in.Switches.Patient = true
	r.run(50 * time.Millisecond)
	r.in.Switches.Patient = false
	r.run(50 * time.Millisecond)
}

// holding brings the rig into the first hold.
func (r *rig) holding(p *Programme) {
	r.t.Helper()
	r.armed(p)
	r.must(Command{Kind: CommandStart})
	r.until("hold", 30*time.Second, r.phase(Hold))
}

func (r *rig) has(k EventKind, i InterlockID) bool {
	for _, e := range r.events {
		if e.Kind == k && e.Interlock == i {
			return true
		}
	}
	return false
}
