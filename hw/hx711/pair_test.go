package hx711

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// freshEnough is what the controller waits for a reading before it stops
// pulling.
const freshEnough = 36 * time.Millisecond

// pace is what one table's computer and chips may be like.
type pace struct {
	first, second float64 // conversions a second
	phase         time.Duration
	late          time.Duration // of ticks, at most
	write, read   time.Duration // of the pins
}

func (p pace) twin(t testing.TB, random *rand.Rand) *twin {
	w := newTwin(t, at80, p.first, p.second)
	w.chips[1].phase = p.phase
	w.write, w.read = p.write, p.read
	w.late = func() time.Duration { return time.Duration(random.Int64N(int64(p.late) + 1)) }
	return w
}

// paces are chips from 7 per cent slow to 5 per cent fast, the same and nearly
// the same ones in every phase, on a fast and on a slow computer.
func paces() (all []pace) {
	for _, rates := range [][2]float64{
		{80, 80}, {74.4, 84}, {84, 74.4}, {80, 80.1}, {80.1, 80}, {82.4, 79}, {74.4, 74.5}, {84, 83.99}, {74.4, 74.4}, {84, 84},
	} {
		for phase := time.Duration(0); phase < 14*time.Millisecond; phase += 2 * time.Millisecond {
			fast := pace{first: rates[0], second: rates[1], phase: phase, late: 200 * time.Microsecond, write: time.Microsecond, read: time.Microsecond}
			slow := fast
			slow.late, slow.write, slow.read = 900*time.Microsecond, 8*time.Microsecond, 8*time.Microsecond
			all = append(all, fast, slow)
		}
	}
	return all
}

func TestPairBringsTheSlowerRateWithoutAGap(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var longest [2]time.Duration
	for _, p := range paces() {
		w := p.twin(t, random)
		w.run(200 * time.Millisecond)
		w.fresh()
		got := w.run(20 * time.Second)
		want := 20 * min(p.first, p.second)
		for i := range 2 {
			assert.InDelta(t, want, got[i], 2, "%+v cell %d", p, i)
			assert.Less(t, w.gap[i], 30*time.Millisecond, "%+v cell %d", p, i)
			assert.Empty(t, w.faults(i), "%+v cell %d", p, i)
			longest[i] = max(longest[i], w.gap[i])
		}
		assert.Equal(t, uint64(1), w.stats(0).Resets)
		a, b := w.pair.SampleRates()
		assert.InEpsilon(t, p.first, float64(a)/float64(physic.Hertz), 0.004, "%+v", p)
		assert.InEpsilon(t, p.second, float64(b)/float64(physic.Hertz), 0.004, "%+v", p)
	}
	t.Logf("longest gap %v and %v", longest[0], longest[1])
}

// The oscillators are as far apart as their tolerance allows; nobody promises
// the slower rate then, but nothing may be wrong and the gap has to hold.
func TestPairAtTheEndsOfTheTolerance(t *testing.T) {
	for _, rates := range [][2]float64{{69, 91}, {91, 69}, {69, 69.1}, {91, 91}, {69, 80}} {
		w := newTwin(t, at80, rates[0], rates[1])
		w.run(200 * time.Millisecond)
		w.fresh()
		got := w.run(20 * time.Second)
		for i := range 2 {
			assert.Greater(t, got[i], 1300, "%v", rates)
			assert.Less(t, w.gap[i], freshEnough, "%v", rates)
			assert.Empty(t, w.faults(i), "%v", rates)
		}
	}
}

// An oscillator drifts while it warms up.
func TestPairFollowsADriftingChip(t *testing.T) {
	w := newTwin(t, at80, 78, 82)
	w.run(200 * time.Millisecond)
	w.fresh()
	for range 400 {
		w.run(100 * time.Millisecond)
		w.chips[1].period += 4 * time.Microsecond // a third of a thousandth, from 82 to 72.5
	}
	for i := range 2 {
		assert.Less(t, w.gap[i], freshEnough)
		assert.Empty(t, w.faults(i))
	}
	assert.Equal(t, uint64(1), w.stats(1).Resets)
}

// A hundredth of the pulses is stretched past the 60 us that switch a chip off.
// The rig compares each reading with the conversion that it has to be.
func TestPairFramesUnderPreemption(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	w := newTwin(t, at80, 82.4, 78)
	w.stretch = func(int) time.Duration {
		if random.Float64() >= 0.01 {
			return 0
		}
		return 60500*time.Nanosecond + time.Duration(random.Int64N(440_000))
	}
	for w.frames < 200_000 {
		w.run(time.Second)
	}
	for i := range 2 {
		s := w.stats(i)
		assert.Greater(t, s.Accepted, uint64(80_000))
		assert.Greater(t, s.Rejected[LatePulse], uint64(20_000), "there was something to reject")
		assert.Greater(t, s.LongestPulse, 400*time.Microsecond)
	}
	t.Logf("%d frames, %d and %d readings, %d late pulses", w.frames, w.good[0], w.good[1], w.stats(0).Rejected[LatePulse])
}

// The thread is away for up to three periods now and then.
func TestPairWhenTheThreadIsAway(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	w := newTwin(t, at80, 82.4, 78)
	w.vague = 45 * time.Millisecond // nobody saw it become ready
	w.run(300 * time.Millisecond)
	for range 3000 {
		w.run(time.Duration(random.Int64N(200)) * time.Millisecond)
		w.tick += time.Duration(random.Int64N(40)) * time.Millisecond
	}
	for i := range 2 {
		s := w.stats(i)
		assert.Greater(t, s.Accepted, uint64(15_000))
		assert.NotZero(t, s.Rejected[LateFrame])
		assert.Zero(t, s.Rejected[Silent]+s.Rejected[WrongRate], "%v", s)
		assert.Less(t, s.Rejected[Desync], uint64(4), "a conversion that ended with the last pulse of a late frame")
		assert.Equal(t, uint64(1), s.Resets)
	}

	w.run(300 * time.Millisecond)
	before := w.stats(0).Rejected[LateFrame]
	w.tick += 30 * time.Millisecond
	got := w.run(40 * time.Millisecond)
	assert.Equal(t, before+1, w.stats(0).Rejected[LateFrame], "one frame")
	assert.GreaterOrEqual(t, got[0], 2)
}

func TestPairInputs(t *testing.T) {
	for _, in := range []Input{ChannelB32, ChannelA64} {
		w := newTwin(t, Opts{Rate: 80 * physic.Hertz, Input: in}, 82, 79)
		got := w.run(time.Second)
		for i := range 2 {
			assert.InDelta(t, 79*0.83, got[i], 3, "%v", in)
			assert.Equal(t, in.pulses(), w.chips[i].gain)
			assert.Equal(t, []Fault{Settling}, w.faults(i))
		}
		assert.Equal(t, uint64(1), w.stats(0).Resets)
	}
}

func TestPairAtTenASecond(t *testing.T) {
	w := newTwin(t, Opts{Rate: 10 * physic.Hertz}, 9.4, 10.5)
	w.vague *= 8
	w.run(time.Second)
	w.fresh()
	got := w.run(20 * time.Second)
	for i := range 2 {
		assert.InDelta(t, 188, got[i], 2)
		assert.Less(t, w.gap[i], 8*freshEnough)
		assert.Empty(t, w.faults(i))
	}
}

func TestPairReset(t *testing.T) {
	w := newTwin(t, at80, 82, 79)
	assert.Equal(t, Settling, w.poll()[0].Fault)
	got := w.run(115 * time.Millisecond)
	assert.NotZero(t, min(got[0], got[1]), "about 110 ms after the start")
	w.run(time.Second)
	w.fresh()
	w.pair.Reset(w.now)
	assert.Zero(t, w.run(60*time.Millisecond))
	for i := range 2 {
		assert.Equal(t, []Fault{Settling}, w.faults(i))
		assert.Equal(t, uint64(2), w.stats(i).Resets)
	}
	got = w.run(60 * time.Millisecond)
	assert.NotZero(t, min(got[0], got[1]))
}

func TestPairDoesNotAllocate(t *testing.T) {
	w := newTwin(t, at80, 82, 79)
	w.run(time.Second)
	step := func() { w.poll(); w.pair.SampleRates(); w.pair.Stats() }
	assert.Zero(t, testing.AllocsPerRun(2000, step))
	w.chips[1].dout = noise
	assert.Zero(t, testing.AllocsPerRun(2000, step))
	w.outErr = errBroken
	assert.Zero(t, testing.AllocsPerRun(2000, step))
}

func TestPairOptionsAreCheckedAllAtOnce(t *testing.T) {
	_, err := NewPair(nil, nil, nil, Opts{Rate: 20 * physic.Hertz, Input: 7}, nil)
	for _, want := range []string{"Rate is 20Hz", "Input is Input(7)", "clock pin is missing", "first data pin", "second data pin", "clock function"} {
		assert.ErrorContains(t, err, want)
	}
	w := newTwin(t, at80, 80, 80)
	now := func() time.Duration { return w.now }
	good, bad := w.data(0), w.data(1)
	bad.err = errBadInput
	_, err = NewPair(&twinClock{w: w}, good, bad, at80, now)
	assert.ErrorIs(t, err, errBadInput)
	_, err = NewPair(&twinClock{w: w}, bad, good, at80, now)
	assert.ErrorIs(t, err, errBadInput)
	assert.Equal(t, gpio.PullUp, good.pull)
	w.outErr = errors.New("line is busy")
	_, err = NewPair(&twinClock{w: w}, good, w.data(1), at80, now)
	assert.ErrorIs(t, err, w.outErr)
}

func ExampleNewPair() {
	var t testing.T
	w := newTwin(&t, at80, 82, 78) // stands for three pins and a clock
	pair, err := NewPair(&twinClock{w: w}, w.data(0), w.data(1), at80, func() time.Duration { return w.now })
	if err != nil {
		fmt.Println(err)
		return
	}
	var a, b Reading
	for tick := time.Duration(0); tick < time.Second; tick += time.Millisecond {
		w.now = max(w.now, tick)
		a, b = pair.Poll(w.now)
	}
	fmt.Println(a.Fault, a.Seq, b.Fault, b.Seq)
	one, other := pair.SampleRates()
	fmt.Println(one > 81*physic.Hertz, other < 79*physic.Hertz)
	// Output:
	// none 72 none 71
	// true true
}

// FuzzPair lets both data lines say anything at all, at ticks of any length.
func FuzzPair(f *testing.F) {
	f.Add([]byte{0}, []byte{0xff}, uint8(1))
	f.Add([]byte{0xff, 0xff, 0xff, 0x00, 0x10, 0x80}, []byte{0xff, 0x00}, uint8(3))
	f.Add([]byte{0x0f, 0xf0, 0xff, 0xff, 0xff, 0xff, 0x01}, []byte{0xff, 0xff, 0xff, 0xff, 0xf0, 0xff}, uint8(12))
	f.Fuzz(func(t *testing.T, one, other []byte, tick uint8) {
		if len(one) == 0 || len(other) == 0 {
			return
		}
		w := newTwin(t, at80, 80, 80)
		for i, wire := range [][]byte{one, other} {
			bit := 0
			w.chips[i].dout = func(gpio.Level) gpio.Level {
				bit++
				return wire[bit/8%len(wire)]>>(bit%8)&1 == 1
			}
		}
		var seq [2]uint32
		for range 600 {
			w.tick += time.Duration(tick) * 250 * time.Microsecond
			w.now = max(w.now, w.tick)
			before := w.pulses
			a, b := w.pair.Poll(w.now)
			require.LessOrEqual(t, w.pulses-before, 27)
			for i, r := range []Reading{a, b} {
				require.Equal(t, r.Ready, r.Fault == None)
				if r.Ready {
					seq[i]++
					require.Equal(t, None, codeFault(uint32(r.Counts)&0xffffff))
				}
				require.Equal(t, seq[i], r.Seq)
			}
		}
	})
}
