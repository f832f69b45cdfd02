package population

import (
	"fmt"
	"time"

	"traction/control"
)

// ActKind is something that somebody does during a treatment.
type ActKind uint8

const (
	ActStop          ActKind = iota // a stop from the table
	ActRemoteStop                   // a stop from the network
	ActPause                        // a pause, resumed after For; never when For is 0
	ActLowerHold                    // set the hold to a share below the present one
	ActHigherHold                   // set the hold to a share above, which may be refused
	ActDuration                     // set the duration to a share of the present one
	ActHeatOn                       // ask for heat
	ActHeatOff                      // switch heat off
	ActAcknowledge                  // acknowledge, whether there is anything or not
	ActPatientSwitch                // the person presses for so long
	ActEmergencyStop                // somebody presses and unlocks it after so long
	ActStartButton                  // somebody presses the start button for so long
	ActStale                        // a command that was decided on an older state
	ActRemote                       // a command from the network, whatever it may do
	ActAtTable                      // any command from the table, whether it fits or not
	ActGatewayGone                  // nothing is heard of the gateway for so long
	ActFlood                        // more commands at once than the queue holds
	actKinds
)

var actNames = [actKinds]string{"stop", "remote stop", "pause", "lower the hold", "raise the hold", "change the duration",
	"heat on", "heat off", "acknowledge", "patient switch", "emergency stop", "start button", "stale command", "remote command", "any command", "gateway gone", "flood of commands"}

// String says what is done.
func (k ActKind) String() string {
	if k < actKinds {
		return actNames[k]
	}
	return "unknown"
}

// touches tells whether the act has to do with the force.
func (k ActKind) touches() bool {
	switch k {
	case ActDuration, ActHeatOn, ActHeatOff, ActAcknowledge, ActStartButton, ActStale, ActFlood:
		return false
	}
	return true
}

// Act is one thing that somebody does, and when.
type Act struct {
	Kind    ActKind
	When    Moment
	For     time.Duration       // of presses and pauses
	Share   float64             // of what is set
	Command control.CommandKind // of ActStale, ActRemote and ActAtTable
}

// String says act and moment.
func (a Act) String() string {
	s := a.Kind.String()
	switch a.Kind {
	case ActPause, ActPatientSwitch, ActEmergencyStop, ActStartButton, ActGatewayGone:
		s += fmt.Sprintf(" for %v", a.For)
	case ActLowerHold, ActHigherHold, ActDuration:
		s += fmt.Sprintf(" to %.0f %%", 100*a.Share)
	case ActStale, ActRemote, ActAtTable:
		s += " " + a.Command.String()
	}
	return s + " at " + a.When.String()
}

// calmShare of the treatments run without anybody doing anything.
const calmShare = 0.4

// drawActs lets people do things; what a fault needs for its moment comes first.
func drawActs(d dice, c *Case) []Act {
	var acts []Act
	for _, f := range c.Faults {
		switch f.When.Mode {
		case control.Paused:
			acts = append(acts, Act{Kind: ActPause, When: drawMoment(d, c), For: d.long(5*time.Second, 60*time.Second)})
		case control.Releasing: // in half of the cases quickly, in the others at the end of the treatment
			if d.chance(0.5) {
				acts = append(acts, Act{Kind: ActStop, When: drawMoment(d, c)})
			}
		}
	}
	if d.chance(calmShare) {
		return acts
	}
	for range 1 + d.IntN(4) {
		acts = append(acts, drawAct(d, c))
	}
	return acts
}

// mild acts are those that let the treatment go on.
var mild = []ActKind{ActPause, ActPause, ActLowerHold, ActLowerHold, ActHigherHold, ActDuration, ActHeatOn, ActHeatOff,
	ActAcknowledge, ActStartButton, ActStale, ActStale, ActRemote, ActRemote, ActAtTable, ActGatewayGone, ActFlood}

func drawAct(d dice, c *Case) Act {
	a := Act{Kind: pick(d, mild...), When: drawMoment(d, c)}
	if d.chance(0.2) {
		a.Kind = pick(d, ActStop, ActRemoteStop, ActPatientSwitch, ActPatientSwitch, ActEmergencyStop)
	}
	if d.chance(0.15) { // somewhere else than in the treatment itself
		a.When.Mode = pick(d, control.Armed, control.Paused, control.Releasing, control.Tripped, control.Idle)
		a.When.Phase, a.When.Nth = control.NoPhase, 1
	}
	a.Share = d.between(0.3, 0.95)
	switch a.Kind {
	case ActPause:
		if a.For = d.long(time.Second, 120*time.Second); d.chance(0.03) {
			a.For = 0
		}
	case ActHigherHold:
		a.Share = d.between(1.02, 1.6)
	case ActDuration:
		a.Share = d.between(0.5, 1.3)
	case ActPatientSwitch:
		a.For = d.long(2*time.Millisecond, 5*time.Second)
	case ActEmergencyStop:
		a.For = d.long(50*time.Millisecond, 10*time.Second)
	case ActStartButton:
		a.For = d.long(5*time.Millisecond, 2*time.Second)
	case ActGatewayGone:
		a.For = d.long(10*time.Millisecond, 60*time.Second)
	case ActStale, ActRemote, ActAtTable:
		a.Command = pick(d, control.CommandSelect, control.CommandArm, control.CommandStart, control.CommandPause, control.CommandResume,
			control.CommandSet, control.CommandHeat, control.CommandAcknowledge, control.CommandProve, control.CommandSilence)
	}
	return a
}

// drawMoment takes a phase of the treatment that will probably come.
func drawMoment(d dice, c *Case) Moment {
	phases := []control.Phase{control.Slack, control.Pull, control.Hold, control.Hold, control.Hold}
	if !c.Programme.Static() {
		phases = append(phases, control.Pull, control.Ease, control.Rest)
	}
	m := Moment{Mode: control.Treating, Phase: pick(d, phases...), Nth: 1}
	p := c.Programme
	switch m.Phase {
	case control.Slack:
		m.After = d.time(0, 4*time.Second)
		return m
	case control.Pull, control.Ease:
		m.After = d.time(0, 3*time.Second)
	case control.Rest:
		m.After = d.time(0, p.RestTime)
	case control.Hold:
		m.After = d.time(0, p.HoldTime)
		if p.Static() && p.Progressive+p.Regressive == 0 {
			m.After = d.time(0, p.Duration*9/10)
			return m
		}
	}
	// Which of the cycles: a cycle takes hold, rest and about ten seconds of ramps.
	cycles := int(p.Duration / (p.HoldTime + p.RestTime + 10*time.Second))
	if p.Static() {
		cycles = p.Progressive + p.Regressive
	}
	m.Nth = 1 + d.IntN(max(1, cycles))
	return m
}
