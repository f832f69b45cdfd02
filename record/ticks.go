package record

import (
	"math"
	"strconv"
	"time"
)

// timeSteps are the distances (s) that labels of a time axis may have.
var timeSteps = [...]float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600}

// timeTicks labels seconds as minutes:seconds, at most so many times.
func timeTicks(from, to float64, most int) []tick {
	step := timeSteps[len(timeSteps)-1]
	for i := len(timeSteps) - 1; i >= 0; i-- {
		if (to-from)/timeSteps[i] > float64(most) {
			break
		}
		step = timeSteps[i]
	}
	return ticks(from, to, step, minorOf(step), func(v float64) string {
		return minutes(time.Duration(v * float64(time.Second)))
	})
}

// minorOf divides a step of time where a person would.
func minorOf(step float64) float64 {
	switch step {
	case 15, 900:
		return step / 3
	case 30, 300, 600, 1800, 3600:
		return step / 6
	case 60, 120:
		return step / 4
	}
	return step / 2
}

// valueTicks labels about so many round values.
func valueTicks(from, to float64, most int) []tick {
	raw := (to - from) / float64(most)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * power
	for _, f := range [...]float64{1, 2, 5} {
		if f*power >= raw {
			step = f * power
			break
		}
	}
	decimals := max(0, int(math.Ceil(-math.Log10(step)-1e-9)))
	return ticks(from, to, step, step, func(v float64) string { return strconv.FormatFloat(v, 'f', decimals, 64) })
}

// ticks makes labelled ticks at multiples of step and others at multiples of minor.
func ticks(from, to, step, minor float64, label func(float64) string) []tick {
	var out []tick
	each := int(math.Round(step / minor))
	first := int(math.Ceil(from/minor - 1e-9))
	for i := first; float64(i)*minor <= to+minor*1e-9; i++ {
		t := tick{value: float64(i) * minor}
		if i%each == 0 {
			t.label = label(t.value)
		}
		out = append(out, t)
	}
	return out
}
