package simulation

import (
	"errors"
	"fmt"
	"math"
	"time"

	"traction/control"
	"traction/hw/simtable"
)

// Result is one whole treatment. Forces are the simulated rope's own, not what
// the appliance believes; shares are 0 to 1. The two times to slack count from
// the beginning of the release and are absent when the force stayed.
type Result struct {
	Programme       string   `json:"programme"`
	Patient         string   `json:"patient"`
	Table           string   `json:"table"`
	Seed            uint64   `json:"seed"`
	Completed       bool     `json:"completed"`
	End             string   `json:"end"`
	Trips           []string `json:"trips"`
	Cycles          int      `json:"cycles"`
	PeakForceN      float64  `json:"peak_force_n"`
	LimitN          float64  `json:"limit_n"`
	LimitReason     string   `json:"limit_reason"`
	WorstOvershootN float64  `json:"worst_overshoot_n"`
	MeanHoldErrorN  float64  `json:"mean_hold_error_n"`
	WorstHoldErrorN float64  `json:"worst_hold_error_n"`
	HoldWithin5pct  float64  `json:"hold_within_5pct"`
	HoldWithin2N    float64  `json:"hold_within_2n"`
	HoldS           float64  `json:"hold_s"`
	TimeToSlackS    *float64 `json:"time_to_slack_s"`
	TimeTo20NS      *float64 `json:"time_to_20n_s"`
	TreatmentS      float64  `json:"treatment_s"`
	SimulatedS      float64  `json:"simulated_s"`
	WallS           float64  `json:"wall_s"`
	LostSteps       uint64   `json:"lost_steps"`
	PeakSkinC       float64  `json:"peak_skin_c"`
}

// Run is what a treatment needs.
type Run struct {
	Options
	Programme *control.Programme
	Person    control.Person
	// Trace collects every journal entry; the force is the cell's.
	Trace bool
	// Each sees every tick, after the operator has acted; may be nil.
	Each func(r *Rig, in *control.Input, out *control.Output)
	// Most bounds the simulated time; 0 = planned time and ten minutes.
	Most time.Duration
}

// Trace is the record of a treatment.
type Trace struct {
	Entries []control.Entry
	Events  []control.Event
	Report  control.Report
	Limits  control.Limits
}

// ErrRefused: the appliance did not take the programme.
var ErrRefused = errors.New("refused by the appliance")

// Treat runs one treatment in virtual time until the appliance is idle or
// tripped again.
func Treat(run Run) (Result, Trace, error) {
	began := time.Now()
	var rig *Rig
	var op *operator
	m := meter{}
	var trace Trace
	run.Exec.Each = func(in *control.Input, out *control.Output) {
		op.act(in, out)
		m.tick(rig, in, out)
		if run.Trace && out.HasEntry && (out.Entry.Treatment != 0 || out.Entry.Mode == control.Armed) {
			trace.Entries = append(trace.Entries, out.Entry)
		}
		if run.Trace {
			trace.Events = append(trace.Events, out.Events[:out.NEvents]...)
		}
		if run.Each != nil {
			run.Each(rig, in, out)
		}
	}
	rig, clock, err := NewVirtual(run.Options)
	if err != nil {
		return Result{}, trace, err
	}
	op = &operator{rig: rig, programme: run.Programme, person: run.Person}
	most := run.Most
	if most == 0 {
		limits := rig.Limits()
		most = control.NewPlan(run.Programme, &limits).Total + 10*time.Minute
	}
	rig.Exec.RunUntil(most, func() bool { return m.over || op.refused != nil })
	if op.refused != nil {
		return Result{}, trace, fmt.Errorf("%w: %w", ErrRefused, refusal(op.refused))
	}
	var s control.Snapshot
	rig.Ctl.Snapshot(&s)
	trace.Report, trace.Limits = rig.Ctl.Report(), s.Limits
	if err := rig.Table.SafeOff(); err != nil {
		return Result{}, trace, err
	}
	res := m.result(rig, &run, trace.Report)
	res.SimulatedS = clock.Now().Seconds()
	res.WallS = time.Since(began).Seconds()
	return res, trace, nil
}

// refusal says a reply in words.
func refusal(r *control.Reply) error {
	switch {
	case r.Code == control.AboveLimit:
		return fmt.Errorf("%v %v: hold %.0f N is above the largest set-point %.0f N; the limit comes from the %v",
			r.Kind, r.Code, float64(r.Value)*1e-9, float64(r.Max)*1e-9, r.Reason)
	case r.Missing != 0:
		return fmt.Errorf("%v %v: missing %v", r.Kind, r.Code, r.Missing.Names())
	}
	return fmt.Errorf("%v: %v", r.Kind, r.Code)
}

// meter watches a treatment from the rope's side.
type meter struct {
	started, over bool
	report        control.Report
	holds         int
	sumErr        float64
	worstErr      float64
	in5, in2      int
	overshoot     float64
	ceiling       float64 // highest set-point that the rope may still follow down from
	releaseAt     time.Duration
	below20       time.Duration
	limit         float64
	reason        control.Reason
}

// tick looks at the truth once a sample.
func (m *meter) tick(rig *Rig, in *control.Input, out *control.Output) {
	for i := range out.Events[:out.NEvents] {
		m.event(rig, &out.Events[i])
	}
	switch {
	case out.HasReport && out.Report.End == control.EndProven:
		*m = meter{} // the proof of release; the treatment comes next
		return
	case out.HasReport:
		m.report, m.started = out.Report, true
	}
	if !m.started || !out.HasEntry {
		return
	}
	e := &out.Entry
	force := rig.Sim.Truth().ForceN
	setPoint := float64(e.SetPoint) * 1e-9
	switch e.Mode {
	case control.Treating, control.Paused:
		m.measure(e, force, setPoint)
	case control.Releasing, control.Tripped, control.Idle:
		if m.releaseAt == 0 {
			m.releaseAt = in.Now
		}
		if m.below20 == 0 && force < 20 {
			m.below20 = in.Now
		}
	}
	m.over = m.releaseAt != 0 && (e.Mode == control.Idle || e.Mode == control.Tripped) && m.report.Treatment != 0
}

func (m *meter) event(rig *Rig, e *control.Event) {
	if e.Kind == control.EventTreatmentStarted {
		m.started = true
		var s control.Snapshot
		rig.Ctl.Snapshot(&s)
		m.limit, m.reason = float64(s.Limits.Force.Value)*1e-9, s.Limits.Force.Reason
	}
}

// measure judges one sample of the treatment. Overshoot is force above the
// set-point while it rises or stands; while it falls, above where it fell from.
func (m *meter) measure(e *control.Entry, force, setPoint float64) {
	switch e.Phase {
	case control.Slack, control.Ease, control.NoPhase:
		m.ceiling = math.Max(m.ceiling, setPoint)
	default:
		m.ceiling = setPoint
	}
	if e.Phase != control.Slack {
		m.overshoot = math.Max(m.overshoot, force-m.ceiling)
	}
	if e.Phase != control.Hold {
		return
	}
	err := math.Abs(force - setPoint)
	m.holds++
	m.sumErr += err
	m.worstErr = math.Max(m.worstErr, err)
	if err <= 0.05*setPoint {
		m.in5++
	}
	if err <= 2 {
		m.in2++
	}
}

func (m *meter) result(rig *Rig, run *Run, rep control.Report) Result {
	t := rig.Sim.Truth()
	r := Result{
		Programme: run.Programme.Name, Patient: run.Patient.Name, Table: run.Table.Name, Seed: run.Seed,
		Completed: rep.End == control.EndCompleted, End: rep.End.String(), Trips: []string{},
		Cycles: int(rep.Cycles), PeakForceN: t.PeakForceN, LimitN: m.limit, LimitReason: m.reason.String(),
		WorstOvershootN: m.overshoot, WorstHoldErrorN: m.worstErr,
		TreatmentS: rep.Elapsed.Seconds(),
		LostSteps:  t.LostSteps, PeakSkinC: t.PeakSkinC,
	}
	for _, i := range rep.Trips.IDs() {
		r.Trips = append(r.Trips, i.String())
	}
	if m.below20 > 0 {
		s := (m.below20 - m.releaseAt).Seconds()
		r.TimeTo20NS = &s
	}
	if rep.TimeToSlack > 0 {
		s := rep.TimeToSlack.Seconds()
		r.TimeToSlackS = &s
	}
	if m.holds > 0 {
		n := float64(m.holds)
		r.MeanHoldErrorN, r.HoldWithin5pct, r.HoldWithin2N = m.sumErr/n, float64(m.in5)/n, float64(m.in2)/n
		r.HoldS = n / 80
	}
	return r
}

// PatientPerson is the person a simulated patient stands for, with the share of
// body weight as a limit.
func PatientPerson(p simtable.Patient) control.Person {
	return control.Person{BodyWeight: control.WeightOf(p.BodyWeightKg)}
}
