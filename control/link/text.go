package link

import (
	"fmt"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// Text says an event to people: what happened and, where somebody has to act,
// what to do.
func Text(e control.Event) string {
	switch e.Kind {
	case control.EventBoot:
		return "The control process has started; it moves nothing until somebody acknowledges."
	case control.EventMode:
		return fmt.Sprintf("The mode is now %s.", e.Mode)
	case control.EventPhase:
		return fmt.Sprintf("The phase is now %s.", e.Phase)
	case control.EventTrip:
		return fmt.Sprintf("Trip %s at %s: %s.", e.Interlock, shortForce(&e), interlockText(e.Interlock))
	case control.EventWarning:
		return fmt.Sprintf("Warning %s at %s: %s.", e.Interlock, shortForce(&e), interlockText(e.Interlock))
	case control.EventCleared:
		return fmt.Sprintf("The interlock %s is clear again.", e.Interlock)
	case control.EventAcknowledged:
		return "The trips were acknowledged."
	case control.EventCommand:
		return fmt.Sprintf("The command %s %s was obeyed.", e.Command, originText(e.Origin))
	case control.EventRefused:
		return fmt.Sprintf("The command %s %s was refused: %s.", e.Command, originText(e.Origin), codeText(e.Code))
	case control.EventTreatmentStarted:
		return fmt.Sprintf("Treatment %d has started.", e.Treatment)
	case control.EventTreatmentEnded:
		return fmt.Sprintf("Treatment %d has ended: %s.", e.Treatment, endText(e.End))
	case control.EventSwitchProven:
		return "The patient switch was seen pressed and released: it works."
	case control.EventSlackConfirmed:
		return "The rope is slack."
	case control.EventReleaseLate:
		return fmt.Sprintf("The release has missed its deadline with %s on the rope: help the person now and release the table by hand.", shortForce(&e))
	case control.EventHeat:
		return heatText(e.Heat)
	case control.EventOverrun:
		return "Events or commands were lost because too many came at once; compare the table with what you expect."
	case control.EventReleaseProven:
		return "The release was tried and works: the rope was slack in time."
	case control.EventSilenced:
		return "The alarm's sound is paused for two minutes; its lamp is not."
	default:
		return "Something happened that this version has no words for."
	}
}

// shortForce gives the force to a newton.
func shortForce(e *control.Event) string {
	return fmt.Sprintf("%.0f N", float64(e.Force)/float64(physic.Newton))
}

// originText says where a command came from.
func originText(o control.Origin) string {
	if o == control.Table {
		return "from the table"
	}
	return "from a remote user"
}

// codeText gives the reason of a refusal without its numbers, which an event
// does not hold.
func codeText(c control.Code) string {
	switch c {
	case control.StaleRev:
		return "the state had changed since it was decided on; look again and repeat it"
	case control.NotAllowed:
		return "the table's configuration does not allow it to remote users"
	case control.OnlyAtTable:
		return "it must be done at the table"
	case control.WrongMode:
		return "it is not possible in this mode"
	case control.NotReady:
		return "the table is not ready; its state says what is missing"
	case control.AboveLimit:
		return "a value was above the limit in force"
	case control.OutOfRange:
		return "a value was out of its range"
	case control.NoProgramme:
		return "no programme was selected"
	case control.Tension:
		return "the rope was not slack"
	case control.Contradicted:
		return "an interlock forbids it"
	case control.QueueFull:
		return "too many commands came at once"
	case control.Unanswered:
		return "the table did not answer in time"
	case control.Malformed:
		return "it could not be understood"
	case control.Unsigned:
		return "it was not signed with this table's key"
	case control.NotHere:
		return "only the gateway knows it"
	default:
		return "for an unknown reason"
	}
}

// endText says why a treatment ended.
func endText(r control.EndReason) string {
	switch r {
	case control.EndCompleted:
		return "it is complete"
	case control.EndStopped:
		return "somebody stopped it"
	case control.EndTripped:
		return "an interlock tripped"
	case control.EndPauseOver:
		return "it was paused for too long"
	case control.EndProven:
		return "the release is proven"
	default:
		return "for an unknown reason"
	}
}

// heatText says why the pad is as it is.
func heatText(h control.HeatReason) string {
	switch h {
	case control.HeatOK:
		return "The heat was switched as asked."
	case control.HeatAbsent:
		return "The heat stays off: no pad is configured."
	case control.HeatNoTemperature:
		return "The heat is off: the pad's sensor gives no plausible temperature; check its cable."
	case control.HeatStale:
		return "The heat is off: the pad's temperature is too old; check its sensor."
	case control.HeatTooHot:
		return "The heat is off: the pad is too hot; take it off the person and look at the skin."
	case control.HeatNoRise:
		return "The heat is off: the pad was powered and did not get warmer; put its sensor back in place."
	case control.HeatTimeOver:
		return "The heat is off: its longest time is over."
	case control.HeatTrip:
		return "The heat is off: an interlock tripped."
	case control.HeatEnded:
		return "The heat is off: it was switched off or the treatment is over."
	default:
		return "The heat is off for an unknown reason."
	}
}
