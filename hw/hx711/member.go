package hx711

import (
	"time"

	"periph.io/x/conn/v3/gpio"
)

const (
	// frames in step that a chip needs to be at its input again: the first one
	// may have been the rest of another, the second one selects.
	framesInStep = 2
	// lateGrace is how much later than any conversion takes a chip may be seen
	// to be ready: two polls.
	lateGrace = 2 * time.Millisecond
	// longestDip is how long DOUT goes up when a conversion replaces one that
	// was not read; 75 us were measured at 80/s (olkal/HX711_ADC#81).
	longestDip = 150 * time.Microsecond
	// unsteady is the part of a period by which a single one may be off the
	// measured mean, 1 per cent: 10.70 ms +-0.02 were measured at 80/s (same
	// source), and five times that.
	unsteady = 100
	// A chip that has been quiet for longer than settling takes, in periods, but
	// not for much longer than one at 10/s instead of 80/s, has its RATE strap in
	// the wrong place. It was clocked in the middle, so its rate is never measured.
	mostSettling, slowStrap = 5, 10
	// proofPeriods tell a rate to 2 per cent.
	proofPeriods = 8
	// mostReplaced bounds the conversions that are followed without a frame.
	mostReplaced = 3
)

// member is one chip of a Pair.
type member struct {
	judge
	dout gpio.PinIn

	ready bool // DOUT was low at the last look
	// first is when the chip became ready after the last frame. What it did from
	// there follows from its period, since conversions run free.
	first  mark
	passed int // conversions from the last of the marks to first

	lastHigh time.Duration // DOUT was last known to be high
	alive    time.Duration // last frame in step
	expected time.Duration // until then it is waited for
	excused  bool          // it was waited for longer already

	inStep  int           // frames in step since the last one that was not, up to framesInStep
	settled time.Duration // when its conversions count again
	failed  bool          // since the last restart, and not trusted again
	wrong   bool          // at a wrong rate since then
}

// restarted: PD_SCK has just gone low again.
func (m *member) restarted(now time.Duration) {
	m.trusted, m.failed, m.wrong, m.ready = false, false, false, false
	m.marks.clear()
	m.lastHigh, m.passed = now, 1
	m.inStep, m.settled = framesInStep-1, 0
	if m.input == ChannelA128 {
		m.inStep = framesInStep // the chip's own default
	}
}

// start of the frames, after the settling time.
func (m *member) start(now time.Duration) {
	m.alive, m.expected, m.excused = now, now+m.longest+lateGrace, false
}

// absent takes the time off the chip's account in which nobody looked.
func (m *member) absent(now, away time.Duration) {
	if away > m.period {
		m.alive += away
	}
	if away > lateGrace && m.expected != 0 && !m.excused {
		m.excused, m.expected = true, max(m.expected, now+lateGrace)
	}
	if away > m.shortest-longestDip {
		m.marks.clear() // which conversion comes next is not known any more
	}
}

// look reads DOUT; at is the time of the very look, now that of the poll.
func (m *member) look(now, at time.Duration) {
	low := m.dout.Read() == gpio.Low
	switch {
	case low && !m.ready:
		m.ready, m.first = true, mark{high: m.lastHigh, low: at}
		m.early(at)
	case !low && m.ready:
		m.ready = false
		m.dipped(at)
	}
	if !low {
		m.lastHigh = now
	}
}

// early fails a chip that is ready sooner than it can be: it or its wire is not
// what it was.
func (m *member) early(at time.Duration) {
	if m.marks.n == 0 {
		return
	}
	shortest, _ := m.span()
	switch took := at - m.marks.back(0).high; {
	case took < tooEarly:
		m.desync()
	case took < time.Duration(m.passed)*shortest:
		m.fail(WrongRate)
	}
}

// dipped: DOUT went up without a frame. A chip does that for a moment when a
// conversion replaces the one before it, and never otherwise.
func (m *member) dipped(at time.Duration) {
	shortest, longest := m.span()
	for k := time.Duration(1); k <= mostReplaced; k++ {
		if at >= m.first.high+k*shortest && at-longestDip <= m.first.low+k*longest {
			m.passed += int(k)
			if m.expected != 0 { // it is ready again at once
				m.expected = max(m.expected, at+lateGrace)
			}
			return
		}
	}
	switch {
	case at > m.first.low+mostReplaced*longest:
		m.marks.clear() // nobody looked for so long that it cannot be told
	case m.failed:
		m.inStep, m.expected = 0, 0
	default:
		m.desync()
	}
}

// silence fails a chip whose DOUT stays high, and counts again while it does.
func (m *member) silence(now time.Duration) {
	if !m.ready && now-m.alive > m.patience() {
		m.alive, m.expected = now, 0
		m.fail(Silent)
	}
}

// span bounds the chip's next period: as measured, within its tolerance.
func (m *member) span() (shortest, longest time.Duration) {
	if m.marks.n < 2 {
		return m.shortest, m.longest
	}
	shortest, longest = m.marks.bounds(m.marks.n - 1)
	shortest, longest = shortest-shortest/unsteady, longest+longest/unsteady
	return min(max(shortest, m.shortest), m.longest), max(min(longest, m.longest), m.shortest)
}

// place tells how many conversions have replaced the one at first, and when at
// the latest the one that the chip holds was ready. It is not certain while
// the next one may come between from and until: a frame of that time may be a
// mixture.
func (m *member) place(from, until time.Duration) (replaced int, ready time.Duration, certain bool) {
	shortest, longest := m.span()
	for k := range time.Duration(mostReplaced + 1) {
		if until < m.first.high+(k+1)*shortest {
			ready = m.first.low + k*longest
			return int(k), ready, ready <= from
		}
	}
	return 0, 0, false
}

// judged decides about the frame just clocked, whose pulses were in order. It
// reports whether it was accepted.
func (m *member) judged() bool {
	f, ready := &m.frame, m.ready
	m.ready = false
	if f.trailing {
		m.lastHigh = f.end
	}
	switch {
	case !ready:
		m.disturbed()
		return false
	case !f.trailing:
		m.desync()
		return false
	}
	quiet := m.first.high - m.alive
	m.alive, m.expected, m.excused = f.end, f.end+m.longest+lateGrace, false
	if m.failed && quiet > mostSettling*m.period && quiet < slowStrap*m.period {
		m.reject(WrongRate)
	}
	if m.inStep < framesInStep {
		if m.inStep++; m.inStep == framesInStep {
			m.settled = f.end + settleConversions*m.longest
		}
	}
	if m.inStep < framesInStep || f.end < m.settled {
		return false
	}
	return m.decided()
}

// decided judges a frame of a chip that is in step and has settled.
func (m *member) decided() bool {
	f, first, passed := &m.frame, m.first, m.passed
	replaced, at, certain := m.place(f.start, f.end)
	m.passed = replaced + 1
	fault := None
	switch {
	case !certain, f.end-f.start > m.period/3:
		fault = m.late()
	case !m.trusted && passed > 1 && m.marks.n < 2:
		// Its period is not known yet, so neither is how many there were.
		m.marks.clear()
		m.marks.add(first, 1)
		fault = Settling
	default:
		fault = m.whole(first, passed)
	}
	if fault == None && !m.trusted {
		fault = m.proven()
	}
	switch fault {
	case None:
		m.failed, m.wrong = false, false
		m.accept(at)
		return true
	case Settling:
		// Why it had to settle is still the reason.
	case LateFrame, Saturated, WrongRate:
		m.reject(fault)
		if fault == WrongRate && !m.trusted {
			m.wrong = true
			m.marks.clear()
		}
	case Truncated:
		if m.input != ChannelA128 {
			m.fail(fault) // a restarted chip would be at the wrong gain
			break
		}
		m.reject(fault)
	default:
		m.fail(fault)
	}
	return false
}

// proven tells whether the periods since the chip came back are those of a good
// one. One period is seen to two milliseconds only, which is enough for a chip
// that has shown none that was wrong.
func (m *member) proven() Fault {
	shortest, longest := m.marks.bounds(m.marks.n - 1)
	switch {
	case longest < m.shortest || shortest > m.longest:
		return WrongRate
	case m.wrong && m.marks.n <= proofPeriods:
		return Settling
	}
	return None
}

// disturbed: pulses came while the chip was converting, for the other's sake.
func (m *member) disturbed() {
	m.expected = 0
	if !m.failed {
		m.fail(Silent)
	}
	m.inStep = 0
}

// desync fails a chip that does not behave as one, and that nobody waits for.
func (m *member) desync() {
	m.expected = 0
	m.fail(Desync)
}

// fail drops the frame. The chip has to be read in step and to settle before
// anything counts again.
func (m *member) fail(f Fault) {
	m.reject(f)
	m.trusted, m.failed, m.inStep = false, true, 0
	m.wrong = m.wrong || f == WrongRate
	m.marks.clear()
}
