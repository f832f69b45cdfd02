package executive

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestLatenessBuckets(t *testing.T) {
	const us = time.Microsecond
	for late, bucket := range map[time.Duration]int{
		-us: 0, 0: 0, 999: 0, us: 1, 2*us - 1: 1, 2 * us: 2, 3 * us: 2, 4 * us: 3, 1023 * us: 10, 1024 * us: 11,
		time.Hour: 23,
	} {
		var l Lateness
		l.add(late)
		assert.Equal(t, uint64(1), l.Buckets[bucket], "%v", late)
		assert.Equal(t, uint64(1), l.Ticks)
		assert.Equal(t, max(late, 0), l.Worst)
	}
}

func TestQuantileIsAnUpperBound(t *testing.T) {
	const us, ms = time.Microsecond, time.Millisecond
	repeat := func(d time.Duration, n int) (all []time.Duration) {
		for range n {
			all = append(all, d)
		}
		return all
	}
	for name, c := range map[string]struct {
		late []time.Duration
		q    float64
		want time.Duration
	}{
		"no ticks":                      {nil, 0.99, 0},
		"one":                           {repeat(3*us, 1), 0.5, 3 * us},
		"half":                          {append(repeat(3*us, 50), repeat(100*us, 50)...), 0.5, 4 * us},
		"just above half":               {append(repeat(3*us, 50), repeat(100*us, 50)...), 0.51, 100 * us},
		"a tenth is more than 1 %":      {append(repeat(3*us, 9), ms), 0.99, ms},
		"1 % is not more than 1 %":      {append(repeat(3*us, 99), ms), 0.99, 4 * us},
		"all":                           {append(repeat(3*us, 99), ms), 1, ms},
		"never above the worst":         {repeat(600*us, 10), 0.5, 600 * us},
		"beyond the last bucket's edge": {repeat(time.Minute, 10), 0.5, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			var l Lateness
			for _, d := range c.late {
				l.add(d)
			}
			assert.Equal(t, c.want, l.Quantile(c.q))
		})
	}
}
