package population

import (
	"time"

	"traction/control"
	"traction/hw/simtable"
)

// faultState is what fate has done so far in a case.
type faultState struct {
	list []FaultOutcome
	live []liveFault
	ends time.Duration // when the last fault is over
}

// liveFault is a fault that has begun.
type liveFault struct {
	index   int
	profile profile
	value   float64
	from    time.Duration
	until   time.Duration // never for what has no end
	opens   bool          // the patient switch's contact
	cuts    bool          // the emergency stop's
}

func (f *faultState) start(c *Case) {
	f.list = make([]FaultOutcome, len(c.Faults))
	for i := range c.Faults {
		f.list[i].Kind = c.Faults[i].Kind
	}
}

// inject begins a fault of the case.
func (f *faultState) inject(p *player, index int) {
	plan := &p.c.Faults[index]
	// Drawn within the kind's own range, a test sees to that.
	_ = p.rig.Sim.Inject(simtable.Fault{Kind: plan.Kind, At: p.now, For: plan.For, Value: plan.Value})
	f.list[index].Reached, f.list[index].AtS = true, p.now.Seconds()
	l := liveFault{index: index, profile: profileOf(plan.Kind), value: plan.Value, from: p.now, until: forever, opens: plan.Kind == "patient-switch-open", cuts: plan.Kind == "emergency-stop"}
	if plan.For > 0 {
		l.until = p.now + plan.For
		f.ends = max(f.ends, l.until)
	}
	f.live = append(f.live, l)
}

// aftermath is how long a fault that is over may still show: the memory of
// filters, of a converter that settles and of a pad that cools.
const aftermath = 2 * time.Second

// judge says what the present faults take away from the promises.
func (f *faultState) judge(p *player, t *tick) {
	t.open, t.cut = p.plan.patient > 0, p.plan.emergency > 0
	if p.plan.emergency > 0 {
		t.claims |= driveFails
	}
	limit := inN(p.state.Limits.Force.Value)
	lies := [2]int{}
	for i := range f.live {
		l := &f.live[i]
		now := t.in.Now < l.until-time.Millisecond
		t.open, t.cut = t.open || l.opens && now, t.cut || l.cuts && now
		if t.in.Now > l.until+aftermath && l.profile.offset == nil {
			continue
		}
		t.claims |= l.profile.claims
		for cell, lie := range []claim{cellLies, secondLies} {
			if l.profile.claims&lie == 0 {
				continue
			}
			if lies[cell]++; lies[cell] > 1 || l.profile.lie == nil {
				t.lie[cell] = unknown // what two of them do together, nobody has worked out
				continue
			}
			t.lie[cell] = l.profile.lie(l.value, l.since(t.in.Now), limit)
		}
	}
}

// since is for how many seconds a fault has been at work.
func (l *liveFault) since(now time.Duration) float64 { return (min(now, l.until) - l.from).Seconds() }

// forever is far beyond every case and leaves room for additions.
const forever = time.Duration(1 << 62)

// unknown is a lie without a bound, N: more than any drive pulls.
const unknown = 1e6

// tripped notes the first interlock that was latched after a fault; what hands
// do is not the fault's.
func (f *faultState) tripped(p *player, i control.InterlockID) {
	if i == control.ILPatientSwitch && p.plan.patient > 0 || i == control.ILEmergencyStop && p.plan.emergency > 0 {
		return
	}
	for n := range f.live {
		if o := &f.list[f.live[n].index]; o.Trip == "" {
			o.Trip = i.String()
		}
	}
}

// repair ends what never ends by itself: the zeros of the cells.
func (f *faultState) repair(p *player) {
	for i := range f.live {
		l := &f.live[i]
		if l.profile.offset == nil {
			continue
		}
		kind := "zero-jump"
		if l.profile.claims&secondLies != 0 {
			kind = "second-cell-zero-jump"
		}
		_ = p.rig.Sim.Inject(simtable.Fault{Kind: kind, At: p.now, Value: -l.profile.offset(l.value, l.since(p.now))})
	}
	f.live = nil
}
