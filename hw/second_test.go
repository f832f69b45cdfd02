package hw_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"traction/hw"
	"traction/hw/hx711"
	"traction/hw/interlock"
	"traction/hw/simtable"
)

// tap reads the first cell's data line, as a second chip would show it that
// converts the same at the same time, or nothing when its wire is broken.
type tap struct {
	gpio.PinIO
	broken bool
}

func (p *tap) Read() gpio.Level { return gpio.Level(p.broken) || p.PinIO.Read() }

func newTwoCells(t *testing.T) (*bench, *tap) {
	second := &tap{}
	b := newBench(t, func(c *hw.Config, _ *simtable.Sim) {
		second.PinIO = c.CellData
		c.CellData2 = second
	})
	return b, second
}

func TestSecondCell(t *testing.T) {
	b, second := newTwoCells(t)
	require.True(t, b.HasSecond())
	for range 10_000 {
		require.NoError(t, b.step())
		if b.last.Cell.Ready {
			require.Equal(t, b.last.Cell, b.last.Second, "it is the same")
		}
	}
	assert.InDelta(t, 82.4*9.9, b.CellStats().Accepted, 4)
	assert.Equal(t, b.CellStats(), b.SecondStats())
	assert.InEpsilon(t, 82.4, float64(b.last.SecondRate)/float64(physic.Hertz), 0.01)
	assert.Equal(t, b.last.CellRate, b.last.SecondRate)

	second.broken = true
	before, lost := b.CellStats().Accepted, b.SecondStats().Accepted
	b.run(t, 10*time.Second)
	assert.InDelta(t, 824, b.CellStats().Accepted-before, 3, "the first goes on")
	assert.Equal(t, lost, b.SecondStats().Accepted)
	assert.Equal(t, hx711.Silent, b.last.Second.Fault)
	assert.Equal(t, uint64(1), b.CellStats().Resets)

	second.broken = false
	b.ResetCell(b.clock.Now())
	b.run(t, 50*time.Millisecond)
	assert.Equal(t, []hx711.Fault{hx711.Settling, hx711.Settling}, []hx711.Fault{b.last.Cell.Fault, b.last.Second.Fault})
	b.run(t, time.Second)
	assert.Greater(t, b.SecondStats().Accepted, lost+70)
	assert.Equal(t, []uint64{2, 2}, []uint64{b.CellStats().Resets, b.SecondStats().Resets})
	assert.Zero(t, b.sim.Truth().SerialErrors)
}

func TestTwoCellsDoNotAllocate(t *testing.T) {
	b, second := newTwoCells(t)
	n := 0
	assert.Zero(t, testing.AllocsPerRun(3000, func() {
		n++
		second.broken = n%200 < 50
		if err := b.step(); err != nil {
			panic(err)
		}
	}))
}

func TestTwoCellsAfterSafeOff(t *testing.T) {
	b, _ := newTwoCells(t)
	b.run(t, time.Second)
	require.NoError(t, b.SafeOff())
	stats := b.SecondStats()
	b.ResetCell(b.clock.Now())
	r := b.Read(b.clock.Now())
	assert.Equal(t, interlock.Unknown(), r.Switches)
	assert.Equal(t, []hx711.Reading{{Fault: hx711.IO}, {Fault: hx711.IO}}, []hx711.Reading{r.Cell, r.Second})
	assert.Equal(t, stats, b.SecondStats(), "nothing is touched")
}

func TestWithoutASecondCell(t *testing.T) {
	b := newBench(t, func(c *hw.Config, _ *simtable.Sim) { c.CellData2 = nil })
	b.run(t, time.Second)
	assert.False(t, b.HasSecond())
	assert.Zero(t, b.last.Second)
	assert.Zero(t, b.last.SecondRate)
	assert.Zero(t, b.SecondStats())
	require.NoError(t, b.SafeOff())
	assert.Zero(t, b.Read(b.clock.Now()).Second)
}

// two is the simulated table with a second cell, unloaded, whose codes are
// constant but for the converters' noise; now and then a clock pulse is stretched.
func two(t *testing.T, stretched float64) (*simtable.Sim, *simtable.VirtualClock) {
	cfg, err := simtable.TableByName("double")
	require.NoError(t, err)
	for _, c := range []*simtable.Cell{&cfg.Cell, &cfg.Cell2} {
		c.ZeroDriftNPerC, c.ZeroDriftNPerMin, c.WarmUpC = 0, 0, 0
	}
	cfg.Cell.StretchProbability, cfg.Cell.StretchMinUS, cfg.Cell.StretchMaxUS = stretched, 60.5, 500
	sim, clock := newSim(t, cfg)
	sim.SetHarness(false)
	return sim, clock
}

// readTwo polls at 1 kHz for a time, and gives what came of each cell, how far
// the worst was off, and the longest age of a reading when the next one came.
func readTwo(t *testing.T, sim *simtable.Sim, clock *simtable.VirtualClock, pair *hx711.Pair, d time.Duration) (n [2]int, worst [2]float64, gap [2]time.Duration) {
	truths := [2]float64{trueCode, -2 * trueCode} // 0.02 and -0.04 mV/V of zero
	var at [2]time.Duration
	tick := clock.Now()
	for end := tick + d; tick < end; {
		tick += time.Millisecond
		clock.SleepUntil(tick)
		var got [2]hx711.Reading
		got[0], got[1] = pair.Poll(clock.Now())
		for i, r := range got {
			if !r.Ready {
				continue
			}
			n[i]++
			worst[i] = max(worst[i], math.Abs(float64(r.Counts)-truths[i]))
			if at[i] != 0 {
				gap[i] = max(gap[i], clock.Now()-at[i])
			}
			at[i] = r.At
		}
	}
	assert.Zero(t, sim.Truth().OutputReads)
	return n, worst, gap
}

// The oscillators are 7 per cent apart: both cells bring the slower one's rate,
// and no reading is older than 36 ms when the next one comes.
func TestTwoOscillators(t *testing.T) {
	sim, clock := two(t, 0)
	pins := sim.Pins()
	pair, err := hx711.NewPair(pins.CellClock, pins.CellData, pins.CellData2, hx711.Opts{Rate: 80 * physic.Hertz}, clock.Now)
	require.NoError(t, err)
	readTwo(t, sim, clock, pair, time.Second)
	n, worst, gap := readTwo(t, sim, clock, pair, 5*time.Minute)
	a, b := pair.Stats()
	for i, s := range []hx711.Stats{a, b} {
		assert.InDelta(t, 300*80*0.96, n[i], 3)
		assert.Less(t, worst[i], float64(tooFar))
		assert.Less(t, gap[i], 36*time.Millisecond)
		// A code that ends in twelve ones comes by chance.
		assert.Equal(t, s.Rejected[hx711.Truncated], rejected(s))
		assert.Equal(t, uint64(1), s.Resets)
	}
	assert.Zero(t, sim.Truth().SerialErrors, "no pulse during a conversion, no frame cut short")
	t.Logf("%d and %d readings in five minutes, oldest %v and %v", n[0], n[1], gap[0], gap[1])
}

func rejected(s hx711.Stats) (n uint64) {
	for _, k := range s.Rejected {
		n += k
	}
	return n
}

// As for one cell: of all the frames on a stretched clock no bad one becomes a
// number.
func TestTwoCellsUnderPreemption(t *testing.T) {
	sim, clock := two(t, 0.01)
	pins := sim.Pins()
	pair, err := hx711.NewPair(pins.CellClock, pins.CellData, pins.CellData2, hx711.Opts{Rate: 80 * physic.Hertz}, clock.Now)
	require.NoError(t, err)
	var n [2]int
	for clocked := 0; clocked < *frames; {
		got, worst, _ := readTwo(t, sim, clock, pair, time.Minute)
		a, b := pair.Stats()
		for i := range 2 {
			n[i] += got[i]
			require.Less(t, worst[i], float64(tooFar), "a bad number from cell %d", i)
		}
		clocked = int(max(a.Accepted+a.Rejected[hx711.LatePulse], b.Accepted+b.Rejected[hx711.LatePulse]))
	}
	a, b := pair.Stats()
	t.Logf("%d frames: %d and %d numbers, none bad; %d late pulses", *frames, n[0], n[1], a.Rejected[hx711.LatePulse])
	for i, s := range []hx711.Stats{a, b} {
		assert.Greater(t, n[i], *frames/2)
		assert.Greater(t, s.Rejected[hx711.LatePulse], uint64(*frames/10))
	}
}

func TestSecondCellNeedsPins(t *testing.T) {
	sim, clock := newSim(t, table(t, nil))
	cfg := config(sim, clock)
	cfg.CellData2 = cfg.CellData
	cfg.CellSPI, cfg.CellClock, cfg.CellData = sim.CellPort(), nil, nil
	_, err := hw.Open(cfg)
	assert.ErrorContains(t, err, "pin CellData2 is configured with CellSPI")
}
