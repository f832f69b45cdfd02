package control

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"
)

// Controller decides. It is used by one goroutine only.
type Controller struct {
	cfg Config

	now  time.Duration
	dt   float64 // seconds since the last tick, bounded
	x    float64 // rope position, mm
	mode Mode
	rev  uint64

	cell   cell
	second cell // the second cell, where one is fitted
	stiff  stiffness
	reg    regulator
	guard  guard
	heat   heat
	alarm  alarm

	// Chosen for the next or present treatment.
	programme *Programme
	settings  Settings
	person    Person
	limits    Limits

	revised lastRev

	treat  treatment
	rel    release
	report Report
	tally  tally

	number   uint32 // treatments since boot
	proof    proof
	release  releaseProof
	armedAt  time.Duration
	stopTold time.Duration
	refusals refusals
	missing  Missing
	switches Switches
	bootedAt time.Duration
	booted   bool
	tense    int // samples with tension in a row since boot, -1 = judged

	entrySeq    uint64
	lastEntry   time.Duration
	lastMotion  Motion
	pad         Pad
	lost        int // events that did not fit
	worstLate   time.Duration
	worstLateAt time.Duration
	startWas    bool // start button in the last tick
	heated      bool // heat was on in the last tick
}

// ErrUnsafe is wrapped by everything that New refuses.
var ErrUnsafe = errors.New("control: unsafe configuration")

// New checks the configuration once more (R-CEILING) and returns a controller in
// Idle, latched by the start-up interlock. An invalid Calibration is accepted:
// nothing can then be armed.
func New(cfg Config) (*Controller, error) {
	var errs []error
	need := func(ok bool, format string, a ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrUnsafe}, a...)...))
		}
	}
	t := &cfg.Table
	need(t.Force > 0 && t.Force <= CeilingForce, "table force: %v, allowed: above 0 to %v", t.Force, CeilingForce)
	need(t.Rise > 0 && t.Rise <= CeilingRise, "table rise: %v per second, allowed: above 0 to %v", physic.Force(t.Rise), physic.Force(CeilingRise))
	need(t.PullSpeed > 0 && t.PullSpeed <= CeilingSpeed, "pull speed: %v, allowed: above 0 to %v", t.PullSpeed, CeilingSpeed)
	need(t.ReleaseSpeed >= t.PullSpeed, "release speed: %v, allowed: at least the pull speed %v", t.ReleaseSpeed, t.PullSpeed)
	// R-LARGEST-FORCE: no table holds a person that it cannot let go of.
	need(t.Force <= LargestForce(t.ReleaseSpeed), "table force: %v, allowed: at most %v, which a release speed of %v lets go of in %v from the softest person",
		t.Force, LargestForce(t.ReleaseSpeed), t.ReleaseSpeed, letGoMost)
	need(t.Travel > 0 && t.Travel <= CeilingTravel, "travel: %v, allowed: above 0 to %v", t.Travel, CeilingTravel)
	need(cfg.Tick >= 100*time.Microsecond && cfg.Tick <= 5*time.Millisecond, "tick: %v, allowed: 100us to 5ms", cfg.Tick)
	need(cfg.SampleRate == 80*physic.Hertz, "sample rate: %v, allowed: 80Hz; at 10Hz a lost cell is seen too late", cfg.SampleRate)
	need(cfg.HeatTime > 0 && cfg.HeatTime <= CeilingDuration, "heat time: %v, allowed: above 0 to %v", cfg.HeatTime, CeilingDuration)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	c := &Controller{cfg: cfg, rev: cfg.FirstRev}
	c.cell.cal, c.second.cal = cfg.Calibration, cfg.Second
	c.heat.longest = cfg.HeatTime
	c.guard.start()
	c.revised = lastRev{rev: c.rev, latched: c.guard.latched}
	c.limits = chain(&cfg.Table, nil, &c.person, 0, 0)
	return c, nil
}

// Step is one tick. It takes pointers only so that two large values are not
// copied a thousand times a second; it keeps neither.
func (c *Controller) Step(in *Input, out *Output) {
	c.begin(in, out)
	c.cell.update(&in.Load, in.Now, seconds(c.dt))
	if c.paired() {
		c.second.update(&in.Second, in.Now, seconds(c.dt))
	}
	if c.cell.fresh && c.cell.cal.Valid() {
		c.stiff.sample(c.cell.force, c.x, c.ramping())
	}
	action := c.guard.evaluate(c, in, out)
	c.recoverAtBoot(out)
	c.revise()
	c.proof.update(c, in, out)
	c.obey(in, out)
	c.buttons(in, out)
	c.apply(action, out)
	c.missing = c.whyNot(in)

	velocity := c.drive(in, out)
	out.Drive = c.limit(velocity, action)
	// R-PUMP: motor power only as long as this decides so, tick by tick.
	out.Pump = out.Drive.Mode != DriveDisabled && !in.Switches.EmergencyStop

	if c.mode == Tripped {
		c.heat.off(HeatTrip)
	}
	c.heat.update(in)
	if on := c.heat.target != 0; on != c.heated {
		c.heated = on
		c.emit(out, Event{Kind: EventHeat, Heat: c.heat.reason})
	}
	out.Heat = c.heat.duty
	c.revise()
	c.alarm.set(in.Now, c.guard.priority(), c.guard.alarming)
	c.guard.alarming = false
	out.LampAlarm, out.LampCaution, out.Buzzer = c.alarm.levels(in.Now)
	c.journal(out)
	c.tally.sample(c)
}

// ramping: force changes because the drive means it to, so its slope over the
// rope's motion is the stiffness.
func (c *Controller) ramping() bool {
	t := &c.treat
	return c.mode == Treating && (t.phase == Pull || t.phase == Ease) && !t.reached
}

// stallBound bounds the time that one tick may count, so that a stalled process
// neither jumps a ramp nor counts as treatment (R-TICK-BOUND).
const stallBound = 0.02

// begin takes over the input and clears the output.
func (c *Controller) begin(in *Input, out *Output) {
	c.dt = min(max((in.Now-c.now).Seconds(), 0), stallBound)
	c.now = in.Now
	c.x = inMillimetres(in.Motion.Position)
	c.lastMotion, c.pad, c.switches = in.Motion, in.Pad, in.Switches
	out.NEvents, out.HasEntry, out.HasReport = 0, false, false
	out.Reply = Reply{}
	if in.Late > c.worstLate || in.Now-c.worstLateAt > time.Second {
		c.worstLate, c.worstLateAt = in.Late, in.Now
	}
	if !c.booted {
		c.booted, c.bootedAt = true, in.Now
		c.emit(out, Event{Kind: EventBoot})
	}
	if c.lost > 0 {
		c.lost = 0
		c.guard.overrun = in.Now + overrunTold
		c.emit(out, Event{Kind: EventOverrun})
	}
}

// armedMost is how long the table stays armed: the proof of the patient switch
// is worth nothing to who lies down later (R-ARMED-ENDS).
const armedMost = 10 * time.Minute

// drive works out the velocity that the mode wants, in mm/s; disabled modes
// answer with ok = false in the returned wish.
// R-NO-HOMING: no mode looks for a position, and only a treatment pulls.
func (c *Controller) drive(in *Input, out *Output) wish {
	switch c.mode {
	case Armed:
		if c.now-c.armedAt > armedMost {
			c.disarm(out)
			return wish{}
		}
		return wish{energised: true}
	case Treating:
		return c.treatStep(in, out)
	case Paused:
		return c.pauseStep(in, out)
	case Releasing, Recovering:
		if in.Switches.Patient {
			c.rel.hurried = true // the interlock has no other way to say so while recovering
		}
		return c.releaseStep(out)
	default: // Idle, Tripped and anything unknown
		return wish{}
	}
}

// wish is what a mode wants of the drive before the limits have spoken.
type wish struct {
	energised bool
	velocity  float64 // mm/s, + towards force
}

// limit is the last word (R-LAST-WORD): whatever was decided above, nothing moves
// towards force while an interlock freezes, without a good sample, or beyond the
// speed and travel in force.
func (c *Controller) limit(w wish, action Action) Drive {
	if !w.energised || action >= Disable {
		return Drive{Mode: DriveDisabled}
	}
	v := w.velocity
	if v > 0 {
		switch {
		case c.mode != Treating && c.mode != Paused,
			action >= Freeze,
			c.cell.late(c.now), c.cell.bad,
			c.paired() && (c.second.late(c.now) || c.second.bad),
			c.switches.EndPull:
			v = 0
		}
		v = min(v, inMillimetresPerSecond(c.limits.Speed.Value))
	} else if c.slackEnd() {
		v = 0
	}
	v = max(v, -inMillimetresPerSecond(c.cfg.Table.ReleaseSpeed))
	if v == 0 || v != v { // NaN never reaches the motor
		return Drive{Mode: DriveStopped}
	}
	return Drive{Mode: DriveMoving, Velocity: millimetresPerSecond(v)}
}

// setMode changes the mode, and with it the rev.
func (c *Controller) setMode(m Mode, out *Output) {
	if m == c.mode {
		return
	}
	c.mode = m
	c.rev++
	c.emit(out, Event{Kind: EventMode})
}

// emit adds an event; when a tick has too many, that is counted and told.
func (c *Controller) emit(out *Output, e Event) {
	if out.NEvents == MaxEvents {
		c.lost++
		return
	}
	e.At, e.Mode, e.Phase, e.Treatment = c.now, c.mode, c.phase(), c.treat.number
	e.Force, e.Position = newtons(c.cell.force), c.lastMotion.Position
	out.Events[out.NEvents] = e
	out.NEvents++
}

// phase is the treatment's phase, or none.
func (c *Controller) phase() Phase {
	if c.mode == Treating || c.mode == Paused {
		return c.treat.phase
	}
	return NoPhase
}

// entryEvery is the journal's pace while no samples come.
const entryEvery = 25 * time.Millisecond

// journal makes an entry of each sample, and a few while there are none.
func (c *Controller) journal(out *Output) {
	if !c.cell.fresh && c.now-c.lastEntry < entryEvery {
		return
	}
	c.lastEntry = c.now
	c.entrySeq++
	out.HasEntry = true
	out.Entry = Entry{
		Seq: c.entrySeq, At: c.now,
		Force: newtons(c.cell.force), SetPoint: newtons(c.setPoint()),
		Position: c.lastMotion.Position, Counts: c.cell.count,
		Treatment: c.current(), Step: uint16(c.treat.step), Cycle: uint16(c.treat.cycle),
		Mode: c.mode, Phase: c.phase(), Action: c.guard.action, Fresh: c.cell.fresh,
	}
}

// current is the number of the treatment that this tick belongs to, 0 = none.
func (c *Controller) current() uint32 {
	if c.mode == Treating || c.mode == Paused || c.mode == Releasing && c.rel.treatment {
		return c.treat.number
	}
	return 0
}

// setPoint is the force asked for, N. Only a gentle release follows one; a quick one
// asks for slack.
func (c *Controller) setPoint() float64 {
	switch {
	case c.mode == Treating, c.mode == Paused:
		return c.treat.setPoint
	case c.mode == Releasing && c.rel.kind == gentle:
		return c.rel.setPoint
	}
	return 0
}

// Snapshot fills s with the present state. It is not called in every tick.
func (c *Controller) Snapshot(s *Snapshot) {
	t := &c.treat
	*s = Snapshot{
		At: c.now, Rev: c.rev, Mode: c.mode, Phase: c.phase(), Treatment: c.current(),
		Settings: c.settings,
		Force:    newtons(c.cell.force), SetPoint: newtons(c.setPoint()),
		Position: c.lastMotion.Position, Speed: c.lastMotion.Speed, Stiffness: c.stiff.slope,
		Limits: c.limits, Action: c.guard.action, Active: c.guard.activeSet(c), Trips: c.guard.latched,
		Alarm: c.alarm.priority, Missing: c.missing, SwitchProof: c.proof.proven, Switches: c.switches, Held: c.mode == Paused && t.held,
		HeatTarget: c.heat.target, HeatDuty: c.heat.duty, HeatRefused: c.heat.reason,
		SilentFor: c.alarm.silentFor(c.now), EndTone: c.alarm.ended,
		Cell: c.cell.fault, CellRate: c.cell.rate, CellNoise: newtons(c.cell.noise.value()), Late: c.worstLate,
	}
	if c.pad.Present && !c.pad.Failed && c.pad.At != 0 {
		s.Pad = c.pad.Temperature
	}
	if p := c.programme; p != nil {
		s.Programme, s.RemoteHold = p.Name, c.remoteHold()
		s.Steps = uint16(stepCount(p))
		s.Planned = slackEstimate + c.settings.Duration + rampTime(c.settings.Hold, p.RampDown) + 5*time.Second
		s.Remaining = c.settings.Duration
	}
	if c.mode == Releasing || c.mode == Recovering {
		s.ReleaseLeft = c.rel.deadline - c.now
	}
	if c.mode == Treating || c.mode == Paused {
		s.Step, s.Cycle = uint16(t.step), uint16(t.cycle)
		s.PhaseElapsed, s.PhaseTotal = t.phaseElapsed, t.phaseTotal(c)
		s.Elapsed = t.elapsed
		s.Remaining = max(c.settings.Duration-t.elapsed, 0)
	}
}

// Report returns the summary of the last treatment that ended.
func (c *Controller) Report() Report { return c.report }
