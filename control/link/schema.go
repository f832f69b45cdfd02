package link

import (
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// Short names for the tables below, where they stand on every line.
type (
	snapshot = control.Snapshot
	entry    = control.Entry
	event    = control.Event
	report   = control.Report
)

// bound is a limit with its reason: name_unit and name_reason.
func bound[V ~int64](name, unit string, unitField func(string, func(*snapshot) *V) field[snapshot], at func(*snapshot) *control.Bound[V]) []field[snapshot] {
	return []field[snapshot]{
		unitField(name+"_"+unit, func(s *snapshot) *V { return &at(s).Value }),
		enum(name+"_reason", func(s *snapshot) *control.Reason { return &at(s).Reason }),
	}
}

// snapshotFields is a control.Snapshot on the wire.
var snapshotFields = join(
	object[snapshot]{
		seconds("at_s", func(s *snapshot) *time.Duration { return &s.At }),
		count("rev", func(s *snapshot) *uint64 { return &s.Rev }),
		enum("mode", func(s *snapshot) *control.Mode { return &s.Mode }),
		enum("phase", func(s *snapshot) *control.Phase { return &s.Phase }),
		count("step", func(s *snapshot) *uint16 { return &s.Step }),
		count("steps", func(s *snapshot) *uint16 { return &s.Steps }),
		count("cycle", func(s *snapshot) *uint16 { return &s.Cycle }),
		count("treatment", func(s *snapshot) *uint32 { return &s.Treatment }),
		text("programme", func(s *snapshot) *string { return &s.Programme }),
		set("settings", settingBits, func(s *snapshot) *control.Field { return &s.Settings.Fields }),
		newtons("hold_n", func(s *snapshot) *physic.Force { return &s.Settings.Hold }),
		newtons("rest_n", func(s *snapshot) *physic.Force { return &s.Settings.Rest }),
		seconds("hold_s", func(s *snapshot) *time.Duration { return &s.Settings.HoldTime }),
		seconds("rest_s", func(s *snapshot) *time.Duration { return &s.Settings.RestTime }),
		seconds("duration_s", func(s *snapshot) *time.Duration { return &s.Settings.Duration }),
		newtons("force_n", func(s *snapshot) *physic.Force { return &s.Force }),
		newtons("set_point_n", func(s *snapshot) *physic.Force { return &s.SetPoint }),
		millimetres("position_mm", func(s *snapshot) *physic.Distance { return &s.Position }),
		millimetresPerSecond("speed_mm_s", func(s *snapshot) *physic.Speed { return &s.Speed }),
		ratio("stiffness_n_mm", func(s *snapshot) *float64 { return &s.Stiffness }),
		seconds("phase_elapsed_s", func(s *snapshot) *time.Duration { return &s.PhaseElapsed }),
		seconds("phase_total_s", func(s *snapshot) *time.Duration { return &s.PhaseTotal }),
		seconds("elapsed_s", func(s *snapshot) *time.Duration { return &s.Elapsed }),
		seconds("remaining_s", func(s *snapshot) *time.Duration { return &s.Remaining }),
		seconds("release_left_s", func(s *snapshot) *time.Duration { return &s.ReleaseLeft }),
		seconds("planned_s", func(s *snapshot) *time.Duration { return &s.Planned }),
	},
	bound("force_limit", "n", newtons, func(s *snapshot) *control.Bound[physic.Force] { return &s.Limits.Force }),
	bound("remote_hold", "n", newtons, func(s *snapshot) *control.Bound[physic.Force] { return &s.RemoteHold }),
	bound("rise_limit", "n_s", newtonsPerSecond, func(s *snapshot) *control.Bound[control.ForceRate] { return &s.Limits.Rise }),
	bound("speed_limit", "mm_s", millimetresPerSecond, func(s *snapshot) *control.Bound[physic.Speed] { return &s.Limits.Speed }),
	bound("travel_limit", "mm", millimetres, func(s *snapshot) *control.Bound[physic.Distance] { return &s.Limits.Travel }),
	bound("duration_limit", "s", seconds, func(s *snapshot) *control.Bound[time.Duration] { return &s.Limits.Duration }),
	bound("impulse_limit", "newton_seconds", newtonSeconds, func(s *snapshot) *control.Bound[control.Impulse] { return &s.Limits.Impulse }),
	bound("heat_limit", "c", celsius, func(s *snapshot) *control.Bound[physic.Temperature] { return &s.Limits.Temperature }),
	object[snapshot]{
		enum("action", func(s *snapshot) *control.Action { return &s.Action }),
		set("active", interlockBits, func(s *snapshot) *control.InterlockSet { return &s.Active }),
		set("trips", interlockBits, func(s *snapshot) *control.InterlockSet { return &s.Trips }),
		enum("alarm", func(s *snapshot) *control.Priority { return &s.Alarm }),
		set("missing", missingBits, func(s *snapshot) *control.Missing { return &s.Missing }),
		flag("switch_proof", func(s *snapshot) *bool { return &s.SwitchProof }),
		flag("held", func(s *snapshot) *bool { return &s.Held }),
		flag("patient_switch", func(s *snapshot) *bool { return &s.Switches.Patient }),
		flag("emergency_stop", func(s *snapshot) *bool { return &s.Switches.EmergencyStop }),
		flag("end_slack", func(s *snapshot) *bool { return &s.Switches.EndSlack }),
		flag("end_pull", func(s *snapshot) *bool { return &s.Switches.EndPull }),
		flag("supply_low", func(s *snapshot) *bool { return &s.Switches.SupplyLow }),
		flag("start_button", func(s *snapshot) *bool { return &s.Switches.Start }),
		celsius("pad_c", func(s *snapshot) *physic.Temperature { return &s.Pad }),
		celsius("heat_c", func(s *snapshot) *physic.Temperature { return &s.HeatTarget }),
		ratio("heat_duty", func(s *snapshot) *float64 { return &s.HeatDuty }),
		enum("heat_refused", func(s *snapshot) *control.HeatReason { return &s.HeatRefused }),
		seconds("silent_s", func(s *snapshot) *time.Duration { return &s.SilentFor }),
		flag("end_tone", func(s *snapshot) *bool { return &s.EndTone }),
		enum("cell", func(s *snapshot) *control.CellFault { return &s.Cell }),
		hertz("cell_rate_hz", func(s *snapshot) *physic.Frequency { return &s.CellRate }),
		newtons("cell_noise_n", func(s *snapshot) *physic.Force { return &s.CellNoise }),
		seconds("late_s", func(s *snapshot) *time.Duration { return &s.Late }),
	},
)

// entryFields is a control.Entry on the wire; the order is that of the columns.
var entryFields = object[entry]{
	count("seq", func(e *entry) *uint64 { return &e.Seq }),
	seconds("at_s", func(e *entry) *time.Duration { return &e.At }),
	newtons("force_n", func(e *entry) *physic.Force { return &e.Force }),
	newtons("set_point_n", func(e *entry) *physic.Force { return &e.SetPoint }),
	millimetres("position_mm", func(e *entry) *physic.Distance { return &e.Position }),
	converterCode("counts", func(e *entry) *int32 { return &e.Counts }),
	count("treatment", func(e *entry) *uint32 { return &e.Treatment }),
	count("step", func(e *entry) *uint16 { return &e.Step }),
	count("cycle", func(e *entry) *uint16 { return &e.Cycle }),
	enum("mode", func(e *entry) *control.Mode { return &e.Mode }),
	enum("phase", func(e *entry) *control.Phase { return &e.Phase }),
	enum("action", func(e *entry) *control.Action { return &e.Action }),
	flag("fresh", func(e *entry) *bool { return &e.Fresh }),
}

// eventFields is a control.Event on the wire.
var eventFields = object[event]{
	count("seq", func(e *event) *uint64 { return &e.Seq }),
	seconds("at_s", func(e *event) *time.Duration { return &e.At }),
	enum("kind", func(e *event) *control.EventKind { return &e.Kind }),
	enum("mode", func(e *event) *control.Mode { return &e.Mode }),
	enum("phase", func(e *event) *control.Phase { return &e.Phase }),
	enum("interlock", func(e *event) *control.InterlockID { return &e.Interlock }),
	enum("command", func(e *event) *control.CommandKind { return &e.Command }),
	enum("origin", func(e *event) *control.Origin { return &e.Origin }),
	enum("code", func(e *event) *control.Code { return &e.Code }),
	enum("end", func(e *event) *control.EndReason { return &e.End }),
	enum("heat", func(e *event) *control.HeatReason { return &e.Heat }),
	count("treatment", func(e *event) *uint32 { return &e.Treatment }),
	newtons("force_n", func(e *event) *physic.Force { return &e.Force }),
	millimetres("position_mm", func(e *event) *physic.Distance { return &e.Position }),
}

// reportFields is a control.Report on the wire.
var reportFields = object[report]{
	count("treatment", func(r *report) *uint32 { return &r.Treatment }),
	text("programme", func(r *report) *string { return &r.Programme }),
	seconds("started_s", func(r *report) *time.Duration { return &r.Started }),
	seconds("ended_s", func(r *report) *time.Duration { return &r.Ended }),
	seconds("elapsed_s", func(r *report) *time.Duration { return &r.Elapsed }),
	count("cycles", func(r *report) *uint16 { return &r.Cycles }),
	enum("end", func(r *report) *control.EndReason { return &r.End }),
	set("trips", interlockBits, func(r *report) *control.InterlockSet { return &r.Trips }),
	newtons("peak_n", func(r *report) *physic.Force { return &r.Peak }),
	newtons("force_limit_n", func(r *report) *physic.Force { return &r.Limit.Value }),
	enum("force_limit_reason", func(r *report) *control.Reason { return &r.Limit.Reason }),
	newtons("mean_hold_n", func(r *report) *physic.Force { return &r.MeanHold }),
	newtons("mean_hold_error_n", func(r *report) *physic.Force { return &r.MeanHoldError }),
	ratio("share_within_5_percent", func(r *report) *float64 { return &r.HoldWithin5 }),
	count("holds", func(r *report) *uint32 { return &r.Holds }),
	seconds("time_to_slack_s", func(r *report) *time.Duration { return &r.TimeToSlack }),
	millimetres("max_travel_mm", func(r *report) *physic.Distance { return &r.MaxTravel }),
}

// join makes one object of several lists of fields.
func join[T any](lists ...[]field[T]) object[T] {
	var out object[T]
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}
