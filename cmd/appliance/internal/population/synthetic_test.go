package population

import (
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/hw/simtable"
)

// synthetic is a sequence of ticks that nothing has computed: a treatment in its
// hold, in which all is well until a test changes something.
type synthetic struct {
	in    control.Input
	out   control.Output
	state control.Snapshot
	truth simtable.Truth
	tick  tick
	k     *checker

	moved  physic.Distance // per tick
	sample bool            // good samples come
	flash  bool            // lamps and buzzer show the alarm
	next   time.Duration   // sample
}

// The synthetic table: 80 samples a second, one conversion in its filter, 0.01 mm
// to a step, 25 mm/s towards force and 72 away.
func newSynthetic() *synthetic {
	s := &synthetic{sample: true, flash: true}
	s.k = newChecker(figures{cells: [2]cellFigures{{filter: 1, period: 12500 * time.Microsecond, errs: 0.1}}, line: 10, step: 10 * physic.MicroMetre,
		fullStep: 0.16, release: 72, pull: 25, travel: 300, rampDown: 15, remote: control.StopOnly})
	s.tick = tick{in: &s.in, out: &s.out, state: &s.state, truth: &s.truth}
	s.state = control.Snapshot{Rev: 7}
	s.state.Limits.Force.Value = 300 * physic.Newton
	s.state.Limits.Speed.Value = 25 * control.MilliMetrePerSecond
	s.state.Settings.Duration = 10 * time.Minute
	s.truth = simtable.Truth{HarnessWorn: true, SkinC: 33}
	s.in.Pad = control.Pad{Present: true, Temperature: physic.ZeroCelsius + 38*physic.Celsius, At: time.Millisecond}
	s.in.Now = time.Second
	s.step()
	s.mode(control.Armed)
	s.mode(control.Treating)
	s.state.Phase, s.state.Force, s.truth.ForceN = control.Hold, 200*physic.Newton, 200
	s.run(100 * time.Millisecond)
	return s
}

// mode goes to another mode in the next tick, with all that belongs to it.
func (s *synthetic) mode(m control.Mode) {
	s.state.Mode, s.state.Phase = m, control.NoPhase
	s.state.Rev++
	s.truth.Energised = m != control.Idle && m != control.Tripped
	switch m {
	case control.Treating:
		s.in.Command = control.Command{Kind: control.CommandResume, Rev: s.state.Rev - 1}
		if s.k.was.mode == control.Armed {
			s.in.Command.Kind = control.CommandStart
		}
	case control.Armed:
		s.in.Command = control.Command{Kind: control.CommandArm, Rev: s.state.Rev - 1}
	}
	s.step()
}

// trip latches an interlock and tells it, with the alarm that belongs to it.
func (s *synthetic) trip(i control.InterlockID) {
	s.state.Trips = s.state.Trips.With(i)
	s.state.Alarm = max(s.state.Alarm, priorityOf[i])
	s.tell(control.Event{Kind: control.EventTrip, Interlock: i})
}

func (s *synthetic) tell(e control.Event) {
	e.Seq = s.k.alarms.event + uint64(s.out.NEvents) + 1
	s.out.Events[s.out.NEvents] = e
	s.out.NEvents++
}

// step is one tick.
func (s *synthetic) step() {
	s.in.Now += time.Millisecond
	now := s.in.Now
	s.in.Motion.Position += s.moved
	s.truth.ReelMM += inMM(s.moved)
	if s.in.Pad.At != 0 && now-s.in.Pad.At > time.Second {
		s.in.Pad.At = now
	}
	if s.sample && now >= s.next {
		s.next = now + s.k.f.cells[0].period
		s.in.Load.Seq++
		s.in.Load.At = now
		s.out.HasEntry, s.out.Entry = true, control.Entry{Seq: s.k.alarms.entry + 1}
	}
	if s.flash {
		s.lamps(now)
	}
	s.k.tick(&s.tick)
	s.out.HasEntry, s.out.NEvents = false, 0
	s.in.Command, s.out.Reply, s.in.Stop = control.Command{}, control.Reply{}, false
}

func (s *synthetic) lamps(now time.Duration) {
	s.truth.AlarmLamp = s.state.Alarm == control.High && now%(500*time.Millisecond) < 250*time.Millisecond
	s.truth.CautionLamp = s.state.Alarm == control.Low || s.state.Alarm == control.Medium && now%(2*time.Second) < time.Second
	s.truth.Buzzer = now%(5*time.Second) < 200*time.Millisecond
}

func (s *synthetic) run(d time.Duration) {
	for end := s.in.Now + d; s.in.Now < end; {
		s.step()
	}
}

// broken lists the invariants that did not hold.
func (s *synthetic) broken() []Invariant {
	var ids []Invariant
	for _, v := range s.k.list {
		ids = append(ids, v.ID)
	}
	return ids
}
