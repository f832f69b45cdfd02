package control

import "fmt"

// Mode is what the appliance as a whole is doing. Only Treating and Paused may
// hold force; only Treating may raise it.
type Mode uint8

const (
	// Idle: the drive is disabled, nothing moves. The controller starts here,
	// latched by the start-up interlock until somebody acknowledges.
	Idle Mode = iota
	// Armed: made ready at the table; the drive is energised and stands still.
	Armed
	// Treating: a programme runs.
	Treating
	// Paused: the force is kept or brought to rest; the treatment timer stands.
	Paused
	// Releasing: the motor unwinds the rope to slack.
	Releasing
	// Tripped: an interlock ended the treatment; waits for acknowledgement.
	Tripped
	// Recovering: start-up found tension on the rope and releases it slowly.
	Recovering
)

var modeNames = [...]string{"idle", "armed", "treating", "paused", "releasing", "tripped", "recovering"}

// String returns the mode's name as it appears in every interface.
func (m Mode) String() string { return name(modeNames[:], uint8(m)) }

// MarshalText implements encoding.TextMarshaler.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Mode) UnmarshalText(b []byte) error { return parse(modeNames[:], "mode", b, (*uint8)(m)) }

// Phase is the part of the cycle that a treatment is in.
type Phase uint8

const (
	// NoPhase: no treatment runs.
	NoPhase Phase = iota
	// Slack: rope and harness slack are taken up until the first tension.
	Slack
	// Pull: the set-point rises to the hold level.
	Pull
	// Hold: the force stays at the hold level.
	Hold
	// Ease: the set-point falls to the rest level.
	Ease
	// Rest: the force stays at the rest level.
	Rest
)

var phaseNames = [...]string{"none", "slack", "pull", "hold", "ease", "rest"}

// String returns the phase's name as it appears in every interface.
func (p Phase) String() string { return name(phaseNames[:], uint8(p)) }

// MarshalText implements encoding.TextMarshaler.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Phase) UnmarshalText(b []byte) error { return parse(phaseNames[:], "phase", b, (*uint8)(p)) }

// name looks an enumeration's value up without ever panicking.
func name(names []string, v uint8) string {
	if int(v) < len(names) {
		return names[v]
	}
	return "unknown"
}

// parse is the inverse of name.
func parse(names []string, what string, b []byte, v *uint8) error {
	for i, n := range names {
		if n == string(b) {
			*v = uint8(i)
			return nil
		}
	}
	return fmt.Errorf("%s: %q is unknown, allowed: %v", what, b, names)
}
