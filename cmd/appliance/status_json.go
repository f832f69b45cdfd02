package main

import (
	"math"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
)

// stateJSON is the state for programs. Names and units are those of the MQTT
// contract, where docs explain them; null stands for "not known", "off" or "no
// limit".
type stateJSON struct {
	Table   string    `json:"table"`
	BootID  string    `json:"boot_id"`
	Version string    `json:"version"`
	Time    time.Time `json:"time"` // wall clock of the state
	AtS     float64   `json:"at_s"` // seconds since the boot

	Rev       uint64        `json:"rev"`
	Mode      control.Mode  `json:"mode"`
	Phase     control.Phase `json:"phase"`
	Step      uint16        `json:"step"`
	Steps     uint16        `json:"steps"`
	Cycle     uint16        `json:"cycle"`
	Treatment uint32        `json:"treatment"`
	Programme string        `json:"programme"`
	Settings  settingsJSON  `json:"settings"`

	ForceN       float64  `json:"force_n"`
	SetPointN    float64  `json:"set_point_n"`
	PositionMM   float64  `json:"position_mm"`
	SpeedMMS     float64  `json:"speed_mm_s"`
	StiffnessNMM *float64 `json:"stiffness_n_mm"`

	PhaseElapsedS float64  `json:"phase_elapsed_s"`
	PhaseTotalS   *float64 `json:"phase_total_s"` // null: its end is not a matter of time
	ElapsedS      float64  `json:"elapsed_s"`
	RemainingS    float64  `json:"remaining_s"`
	PlannedS      float64  `json:"planned_s"`

	Limits map[string]limitJSON `json:"limits"`

	Alarm   control.Priority `json:"alarm"`
	Action  control.Action   `json:"action"`
	Active  []interlockJSON  `json:"active"`
	Trips   []interlockJSON  `json:"trips"`
	Missing []string         `json:"missing"`

	SwitchProof   bool `json:"switch_proof"`
	PatientSwitch bool `json:"patient_switch"`
	EmergencyStop bool `json:"emergency_stop"`
	EndSlack      bool `json:"end_slack"`
	EndPull       bool `json:"end_pull"`
	StartButton   bool `json:"start_button"`

	PadC        *float64           `json:"pad_c"`
	HeatC       *float64           `json:"heat_c"`
	HeatDuty    *float64           `json:"heat_duty"`
	HeatRefused control.HeatReason `json:"heat_refused"`
	Cell        control.CellFault  `json:"cell"`
	CellRateHz  float64            `json:"cell_rate_hz"`
	LateMS      float64            `json:"late_ms"`
}

type settingsJSON struct {
	HoldN     float64 `json:"hold_n"`
	RestN     float64 `json:"rest_n"`
	HoldS     float64 `json:"hold_s"`
	RestS     float64 `json:"rest_s"`
	DurationS float64 `json:"duration_s"`
}

// limitJSON is a bound with the link of the chain that set it.
type limitJSON struct {
	Value  *float64       `json:"value"`
	Reason control.Reason `json:"reason"`
}

type interlockJSON struct {
	ID   control.InterlockID `json:"id"`
	Text string              `json:"text"`
}

// newStateJSON shows a snapshot.
func newStateJSON(h *link.Hello, s *control.Snapshot) stateJSON {
	set, l := &s.Settings, &s.Limits
	return stateJSON{
		Table: h.Table, BootID: h.ID, Version: h.Version, Time: h.Started.Add(s.At).UTC(), AtS: thousandths(s.At.Seconds()),
		Rev: s.Rev, Mode: s.Mode, Phase: s.Phase, Step: s.Step, Steps: s.Steps, Cycle: s.Cycle,
		Treatment: s.Treatment, Programme: s.Programme,
		Settings: settingsJSON{HoldN: nanos(set.Hold), RestN: nanos(set.Rest), HoldS: nanos(set.HoldTime),
			RestS: nanos(set.RestTime), DurationS: nanos(set.Duration)},
		ForceN: nanos(s.Force), SetPointN: nanos(s.SetPoint), PositionMM: micros(s.Position), SpeedMMS: micros(s.Speed),
		StiffnessNMM:  unless(s.Stiffness == 0, s.Stiffness),
		PhaseElapsedS: nanos(s.PhaseElapsed), PhaseTotalS: unless(s.PhaseTotal == 0, nanos(s.PhaseTotal)),
		ElapsedS: nanos(s.Elapsed), RemainingS: nanos(s.Remaining), PlannedS: nanos(s.Planned),
		Limits: map[string]limitJSON{
			"force_n":                newLimitJSON(l.Force, nanos),
			"set_point_n":            newLimitJSON(control.Bound[physic.Force]{Value: l.MaxSetPoint(), Reason: l.Force.Reason}, nanos),
			"rise_n_s":               newLimitJSON(l.Rise, nanos),
			"impulse_newton_seconds": newLimitJSON(l.Impulse, nanos),
			"speed_mm_s":             newLimitJSON(l.Speed, micros),
			"travel_mm":              newLimitJSON(l.Travel, micros),
			"duration_s":             newLimitJSON(l.Duration, nanos),
			"heat_c":                 newLimitJSON(l.Temperature, physic.Temperature.Celsius),
		},
		Alarm: s.Alarm, Action: s.Action, Active: newInterlocksJSON(s.Active), Trips: newInterlocksJSON(s.Trips),
		Missing:     append([]string{}, s.Missing.Names()...),
		SwitchProof: s.SwitchProof, PatientSwitch: s.Switches.Patient, EmergencyStop: s.Switches.EmergencyStop,
		EndSlack: s.Switches.EndSlack, EndPull: s.Switches.EndPull, StartButton: s.Switches.Start,
		PadC: unless(s.Pad == 0, s.Pad.Celsius()), HeatC: unless(s.HeatTarget == 0, s.HeatTarget.Celsius()),
		HeatDuty: unless(false, s.HeatDuty), HeatRefused: s.HeatRefused,
		Cell: s.Cell, CellRateHz: thousandths(float64(s.CellRate) / float64(physic.Hertz)),
		LateMS: thousandths(s.Late.Seconds() * 1000),
	}
}

func newLimitJSON[T ~int64](b control.Bound[T], in func(T) float64) limitJSON {
	return limitJSON{Value: unless(b.Reason == control.ReasonNone, in(b.Value)), Reason: b.Reason}
}

func newInterlocksJSON(set control.InterlockSet) []interlockJSON {
	out := []interlockJSON{}
	for _, id := range set.IDs() {
		out = append(out, interlockJSON{ID: id, Text: tripText(id)})
	}
	return out
}

// thousandths rounds to what every sensor is coarser than.
func thousandths(v float64) float64 { return math.Round(v*1000) / 1000 }

// nanos shows an integer of 1e-9 units, micros one of 1e-6.
func nanos[T ~int64](v T) float64  { return thousandths(float64(v) * 1e-9) }
func micros[T ~int64](v T) float64 { return thousandths(float64(v) * 1e-6) }

// unless gives null where a value is none, or has no JSON number.
func unless(none bool, v float64) *float64 {
	if none || math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	v = thousandths(v)
	return &v
}
