package simtable

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Figures of what people do on a table.
const (
	jerkTime   = 300 * time.Millisecond // the pull of somebody who sits up, some hundred milliseconds
	riseTime   = 300 * time.Millisecond // until the harness has come nearer
	riseMM     = 150.0                  // how much nearer
	lieTime    = time.Second            // until the person lies as before
	shiftTime  = 500 * time.Millisecond
	coughTime  = 300 * time.Millisecond
	maxMoves   = 8 // movements at the same time; nobody does more
	standsUpIn = 4 * time.Second
)

// events is everything that happens at a time of its own: faults that begin and end, and people who move.
type events struct {
	list     []change // in order of time; done ones are removed
	next     time.Duration
	random   *rand.Rand
	flicker  *rand.Rand // of a loose contact
	late     *rand.Rand // of late ticks
	active   [faultCount + 1]int
	value    [faultCount + 1]float64
	moving   int
	moves    [maxMoves]move
	slips    []Slip // waiting for their force
	happened uint64 // slips

	slipAbove float64 // lowest force that sets off a slip
}

// change is a fault that begins or ends.
type change struct {
	at     time.Duration
	kind   kind
	begins bool
	value  float64
	lasts  time.Duration
	again  bool // draws the next of its kind
}

// on tells whether a fault is present.
func (e *events) on(k kind) bool { return e.active[k] > 0 }

// at tells whether a fault is present that concerns one side (-1 or 1) or both (0).
func (e *events) at(k kind, side float64) bool {
	return e.active[k] > 0 && (e.value[k] == 0 || e.value[k] == side)
}

// add keeps the list in order; changes at the same time happen in the order in which they were added.
func (e *events) add(c change) {
	i := len(e.list)
	for i > 0 && e.list[i-1].at > c.at {
		i--
	}
	e.list = slices.Insert(e.list, i, c)
	e.next = e.list[0].at
}

// happen does every change that is due by now.
func (s *Sim) happen(now time.Duration) {
	e := &s.events
	for len(e.list) > 0 && e.list[0].at <= now {
		c := e.list[0]
		e.list = slices.Delete(e.list, 0, 1)
		if c.begins {
			s.begin(c)
		} else {
			e.active[c.kind]--
		}
		s.applyFaults()
	}
	e.next = never
	if len(e.list) > 0 {
		e.next = e.list[0].at
	}
}

// begin starts a fault.
func (s *Sim) begin(c change) {
	if c.kind.momentary() {
		s.strike(c)
		return
	}
	e := &s.events
	e.active[c.kind]++
	e.value[c.kind] = c.value
	if c.lasts > 0 {
		e.add(change{at: c.at + c.lasts, kind: c.kind})
	}
}

// strike does what happens in a moment and leaves nothing that ends.
func (s *Sim) strike(c change) {
	switch c.kind {
	case faultZeroJump:
		s.chip.zeroN += c.value
	case faultSecondZeroJump:
		s.second.zeroN += c.value
	case faultHarnessSlip:
		s.slip(c.value)
	case faultCough:
		s.startMove(move{kind: faultCough, start: c.at, lasts: orElse(c.lasts, coughTime), mm: s.person.jerk(c.value)})
		if c.again {
			s.nextCough(c.at)
		}
	case faultGettingUp:
		s.startMove(move{kind: faultGettingUp, start: c.at, lasts: orElse(c.lasts, standsUpIn), mm: s.person.jerk(c.value)})
	case faultShift:
		s.startMove(move{kind: faultShift, start: c.at, lasts: shiftTime, mm: c.value})
	case faultStall:
		s.stall(seconds(c.value * 1e-3))
	case faultControlKilled:
		s.late.killed, s.late.backAt = true, c.at+seconds(c.value*1e-3)
	}
}

// slip sets rope free at the harness.
func (s *Sim) slip(mm float64) {
	s.person.offset += mm
	s.events.happened++
}

// slipUnderLoad does every slip whose force is reached and looks for the next one.
func (s *Sim) slipUnderLoad() {
	e := &s.events
	e.slips = slices.DeleteFunc(e.slips, func(w Slip) bool {
		if s.person.rope < w.AboveN {
			return false
		}
		s.slip(w.MM)
		return true
	})
	e.lowestSlip()
}

// addSlips keeps the slips that wait for a force.
func (e *events) addSlips(slips []Slip) {
	for _, w := range slips {
		if w.AboveN > 0 {
			e.slips = append(e.slips, w)
		}
	}
	e.lowestSlip()
}

func (e *events) lowestSlip() {
	e.slipAbove = math.Inf(1)
	for _, w := range e.slips {
		e.slipAbove = min(e.slipAbove, w.AboveN)
	}
}

// nextCough draws the time of the next cough by chance, which is as likely at any moment.
func (s *Sim) nextCough(after time.Duration) {
	if s.patient.CoughsPerMinute > 0 {
		wait := seconds(s.events.random.ExpFloat64() * 60 / s.patient.CoughsPerMinute)
		s.events.add(change{at: after + wait, kind: faultCough, begins: true, value: s.patient.CoughN, again: true})
	}
}

// move is a movement of the person that is under way.
type move struct {
	kind  kind
	start time.Duration
	lasts time.Duration
	mm    float64
}

// startMove forgets the movement when there are too many already.
func (s *Sim) startMove(m move) {
	e := &s.events
	if e.moving < maxMoves {
		e.moves[e.moving] = m
		e.moving++
	}
}

// moves returns how far all movements together pull at the harness, mm.
func (s *Sim) moves() float64 {
	e, sum := &s.events, 0.0
	for i := 0; i < e.moving; {
		mm, done := e.moves[i].pull(s.at)
		sum += mm
		if !done {
			i++
			continue
		}
		if e.moves[i].kind == faultShift {
			s.person.offset -= mm // from now on it is where the person lies
			sum -= mm
		}
		e.moving--
		e.moves[i] = e.moves[e.moving]
	}
	return sum
}

// pull is how far one movement pulls at the harness at time now, mm, and whether it has ended.
func (m *move) pull(now time.Duration) (mm float64, done bool) {
	t := max(0, now-m.start)
	switch m.kind {
	case faultShift:
		return -m.mm * min(1, share(t, m.lasts)), t >= m.lasts
	case faultGettingUp:
		return m.rise(t), t >= jerkTime+riseTime+m.lasts+lieTime
	default:
		return m.mm * halfSine(share(t, m.lasts)), t >= m.lasts
	}
}

// rise is the way of somebody who gets up and lies down again: a jerk, then slack, then as before.
func (m *move) rise(t time.Duration) float64 {
	if t < jerkTime {
		return m.mm * halfSine(share(t, jerkTime))
	}
	up := min(1, share(t-jerkTime, riseTime))
	back := min(1, max(0, share(t-jerkTime-riseTime-m.lasts, lieTime)))
	return -riseMM * (up - back)
}

func halfSine(share float64) float64 {
	if share >= 1 {
		return 0
	}
	return math.Sin(math.Pi * share)
}

func share(t, of time.Duration) float64 { return float64(t) / float64(of) }

func orElse(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}
