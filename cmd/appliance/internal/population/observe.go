package population

import (
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// injection is what one provocation has led to. Times count from the danger.
type injection struct {
	began   bool // the moment came
	raised  bool
	instead string        // the trip that came instead, "" = none
	told    time.Duration // the interlock's event
	still   time.Duration // the last step towards force until then
	away    time.Duration // the first step away, or the motor's power off; -1 = neither came
	cold    time.Duration // the heater's pin low for good; -1 = it was not high
	over    float64       // N, the true force above the limit, whoever caused it
	driven  float64       // N, what the drive has wound meanwhile, at most
	allowed float64       // N, of driven: one conversion more than the filter has, and a tick, at full speed
	broken  []Violation
}

// observer watches a case for one interlock.
type observer struct {
	of *provocation
	p  *player

	from     time.Duration // the danger, 0 = not yet
	position physic.Distance
	end      time.Duration // when enough has been seen
	upAt     time.Duration // the last step towards force
	awayAt   time.Duration
	hotAt    time.Duration
	lastTick time.Duration
	early    bool // the interlock came before the danger
	got      injection
}

const (
	// answerMost is how long an answer is waited for, and warmMost how long one that
	// needs a pad to warm or to cool.
	answerMost = 20 * time.Second
	warmMost   = 40 * time.Minute
	// lookAfter is how long the answer is watched after it was told; a drive that
	// stood still goes on for as long at most until it moves away.
	lookAfter = time.Second
	// otherwise is how long the interlock may still come after another one has ended
	// the treatment.
	otherwise = time.Second
)

// see is called in every tick.
func (o *observer) see(t *tick) {
	now := t.in.Now
	moved := t.in.Motion.Position - o.position
	o.position = t.in.Motion.Position
	if o.from == 0 && !o.begin(t) {
		o.lastTick = now
		return
	}
	if o.of.danger == nil && o.p.plan.lastDone > o.from && !o.got.raised && o.got.instead == "" {
		o.starts(now) // what was done before was not enough
	}
	if moved > 0 && !o.got.raised {
		// What was stepped in a tick that came late was stepped before the delay.
		o.upAt = min(now, o.lastTick+tickMost)
	}
	o.lastTick = now
	if o.awayAt == 0 && o.got.raised && (moved < 0 || !t.truth.Energised) {
		o.awayAt = now
	}
	if t.truth.HeatPin {
		o.hotAt = now
	}
	for i := range t.out.Events[:t.out.NEvents] {
		o.event(&t.out.Events[i], now)
	}
	if now >= o.end {
		o.p.stage = done
	}
}

// begin waits for the danger, or for the end of a case in which it never comes.
func (o *observer) begin(t *tick) bool {
	now, acted := t.in.Now, o.p.plan.lastDone != 0
	if o.p.stage >= closing && !acted || acted && now > o.p.plan.lastDone+warmMost {
		o.p.stage = done
	}
	if !acted {
		return false
	}
	if o.of.danger == nil && t.state.Mode != o.mode() {
		o.p.stage = done // something else has ended the treatment first
		return false
	}
	o.early = o.early || o.tells(t)
	if o.of.danger != nil && !o.early && !o.of.danger(t) {
		return false
	}
	o.got.began = true
	o.p.check.worst = Worst{}
	o.starts(now)
	return true
}

// mode is the one in which the provocation is meant to begin.
func (o *observer) mode() control.Mode {
	if len(o.p.c.Faults) > 0 {
		return o.p.c.Faults[0].When.Mode
	}
	return o.p.c.Acts[0].When.Mode
}

// tells looks for the interlock among the events of a tick.
func (o *observer) tells(t *tick) bool {
	for i := range t.out.Events[:t.out.NEvents] {
		e := &t.out.Events[i]
		if e.Interlock == o.of.id && (e.Kind == control.EventTrip || e.Kind == control.EventWarning) {
			return true
		}
	}
	return false
}

// starts sets the times to the danger that begins now, or began with the last act.
func (o *observer) starts(now time.Duration) {
	o.from = now
	if o.of.danger == nil {
		o.from = o.p.plan.lastDone
	}
	o.end = now + answerMost
	if o.of.answer == cools {
		o.end = now + warmMost
	}
}

func (o *observer) event(e *control.Event, now time.Duration) {
	if e.Kind != control.EventTrip && e.Kind != control.EventWarning {
		return
	}
	switch {
	case o.got.raised:
	case e.Interlock == o.of.id:
		o.got.raised, o.got.told, o.end = true, now-o.from, now+lookAfter
	case e.Kind == control.EventTrip && o.got.instead == "":
		if o.got.instead = e.Interlock.String(); o.of.answer != later && o.of.answer != cools {
			o.end = min(o.end, now+otherwise)
		}
	}
}

// result closes the observation.
func (o *observer) result() injection {
	g := o.got
	g.still, g.away, g.cold = max(0, o.upAt-o.from), -1, -1
	if o.awayAt != 0 {
		g.away = o.awayAt - o.from
	}
	if o.hotAt != 0 {
		g.cold = max(0, o.hotAt-o.from)
	}
	if g.raised {
		g.instead = ""
	}
	f := &o.p.check.f
	g.over, g.driven, g.broken = o.p.check.worst.OverN, o.p.check.worst.DrivenN, o.p.check.list
	c := &f.cells[0]
	g.allowed = f.line * f.pull * (time.Duration((c.filter+1)*float64(c.period)) + tickSlack).Seconds()
	return g
}

// inject plays one injection of a provocation.
func inject(v *provocation, seed uint64, index int) (injection, error) {
	c := provoke(v, seed, index)
	p, err := newPlayer(&c, nil)
	if err != nil {
		return injection{}, err
	}
	o := &observer{of: v, p: p}
	p.observe = o.see
	if _, err := p.run(); err != nil {
		return injection{}, err
	}
	return o.result(), nil
}
