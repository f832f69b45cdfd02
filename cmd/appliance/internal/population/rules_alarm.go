package population

import (
	"strings"
	"time"

	"traction/control"
	"traction/control/link"
)

// alarmRules remember what the rules of telling need.
type alarmRules struct {
	trips    control.InterlockSet
	alarm    control.Priority
	alarmAt  time.Duration // since when
	redOn    time.Duration // when it was last on, and off
	redOff   time.Duration
	yellowOn time.Duration
	yellowNo time.Duration
	sound    time.Duration
	entry    uint64
	event    uint64
}

// priorities are the least that docs/safety.md promises for each interlock. A
// test holds it against the interlocks that there are.
var priorities = map[string]control.Priority{
	"start-up": control.Low, "emergency-stop": control.High, "patient-switch": control.Medium, "force-limit": control.High,
	"cell-late": control.Low, "cell-lost": control.High, "cell-implausible": control.High, "sudden-drop": control.High,
	"force-without-motion": control.High, "motion-without-force": control.High, "end-pull": control.Medium, "end-slack": control.Medium,
	"travel": control.Medium, "tick-late": control.Low, "drive-dead": control.High, "release-stalled": control.High,
	"release-backwards": control.High, "pad-temperature": control.Low, "pad-hot": control.Medium, "pad-no-rise": control.Low, "pad-time": control.Low,
	"zero-drift": control.Low, "cells-disagree": control.High, "second-cell-lost": control.Medium, "rate-of-rise": control.Low,
	"patient-moves": control.Low, "harness-slip": control.Medium, "force-time": control.Medium, "end-mismatch": control.Medium,
	"start-stuck": control.Low, "tick-missed": control.Medium, "overrun": control.Low, "gateway-lost": control.Medium,
	"supply-low": control.High, "slack-unconfirmed": control.Low, "tension-left": control.High, "pad-runaway": control.High,
}

// priorityOf is the table above by ID, so that a tick looks up no names.
var priorityOf = func() (p [64]control.Priority) {
	for _, i := range every(^control.InterlockSet(0)) {
		p[i] = priorities[i.String()]
	}
	return p
}()

// every lists the interlocks that there are in a set.
func every(s control.InterlockSet) []control.InterlockID { return s.IDs() }

// checkTrips looks at latched interlocks and at what is told of them.
func (k *checker) checkTrips(t *tick) {
	a := &k.alarms
	s := t.state
	if t.out.NEvents > 0 {
		k.checkTexts(t)
	}
	if s.Trips != a.trips {
		k.checkLatched(t)
		a.trips = s.Trips
	}
	for set := s.Trips | s.Active; set != 0; set &= set - 1 {
		if i := lowest(set); s.Alarm < priorityOf[i] {
			k.add(t.in.Now, InvTrip, "the alarm is %v although %v holds", s.Alarm, i)
		}
	}
	if s.Mode == control.Tripped && s.Trips.Without(control.ILStartUp) == 0 {
		k.add(t.in.Now, InvTrip, "tripped without a reason")
	}
}

// lowest is the first interlock of a set that is not empty.
func lowest(s control.InterlockSet) control.InterlockID {
	i := control.NoInterlock
	for ; s&1 == 0; s >>= 1 {
		i++
	}
	return i
}

// checkLatched: each new one was told, each that is gone was acknowledged.
func (k *checker) checkLatched(t *tick) {
	a := &k.alarms
	var told, taken, proven control.InterlockSet
	for i := range t.out.Events[:t.out.NEvents] {
		switch e := &t.out.Events[i]; e.Kind {
		case control.EventTrip:
			told = told.With(e.Interlock)
		case control.EventAcknowledged:
			taken = taken.With(e.Interlock)
		case control.EventReleaseProven:
			proven = proven.With(control.ILPatientSwitch) // it was asked for
		}
	}
	if k.first {
		told = told.With(control.ILStartUp) // told by the event of the start
	}
	if missing := t.state.Trips &^ a.trips &^ told; missing != 0 {
		k.add(t.in.Now, InvTrip, "%v was latched without an event", lowest(missing))
	}
	gone := a.trips &^ t.state.Trips &^ proven
	if missing := gone &^ taken; missing != 0 {
		k.add(t.in.Now, InvTrip, "%v went away without an event", lowest(missing))
	}
	if gone != 0 && t.in.Command.Kind != control.CommandAcknowledge && !k.pressed(t) {
		k.add(t.in.Now, InvTrip, "%v went away although nobody acknowledged", lowest(gone))
	}
}

// pressed tells whether the start button went down in this tick.
func (k *checker) pressed(t *tick) bool { return t.in.Switches.Start && !k.was.start }

// checkTexts: whatever is told has words.
func (k *checker) checkTexts(t *tick) {
	for i := range t.out.Events[:t.out.NEvents] {
		e := &t.out.Events[i]
		if text := link.Text(*e); text == "" || strings.Contains(text, "no words for") {
			k.add(t.in.Now, InvTrip, "the event %v of %v has no text", e.Kind, e.Interlock)
		}
	}
}

// The patterns of alarms as people must be able to tell them, with some ticks to
// spare: high flashes at 2 Hz and sounds every 8 s, medium flashes at 0.5 Hz.
const (
	highFlash   = 300 * time.Millisecond
	highSound   = 8100 * time.Millisecond
	mediumFlash = 1050 * time.Millisecond
	mediumSound = 15100 * time.Millisecond
)

// checkLamps looks at lamps and buzzer in truth.
func (k *checker) checkLamps(t *tick) {
	a := &k.alarms
	now := t.in.Now
	if t.state.Alarm != a.alarm || k.first {
		a.alarm, a.alarmAt = t.state.Alarm, now
		a.redOn, a.redOff, a.yellowOn, a.yellowNo, a.sound = now, now, now, now, now
	}
	if passed := now - k.was.now; passed > tickMost && !k.first {
		// Nothing blinks while the process stands still, and then it may go on anywhere
		// in the pattern.
		a.redOn, a.redOff, a.yellowOn, a.yellowNo, a.sound = now, now, now, now, now
	}
	last(t.truth.AlarmLamp, now, &a.redOn, &a.redOff)
	last(t.truth.CautionLamp, now, &a.yellowOn, &a.yellowNo)
	if t.truth.Buzzer || t.state.SilentFor > 0 {
		a.sound = now
	}
	bad := false
	switch a.alarm {
	case control.High:
		bad = now-a.redOn > highFlash || now-a.redOff > highFlash || now-a.sound > highSound
	case control.Medium:
		bad = now-a.yellowOn > mediumFlash || now-a.yellowNo > mediumFlash || now-a.sound > mediumSound
	case control.Low:
		bad = !t.truth.CautionLamp
	}
	if bad {
		k.add(now, InvLamp, "lamps and buzzer do not show the alarm %v that began %v ago", a.alarm, now-a.alarmAt)
	}
}

// last notes when something was last on and last off.
func last(is bool, now time.Duration, on, off *time.Duration) {
	if is {
		*on = now
	} else {
		*off = now
	}
}

// checkSequence: the journal's numbers have no gaps.
func (k *checker) checkSequence(t *tick) {
	a := &k.alarms
	if t.out.HasEntry {
		if t.out.Entry.Seq != a.entry+1 {
			k.add(t.in.Now, InvSequence, "entry %d follows %d", t.out.Entry.Seq, a.entry)
		}
		a.entry = t.out.Entry.Seq
	}
	for i := range t.out.Events[:t.out.NEvents] {
		if n := t.out.Events[i].Seq; n != a.event+1 {
			k.add(t.in.Now, InvSequence, "event %d follows %d", n, a.event)
		}
		a.event = t.out.Events[i].Seq
	}
}
