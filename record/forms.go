package record

import (
	"math"
	"strings"
	"time"

	"traction/control"
	"traction/control/link"
)

// exportSchema changes when an export loses a member or a member its meaning.
const exportSchema = 2

// The JSON forms of an export. What the topics session and event of the MQTT
// contract have too has the same name and shape here; the numbers differ in that
// none is rounded. Units are in the names; time is the wall clock, at_s the
// seconds since the boot.
type (
	sessionForm struct {
		Session   string      `json:"session"`
		BootID    string      `json:"boot_id"`
		Table     string      `json:"table"`
		Version   string      `json:"version"` // of the control process
		Treatment uint32      `json:"treatment"`
		Began     string      `json:"began"` // first sample
		Ended     string      `json:"ended"`
		Report    *reportForm `json:"report"` // null while it runs, or when it was cut off
	}
	reportForm struct {
		Programme     string            `json:"programme"`
		Started       string            `json:"started"`
		Ended         string            `json:"ended"`
		Elapsed       decimal           `json:"elapsed_s"`
		Cycles        uint16            `json:"cycles"`
		End           control.EndReason `json:"end"`
		Trips         []tripForm        `json:"trips"`
		Peak          decimal           `json:"peak_n"`
		Limit         limitForm         `json:"force_limit_n"`
		MeanHold      decimal           `json:"mean_hold_n"`
		MeanHoldError decimal           `json:"mean_hold_error_n"`
		Within5       *float64          `json:"hold_within_5_percent"` // 0 to 100; null = there was no hold
		Holds         uint32            `json:"holds"`
		TimeToSlack   decimal           `json:"time_to_slack_s"`
		MaxTravel     decimal           `json:"max_travel_mm"`
	}
	tripForm struct {
		ID   control.InterlockID `json:"id"`
		Text string              `json:"text"`
	}
	limitForm struct {
		Value  *decimal       `json:"value"` // null = there was none
		Reason control.Reason `json:"reason"`
	}
	eventForm struct {
		Time      string              `json:"time"`
		At        decimal             `json:"at_s"`
		Seq       uint64              `json:"seq"`
		Kind      control.EventKind   `json:"event_type"`
		Text      string              `json:"text"`
		Mode      control.Mode        `json:"mode"`
		Phase     control.Phase       `json:"phase"`
		Interlock control.InterlockID `json:"interlock"`
		Command   control.CommandKind `json:"command"`
		Origin    control.Origin      `json:"origin"`
		Code      control.Code        `json:"code"`
		End       control.EndReason   `json:"end"`
		Heat      control.HeatReason  `json:"heat"`
		Treatment uint32              `json:"treatment"`
		Force     decimal             `json:"force_n"`
		Position  decimal             `json:"position_mm"`
	}
	sampleForm struct {
		Time      string         `json:"time"`
		At        decimal        `json:"at_s"`
		Seq       uint64         `json:"seq"`
		Treatment uint32         `json:"treatment"` // 0 in the aftermath
		Mode      control.Mode   `json:"mode"`
		Phase     control.Phase  `json:"phase"`
		Step      uint16         `json:"step"`
		Cycle     uint16         `json:"cycle"`
		Force     decimal        `json:"force_n"`
		SetPoint  decimal        `json:"set_point_n"`
		Position  decimal        `json:"position_mm"`
		Counts    int32          `json:"counts"` // of the converter, as they came
		Fresh     bool           `json:"fresh"`
		Action    control.Action `json:"action"`
	}
)

func (s *Session) wall(at time.Duration) string { return s.Wall(at).Format(wallFormat) }

func (s *Session) form() sessionForm {
	f := sessionForm{Session: s.Name(), BootID: s.Boot.ID, Table: s.Boot.Table, Version: s.Boot.Version,
		Treatment: s.Treatment, Began: s.wall(s.Began), Ended: s.wall(s.Ended)}
	r := s.Report
	if r == nil {
		return f
	}
	f.Report = &reportForm{
		Programme: r.Programme, Started: s.wall(r.Started), Ended: s.wall(r.Ended), Elapsed: decimal{int64(r.Elapsed), nano},
		Cycles: r.Cycles, End: r.End, Trips: []tripForm{}, Peak: decimal{int64(r.Peak), nano},
		Limit:    limitForm{Reason: r.Limit.Reason},
		MeanHold: decimal{int64(r.MeanHold), nano}, MeanHoldError: decimal{int64(r.MeanHoldError), nano},
		Holds: r.Holds, TimeToSlack: decimal{int64(r.TimeToSlack), nano}, MaxTravel: decimal{int64(r.MaxTravel), micro},
	}
	if r.Limit.Reason != control.ReasonNone {
		f.Report.Limit.Value = &decimal{int64(r.Limit.Value), nano}
	}
	if within := 100 * r.HoldWithin5; r.Holds > 0 && !math.IsNaN(within) && !math.IsInf(within, 0) {
		f.Report.Within5 = &within
	}
	for _, id := range r.Trips.IDs() {
		f.Report.Trips = append(f.Report.Trips, tripForm{id, TripText(id)})
	}
	return f
}

// TripText says what an interlock has seen and what to do: the text of the trip's
// event without its beginning, which tells a force.
func TripText(id control.InterlockID) string {
	text := link.Text(control.Event{Kind: control.EventTrip, Interlock: id})
	if _, after, found := strings.Cut(text, ": "); found {
		return after
	}
	return text
}

func (s *Session) eventForm(e *control.Event) eventForm {
	return eventForm{Time: s.wall(e.At), At: decimal{int64(e.At), nano}, Seq: e.Seq, Kind: e.Kind,
		Text: link.Text(*e), Mode: e.Mode, Phase: e.Phase, Interlock: e.Interlock, Command: e.Command, Origin: e.Origin,
		Code: e.Code, End: e.End, Heat: e.Heat, Treatment: e.Treatment,
		Force: decimal{int64(e.Force), nano}, Position: decimal{int64(e.Position), micro}}
}

func (s *Session) sampleForm(e *control.Entry) sampleForm {
	return sampleForm{Time: s.wall(e.At), At: decimal{int64(e.At), nano}, Seq: e.Seq, Treatment: e.Treatment,
		Mode: e.Mode, Phase: e.Phase, Step: e.Step, Cycle: e.Cycle,
		Force: decimal{int64(e.Force), nano}, SetPoint: decimal{int64(e.SetPoint), nano},
		Position: decimal{int64(e.Position), micro}, Counts: e.Counts, Fresh: e.Fresh, Action: e.Action}
}
