package simtable

import (
	"fmt"
	"hash/crc32"
	"slices"
	"time"
)

// state is what a table and the person on it keep while the control process dies and starts again: what is where, how
// warm, and the levels that the outputs were left with. Counters, the noise and the phase of a conversion begin anew.
type state struct {
	identity uint32        // of table, patient and program
	wall     int64         // when the table stood so, ns since 1970
	quiet    int64         // since when all outputs are low although nobody ran the table, ns since 1970; 0 if not
	age      time.Duration // of the table since New

	levels     uint32        // of the outputs, a bit each
	pumpSince  time.Duration // since the charge pump's last change
	emergency  bool          // which stays pressed; other switches are let go
	worn       bool
	cells      [2]cellState
	position   float64
	reel       float64
	rotorSpeed float64
	lag        float64
	stalled    bool

	offset, longer, pelvis, creep, stretch, rope, peak float64
	sliding                                            bool
	breath                                             breathState
	moving                                             int
	moves                                              [maxMoves]move // start is how long ago it began

	pad, skin, sensor, spot, spotSkin, peakSkin float64
	padOpen                                     bool
}

type cellState struct{ zeroN, warm, wander float64 }

type breathState struct {
	sin, cos, ds, dc float64
	left             int
}

// code passes every field through the codec, always in the same order.
func (st *state) code(c *codec) {
	c.word(&st.identity)
	c.long(&st.wall)
	c.long(&st.quiet)
	c.time(&st.age)
	c.word(&st.levels)
	c.time(&st.pumpSince)
	c.flag(&st.emergency)
	c.flag(&st.worn)
	for i := range st.cells {
		k := &st.cells[i]
		c.floats(&k.zeroN, &k.warm, &k.wander)
	}
	c.floats(&st.position, &st.reel, &st.rotorSpeed, &st.lag)
	c.flag(&st.stalled)
	c.floats(&st.offset, &st.longer, &st.pelvis, &st.creep, &st.stretch, &st.rope, &st.peak)
	c.flag(&st.sliding)
	c.floats(&st.breath.sin, &st.breath.cos, &st.breath.ds, &st.breath.dc)
	c.count(&st.breath.left)
	c.count(&st.moving)
	for i := range st.moves {
		m := &st.moves[i]
		number := uint32(m.kind)
		c.word(&number)
		m.kind = kind(number)
		c.time(&m.start)
		c.time(&m.lasts)
		c.floats(&m.mm)
	}
	c.floats(&st.pad, &st.skin, &st.sensor, &st.spot, &st.spotSkin, &st.peakSkin)
	c.flag(&st.padOpen)
}

// identity tells a state of another table or person, or of a program with other numbers for things, from a fitting one.
func (s *Sim) identity() uint32 {
	var names []string
	for i := range faultKinds {
		names = append(names, faultKinds[i].Name)
	}
	return crc32.ChecksumIEEE(fmt.Appendf(nil, "%+v %+v %v", s.table, s.patient, names))
}

// take notes how the table stands after the last step of the physics.
func (s *Sim) take(st *state) {
	m, p, b, h := &s.motor, &s.person, &s.breath, &s.pad
	st.quiet = 0
	st.age = s.at - s.start
	st.levels = s.pins.levels()
	st.pumpSince = s.at - s.pumpAt
	st.emergency, st.worn = s.hands.emergency.Load(), s.worn
	for i, c := range []*chip{&s.chip, &s.second} {
		st.cells[i] = cellState{c.zeroN, c.warm, c.wander}
	}
	st.position, st.reel, st.rotorSpeed, st.lag, st.stalled = m.position, s.reel, m.speed, m.lag, m.stalled
	st.offset, st.longer, st.pelvis, st.creep = p.offset, p.longer, p.pelvis, p.creep
	st.stretch, st.rope, st.peak, st.sliding = p.stretch, p.rope, p.peak, p.sliding
	st.breath = breathState{b.sin, b.cos, b.ds, b.dc, b.left}
	st.moving, st.moves = s.events.moving, s.events.moves
	for i := range st.moves[:st.moving] {
		st.moves[i].start = s.at - st.moves[i].start
	}
	st.pad, st.skin, st.sensor, st.spot, st.spotSkin, st.peakSkin = h.pad, h.skin, h.sensor, h.spot, h.spotSkin, h.peakSkin
	st.padOpen = h.open
}

// put makes the table stand as a state says at time t of its clock, which is when its physics go on.
func (s *Sim) put(st *state, t time.Duration) {
	m, p, b, h := &s.motor, &s.person, &s.breath, &s.pad
	s.rebase(t, t-st.age)
	for i, c := range []*chip{&s.chip, &s.second} {
		if c.period != 0 {
			c.zeroN, c.warm, c.wander = st.cells[i].zeroN, st.cells[i].warm, st.cells[i].wander
			c.powerOn(t)
		}
	}
	m.position, s.reel, m.speed, m.lag, m.stalled = st.position, st.reel, st.rotorSpeed, st.lag, st.stalled
	s.previous, s.speed = st.position, 0
	p.taut += st.longer - p.longer
	p.offset, p.longer, p.pelvis, p.creep = st.offset, st.longer, st.pelvis, st.creep
	p.stretch, p.rope, p.peak, p.sliding = st.stretch, st.rope, st.peak, st.sliding
	b.sin, b.cos, b.ds, b.dc, b.left = st.breath.sin, st.breath.cos, st.breath.ds, st.breath.dc, st.breath.left
	h.pad, h.skin, h.sensor, h.spot, h.spotSkin, h.peakSkin = st.pad, st.skin, st.sensor, st.spot, st.spotSkin, st.peakSkin
	h.open, h.at, h.due, h.readAt = st.padOpen, t, t+padStep, t

	e := &s.events
	e.moving, e.moves = st.moving, st.moves
	for i := range e.moves[:e.moving] {
		e.moves[i].start = t - st.moves[i].start
	}
	e.slips = slices.DeleteFunc(e.slips, func(w Slip) bool { return w.AboveN <= st.peak })
	e.lowestSlip()
	s.hands.emergency.Store(st.emergency)
	s.worn = st.worn
	s.pins.setLevels(s, st.levels, t)
	s.pumpAt = t - st.pumpSince
	s.applyFaults()
}

// rebase lets the table have been built at another time, and go on at t. Faults that have begun by then are there; what
// they did in a moment is in the state already.
func (s *Sim) rebase(t, start time.Duration) {
	e := &s.events
	for i := range e.list {
		e.list[i].at += start - s.start
	}
	s.start, s.at, s.due = start, t, t
	for len(e.list) > 0 && e.list[0].at <= t {
		c := e.list[0]
		e.list = slices.Delete(e.list, 0, 1)
		switch {
		case c.begins && c.again:
			s.nextCough(t)
		case c.begins && !c.kind.momentary():
			s.begin(c)
		case !c.begins:
			e.active[c.kind]--
		}
	}
	e.next = never
	if len(e.list) > 0 {
		e.next = e.list[0].at
	}
}
