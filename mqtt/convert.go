package mqtt

import (
	"math"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
)

// showState shows a snapshot of this boot.
func showState(hello *link.Hello, s *control.Snapshot) State {
	boot, l := hello.Boot, &s.Limits
	state := State{
		Schema: Schema, Time: wall(boot, s.At), BootID: boot.ID, Version: boot.Version,
		Permission: hello.Remote, Signed: hello.Signed, Programmes: append([]string{}, hello.Programmes...),
		Rev: s.Rev, Mode: s.Mode, Phase: s.Phase, Treatment: s.Treatment, Programme: s.Programme,
		PlannedS: seconds(s.Planned),
		Settings: Settings{
			HoldN: newtons(s.Settings.Hold), RestN: newtons(s.Settings.Rest), HoldS: seconds(s.Settings.HoldTime),
			RestS: seconds(s.Settings.RestTime), DurationS: seconds(s.Settings.Duration),
		},
		Limits: Limits{
			ForceN:               limit(l.Force, newtons),
			RemoteHoldN:          limit(s.RemoteHold, newtons),
			ImpulseNewtonSeconds: limit(l.Impulse, func(v control.Impulse) float64 { return newtons(physic.Force(v)) }),
			RiseNS:               limit(l.Rise, func(v control.ForceRate) float64 { return newtons(physic.Force(v)) }),
			SpeedMMS:             limit(l.Speed, millimetresPerSecond), TravelMM: limit(l.Travel, millimetres),
			DurationS: limit(l.Duration, seconds), HeatC: limit(l.Temperature, degrees),
		},
		Alarm: s.Alarm, Action: s.Action, Active: interlocks(s.Active), Trips: interlocks(s.Trips),
		Missing: append([]string{}, s.Missing.Names()...), SwitchProof: s.SwitchProof, Held: s.Held,
		PatientSwitch: s.Switches.Patient, EmergencyStop: s.Switches.EmergencyStop,
		HeatC: celsius(s.HeatTarget), HeatRefused: s.HeatRefused, Cell: s.Cell,
	}
	state.Limits.SetPointN.Reason = l.Force.Reason
	if l.Force.Reason != control.ReasonNone {
		most := newtons(l.MaxSetPoint())
		state.Limits.SetPointN.Value = &most
	}
	return state
}

// showTelemetry shows what a snapshot measured.
func showTelemetry(boot link.Boot, s *control.Snapshot) Telemetry {
	t := Telemetry{
		Schema: Schema, Time: wall(boot, s.At), Mode: s.Mode, Phase: s.Phase,
		ForceN: newtons(s.Force), SetPointN: newtons(s.SetPoint),
		PositionMM: millimetres(s.Position), SpeedMMS: millimetresPerSecond(s.Speed),
		PadC: celsius(s.Pad), HeatDuty: finite(s.HeatDuty),
		PhaseElapsedS: seconds(s.PhaseElapsed), ElapsedS: seconds(s.Elapsed), RemainingS: seconds(s.Remaining),
		Step: s.Step, Steps: s.Steps, Cycle: s.Cycle,
		LateMS: round(float64(s.Late) / float64(time.Millisecond)), CellRateHz: round(float64(s.CellRate) / float64(physic.Hertz)),
	}
	if s.CellNoise > 0 {
		noise := newtons(s.CellNoise)
		t.CellNoiseN = &noise
	}
	if s.Stiffness > 0 {
		t.StiffnessNMM = finite(s.Stiffness)
	}
	if s.PhaseTotal > 0 {
		total := seconds(s.PhaseTotal)
		t.PhaseTotalS = &total
	}
	return t
}

// showEvent shows an event of the control process.
func showEvent(boot link.Boot, e *control.Event) Event {
	return Event{
		Schema: Schema, Time: wall(boot, e.At), BootID: boot.ID, Seq: e.Seq, Source: FromControl,
		EventType: e.Kind.String(), Text: link.Text(*e),
		Details: &EventDetails{
			AtS: seconds(e.At), Mode: e.Mode, Phase: e.Phase, Interlock: e.Interlock, Command: e.Command,
			Origin: e.Origin, Code: e.Code, End: e.End, Heat: e.Heat, Treatment: e.Treatment,
			ForceN: newtons(e.Force), PositionMM: millimetres(e.Position),
		},
	}
}

// showOwn shows an event of the gateway itself.
func showOwn(boot link.Boot, e *OwnEvent) Event {
	return Event{Schema: Schema, Time: Time(e.At), BootID: boot.ID, Seq: e.Seq, Source: FromGateway, EventType: string(e.Kind), Text: e.Text}
}

// showReport shows a report.
func showReport(boot link.Boot, r *control.Report) Session {
	s := Session{
		Schema: Schema, Session: SessionName(boot.ID, r.Treatment), BootID: boot.ID, Treatment: r.Treatment, Programme: r.Programme,
		Started: wall(boot, r.Started), Ended: wall(boot, r.Ended), ElapsedS: seconds(r.Elapsed),
		Cycles: r.Cycles, End: r.End, Trips: interlocks(r.Trips), PeakN: newtons(r.Peak),
		ForceLimitN: limit(r.Limit, newtons), MeanHoldN: newtons(r.MeanHold), MeanHoldErrorN: newtons(r.MeanHoldError),
		Holds: r.Holds, TimeToSlackS: seconds(r.TimeToSlack), MaxTravelMM: millimetres(r.MaxTravel),
	}
	if r.Holds > 0 {
		s.HoldWithin5Percent = finite(100 * r.HoldWithin5)
	}
	return s
}

// showResponse shows an answer. One that was given without asking the controller
// has no rev; the real ones begin at a random number.
func showResponse(r link.Response, now time.Time) Response {
	out := Response{Schema: Schema, Time: Time(now), ID: r.ID, Status: r.Status, Code: r.Code.String(), Message: r.Message}
	if r.Rev != 0 {
		out.Rev, out.Mode = &r.Rev, &r.Mode
	}
	return out
}

// interlocks gives the members of a set with their texts. The text is that of
// the trip's event without its beginning, which tells a force that is not known
// here.
func interlocks(set control.InterlockSet) []Interlock {
	out := []Interlock{}
	for _, id := range set.IDs() {
		text := link.Text(control.Event{Kind: control.EventTrip, Interlock: id})
		if _, after, found := strings.Cut(text, ": "); found {
			text = after
		}
		out = append(out, Interlock{ID: id, Text: text})
	}
	return out
}

// limit shows a bound in the unit of its field.
func limit[T ~int64](b control.Bound[T], in func(T) float64) Limit {
	if b.Reason == control.ReasonNone {
		return Limit{}
	}
	v := in(b.Value)
	return Limit{Value: &v, Reason: b.Reason}
}

// wall is the wall clock at a monotonic time of a boot.
func wall(boot link.Boot, at time.Duration) Time { return Time(boot.Started.Add(at)) }

// round keeps three decimals: below every sensor's resolution, and short on the air.
func round(v float64) float64 { return math.Round(v*1000) / 1000 }

func newtons(f physic.Force) float64        { return round(float64(f) / float64(physic.Newton)) }
func millimetres(d physic.Distance) float64 { return round(float64(d) / float64(physic.MilliMetre)) }
func seconds(d time.Duration) float64       { return round(d.Seconds()) }
func degrees(t physic.Temperature) float64  { return round(t.Celsius()) }
func millimetresPerSecond(s physic.Speed) float64 {
	return round(float64(s) / float64(control.MilliMetrePerSecond))
}

// celsius shows zero kelvin, which stands for "not known" and "off", as null.
func celsius(t physic.Temperature) *float64 {
	if t == 0 {
		return nil
	}
	v := degrees(t)
	return &v
}

// finite shows what JSON has no number for as null.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) || math.Abs(v) > math.MaxFloat64/1000 {
		return nil
	}
	v = round(v)
	return &v
}
