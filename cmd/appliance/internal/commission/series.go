package commission

import (
	"math"
	"time"
)

// series judges a row of conversions without keeping them: mean, steady drift, and
// the noise around both. All in counts and seconds.
type series struct {
	n      float64
	t0     time.Duration
	y0     float64
	st, sy float64
	stt    float64
	sty    float64
	syy    float64
	last   float64 // time of the last one
}

func (s *series) add(at time.Duration, y float64) {
	if s.n == 0 {
		s.t0, s.y0 = at, y // sums about the first one lose no digits
	}
	t := (at - s.t0).Seconds()
	y -= s.y0
	s.n++
	s.st, s.sy = s.st+t, s.sy+y
	s.stt, s.sty, s.syy = s.stt+t*t, s.sty+t*y, s.syy+y*y
	s.last = t
}

// mean is 0 while there is nothing.
func (s *series) mean() float64 {
	if s.n == 0 {
		return 0
	}
	return s.y0 + s.sy/s.n
}

// slope is the drift in counts a second, by least squares.
func (s *series) slope() float64 {
	if d := s.n*s.stt - s.st*s.st; d > 0 {
		return (s.n*s.sty - s.st*s.sy) / d
	}
	return 0
}

// drift is how far the line of the slope moved over the whole row.
func (s *series) drift() float64 { return s.slope() * s.last }

// noise is the rms around the line, with the two degrees of freedom that it took.
func (s *series) noise() float64 {
	if s.n < 3 {
		return 0
	}
	variance := s.syy - s.sy*s.sy/s.n - s.slope()*(s.sty-s.st*s.sy/s.n)
	return math.Sqrt(math.Max(variance, 0) / (s.n - 2))
}
