package hx711

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"periph.io/x/conn/v3/gpio"
)

// lone is what goes wrong with one chip of two, and what the driver may call it.
var lone = []struct {
	name  string
	upset func(w *twin, i int)
	want  []Fault
}{
	{"missing", func(w *twin, i int) { w.chips[i].dout = always(gpio.High) }, []Fault{Silent}},
	{"DOUT low for ever", func(w *twin, i int) { w.chips[i].dout = always(gpio.Low) }, []Fault{Desync}},
	{"DOUT floating", func(w *twin, i int) { w.chips[i].dout = noise }, []Fault{Desync, Silent, WrongRate}},
	{"DOUT picks up mains", func(w *twin, i int) { w.chips[i].dout = w.chips[i].hum }, []Fault{Desync, Silent, WrongRate}},
	{"RATE strap low", func(w *twin, i int) { w.chips[i].period = 100 * time.Millisecond }, []Fault{Silent, WrongRate}},
	{"a fifth too slow", func(w *twin, i int) { w.chips[i].period = 15600 * time.Microsecond }, []Fault{WrongRate}},
	{"a third too fast", func(w *twin, i int) { w.chips[i].period = 9400 * time.Microsecond }, []Fault{WrongRate}},
	{"stuck", func(w *twin, i int) { w.code[i] = constant(4711) }, []Fault{Stuck}},
	{"saturated", func(w *twin, i int) { w.code[i] = constant(saturatedHigh) }, []Fault{Saturated}},
	{"minus one", func(w *twin, i int) { w.code[i] = constant(-1) }, []Fault{Truncated}},
}

// manners are what chips may do with pulses that the data sheet does not allow.
var manners = map[string]func(c *chip){
	"counts pulses": func(*chip) {}, "deaf": func(c *chip) { c.deaf = true }, "fresh": func(c *chip) { c.fresh = true },
}

// eachLone runs a test for each fault of each chip with chips of all manners.
func eachLone(t *testing.T, test func(t *testing.T, w *twin, bad int, upset func(), want []Fault)) {
	for _, tt := range lone {
		for manner, set := range manners {
			for bad := range 2 {
				for _, rates := range [][2]float64{{82.4, 79}, {74.4, 84}, {80, 80}} {
					t.Run(fmt.Sprintf("%s/%s/%d/%v", tt.name, manner, bad, rates), func(t *testing.T) {
						w := newTwin(t, at80, rates[0], rates[1])
						set(w.chips[0])
						set(w.chips[1])
						w.vague = 10 * time.Millisecond // of one whose rate is wrong
						test(t, w, bad, func() { tt.upset(w, bad) }, tt.want)
					})
				}
			}
		}
	}
}

// One chip that fails costs the other neither a restart nor a gap, and brings no
// number; put right, it comes back by itself.
func TestPairWithOneBadChip(t *testing.T) {
	eachLone(t, func(t *testing.T, w *twin, bad int, upset func(), want []Fault) {
		code, period := w.code[bad], w.chips[bad].period
		good := 1 - bad
		slower := float64(time.Second) / float64(max(w.chips[0].period, w.chips[1].period))
		w.run(300 * time.Millisecond)
		for before := w.frames; w.frames == before; { // right after a frame
			w.poll()
		}
		w.fresh()
		upset()
		w.run(700 * time.Millisecond) // until the slowest judgement
		accepted := w.stats(bad).Accepted
		got := w.run(20 * time.Second)
		assert.Greater(t, got[good], 20*60, "the good one goes on")
		assert.Less(t, w.gap[good], freshEnough)
		assert.Empty(t, w.faults(good))
		assert.Equal(t, accepted, w.stats(bad).Accepted)
		assert.Subset(t, want, w.faults(bad))
		assert.NotEmpty(t, w.faults(bad))

		w.code[bad], w.chips[bad].period, w.chips[bad].dout = code, period, nil
		w.run(500 * time.Millisecond)
		w.at[bad], w.seen = 0, [2][faultCount]bool{}
		got = w.run(5 * time.Second)
		assert.InDelta(t, 5*slower, got[bad], 2, "and the other comes back")
		assert.Empty(t, w.faults(bad))
		assert.Less(t, w.gap[good], freshEnough)
		assert.Equal(t, uint64(1), w.stats(0).Resets)
	})
}

func TestPairStartsWithOneBadChip(t *testing.T) {
	eachLone(t, func(t *testing.T, w *twin, bad int, upset func(), want []Fault) {
		upset()
		w.run(150 * time.Millisecond)
		good := 1 - bad
		assert.NotZero(t, w.good[good], "the start takes hardly longer")
		w.run(600 * time.Millisecond)
		accepted := w.stats(bad).Accepted
		w.fresh()
		w.run(5 * time.Second)
		assert.Equal(t, accepted, w.stats(bad).Accepted)
		assert.Subset(t, want, w.faults(bad))
		assert.Less(t, w.gap[good], freshEnough)
		assert.Equal(t, uint64(1), w.stats(good).Resets)
	})
}

// A wire that comes and goes, within a frame, too, takes nothing from the other
// chip, whatever the rates, the phase and the computer are.
func TestPairWithALooseWire(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for range 60 {
		w := newTwin(t, at80, 74.4+9.6*random.Float64(), 74.4+9.6*random.Float64())
		late := random.Int64N(900_000) + 1
		w.late = func() time.Duration { return time.Duration(random.Int64N(late)) }
		w.write = 300 + time.Duration(random.IntN(15_000))
		w.read = w.write
		for _, c := range w.chips {
			c.fresh, c.deaf = random.IntN(2) == 0, random.IntN(2) == 0
			c.phase, c.dip = time.Duration(random.IntN(12_000_000)), time.Duration(random.IntN(140_000))
		}
		w.run(400 * time.Millisecond)
		w.fresh()
		bad, contact := random.IntN(2), random.Float64()*float64(50*time.Millisecond)
		w.loose[bad] = true
		off, level, change := false, gpio.Low, w.now
		w.chips[bad].dout = func(real gpio.Level) gpio.Level {
			if w.now > change {
				change = w.now + time.Duration(random.ExpFloat64()*contact)
				off, level = !off, random.IntN(2) == 0
			}
			if off {
				return level
			}
			return real
		}
		w.run(20 * time.Second)
		assert.Less(t, w.gap[1-bad], freshEnough, "late %v, pins %v", late, w.write)
		assert.Empty(t, w.faults(1-bad))
	}
}

// Whoever looks at the counts later has to see why there is nothing.
func TestPairCountsALastingSilence(t *testing.T) {
	for bad := range 2 {
		w := newTwin(t, at80, 82.4, 79)
		w.chips[bad].dout = always(gpio.High)
		w.run(time.Minute)
		before := w.stats(bad).Rejected[Silent]
		w.run(10 * time.Second)
		assert.InDelta(t, 10/0.6, w.stats(bad).Rejected[Silent]-before, 2)
		assert.Equal(t, uint64(1), w.stats(bad).Resets)
	}
}

func TestPairTellsARateStrap(t *testing.T) {
	for bad := range 2 {
		w := newTwin(t, at80, 82.4, 79)
		w.chips[bad].period = 97 * time.Millisecond
		w.run(time.Second)
		w.fresh()
		w.run(10 * time.Second)
		assert.Equal(t, []Fault{WrongRate}, w.faults(bad))
		assert.Empty(t, w.faults(1-bad))
	}
}

// A chip whose supply fails for a moment restarts by itself, at the gain that it
// likes, while the pulses for the other go on.
func TestPairWhenOneChipBrownsOut(t *testing.T) {
	for manner, set := range manners {
		for bad := range 2 {
			w := newTwin(t, at80, 82.4, 79)
			set(w.chips[0])
			set(w.chips[1])
			w.run(300 * time.Millisecond)
			w.fresh()
			for k := range 200 {
				w.run(300*time.Millisecond + time.Duration(k)*137*time.Microsecond)
				c := w.chips[bad]
				c.restart++
				c.index, c.ready, c.gain, c.replaced = 25, false, 25, 0
				c.next = c.now + 4*c.period
			}
			assert.Empty(t, w.faults(1-bad), manner)
			assert.Less(t, w.gap[1-bad], freshEnough, manner)
			assert.Greater(t, w.good[bad], 200*8, manner)
			assert.NotZero(t, w.stats(bad).Rejected[Silent], manner)
			assert.Equal(t, uint64(1), w.stats(bad).Resets, manner)
		}
	}
}

// Both bad chips are restarted together, less and less often, and come back.
func TestPairOfBadChips(t *testing.T) {
	for _, one := range lone {
		for _, other := range lone {
			w := newTwin(t, at80, 82.4, 79)
			w.vague = 10 * time.Millisecond // of one whose rate is wrong
			codes, periods := w.code, [2]time.Duration{w.chips[0].period, w.chips[1].period}
			one.upset(w, 0)
			other.upset(w, 1)
			w.run(time.Second)
			before := w.good
			w.run(time.Minute)
			name := one.name + " and " + other.name
			assert.Equal(t, before, w.good, name)
			assert.Less(t, w.stats(0).Resets, uint64(60), name)
			for i, c := range w.chips {
				w.code[i], c.period, c.dout = codes[i], periods[i], nil
			}
			w.run(3 * time.Second) // the longest back-off
			w.fresh()
			got := w.run(time.Second)
			for i := range 2 {
				assert.InDelta(t, 79, got[i], 2, name)
				assert.Empty(t, w.faults(i), name)
			}
		}
	}
}

func TestPairMissingChipsAreTriedAgain(t *testing.T) {
	w := newTwin(t, at80, 82.4, 79)
	w.chips[0].dout, w.chips[1].dout = always(gpio.High), always(gpio.Low)
	w.run(time.Minute)
	assert.Less(t, w.stats(0).Resets, uint64(60))
	assert.Greater(t, w.stats(0).Resets, uint64(20))
	assert.Less(t, w.pulses, 2000)
}

// What the shared line does is the fault of both.
func TestPairClockFaultsRestartBoth(t *testing.T) {
	for _, tt := range []struct {
		want  Fault
		upset func(w *twin)
	}{
		{LatePulse, func(w *twin) {
			at := w.pulses + 11
			w.stretch = func(pulse int) time.Duration {
				if pulse == at {
					return 61 * time.Microsecond
				}
				return 0
			}
		}},
		{IO, func(w *twin) { w.outErr = errBroken }},
	} {
		w := newTwin(t, at80, 82.4, 79)
		w.run(300 * time.Millisecond)
		w.fresh()
		tt.upset(w)
		for resets := w.stats(0).Resets; w.stats(0).Resets == resets; {
			w.poll()
		}
		w.outErr = nil
		for i := range 2 {
			assert.Equal(t, []Fault{tt.want}, w.faults(i))
			assert.NotZero(t, w.stats(i).Rejected[tt.want])
			assert.Equal(t, uint64(2), w.stats(i).Resets)
		}
		w.run(200 * time.Millisecond)
		w.fresh()
		got := w.run(time.Second)
		for i := range 2 {
			assert.InDelta(t, 79, got[i], 2)
			assert.Empty(t, w.faults(i))
		}
	}
}

// DOUT of a chip that waits for the other one goes up when a conversion replaces
// the one before, and never between.
func TestPairLevelThatNoChipShows(t *testing.T) {
	w := newTwin(t, at80, 82.4, 79)
	w.run(300 * time.Millisecond)
	w.fresh()
	m := &w.pair.first
	for !m.ready || w.now-m.first.low < 2*time.Millisecond {
		w.poll()
	}
	w.chips[0].dout = always(gpio.High)
	assert.Equal(t, Desync, w.poll()[0].Fault)
	w.chips[0].dout = nil
	w.run(time.Second)
	assert.Equal(t, uint64(1), w.stats(0).Rejected[Desync])
	assert.Empty(t, w.faults(1))
}

// Two frames to be in step, four conversions to settle and two to know the
// period: nothing is returned before.
func TestPairTakesItsTimeWithAChipThatWasDisturbed(t *testing.T) {
	for _, rate := range []float64{69, 74.4, 79, 84, 91} {
		w := newTwin(t, at80, 80, rate)
		w.run(300 * time.Millisecond)
		w.chips[1].dout = always(gpio.High)
		w.run(100 * time.Millisecond)
		w.chips[1].dout = nil
		inStep := 0
		for before := w.good[1]; w.good[1] == before; {
			frames := w.frames
			w.poll()
			if w.frames > frames && w.pair.second.inStep > 0 {
				inStep++
			}
		}
		assert.GreaterOrEqual(t, inStep, 2+settleConversions+2, "%v", rate)
		assert.LessOrEqual(t, inStep, 2+settleConversions+6, "%v", rate)
	}
}
