package record

import (
	"math"
	"math/rand/v2"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// scene is a made-up treatment with the texture of a real one: 80 samples a
// second that come when the converter likes, noise, breathing, creep, a rope
// position in steps of the motor.
type scene struct {
	rng     *rand.Rand
	seq     uint64
	event   uint64
	at      time.Duration
	number  uint32
	mode    control.Mode
	phase   control.Phase
	cycle   uint16
	force   float64 // newtons
	set     float64
	creep   float64 // millimetres
	began   time.Duration
	cough   time.Duration // when a person coughs, 0 = never
	peak    float64
	entries []control.Entry
	events  []control.Event
	report  control.Report
}

func newScene(seed uint64, number uint32) *scene {
	return &scene{rng: rand.New(rand.NewPCG(seed, 1)), number: number, at: 90 * time.Second}
}

const samplePeriod = 12_437 * time.Microsecond // 80.4 Hz, as chips differ

// sample makes one entry with the set-point moving at rate newtons a second
// towards target.
func (s *scene) sample(target, rate float64) {
	s.at += samplePeriod
	dt := samplePeriod.Seconds()
	if d := target - s.set; math.Abs(d) > rate*dt {
		s.set += math.Copysign(rate*dt, d)
	} else {
		s.set = target
	}
	t := (s.at - s.began).Seconds()
	s.force += (s.set - s.force) * (1 - math.Exp(-dt/0.08))
	s.creep += dt / 360 * (4*s.force/400 - s.creep)
	breath := 0.9 * math.Sin(2*math.Pi*0.27*t) * s.force / 400
	spike := 0.0
	if d := (s.at - s.cough).Seconds(); s.cough > 0 && d >= 0 && d < 1 {
		spike = 42 * math.Exp(-d/0.12) * math.Sin(2*math.Pi*2.2*d)
	}
	f := s.force + breath + spike + s.rng.NormFloat64()*0.05
	s.peak = max(s.peak, f)
	mm := s.force/6.5 + s.creep
	s.seq++
	number := s.number
	if s.mode == control.Idle || s.mode == control.Tripped {
		number = 0 // as the controller does
	}
	s.entries = append(s.entries, control.Entry{
		Seq: s.seq,
		// The tick after the sample, and its lateness.
		At:        s.at.Truncate(time.Millisecond) + time.Millisecond + time.Duration(18_000+s.rng.IntN(9_000)),
		Force:     physic.Force(f * float64(physic.Newton)),
		SetPoint:  physic.Force(math.Round(s.set*1e6)) * physic.MicroNewton,
		Position:  physic.Distance(math.Round(mm*320)) * 3125 * physic.NanoMetre,
		Counts:    int32(84_311 + f*2137.7),
		Treatment: number, Cycle: s.cycle, Mode: s.mode, Phase: s.phase, Fresh: true,
	})
}

func (s *scene) tell(e control.Event) {
	s.event++
	e.Seq, e.At, e.Mode, e.Phase, e.Treatment = s.event, s.at, s.mode, s.phase, s.number
	e.Force = physic.Force(s.force * float64(physic.Newton))
	s.events = append(s.events, e)
}

// until runs a phase for a time, or until the set-point is there.
func (s *scene) run(p control.Phase, target, rate float64, d time.Duration) {
	if p != s.phase {
		s.phase = p
		s.tell(control.Event{Kind: control.EventPhase})
	}
	for end := s.at + d; s.at < end; {
		s.sample(target, rate)
		if d == forever && s.set == target {
			return
		}
	}
}

const forever = 100 * time.Hour

// start is the slack take-up.
func (s *scene) start() {
	s.began, s.mode = s.at, control.Treating
	s.report = control.Report{Treatment: s.number, Programme: "lumbar-60-20", Started: s.at}
	s.tell(control.Event{Kind: control.EventTreatmentStarted})
	s.run(control.Slack, 18, 4, 5*time.Second)
}

// cycles runs intermittent traction until d after the start.
func (s *scene) cycles(high, low float64, hold, rest time.Duration, d time.Duration) {
	for s.at-s.began < d {
		s.cycle++
		s.run(control.Pull, high, 40, forever)
		s.run(control.Hold, high, 40, min(hold, max(0, d-(s.at-s.began))))
		s.run(control.Ease, low, 40, forever)
		s.run(control.Rest, low, 40, min(rest, max(0, d-(s.at-s.began))))
	}
}

// end releases and, after a trip, stays tripped.
func (s *scene) end(why control.EndReason, il control.InterlockID) {
	release := s.at
	if why == control.EndTripped {
		s.tell(control.Event{Kind: control.EventTrip, Interlock: il})
		s.report.Trips = s.report.Trips.With(il)
	}
	s.report.Elapsed = s.at - s.began
	s.mode = control.Releasing
	s.run(control.NoPhase, 0, 150, forever)
	s.run(control.NoPhase, 0, 150, 400*time.Millisecond)
	s.tell(control.Event{Kind: control.EventSlackConfirmed})
	s.report.TimeToSlack = s.at - release
	s.mode = control.Idle
	if why == control.EndTripped {
		s.mode = control.Tripped
	}
	s.report.Ended, s.report.End, s.report.Cycles = s.at, why, s.cycle
	s.report.Peak = physic.Force(s.peak * float64(physic.Newton))
	s.report.Limit = control.Bound[physic.Force]{Value: 451_105_900_000, Reason: control.ReasonProgramme}
	s.tell(control.Event{Kind: control.EventTreatmentEnded, End: why, Interlock: il})
	s.run(control.NoPhase, 0, 150, 8*time.Second)
	s.holds()
}

// holds fills in what the controller measures itself.
func (s *scene) holds() {
	var sum, errs, within, n float64
	for _, e := range s.entries {
		if e.Phase == control.Hold && e.Mode == control.Treating {
			d := math.Abs(float64(e.Force - e.SetPoint))
			sum, errs, n = sum+float64(e.Force), errs+d, n+1
			if d <= 0.05*float64(e.SetPoint) {
				within++
			}
		}
		s.report.MaxTravel = max(s.report.MaxTravel, e.Position)
	}
	if n > 0 {
		s.report.MeanHold, s.report.MeanHoldError = physic.Force(sum/n), physic.Force(errs/n)
		s.report.HoldWithin5, s.report.Holds = within/n, uint32(n)
	}
}

// treatment is a whole one of length d: 400/120 N, 60:20 s.
func treatment(d time.Duration) *scene {
	s := newScene(7, 1)
	s.start()
	s.cough = s.at + d/3
	s.cycles(392.266, 117.68, 60*time.Second, 20*time.Second, d)
	s.end(control.EndCompleted, control.NoInterlock)
	return s
}

// tripped is one that the patient switch ends in a hold, after a pause.
func tripped() *scene {
	s := newScene(9, 3)
	s.start()
	s.cycles(392.266, 117.68, 30*time.Second, 10*time.Second, 100*time.Second)
	s.cycle++
	s.run(control.Pull, 392.266, 40, forever)
	s.run(control.Hold, 392.266, 40, 12*time.Second)
	s.tell(control.Event{Kind: control.EventWarning, Interlock: control.ILCellLate})
	s.run(control.Hold, 392.266, 40, 300*time.Millisecond)
	s.tell(control.Event{Kind: control.EventCleared, Interlock: control.ILCellLate})
	s.run(control.Hold, 392.266, 40, 5*time.Second)
	s.mode = control.Paused
	s.tell(control.Event{Kind: control.EventCommand, Command: control.CommandPause, Origin: control.Remote})
	s.run(control.Hold, 392.266, 40, 9*time.Second)
	s.mode = control.Treating
	s.tell(control.Event{Kind: control.EventCommand, Command: control.CommandResume})
	s.run(control.Hold, 392.266, 40, 14*time.Second)
	s.end(control.EndTripped, control.ILPatientSwitch)
	return s
}
