package population

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"periph.io/x/conn/v3/physic"

	"traction/control"
)

const towards = 10 * physic.MicroMetre // one step a tick, 10 mm/s

// breaks are sequences that break one invariant each, and nothing else.
var breaks = []struct {
	name string
	id   Invariant
	do   func(s *synthetic)
}{
	{"pulls on above the limit in truth", InvLimit, func(s *synthetic) {
		s.moved, s.truth.ForceN = towards, 310
		s.run(60 * time.Millisecond)
	}},
	{"pulls although the cell shows too much", InvMeasured, func(s *synthetic) {
		s.state.Force = 301 * physic.Newton
		s.step()
		s.moved = towards
		s.step()
	}},
	{"pulls without samples", InvBlind, func(s *synthetic) {
		s.sample, s.moved = false, towards
		s.run(60 * time.Millisecond)
	}},
	{"pulls in a freeze", InvFreeze, func(s *synthetic) {
		s.state.Action = control.Freeze
		s.step()
		s.moved = towards
		s.run(10 * time.Millisecond) // one step may be under way
	}},
	{"moves while armed", InvStill, func(s *synthetic) {
		s.idle()
		s.mode(control.Armed)
		s.moved = -towards
		s.step()
	}},
	{"has power while tripped", InvPower, func(s *synthetic) {
		s.trip(control.ILPatientSwitch)
		s.mode(control.Tripped)
		s.truth.Energised = true
		s.step()
	}},
	{"has power although disabled", InvPower, func(s *synthetic) {
		s.state.Action = control.Disable
		s.step()
	}},
	{"steps towards force in a release", InvFall, func(s *synthetic) {
		s.in.Stop = true
		s.mode(control.Releasing)
		s.moved = towards
		s.step()
	}},
	{"the drum winds in a release", InvFall, func(s *synthetic) {
		s.in.Stop = true
		s.mode(control.Releasing)
		s.truth.ReelMM += 0.2
		s.step()
	}},
	{"a release that is late without an alarm", InvReleased, func(s *synthetic) {
		s.in.Stop = true
		s.mode(control.Releasing)
		s.run(8 * time.Second)
	}},
	{"a release that is late although the drive could", InvReleased, func(s *synthetic) {
		s.trip(control.ILPatientSwitch)
		s.mode(control.Releasing)
		s.trip(control.ILReleaseStalled)
		s.run(8 * time.Second)
	}},
	{"a release that is given up although the drive could", InvReleased, func(s *synthetic) {
		s.trip(control.ILPatientSwitch)
		s.mode(control.Releasing)
		s.trip(control.ILReleaseStalled)
		s.mode(control.Tripped)
		s.run(8 * time.Second)
	}},
	{"a drive that cannot let go, and no alarm", InvReleased, func(s *synthetic) {
		s.tick.claims = driveFails
		s.in.Stop = true
		s.mode(control.Releasing)
		s.run(8 * time.Second)
	}},
	{"tension left while idle", InvTension, func(s *synthetic) {
		s.mode(control.Idle)
		s.run(6 * time.Second)
	}},
	{"too fast towards force", InvSpeed, func(s *synthetic) {
		s.moved = 60 * physic.MicroMetre
		s.step()
	}},
	{"too fast away", InvSpeed, func(s *synthetic) {
		s.moved = -120 * physic.MicroMetre
		s.step()
	}},
	{"goes on with the patient switch open", InvSwitch, func(s *synthetic) {
		s.tick.open = true
		s.run(2 * time.Millisecond)
	}},
	{"goes on with the emergency stop open", InvSwitch, func(s *synthetic) {
		s.tick.cut = true
		s.run(2 * time.Millisecond)
	}},
	{"heats without a temperature", InvHeat, func(s *synthetic) {
		s.truth.HeatPin, s.in.Pad.Failed = true, true
		s.step()
	}},
	{"heats with an old temperature", InvHeat, func(s *synthetic) {
		s.truth.HeatPin = true
		s.in.Pad.At = 0
		s.step()
	}},
	{"heats at 41 C", InvHeat, func(s *synthetic) {
		s.truth.HeatPin, s.in.Pad.Temperature = true, physic.ZeroCelsius+41*physic.Celsius
		s.step()
	}},
	{"warm skin", InvSkin, func(s *synthetic) {
		s.truth.SkinC = 41.1
		s.step()
	}},
	{"warm skin by a welded relay and no alarm", InvSkin, func(s *synthetic) {
		s.truth.SkinC, s.tick.claims = 41.1, heaterActs
		s.run(61 * time.Second)
	}},
	{"resumes by itself", InvResume, func(s *synthetic) {
		s.mode(control.Paused)
		s.state.Mode = control.Treating
		s.step()
	}},
	{"resumes after a trip", InvResume, func(s *synthetic) {
		s.truth.ForceN = 0
		s.in.Stop = true
		s.mode(control.Releasing)
		s.mode(control.Treating)
	}},
	{"arms by itself", InvResume, func(s *synthetic) {
		s.idle()
		s.state.Mode = control.Armed
		s.step()
	}},
	{"treats at the start of the process", InvResume, func(s *synthetic) {
		s.k.restart()
		s.k.alarms.entry = s.out.Entry.Seq
		s.step()
	}},
	{"obeys an old rev", InvCommand, func(s *synthetic) {
		s.in.Command = control.Command{Kind: control.CommandSet, Rev: s.state.Rev - 1}
		s.step()
	}},
	{"obeys a remote user who may not", InvCommand, func(s *synthetic) {
		s.in.Command = control.Command{Kind: control.CommandSet, Rev: s.state.Rev, Origin: control.Remote}
		s.step()
	}},
	{"a remote user moves the table", InvCommand, func(s *synthetic) {
		s.idle()
		s.in.Command = control.Command{Kind: control.CommandStop, Origin: control.Remote}
		s.mode(control.Recovering)
	}},
	{"a trip without an event", InvTrip, func(s *synthetic) {
		s.state.Trips, s.state.Alarm = s.state.Trips.With(control.ILCellLost), control.High
		s.step()
	}},
	{"a trip that goes away", InvTrip, func(s *synthetic) {
		s.trip(control.ILCellLost)
		s.step()
		s.state.Trips = 0
		s.step()
	}},
	{"an alarm that is too low", InvTrip, func(s *synthetic) {
		s.trip(control.ILCellLost)
		s.state.Alarm = control.Medium
		s.step()
	}},
	{"tripped without a reason", InvTrip, func(s *synthetic) { s.mode(control.Tripped) }},
	{"an event without words", InvTrip, func(s *synthetic) {
		s.tell(control.Event{Kind: control.EventWarning, Interlock: 63})
		s.step()
	}},
	{"no red lamp", InvLamp, func(s *synthetic) {
		s.trip(control.ILCellLost)
		s.flash = false
		s.run(time.Second)
	}},
	{"a red lamp that does not flash", InvLamp, func(s *synthetic) {
		s.trip(control.ILCellLost)
		s.flash, s.truth.AlarmLamp = false, true
		s.run(time.Second)
	}},
	{"no sound", InvLamp, func(s *synthetic) {
		s.trip(control.ILCellLost)
		s.state.Limits.Force.Value = 300 * physic.Newton
		for range 9000 {
			s.lamps(s.in.Now)
			s.flash, s.truth.Buzzer = false, false
			s.step()
		}
	}},
	{"no yellow lamp", InvLamp, func(s *synthetic) {
		s.trip(control.ILPatientSwitch)
		s.flash = false
		s.run(2 * time.Second)
	}},
	{"a treatment without an end", InvBound, func(s *synthetic) {
		s.state.Settings.Duration = 0
		s.k.release.longest = 0
		s.run(200 * time.Millisecond)
	}},
	{"slack without an end", InvBound, func(s *synthetic) {
		s.state.Phase = control.Slack
		s.run(31 * time.Second)
	}},
	{"armed for too long", InvBound, func(s *synthetic) {
		s.idle()
		s.mode(control.Armed)
		s.run(601 * time.Second)
	}},
	{"paused for too long", InvBound, func(s *synthetic) {
		s.mode(control.Paused)
		s.run(601 * time.Second)
	}},
	{"a gap in the entries", InvSequence, func(s *synthetic) {
		s.k.alarms.entry++
		s.out.HasEntry, s.out.Entry = true, control.Entry{Seq: 3}
		s.sample = false
		s.step()
	}},
	{"a gap in the events", InvSequence, func(s *synthetic) {
		s.tell(control.Event{Kind: control.EventSlackConfirmed})
		s.out.Events[0].Seq++
		s.step()
	}},
}

// idle leads to idle with a slack rope.
func (s *synthetic) idle() {
	s.truth.ForceN, s.state.Force = 0, 0
	s.mode(control.Idle)
}

func TestEachInvariantCanFail(t *testing.T) {
	seen := map[Invariant]bool{InvEnd: true} // see TestNoWayBackIsFound
	for _, c := range breaks {
		t.Run(c.id.String()+" "+c.name, func(t *testing.T) {
			s := newSynthetic()
			assert.Empty(t, s.broken(), "before: %v", s.k.list)
			c.do(s)
			assert.Equal(t, []Invariant{c.id}, s.broken(), "%v", s.k.list)
		})
		seen[c.id] = true
	}
	for i := range invariants {
		assert.True(t, seen[i], "nothing shows that %v can fail", i)
	}
}

func TestNothingIsBrokenWhereAllIsWell(t *testing.T) {
	s := newSynthetic()
	s.truth.HeatPin = true
	s.run(2 * time.Second)
	// The person coughs: the force is above the limit for less than can be shown, and
	// then for long, but the drive yields.
	s.moved, s.truth.ForceN = towards, 320
	s.run(10 * time.Millisecond)
	s.truth.ForceN = 250
	s.run(100 * time.Millisecond)
	s.moved, s.truth.ForceN = -towards, 320
	s.run(100 * time.Millisecond)
	// Somebody pauses, resumes and stops.
	s.mode(control.Paused)
	s.run(time.Second)
	s.mode(control.Treating)
	s.run(time.Second)
	s.in.Stop, s.truth.HeatPin = true, false
	s.mode(control.Releasing)
	s.moved = -7 * towards
	s.run(3 * time.Second)
	s.moved, s.truth.ForceN = 0, 0
	s.mode(control.Idle)
	s.run(10 * time.Second)
	// A trip that is told and acknowledged, and a treatment after it.
	s.trip(control.ILPatientSwitch)
	s.run(20 * time.Second)
	s.in.Command = control.Command{Kind: control.CommandAcknowledge, Rev: s.state.Rev}
	s.tell(control.Event{Kind: control.EventAcknowledged, Interlock: control.ILPatientSwitch})
	s.state.Trips, s.state.Alarm = 0, control.NoAlarm
	s.step()
	s.mode(control.Armed)
	s.mode(control.Treating)
	s.run(time.Second)
	assert.Empty(t, s.k.list)
}

// What a fault takes away is not held against the table, and nothing more.
func TestFaultsTakeAwayWhatTheyMust(t *testing.T) {
	for _, c := range []struct {
		name   string
		claims claim
		lie    float64
		do     func(s *synthetic)
	}{
		{"a cell that shows 50 N too little", cellLies, 50, func(s *synthetic) {
			s.moved, s.truth.ForceN = towards, 340
			s.run(60 * time.Millisecond)
		}},
		{"tension that the cell does not show", cellLies, 0, func(s *synthetic) {
			s.mode(control.Idle)
			s.run(6 * time.Second)
		}},
		{"a drive that cannot let go, with the alarm", driveFails, 0, func(s *synthetic) {
			s.trip(control.ILPatientSwitch)
			s.mode(control.Releasing)
			s.trip(control.ILReleaseStalled)
			s.run(8 * time.Second)
		}},
		{"a drive that turns the wrong way", driveActs, 0, func(s *synthetic) {
			s.in.Stop = true
			s.mode(control.Releasing)
			s.truth.ReelMM += 5
			s.step()
		}},
		{"a drive that keeps its power", powerStays, 0, func(s *synthetic) {
			s.truth.ForceN = 0
			s.mode(control.Idle)
			s.truth.Energised = true
			s.step()
		}},
		{"an emergency stop that is shorted", stopDead, 0, func(s *synthetic) {
			s.tick.cut = true
			s.run(10 * time.Millisecond)
		}},
		{"a patient switch that is shorted", switchDead, 0, func(s *synthetic) {
			s.tick.open = true
			s.run(10 * time.Millisecond)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSynthetic()
			s.tick.claims, s.tick.lie = c.claims, [2]float64{c.lie}
			c.do(s)
			assert.Empty(t, s.k.list)
			s = newSynthetic()
			c.do(s)
			assert.NotEmpty(t, s.k.list, "without the fault")
		})
	}
}

func TestCheckerDoesNotAllocate(t *testing.T) {
	s := newSynthetic()
	s.sample = false
	s.k.was.goodAt = time.Hour
	assert.Zero(t, testing.AllocsPerRun(1000, s.step))
}

// Every interlock has its least priority here, so that a new one is thought of.
func TestEveryInterlockHasAPriority(t *testing.T) {
	for _, i := range (^control.InterlockSet(0)).IDs() {
		assert.NotZero(t, priorityOf[i], "%v", i)
	}
}
