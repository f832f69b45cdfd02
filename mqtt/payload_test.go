package mqtt

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
	"pgregory.net/rapid"

	"traction/control"
	"traction/control/link"
)

var boot = link.Boot{ID: "b001", Started: time.Date(2026, 3, 1, 9, 0, 0, 5e6, time.FixedZone("", 3600)), Table: "t1", Version: "1.2.3"}

func celsiusOf(c float64) physic.Temperature {
	return physic.ZeroCelsius + physic.Temperature(c*float64(physic.Celsius))
}

func snapshot() *control.Snapshot {
	return &control.Snapshot{
		At: 61250 * time.Millisecond, Rev: 4711, Mode: control.Treating, Phase: control.Hold,
		Step: 2, Steps: 3, Cycle: 5, Treatment: 1, Programme: "lumbar-60-20",
		Settings: control.Settings{Fields: 31, Hold: 392266 * physic.MilliNewton, Rest: 120 * physic.Newton,
			HoldTime: time.Minute, RestTime: 20 * time.Second, Duration: 20 * time.Minute},
		Force: 391500 * physic.MilliNewton, SetPoint: 392266 * physic.MilliNewton,
		Position: 41500 * physic.MicroMetre, Speed: -control.MilliMetrePerSecond / 2, Stiffness: 9.87654,
		PhaseElapsed: 12 * time.Second, PhaseTotal: time.Minute, Elapsed: 5 * time.Minute, Remaining: 15 * time.Minute, Planned: 21 * time.Minute,
		Limits: control.Limits{
			Force:       control.Bound[physic.Force]{Value: 451106 * physic.MilliNewton, Reason: control.ReasonProgramme},
			Rise:        control.Bound[control.ForceRate]{Value: 40 * control.NewtonPerSecond, Reason: control.ReasonProgramme},
			Speed:       control.Bound[physic.Speed]{Value: 12 * control.MilliMetrePerSecond, Reason: control.ReasonTable},
			Travel:      control.Bound[physic.Distance]{Value: 300 * physic.MilliMetre, Reason: control.ReasonTable},
			Duration:    control.Bound[time.Duration]{Value: time.Hour, Reason: control.ReasonCeiling},
			Impulse:     control.Bound[control.Impulse]{Value: 784532 * control.NewtonSecond, Reason: control.ReasonProgramme},
			Temperature: control.Bound[physic.Temperature]{Value: celsiusOf(40), Reason: control.ReasonCeiling},
		},
		Active: control.InterlockSet(0).With(control.ILCellLate), Action: control.Freeze, Alarm: control.Low,
		Missing: control.MissingProof, SwitchProof: true, Pad: celsiusOf(36.5), HeatTarget: celsiusOf(38), HeatDuty: 0.25,
		RemoteHold: control.Bound[physic.Force]{Value: 400 * physic.Newton, Reason: control.ReasonProgramme}, Held: true, CellNoise: 120 * physic.MilliNewton, CellRate: 79900 * physic.MilliHertz, Late: 123456 * time.Nanosecond,
	}
}

// The contract in full: a change here is a change for everybody outside.
func TestPayloads(t *testing.T) {
	rev, mode := uint64(4711), control.Treating
	for _, c := range []struct {
		name string
		v    any
		want string
	}{
		{"state", showState(&link.Hello{Boot: boot, Remote: control.Adjust, Signed: true, Programmes: []string{"a", "b"}}, snapshot()),
			`{"schema":1,"time":"2026-03-01T08:01:01.255Z","boot_id":"b001","version":"1.2.3","rev":4711,"permission":"adjust","signed":true,"programmes":["a","b"],
			"mode":"treating","phase":"hold","treatment":1,"programme":"lumbar-60-20","planned_s":1260,
			"settings":{"hold_n":392.266,"rest_n":120,"hold_s":60,"rest_s":20,"duration_s":1200},
			"limits":{"force_n":{"value":451.106,"reason":"programme"},"set_point_n":{"value":433.062,"reason":"programme"},"remote_hold_n":{"value":400,"reason":"programme"},
			"rise_n_s":{"value":40,"reason":"programme"},"speed_mm_s":{"value":12,"reason":"table"},"travel_mm":{"value":300,"reason":"table"},
			"duration_s":{"value":3600,"reason":"ceiling"},"impulse_newton_seconds":{"value":784532,"reason":"programme"},"heat_c":{"value":40,"reason":"ceiling"}},
			"alarm":"low","action":"freeze","active":[{"id":"cell-late","text":` + quoted(control.ILCellLate) + `}],
			"trips":[],"missing":["patient-switch-proof"],"switch_proof":true,"held":true,"patient_switch":false,"emergency_stop":false,
			"heat_c":38,"heat_refused":"ok","cell":"ok"}`},
		{"telemetry", showTelemetry(boot, snapshot()), `{"schema":1,"time":"2026-03-01T08:01:01.255Z","mode":"treating","phase":"hold",
			"force_n":391.5,"set_point_n":392.266,"position_mm":41.5,"speed_mm_s":-0.5,"stiffness_n_mm":9.877,"pad_c":36.5,"heat_duty":0.25,
			"phase_elapsed_s":12,"phase_total_s":60,"elapsed_s":300,"remaining_s":900,"step":2,"steps":3,"cycle":5,"late_ms":0.123,"cell_rate_hz":79.9,"cell_noise_n":0.12}`},
		{"telemetry of nothing", showTelemetry(boot, &control.Snapshot{}), `{"schema":1,"time":"2026-03-01T08:00:00.005Z","mode":"idle","phase":"none",
			"force_n":0,"set_point_n":0,"position_mm":0,"speed_mm_s":0,"stiffness_n_mm":null,"pad_c":null,"heat_duty":0,
			"phase_elapsed_s":0,"phase_total_s":null,"elapsed_s":0,"remaining_s":0,"step":0,"steps":0,"cycle":0,"late_ms":0,"cell_rate_hz":0,"cell_noise_n":null}`},
		{"event", showEvent(boot, &control.Event{Seq: 7, At: time.Second, Kind: control.EventTreatmentEnded, Mode: control.Idle, End: control.EndStopped, Treatment: 1, Force: 3 * physic.Newton}),
			`{"schema":1,"time":"2026-03-01T08:00:01.005Z","boot_id":"b001","seq":7,"source":"control","event_type":"treatment-ended",
			"text":"Treatment 1 has ended: somebody stopped it.","details":{"at_s":1,"mode":"idle","phase":"none","interlock":"none","command":"none",
			"origin":"table","code":"ok","end":"stopped","heat":"ok","treatment":1,"force_n":3,"position_mm":0}}`},
		{"session", showReport(boot, &control.Report{Treatment: 1, Programme: "demo", Started: time.Second, Ended: 100 * time.Second, Elapsed: 90 * time.Second,
			Cycles: 3, End: control.EndTripped, Trips: control.InterlockSet(0).With(control.ILSuddenDrop), Peak: 199 * physic.Newton,
			Limit:    control.Bound[physic.Force]{Value: 230 * physic.Newton, Reason: control.ReasonHarness},
			MeanHold: 180 * physic.Newton, MeanHoldError: 400 * physic.MilliNewton, HoldWithin5: 0.995, Holds: 1000, TimeToSlack: 2 * time.Second, MaxTravel: 50 * physic.MilliMetre}),
			`{"schema":1,"session":"b001-1","boot_id":"b001","treatment":1,"programme":"demo","started":"2026-03-01T08:00:01.005Z","ended":"2026-03-01T08:01:40.005Z",
			"elapsed_s":90,"cycles":3,"end":"tripped","trips":[{"id":"sudden-drop","text":` + quoted(control.ILSuddenDrop) + `}],
			"peak_n":199,"force_limit_n":{"value":230,"reason":"harness"},"mean_hold_n":180,"mean_hold_error_n":0.4,"hold_within_5_percent":99.5,
			"holds":1000,"time_to_slack_s":2,"max_travel_mm":50}`},
		{"own event", showOwn(link.Boot{ID: "g001"}, &OwnEvent{Seq: 2, At: boot.Started, Kind: RetainedRequest, Text: "Said."}),
			`{"schema":1,"time":"2026-03-01T08:00:00.005Z","boot_id":"g001","seq":2,"source":"gateway","event_type":"retained-request","text":"Said.","details":null}`},
		{"past session", PastSession{Session: Session{Trips: []Interlock{}}, RequestID: "7f"},
			`{"schema":0,"session":"","boot_id":"","treatment":0,"programme":"","started":"0001-01-01T00:00:00.000Z","ended":"0001-01-01T00:00:00.000Z",
			"elapsed_s":0,"cycles":0,"end":"none","trips":[],"peak_n":0,"force_limit_n":{"value":null,"reason":"none"},"mean_hold_n":0,"mean_hold_error_n":0,
			"hold_within_5_percent":null,"holds":0,"time_to_slack_s":0,"max_travel_mm":0,"request_id":"7f"}`},
		{"response", Response{Schema: Schema, Time: Time(boot.Started), ID: "7f", Status: link.StatusOK, Code: "ok", Message: "done", Rev: &rev, Mode: &mode},
			`{"schema":1,"time":"2026-03-01T08:00:00.005Z","id":"7f","status":"ok","code":"ok","message":"done","rev":4711,"mode":"treating"}`},
		{"response without asking", showResponse(link.Refusal("7f", fmt.Errorf("x: is wrong")), boot.Started),
			`{"schema":1,"time":"2026-03-01T08:00:00.005Z","id":"7f","status":"refused","code":"malformed","message":"x: is wrong","rev":null,"mode":null}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := json.Marshal(c.v)
			require.NoError(t, err)
			assert.JSONEq(t, c.want, string(got))
		})
	}
}

// quoted is the text of an interlock, whose words are the link's own matter.
func quoted(id control.InterlockID) string {
	return strconv.Quote(interlocks(control.InterlockSet(0).With(id))[0].Text)
}

func TestUnlimitedIsNull(t *testing.T) {
	s := showState(&link.Hello{Boot: boot}, &control.Snapshot{})
	assert.Nil(t, s.Limits.ForceN.Value)
	assert.Nil(t, s.Limits.SetPointN.Value)
	assert.Nil(t, s.HeatC)
}

// A payload that cannot be encoded would be a table that says nothing.
func TestAnyValueEncodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		float := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64}))
		long := rapid.Int64()
		s := snapshot()
		s.Stiffness, s.HeatDuty = float.Draw(t, "stiffness"), float.Draw(t, "duty")
		s.Force, s.Position = physic.Force(long.Draw(t, "force")), physic.Distance(long.Draw(t, "position"))
		s.Pad, s.At = physic.Temperature(long.Draw(t, "pad")), time.Duration(long.Draw(t, "at"))
		s.Mode, s.Phase, s.Alarm = control.Mode(rapid.Byte().Draw(t, "mode")), control.Phase(rapid.Byte().Draw(t, "phase")), control.Priority(rapid.Byte().Draw(t, "alarm"))
		s.Active, s.Trips = control.InterlockSet(rapid.Uint64().Draw(t, "active")), control.InterlockSet(rapid.Uint64().Draw(t, "trips"))
		s.Missing = control.Missing(rapid.Uint16().Draw(t, "missing"))
		s.Limits.Force.Value = physic.Force(long.Draw(t, "limit"))
		r := &control.Report{Holds: 1, HoldWithin5: float.Draw(t, "within"), Peak: physic.Force(long.Draw(t, "peak"))}
		for _, v := range []any{showState(&link.Hello{Boot: boot}, s), showTelemetry(boot, s), showReport(boot, r), showEvent(boot, &control.Event{Kind: control.EventKind(rapid.Byte().Draw(t, "kind"))})} {
			_, err := json.Marshal(v)
			require.NoError(t, err)
		}
	})
}

func TestEveryInterlockHasAText(t *testing.T) {
	all := interlocks(math.MaxUint64)
	require.NotEmpty(t, all)
	texts := map[string]bool{}
	for _, i := range all {
		assert.Greater(t, len(i.Text), 20, i.ID)
		assert.NotContains(t, i.Text, "0 N", "the force is not known here")
		assert.False(t, texts[i.Text], "said twice: %s", i.Text)
		texts[i.Text] = true
	}
}
