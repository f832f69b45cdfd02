package executive

import (
	"math"
	"math/bits"
	"time"
)

// Lateness is a histogram of how late ticks began, in powers of two of a
// microsecond: Buckets[i] counts lateness below 2^i us and not below 2^(i-1); the
// last one has no upper end.
type Lateness struct {
	Buckets [24]uint64
	Ticks   uint64
	Worst   time.Duration
	Missed  uint64 // ticks left out because the thread was too late for them
}

func (l *Lateness) add(late time.Duration) {
	i := bits.Len64(uint64(max(late, 0) / time.Microsecond))
	l.Buckets[min(i, len(l.Buckets)-1)]++
	l.Ticks++
	l.Worst = max(l.Worst, late)
}

// Quantile returns an upper bound of the q-quantile, 0 < q <= 1; 0 when there
// were no ticks.
func (l *Lateness) Quantile(q float64) time.Duration {
	want := uint64(math.Ceil(q * float64(l.Ticks)))
	var sum uint64
	for i, n := range l.Buckets[:len(l.Buckets)-1] {
		if sum += n; sum >= want && n > 0 {
			return min(time.Duration(1<<i)*time.Microsecond, l.Worst)
		}
	}
	return l.Worst
}
