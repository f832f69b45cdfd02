package hx711

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

var at80 = Opts{Rate: 80 * physic.Hertz}

// each runs a test with both wirings.
func each(t *testing.T, rate float64, opts Opts, test func(t *testing.T, r *rig)) {
	for name, build := range wirings {
		t.Run(name, func(t *testing.T) {
			r, err := build(newChip(rate), opts)
			require.NoError(t, err)
			test(t, r)
		})
	}
}

// started polls until the first conversion.
func started(t *testing.T, r *rig) {
	t.Helper()
	for range 2000 {
		if r.poll().Ready {
			return
		}
	}
	require.Fail(t, "no conversion in two seconds")
}

func TestEveryBitArrives(t *testing.T) {
	codes := []int32{0, 1, -2, 2, 0x123456, -0x123456, 0x7ffffe, -0x7fffff, 0x555555, -0x555556, 0x7ff, -0x801}
	for bit := 1; bit < 23; bit++ {
		codes = append(codes, 1<<bit, -(1 << bit))
	}
	each(t, 80, at80, func(t *testing.T, r *rig) {
		r.code = func(n int) int32 { return codes[n%len(codes)] }
		started(t, r)
		got, faults := r.run(3 * time.Second)
		assert.Empty(t, faults)
		require.Greater(t, len(got), 4*len(codes))
		first := r.n - len(got)
		for i, g := range got {
			require.Equal(t, codes[(first+i)%len(codes)], int32(g.Counts))
		}
	})
}

func TestFirstConversionComesAfterSettling(t *testing.T) {
	for _, tt := range []struct {
		rate        physic.Frequency
		early, late time.Duration
	}{
		{80 * physic.Hertz, 72 * time.Millisecond, 100 * time.Millisecond},
		{10 * physic.Hertz, 510 * time.Millisecond, 700 * time.Millisecond},
	} {
		each(t, float64(tt.rate/physic.Hertz), Opts{Rate: tt.rate}, func(t *testing.T, r *rig) {
			first := r.poll()
			assert.Equal(t, Reading{Fault: Settling}, first)
			started(t, r)
			assert.Greater(t, r.tick, tt.early)
			assert.Less(t, r.tick, tt.late)
			assert.GreaterOrEqual(t, r.restart, 1)
			p := r.poll()
			assert.Equal(t, NotReady, p.Fault)
			assert.Equal(t, uint32(1), p.Seq)
			assert.False(t, p.Ready)
			assert.InDelta(t, r.tick, p.At, float64(2*time.Millisecond))
		})
	}
}

func TestSequenceTimesAndRate(t *testing.T) {
	for _, rate := range []float64{69, 77.6, 80, 82.4, 91} {
		each(t, rate, at80, func(t *testing.T, r *rig) {
			started(t, r)
			got, faults := r.run(2 * time.Second)
			assert.Empty(t, faults)
			assert.InDelta(t, 2*rate, len(got), 1.5)
			for i := 1; i < len(got); i++ {
				require.Equal(t, got[i-1].Seq+1, got[i].Seq)
				require.InDelta(t, float64(time.Second)/rate, float64(got[i].At-got[i-1].At), float64(1100*time.Microsecond))
			}
			assert.InEpsilon(t, rate, float64(r.SampleRate())/float64(physic.Hertz), 0.005)
		})
	}
}

func TestInputs(t *testing.T) {
	for in, want := range map[Input]int{ChannelA128: 25, ChannelB32: 26, ChannelA64: 27} {
		each(t, 80, Opts{Rate: 80 * physic.Hertz, Input: in}, func(t *testing.T, r *rig) {
			var firstAt25 int
			r.code = func(n int) int32 {
				if r.gain != want {
					firstAt25 = n
				}
				return int32(1000*r.gain + n%97)
			}
			started(t, r)
			got, faults := r.run(time.Second)
			assert.Empty(t, faults)
			require.NotEmpty(t, got)
			for _, g := range got {
				require.Equal(t, want, int(g.Counts)/1000, "a conversion at another gain")
			}
			assert.Equal(t, want, r.gain)
			if in != ChannelA128 {
				assert.Less(t, firstAt25, r.n-len(got)-3, "no settling after the change of gain")
			}
		})
	}
}

func TestResetStopsAndComesBack(t *testing.T) {
	each(t, 80, at80, func(t *testing.T, r *rig) {
		started(t, r)
		before, resets := r.restart, r.Stats().Resets
		r.Reset(r.now)
		got, faults := r.run(60 * time.Millisecond)
		assert.Empty(t, got)
		assert.Equal(t, []Fault{Settling}, faults)
		assert.Greater(t, r.restart, before)
		assert.Equal(t, resets+1, r.Stats().Resets)
		got, _ = r.run(100 * time.Millisecond)
		assert.NotEmpty(t, got)
	})
}

func TestPollsThatComeTooLateLoseOneFrame(t *testing.T) {
	each(t, 80, at80, func(t *testing.T, r *rig) {
		started(t, r)
		r.run(100 * time.Millisecond)
		r.tick += 30 * time.Millisecond // the thread was away
		got, faults := r.run(40 * time.Millisecond)
		assert.Equal(t, []Fault{LateFrame}, faults)
		assert.Len(t, got, 3)
		assert.Equal(t, uint64(1), r.Stats().Rejected[LateFrame])
		assert.Equal(t, uint64(1), r.Stats().Resets, "only the first")
	})
}

func TestNothingAllocates(t *testing.T) {
	each(t, 80, at80, func(t *testing.T, r *rig) {
		started(t, r)
		assert.Zero(t, testing.AllocsPerRun(2000, func() { r.poll(); r.SampleRate(); r.Stats() }))
		r.dout = func(gpio.Level) gpio.Level { return rand.Uint32()&1 == 0 }
		assert.Zero(t, testing.AllocsPerRun(2000, func() { r.poll() }))
	})
}

func TestOptionsAreCheckedAllAtOnce(t *testing.T) {
	c := newChip(80)
	_, err := NewGPIO(nil, nil, Opts{Rate: 20 * physic.Hertz, Input: 7}, nil)
	for _, want := range []string{"Rate is 20Hz, allowed are 10Hz and 80Hz", "Input is Input(7)", "clock pin", "data pin", "clock function"} {
		assert.ErrorContains(t, err, want)
	}
	_, err = NewSPI(nil, Opts{}, nil)
	for _, want := range []string{"Rate is 0Hz", "SPI port", "clock function"} {
		assert.ErrorContains(t, err, want)
	}
	c.outErr = errors.New("line is busy")
	_, err = NewGPIO(&sckPin{c: c}, &doutPin{c: c}, at80, c.clock)
	assert.ErrorIs(t, err, c.outErr)
	_, err = NewSPI(&port{c: c}, at80, c.clock)
	assert.ErrorIs(t, err, c.outErr)
	_, err = NewGPIO(&sckPin{c: c}, badInput{}, at80, c.clock)
	assert.ErrorIs(t, err, errBadInput)
}

var errBadInput = errors.New("no input")

type badInput struct{ gpio.PinIO }

func (badInput) Name() string                  { return "bad" }
func (badInput) In(gpio.Pull, gpio.Edge) error { return errBadInput }

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Faults() {
		assert.Regexp(t, `^[a-z]+(-[a-z]+)*$`, f.String())
		assert.False(t, seen[f.String()], f)
		seen[f.String()] = true
	}
	assert.Len(t, seen, int(faultCount))
	assert.Equal(t, "fault-200", Fault(200).String())
	assert.Equal(t, "A128 B32 A64", ChannelA128.String()+" "+ChannelB32.String()+" "+ChannelA64.String())
}
