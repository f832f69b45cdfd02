package link

import (
	"errors"
	"fmt"
	"strings"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// Status says whether the command acted.
type Status string

const (
	StatusOK      Status = "ok"
	StatusRefused Status = "refused"
)

// Response answers one request, the same on the socket and on MQTT.
type Response struct {
	// ID of the request; empty when it could not be read.
	ID string `json:"id"`
	// Status is ok with code malformed in one case: a stop was made out in a
	// request that was otherwise wrong. It acted; Message says what was wrong.
	Status Status       `json:"status"`
	Code   control.Code `json:"code"`
	// Message says in words what happened or what to change.
	Message string `json:"message"`
	// Rev and Mode after the request. Refusal and Stopped leave them to the caller.
	Rev  uint64       `json:"rev"`
	Mode control.Mode `json:"mode"`
	// Repeated: the request came again, nothing was done, and this is the answer to
	// the first one.
	Repeated bool `json:"repeated,omitempty"`
}

// Answer puts a Reply of the controller into words.
func Answer(id string, r control.Reply) Response {
	status := StatusRefused
	if r.Code == control.Accepted {
		status = StatusOK
	}
	return Response{ID: id, Status: status, Code: r.Code, Message: replyText(&r), Rev: r.Rev, Mode: r.Mode}
}

// Refusal answers a request that DecodeRequest or Validate found wrong.
func Refusal(id string, err error) Response {
	code := control.Malformed
	if errors.Is(err, ErrOutOfRange) {
		code = control.OutOfRange
	}
	return Response{ID: id, Status: StatusRefused, Code: code, Message: err.Error()}
}

// Stopped answers a stop, which acts whatever else its request said; err is what
// was wrong with the rest, or nil.
func Stopped(id string, err error) Response {
	r := Response{ID: id, Status: StatusOK, Code: control.Accepted, Message: "stop: handed over at once"}
	if err != nil {
		r.Code = control.Malformed
		r.Message += "; the rest of the request was wrong: " + err.Error()
	}
	return r
}

// replyText says what to change.
func replyText(r *control.Reply) string {
	switch r.Code {
	case control.Accepted:
		return fmt.Sprintf("%s: done, the mode is %s", r.Kind, r.Mode)
	case control.StaleRev:
		return fmt.Sprintf("the state has changed since %s was decided on; look at it again and send rev %d", r.Kind, r.Rev)
	case control.NotAllowed:
		return fmt.Sprintf("remote users may not %s here; the table's configuration decides that", r.Kind)
	case control.OnlyAtTable:
		return fmt.Sprintf("%s must be done at the table", r.Kind)
	case control.WrongMode:
		return wrongModeText(r)
	case control.NotReady:
		if r.Kind == control.CommandHeat && r.Missing == 0 {
			return "heat has to wait: no heat pad is configured"
		}
		return fmt.Sprintf("%s has to wait: %s", r.Kind, missingText(r.Missing))
	case control.AboveLimit:
		return aboveLimitText(r)
	case control.OutOfRange:
		if r.Min == 0 && r.Max == 0 && r.Field != control.FieldRestTime {
			return fmt.Sprintf("%s holds a value that is out of its range", r.Kind) // which one, the reply cannot say
		}
		f := valueFormat(r)
		return fmt.Sprintf("%s %s is out of range, allowed: %s to %s", f.name, f.say(r.Value), f.atLeast(r.Min), f.atMost(r.Max))
	case control.NoProgramme:
		return fmt.Sprintf("%s needs a programme: select one first", r.Kind)
	case control.Tension:
		return fmt.Sprintf("%s needs a slack rope, and it is under tension: stop, and wait until it is slack", r.Kind)
	case control.Contradicted:
		return fmt.Sprintf("an interlock forbids %s: %s", r.Kind, interlockText(r.Interlock))
	case control.QueueFull:
		return "too many requests at once; wait a second and try again"
	case control.Unsigned:
		return fmt.Sprintf("%s must be signed with this table's key: send {\"signed\": the request as a string, \"hmac\": its HMAC-SHA256 in hex}", r.Kind)
	case control.NotHere:
		return fmt.Sprintf("only the gateway knows %s; send it over MQTT", r.Kind)
	case control.Unanswered:
		return "the table did not answer in time; look at its state before trying again"
	default:
		return "the request could not be understood"
	}
}

// wrongModeText names the mode that the command belongs to, where there is one.
func wrongModeText(r *control.Reply) string {
	text := fmt.Sprintf("%s is not possible while the mode is %s", r.Kind, r.Mode)
	switch r.Kind {
	case control.CommandArm:
		text += "; the table must be idle"
	case control.CommandStart:
		text += "; arm the table first"
	case control.CommandPause, control.CommandHold:
		text += "; there is no running treatment"
	case control.CommandResume:
		text += "; there is no paused treatment"
	}
	return text
}

func aboveLimitText(r *control.Reply) string {
	f := valueFormat(r)
	text := fmt.Sprintf("%s %s is above the largest %s %s", f.name, f.say(r.Value), f.most, f.atMost(r.Max))
	if r.Reason != control.ReasonNone {
		text += "; the limit in force comes from " + reasonText(r.Reason)
	}
	return text
}

// reasonText names the link of the limits chain.
func reasonText(r control.Reason) string {
	switch r {
	case control.ReasonCeiling:
		return "the compiled-in ceiling"
	case control.ReasonTable:
		return "what the table was commissioned for"
	case control.ReasonHarness:
		return "the kind of harness"
	case control.ReasonPatient:
		return "the person's body weight or own cap"
	case control.ReasonProgramme:
		return "the programme"
	case control.ReasonOperator:
		return "the operator"
	default:
		return "an unknown source"
	}
}

// missingTexts say what to do about each condition.
var missingTexts = []struct {
	bit  control.Missing
	text string
}{
	{control.MissingCalibration, "the load cell was never calibrated, calibrate it"},
	{control.MissingCell, "the load cell gives no good sample, check its cable"},
	{control.MissingZero, "zero has drifted from the calibration, unload the rope and set zero again"},
	{control.MissingProgramme, "no programme is selected, select one"},
	{control.MissingProof, "the patient switch is not proven, let the person press and release it"},
	{control.MissingSwitch, "the patient switch or the emergency stop is pressed or unplugged, free it"},
	{control.MissingAcknowledge, "a trip waits, acknowledge it"},
	{control.MissingSlack, "the rope is under tension, let it go slack"},
	{control.MissingTravel, "the table stands at the end of its travel, bring it back"},
	{control.MissingDrive, "the motor driver reports a fault, check it and its cable"},
	{control.MissingPad, "the table has no heat pad"},
	{control.MissingReleaseProof, "the release has not been tried today, prove it: nobody in the harness, an assistant's hands or the frame on the rope"},
}

func missingText(m control.Missing) string {
	var out []string
	for _, x := range missingTexts {
		if m&x.bit != 0 {
			out = append(out, x.text)
		}
	}
	if len(out) == 0 {
		return "it is not ready"
	}
	return strings.Join(out, "; ")
}

// format says values of one Field of a Reply.
type format struct {
	name, most string
	unit       string
	scale      int // decimals of the integer
	zero       int64
}

// valueFormat goes by the field, or by the command where there is none.
func valueFormat(r *control.Reply) format {
	switch {
	case r.Kind == control.CommandHeat:
		return format{"heat", "pad temperature", "C", 9, int64(physic.ZeroCelsius)}
	case r.Field == control.FieldHold:
		return format{"hold", "set-point", "N", 9, 0}
	case r.Field == control.FieldRest:
		return format{"rest", "set-point", "N", 9, 0}
	case r.Field == control.FieldHoldTime:
		return format{"hold time", "hold time", "s", 9, 0}
	case r.Field == control.FieldRestTime:
		return format{"rest time", "rest time", "s", 9, 0}
	case r.Field == control.FieldDuration:
		return format{"duration", "duration", "s", 9, 0}
	default:
		return format{"force", "force", "N", 9, 0}
	}
}

// say writes the value in full.
func (f format) say(v int64) string {
	return string(appendFixed(nil, v-f.zero, f.scale)) + " " + f.unit
}

// atMost rounds down to a tenth, so that the number shown is itself allowed.
func (f format) atMost(v int64) string {
	tenth := int64(powers[f.scale-1])
	v -= f.zero
	down := v / tenth * tenth
	if down > v {
		down -= tenth
	}
	return f.say(down + f.zero)
}

// atLeast rounds up to a tenth.
func (f format) atLeast(v int64) string {
	tenth := int64(powers[f.scale-1])
	v -= f.zero
	up := v / tenth * tenth
	if up < v {
		up += tenth
	}
	return f.say(up + f.zero)
}
