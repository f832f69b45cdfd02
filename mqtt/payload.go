package mqtt

import (
	"time"

	"traction/control"
	"traction/control/link"
)

// Schema is the version of the payloads. New fields do not change it; a changed
// meaning or a removed field does.
const Schema = 1

// Time is a wall-clock time: RFC 3339 in UTC with milliseconds.
type Time time.Time

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z07:00"), nil
}

// State is what the table is doing and may do: retained, on change and every 30 s.
type State struct {
	// Schema is 1.
	Schema int `json:"schema"`
	// Time of the snapshot that this is from.
	Time Time `json:"time"`
	// BootID identifies the run of the control process; rev and sequence numbers
	// mean something within one run only.
	BootID string `json:"boot_id"`
	// Version of the control program.
	Version string `json:"version"`
	// Permission is what remote users may do: monitor, stop, adjust or full.
	Permission control.Permission `json:"permission"`
	// Signed: remote select and start must be signed.
	Signed bool `json:"signed"`
	// Programmes that can be selected.
	Programmes []string `json:"programmes"`
	// Rev goes into every request that can move something; stop and pause need none.
	Rev uint64 `json:"rev"`
	// Mode: idle, armed, treating, paused, releasing, tripped or recovering.
	Mode control.Mode `json:"mode"`
	// Phase: none, slack, pull, hold, ease or rest.
	Phase control.Phase `json:"phase"`
	// Treatment is the number of the treatment that runs, from 1 in each boot; 0 = none
	// runs.
	Treatment uint32 `json:"treatment"`
	// Programme that is selected; empty = none.
	Programme string `json:"programme"`
	// PlannedS is the whole treatment, slack take-up and release included, in seconds.
	PlannedS float64 `json:"planned_s"`
	// Settings in force.
	Settings Settings `json:"settings"`
	// Limits in force.
	Limits Limits `json:"limits"`
	// Alarm is the highest alarm's priority: none, low, medium or high.
	Alarm control.Priority `json:"alarm"`
	// Action is the strongest that an interlock asks for now: none, warn, freeze,
	// release or disable.
	Action control.Action `json:"action"`
	// Active are the interlocks whose condition holds now.
	Active []Interlock `json:"active"`
	// Trips are the latched interlocks; they wait for an acknowledgement.
	Trips []Interlock `json:"trips"`
	// Missing names what is still missing for arming or starting.
	Missing []string `json:"missing"`
	// SwitchProof: the patient switch was seen pressed and released.
	SwitchProof bool `json:"switch_proof"`
	// Held: a pause that keeps its force for a moment.
	Held bool `json:"held"`
	// PatientSwitch is pressed, or its wire is broken.
	PatientSwitch bool `json:"patient_switch"`
	// EmergencyStop is pressed, or its wire is broken.
	EmergencyStop bool `json:"emergency_stop"`
	// HeatC is the heat pad's set-point in degrees Celsius; null = off.
	HeatC *float64 `json:"heat_c"`
	// HeatRefused says why the heat is off although it was asked for; ok = it is not.
	HeatRefused control.HeatReason `json:"heat_refused"`
	// Cell is what is wrong with the load cell; ok = nothing.
	Cell control.CellFault `json:"cell"`
}

// Settings are the values in force of the programme, an operator's changes included.
type Settings struct {
	// HoldN is the force in hold, in newtons.
	HoldN float64 `json:"hold_n"`
	// RestN is the force in rest, in newtons.
	RestN float64 `json:"rest_n"`
	// HoldS is the time in hold, in seconds.
	HoldS float64 `json:"hold_s"`
	// RestS is the time in rest, in seconds; 0 = one hold for the whole treatment.
	RestS float64 `json:"rest_s"`
	// DurationS of the treatment, in seconds, without slack take-up and release.
	DurationS float64 `json:"duration_s"`
}

// Limits are the largest allowed values, each with the link of the chain that set it.
type Limits struct {
	// ForceN at which the treatment is tripped, in newtons.
	ForceN Limit `json:"force_n"`
	// SetPointN is the largest force that may be asked for under ForceN, in newtons.
	SetPointN Limit `json:"set_point_n"`
	// RemoteHoldN is the largest hold that a set request may ask for, in newtons; null
	// while no programme is selected.
	RemoteHoldN Limit `json:"remote_hold_n"`
	// RiseNS of the force, in newtons per second.
	RiseNS Limit `json:"rise_n_s"`
	// SpeedMMS of the rope towards force, in millimetres per second.
	SpeedMMS Limit `json:"speed_mm_s"`
	// TravelMM from where slack began, in millimetres.
	TravelMM Limit `json:"travel_mm"`
	// DurationS of the treatment, in seconds.
	DurationS Limit `json:"duration_s"`
	// ImpulseNewtonSeconds is force x time of the whole treatment, in newton seconds.
	ImpulseNewtonSeconds Limit `json:"impulse_newton_seconds"`
	// HeatC of the heat pad's set-point, in degrees Celsius.
	HeatC Limit `json:"heat_c"`
}

// Limit is a largest allowed value in the unit of its name.
type Limit struct {
	// Value; null = not limited by anything.
	Value *float64 `json:"value"`
	// Reason: none, ceiling, table, harness, patient, programme or operator.
	Reason control.Reason `json:"reason"`
}

// Interlock is one interlock with words for people.
type Interlock struct {
	// ID is its stable name.
	ID control.InterlockID `json:"id"`
	// Text says what it has seen and what to do.
	Text string `json:"text"`
}

// Telemetry is what is measured now: five times a second, not retained.
type Telemetry struct {
	// Schema is 1.
	Schema int `json:"schema"`
	// Time of the measurement.
	Time Time `json:"time"`
	// Mode and Phase as in State.
	Mode  control.Mode  `json:"mode"`
	Phase control.Phase `json:"phase"`
	// ForceN at the load cell, in newtons.
	ForceN float64 `json:"force_n"`
	// SetPointN is the force asked for at this moment, in newtons; 0 in a quick release.
	SetPointN float64 `json:"set_point_n"`
	// PositionMM of the rope in millimetres, + towards force.
	PositionMM float64 `json:"position_mm"`
	// SpeedMMS of the rope in millimetres per second, + towards force.
	SpeedMMS float64 `json:"speed_mm_s"`
	// StiffnessNMM of rope, harness and body, in newtons per millimetre; null = not known yet.
	StiffnessNMM *float64 `json:"stiffness_n_mm"`
	// PadC is the heat pad's temperature in degrees Celsius; null = not known.
	PadC *float64 `json:"pad_c"`
	// HeatDuty is the heat pad's power, 0 to 1; null = not known.
	HeatDuty *float64 `json:"heat_duty"`
	// PhaseElapsedS of the present phase, in seconds.
	PhaseElapsedS float64 `json:"phase_elapsed_s"`
	// PhaseTotalS of the present phase, in seconds; null = it does not end by time.
	PhaseTotalS *float64 `json:"phase_total_s"`
	// ElapsedS and RemainingS of the treatment, in seconds.
	ElapsedS   float64 `json:"elapsed_s"`
	RemainingS float64 `json:"remaining_s"`
	// Step of Steps while treating, from 1.
	Step  uint16 `json:"step"`
	Steps uint16 `json:"steps"`
	// Cycle counts the cycles begun in this treatment.
	Cycle uint16 `json:"cycle"`
	// LateMS is the worst lateness of a control tick in the last second, in milliseconds.
	LateMS float64 `json:"late_ms"`
	// CellRateHz is the measured sample rate of the load cell, in hertz; 0 = not known yet.
	CellRateHz float64 `json:"cell_rate_hz"`
	// CellNoiseN is the standard deviation of one sample, in newtons; null = not known yet.
	CellNoiseN *float64 `json:"cell_noise_n"`
}

// Diagnostics is how the machine is: not retained, at each connection and every 30 s.
type Diagnostics struct {
	// Schema is 1.
	Schema int `json:"schema"`
	// Time by the gateway's clock.
	Time Time `json:"time"`
	// GatewayVersion is the version of the gateway program.
	GatewayVersion string `json:"gateway_version"`
	// GatewayBootID identifies the run of the gateway.
	GatewayBootID string `json:"gateway_boot_id"`
	// UptimeS is how long the gateway has run, in seconds.
	UptimeS float64 `json:"uptime_s"`
	// Connects counts the connections to the broker in this run.
	Connects uint64 `json:"connects"`
	// Dropped counts the messages that were lost to floods in this run.
	Dropped uint64 `json:"dropped"`
	// Backlog is the number of events and reports that the broker has not
	// acknowledged; null = not known.
	Backlog *int `json:"backlog"`
	// LateMS is the worst lateness of a control tick since the last message, in
	// milliseconds; null = no control process.
	LateMS *float64 `json:"late_ms"`
	// CellRateHz and CellNoiseN as in Telemetry; null = not known.
	CellRateHz *float64 `json:"cell_rate_hz"`
	CellNoiseN *float64 `json:"cell_noise_n"`
}

// Source says who an event is from.
type Source string

const (
	// FromControl: the control process; seq counts from 1 in each boot without gaps.
	FromControl Source = "control"
	// FromGateway: the gateway itself; it has a boot id and a count of its own.
	FromGateway Source = "gateway"
)

// Event is something that happened once. It may arrive twice, then with the same
// boot_id and seq.
type Event struct {
	// Schema is 1.
	Schema int `json:"schema"`
	// Time at which it happened.
	Time Time `json:"time"`
	// BootID and Seq together identify the event.
	BootID string `json:"boot_id"`
	Seq    uint64 `json:"seq"`
	// Source of the event: control or gateway.
	Source Source `json:"source"`
	// EventType is the kind, such as mode, trip or treatment-ended; or of the
	// gateway, such as retained-request or control-lost. EventTypes has them all.
	EventType string `json:"event_type"`
	// Text says it to people.
	Text string `json:"text"`
	// Details of an event of the control process; null for the gateway's own.
	Details *EventDetails `json:"details"`
}

// EventDetails are the circumstances of an event; what does not concern its kind
// is "none", "ok" or 0.
type EventDetails struct {
	// AtS is the control process's own time, in seconds since its start.
	AtS float64 `json:"at_s"`
	// Mode and Phase after the event, as in State.
	Mode  control.Mode  `json:"mode"`
	Phase control.Phase `json:"phase"`
	// Interlock of a trip, warning, cleared or refused event.
	Interlock control.InterlockID `json:"interlock"`
	// Command and Origin of a command or refused event, and Code of its answer.
	Command control.CommandKind `json:"command"`
	Origin  control.Origin      `json:"origin"`
	Code    control.Code        `json:"code"`
	// End says why a treatment ended.
	End control.EndReason `json:"end"`
	// Heat says why the heat went on or off.
	Heat control.HeatReason `json:"heat"`
	// Treatment that it belongs to; 0 = none.
	Treatment uint32 `json:"treatment"`
	// ForceN at that moment, in newtons.
	ForceN float64 `json:"force_n"`
	// PositionMM of the rope at that moment, in millimetres, + towards force.
	PositionMM float64 `json:"position_mm"`
}

// Session is the report of the last treatment that ended, by the control
// process's own measurements; retained.
type Session struct {
	// Schema is 1.
	Schema int `json:"schema"`
	// Session is the treatment's name: <boot_id>-<treatment>.
	Session string `json:"session"`
	// BootID and Treatment together identify the treatment.
	BootID    string `json:"boot_id"`
	Treatment uint32 `json:"treatment"`
	// Programme that was run.
	Programme string `json:"programme"`
	// Started and Ended; it ends when the rope is slack.
	Started Time `json:"started"`
	Ended   Time `json:"ended"`
	// ElapsedS is the treatment time that counted, in seconds.
	ElapsedS float64 `json:"elapsed_s"`
	// Cycles that were begun.
	Cycles uint16 `json:"cycles"`
	// End: completed, stopped, tripped or pause-over.
	End control.EndReason `json:"end"`
	// Trips that were latched in it.
	Trips []Interlock `json:"trips"`
	// PeakN is the largest force, in newtons.
	PeakN float64 `json:"peak_n"`
	// ForceLimitN is the limit in force when the force was largest, in newtons.
	ForceLimitN Limit `json:"force_limit_n"`
	// MeanHoldN is the mean force in hold, in newtons.
	MeanHoldN float64 `json:"mean_hold_n"`
	// MeanHoldErrorN is the mean absolute error in hold, in newtons.
	MeanHoldErrorN float64 `json:"mean_hold_error_n"`
	// HoldWithin5Percent is the share of hold samples within 5 % of the set-point,
	// in percent; null = there was no hold.
	HoldWithin5Percent *float64 `json:"hold_within_5_percent"`
	// Holds is the number of samples in hold.
	Holds uint32 `json:"holds"`
	// TimeToSlackS is how long the release at the end took, in seconds.
	TimeToSlackS float64 `json:"time_to_slack_s"`
	// MaxTravelMM of the rope, in millimetres.
	MaxTravelMM float64 `json:"max_travel_mm"`
}

// PastSession is the report of a past treatment, published on request.
type PastSession struct {
	Session
	// RequestID is the id of the request.
	RequestID string `json:"request_id"`
}

// Response answers a request.
type Response struct {
	// Schema is 1.
	Schema int `json:"schema"`
	// Time of the answer, by the gateway's clock.
	Time Time `json:"time"`
	// ID of the request; empty when it could not be read.
	ID string `json:"id"`
	// Status: ok or refused. It is ok with code malformed in one case: a stop was
	// made out in a request that was otherwise wrong. It acted.
	Status link.Status `json:"status"`
	// Code is ok, or why it was refused, from a closed list: those of
	// control.Code, and retained and not_found.
	Code string `json:"code"`
	// Message says in words what happened or what to change.
	Message string `json:"message"`
	// Rev and Mode after the request; null where the control process was not asked.
	Rev  *uint64       `json:"rev"`
	Mode *control.Mode `json:"mode"`
}

// CodeRetained is the code of a retained request, which is never obeyed.
const CodeRetained = "retained"

// CodeNotFound is the code of a report that there is not.
const CodeNotFound = "not_found"
