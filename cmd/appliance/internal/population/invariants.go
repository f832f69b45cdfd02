package population

import (
	"fmt"
	"time"
)

// Invariant is a promise that holds at every tick of every case.
type Invariant uint8

const (
	// InvLimit: once the true force is above the limit in force, the drive makes no
	// further step towards force later than the first good sample that can show it,
	// and one tick: the converter averages over one conversion (or as many as its
	// filter has), so that is at most filter + 1 conversions; and never later than
	// InvBlind allows. It does not matter who caused the excess, and the drive's own
	// share in it is bounded by its speed times that time. While a cell lies by a
	// known amount, the limit is taken that much higher; while it is unconnected or
	// stuck, one cell cannot know, and only InvMeasured is claimed.
	InvLimit Invariant = iota
	// InvMeasured: no step towards force after a tick whose newest sample is above
	// the limit in force. It holds with every fault.
	InvMeasured
	// InvBlind: no step towards force once the newest good sample is older than
	// 40 ms, and one tick.
	InvBlind
	// InvFreeze: no step towards force after a tick in which an action of freeze or
	// more holds; not even one that is under way, for the drive stops at once.
	InvFreeze
	// InvStill: no step at all in idle, armed or tripped.
	InvStill
	// InvPower: the motor has no power in idle and tripped, nor with an action of
	// disable. Not while its enable is stuck.
	InvPower
	// InvFall: from a stop or a trip to slack the drive never winds, neither by its
	// count nor in truth (one full motor step apart), so the force falls but for
	// what the person does. In truth not with a drive that turns the wrong way.
	InvFall
	// InvReleased: what a stop, a trip or the end of a treatment has begun to release
	// is released in time: by its deadline and one second the force is below 25 N.
	// Where a fault keeps the drive from letting go, the high alarm calls for help
	// instead. The deadline is five seconds, or 1.5 s and what the rope needs at the
	// release speed; slower on the programme's own ramp at the end of a treatment and
	// after a restart. Not while the cell lies.
	InvReleased
	// InvTension: in idle and tripped, with the harness on, more than 25 N on the
	// rope for five seconds brings the high alarm. Not while the cell lies.
	InvTension
	// InvSpeed: no more steps in a tick than the speed limits allow, and two.
	InvSpeed
	// InvSwitch: the patient switch ends motion towards force within two ticks and
	// leads out of treating, and the emergency stop disables within two ticks; not
	// while the contact is shorted.
	InvSwitch
	// InvHeat: the heater's pin is low unless a plausible temperature below 41 C
	// was read within the last five seconds.
	InvHeat
	// InvSkin: the skin stays at or below 41 C. With a relay that is welded the
	// heater cannot be switched off by software: then an alarm of medium priority or
	// more comes within a minute of it.
	InvSkin
	// InvResume: treating begins only with a start from armed or a resume from
	// paused, of this very tick; armed only with an arm at the table.
	InvResume
	// InvCommand: no command acts with an old rev, beyond the permission of remote
	// users, or remotely where only the table may.
	InvCommand
	// InvTrip: every latched interlock was told by an event with a text for people,
	// the alarm has at least its priority while it holds or is latched, tripped has
	// a reason, and only an acknowledgement takes a latched one away.
	InvTrip
	// InvLamp: lamps and buzzer show the alarm: red flashes and sounds with a high
	// one, yellow flashes with a medium one and is steady with a low one.
	InvLamp
	// InvBound: no mode lasts longer than its bound, a treatment above all.
	InvBound
	// InvEnd: once every fault is over, what a person at the table does (acknowledge,
	// stop, and at last a restart) leads back to idle with a slack rope.
	InvEnd
	// InvSequence: entries and events are numbered without gaps.
	InvSequence
	invariants
)

var invariantNames = [invariants]string{"INV-LIMIT", "INV-MEASURED", "INV-BLIND", "INV-FREEZE", "INV-STILL", "INV-POWER", "INV-FALL",
	"INV-RELEASED", "INV-TENSION", "INV-SPEED", "INV-SWITCH", "INV-HEAT", "INV-SKIN", "INV-RESUME", "INV-COMMAND", "INV-TRIP", "INV-LAMP",
	"INV-BOUND", "INV-END", "INV-SEQUENCE"}

// String is the invariant's stable ID, such as INV-LIMIT.
func (i Invariant) String() string {
	if i < invariants {
		return invariantNames[i]
	}
	return "INV-UNKNOWN"
}

// MarshalText implements encoding.TextMarshaler.
func (i Invariant) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// Violation is an invariant that did not hold in a case.
type Violation struct {
	ID    Invariant `json:"id"`
	AtS   float64   `json:"at_s"`  // when first, since the start of the case
	Ticks int       `json:"ticks"` // how often
	What  string    `json:"what"`  // the first time, in words
}

// String says all of it.
func (v Violation) String() string {
	return fmt.Sprintf("%v at %.3f s, %d ticks: %s", v.ID, v.AtS, v.Ticks, v.What)
}

// violations gathers one of each kind.
type violations struct{ list []Violation }

// add notes a violation; the words are made for the first of a kind only.
func (v *violations) add(now time.Duration, id Invariant, format string, a ...any) {
	for i := range v.list {
		if v.list[i].ID == id {
			v.list[i].Ticks++
			return
		}
	}
	v.list = append(v.list, Violation{ID: id, AtS: now.Seconds(), Ticks: 1, What: fmt.Sprintf(format, a...)})
}
