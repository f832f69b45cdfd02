package hx711

import (
	"time"

	"periph.io/x/conn/v3/physic"
)

// rateWindow is the number of conversion periods that the rate is taken over:
// half a second at 80/s, where the 1 ms between polls is 0.2 %.
const rateWindow = 40

// mark brackets the moment at which a conversion became ready: after high, not
// after low.
type mark struct {
	high time.Duration // DOUT was still high
	low  time.Duration // DOUT was seen low

	number int // of the conversion, counted from any one
}

// marks keeps the last conversions. Because each mark is a bracket, a period
// judged from two of them is certain, however late the polls were.
type marks struct {
	ring [rateWindow + 1]mark
	head int // where the next one goes
	n    int
}

func (m *marks) clear() { m.head, m.n = 0, 0 }

// add takes the mark that lies so many conversions after the last one.
func (m *marks) add(k mark, periods int) {
	k.number = m.back(0).number + periods
	m.ring[m.head] = k
	m.head = (m.head + 1) % len(m.ring)
	m.n = min(m.n+1, len(m.ring))
}

// back returns the mark i conversions ago, 0 being the last.
func (m *marks) back(i int) mark {
	return m.ring[(m.head-1-i+2*len(m.ring))%len(m.ring)]
}

// bounds returns the shortest and the longest that the mean period over the
// last i marks can have been.
func (m *marks) bounds(i int) (shortest, longest time.Duration) {
	first, last := m.back(i), m.back(0)
	n := time.Duration(last.number - first.number)
	return (last.high - first.low) / n, (last.low - first.high) / n
}

// rate is the measured rate, 0 when there are no two marks.
func (m *marks) rate() physic.Frequency {
	if m.n < 2 {
		return 0
	}
	first, last := m.back(m.n-1), m.back(0)
	took := last.low - first.low
	if took <= 0 {
		return 0
	}
	return physic.Frequency(int64(last.number-first.number) * int64(time.Second) * int64(physic.Hertz) / int64(took))
}
