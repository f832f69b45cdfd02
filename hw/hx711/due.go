package hx711

import "time"

// frameSoon is the length of a frame before there was one: 84 us on a
// Raspberry Pi 4 with one data line, 1.2 ms on a Zero.
const frameSoon = 500 * time.Microsecond

// due decides whether to clock a frame now. Nothing is lost by waiting for the
// other chip but time, as long as the wait ends:
//
//   - A chip that is converting is waited for until it is later than the slowest
//     one can be; nobody waits for one that has failed.
//   - A conversion that is about to be replaced is left until it has been: a
//     frame across that moment would be a mixture.
//   - One that has waited for more than two thirds of a period is left for its
//     successor, which is nearer to the other chip's. So both are read within a
//     few milliseconds of being ready even when their periods are the same.
//
// After one and three quarters of a period without a frame one good chip is
// enough. Its reading is then less than 36 ms old at 80/s when the next one
// comes, whatever the other does.
func (p *Pair) due(now time.Duration) bool {
	a, b := &p.first, &p.second
	if !a.ready && !b.ready {
		return false
	}
	if !a.ready && now < a.expected || !b.ready && now < b.expected {
		return false
	}
	until := now + p.reach()
	switch {
	case now-p.clocked > 7*a.period/4:
		return a.good(now, until) || b.good(now, until) || !a.trusted && !b.trusted
	case a.ready && b.ready && (a.old(now, until) || b.old(now, until)):
		return false
	}
	return !a.replacing(now, until) && !b.replacing(now, until)
}

// reach is how long the next frame may take.
func (p *Pair) reach() time.Duration {
	if p.took == 0 {
		return frameSoon
	}
	return min(3*p.took/2, p.first.period/3)
}

// good reports whether the chip can be read now and is worth it. until is the
// end of a frame begun now.
func (m *member) good(now, until time.Duration) bool {
	return m.ready && m.trusted && !m.replacing(now, until)
}

// old reports whether the conversion has waited for so long that its successor
// is worth waiting for.
func (m *member) old(now, until time.Duration) bool {
	_, ready, certain := m.place(now, until)
	return m.inStep > 0 && certain && now-ready > 2*m.period/3
}

// replacing reports whether the conversion may be replaced during a frame, and
// will surely have been soon.
func (m *member) replacing(now, until time.Duration) bool {
	if !m.ready || m.inStep == 0 {
		return false
	}
	_, _, certain := m.place(now, until)
	return !certain && m.settles(now, until-now)
}

// settles reports whether it will soon be certain which conversion the chip
// has, for the time of a frame. It will not when nobody looked at the time it
// became ready.
func (m *member) settles(now, frame time.Duration) bool {
	shortest, longest := m.span()
	for k := range time.Duration(mostReplaced) {
		if next := m.first.low + (k+1)*longest; now < next {
			return next+frame < m.first.high+(k+2)*shortest
		}
	}
	return false
}
