package simtable

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

// countsPerN of the built-in cell: 2 mV/V at 1000 N, gain 128, 2^24 codes for AVDD/gain.
const countsPerN = 0.002 * 128 * (1 << 24) / 1000

func TestSettlingAndRate(t *testing.T) {
	for _, c := range []struct {
		name        string
		rate        float64
		factor      float64
		settle, gap time.Duration
	}{
		{"fast", 80, 1, 50 * time.Millisecond, 12500 * time.Microsecond},
		{"slow", 10, 1, 400 * time.Millisecond, 100 * time.Millisecond},
		{"fast oscillator", 80, 1.1, 45455 * time.Microsecond, 11364 * time.Microsecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "winch", "median", func(tb *Table, _ *Patient) {
				tb.Cell.RatePerS, tb.Cell.TrueRateFactor = c.rate, c.factor
			})
			r.ready()
			assert.InDelta(t, c.settle, r.clock.Now(), float64(20*time.Microsecond))
			r.pulses(25)
			assert.Equal(t, gpio.High, r.p.CellData.Read(), "high until the next conversion")
			r.ready()
			assert.InDelta(t, c.settle+c.gap, r.clock.Now(), float64(20*time.Microsecond))
		})
	}
}

func TestCodeFollowsForce(t *testing.T) {
	r := newRig(t, "winch", "split-table", quiet)
	r.sample(25)
	assert.InDelta(t, 0, r.sample(25), 250, "noise only")
	r.pullTo(300)
	r.wait(200 * time.Millisecond)
	r.sample(25)
	got, want := float64(r.sample(25)), r.Truth().ForceN*countsPerN
	assert.InDelta(t, want, got, 0.1*countsPerN)
}

func TestNoiseIsThatOfTheDataSheet(t *testing.T) {
	for rate, want := range map[float64]float64{80: 38.7, 10: 21.5} { // 90 and 50 nV in steps of 2.33 nV
		r := newRig(t, "winch", "median", func(tb *Table, pa *Patient) {
			quiet(tb, pa)
			tb.Cell.RatePerS = rate
		})
		sum, squares, equal, last := 0.0, 0.0, 0, int32(math.MaxInt32)
		const n = 2000
		for range n {
			v := r.sample(25)
			sum += float64(v)
			squares += float64(v) * float64(v)
			if v == last {
				equal++
			}
			last = v
		}
		rms := math.Sqrt(squares/n - sum/n*sum/n)
		assert.InDelta(t, want, rms, want*0.08, "rate %v", rate)
		assert.Less(t, equal, n/20)
	}
}

func TestGainIsChosenByPulses(t *testing.T) {
	r := newRig(t, "winch", "split-table", quiet)
	r.pullTo(200)
	r.wait(100 * time.Millisecond)
	r.sample(25)
	full := float64(r.sample(27))
	before := r.clock.Now()
	half := float64(r.sample(27))
	assert.InDelta(t, 4*12.5/1.03, (r.clock.Now()-before).Seconds()*1000, 0.2, "four conversions to settle")
	assert.InDelta(t, full/2, half, full*0.01, "A64 is half of A128")
	before = r.clock.Now()
	r.sample(26)
	assert.Less(t, r.clock.Now()-before, 13*time.Millisecond, "the gain stayed")
	assert.InDelta(t, 0, r.sample(25), 100, "nothing is connected to B")
	assert.InDelta(t, full, r.sample(25), full*0.01)
	assert.Zero(t, r.Truth().SerialErrors)
}

func TestShortFrameLeavesDataOnDOUT(t *testing.T) {
	r := newRig(t, "winch", "median", func(tb *Table, pa *Patient) {
		quiet(tb, pa)
		tb.Cell.ZeroMVPerV = -1
	})
	r.ready()
	bits := r.pulses(24)
	assert.Equal(t, bits[23] == 1, bool(r.p.CellData.Read()), "the last bit stays")
	r.clock.Spend(13 * time.Millisecond)
	assert.Equal(t, gpio.Low, r.p.CellData.Read())
	assert.Equal(t, 1, r.pulses(25)[0], "a new frame from its sign on")
	r.sample(25)
	assert.EqualValues(t, 1, r.Truth().SerialErrors, "fewer than 25 pulses")
}

func TestLateReadIsAMixture(t *testing.T) {
	r := newRig(t, "winch", "median", quiet)
	r.ready()
	r.pulses(10)
	r.clock.Spend(13 * time.Millisecond)
	r.pulses(14)
	assert.EqualValues(t, 1, r.Truth().SerialErrors)
	// The new conversion started the frame again: the driver's 25th pulse shows bit 15 of it, not the trailing 1.
	assert.Equal(t, 14, r.chip.pulses)
}

func TestTooManyPulsesAreASerialError(t *testing.T) {
	r := newRig(t, "winch", "split-table", quiet)
	r.pullTo(100)
	r.sample(25)
	want := r.sample(25)
	r.ready()
	bits := r.pulses(40)
	assert.Equal(t, 1, bits[24])
	assert.Equal(t, 1, bits[39])
	assert.InDelta(t, float64(want), float64(r.sample(25)), 3*countsPerN, "gain as before")
	assert.EqualValues(t, 1, r.Truth().SerialErrors)
}

func TestUnreadConversionDips(t *testing.T) {
	r := newRig(t, "winch", "median", func(tb *Table, _ *Patient) { tb.Cell.TrueRateFactor = 1 })
	at := func(t time.Duration) gpio.Level { r.clock.SleepUntil(t); return r.p.CellData.Read() }
	assert.Equal(t, gpio.High, at(49999*time.Microsecond))
	assert.Equal(t, gpio.Low, at(50001*time.Microsecond))
	assert.Equal(t, gpio.Low, at(62499*time.Microsecond))
	assert.Equal(t, gpio.High, at(62510*time.Microsecond))
	assert.Equal(t, gpio.Low, at(62521*time.Microsecond))
}

func TestLongPulsePowersDown(t *testing.T) {
	for _, c := range []struct {
		high  time.Duration
		reset bool
	}{{40 * time.Microsecond, false}, {60 * time.Microsecond, false}, {61 * time.Microsecond, true}, {20 * time.Millisecond, true}} {
		t.Run(c.high.String(), func(t *testing.T) {
			r := newRig(t, "winch", "median", func(tb *Table, pa *Patient) {
				quiet(tb, pa)
				tb.Cell.ClockCostUS, tb.Cell.TrueRateFactor = 0, 1
				tb.Cell.ZeroMVPerV = 0.5 // the first three bits of the code are 0
			})
			r.sample(27)
			r.sample(27)
			r.ready()
			require.Equal(t, []int{0, 0}, r.pulses(2))
			_ = r.p.CellClock.Out(gpio.High)
			r.clock.Spend(c.high)
			assert.Equal(t, c.reset, bool(r.p.CellData.Read()), "while high")
			_ = r.p.CellClock.Out(gpio.Low)
			fell := r.clock.Now()
			bits := r.pulses(22)
			if !c.reset {
				assert.Contains(t, bits[:21], 0)
				assert.Zero(t, r.Truth().CellResets)
				return
			}
			for i, b := range bits {
				assert.Equal(t, 1, b, "bit %d after the reset", i)
			}
			r.ready()
			assert.InDelta(t, 50*time.Millisecond, r.clock.Now()-fell, float64(20*time.Microsecond))
			assert.Equal(t, channelA128, r.chip.selected)
			assert.EqualValues(t, 1, r.Truth().CellResets)
		})
	}
}

func TestNoConversionWhilePoweredDown(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	_ = r.p.CellClock.Out(gpio.High)
	r.clock.Spend(5 * time.Second)
	assert.Equal(t, gpio.High, r.p.CellData.Read())
	assert.Equal(t, never, r.chip.readyAt)
}

func TestStretchedClockGivesOnes(t *testing.T) {
	r := newRig(t, "winch", "median", func(tb *Table, pa *Patient) {
		quiet(tb, pa)
		tb.Cell.StretchProbability, tb.Cell.StretchMinUS, tb.Cell.StretchMaxUS = 0.02, 61, 500
	})
	broken := 0
	for range 500 {
		r.ready()
		began := r.clock.Now()
		bits := r.pulses(25)
		if took := r.clock.Now() - began; took < 110*time.Microsecond {
			continue
		}
		broken++
		assert.Equal(t, 1, bits[24], "the trailing bit alone does not show it")
	}
	assert.InDelta(t, 500*(1-math.Pow(0.98, 25)), broken, 50)
	assert.InDelta(t, broken, r.Truth().CellResets, 70, "several stretches in one frame reset it several times")
}

func TestSaturation(t *testing.T) {
	for zero, want := range map[float64]int32{2: 0x7FFFFF, -2: -0x800000} {
		r := newRig(t, "winch", "split-table", func(tb *Table, pa *Patient) {
			quiet(tb, pa)
			tb.Cell.ZeroMVPerV, tb.Cell.SensitivityMVPerV = zero, zero*5
		})
		r.pullTo(300) // 2 + 0.3 * 10 mV/V is beyond 20 mV at 5 V
		r.sample(25)
		assert.Equal(t, want, r.sample(25))
	}
}

func TestFilterDelays(t *testing.T) {
	codes := func(filter int) (list []int32) {
		r := newRig(t, "winch", "split-table", func(tb *Table, pa *Patient) {
			quiet(tb, pa)
			tb.Cell.FilterConversions = filter
		})
		r.pullTo(100)
		r.wait(100 * time.Millisecond)
		r.sample(25)
		require.NoError(t, r.Inject(Fault{Kind: "rope-break"}))
		for range 6 {
			list = append(list, int32(float64(r.sample(25))/countsPerN))
		}
		return list
	}
	one, four := codes(1), codes(4)
	assert.InDelta(t, 0, one[1], 2)
	assert.Greater(t, four[2], int32(15), "the old force is still in the filter")
	assert.InDelta(t, 0, four[5], 2)
}

func TestNonlinearity(t *testing.T) {
	read := func(bow float64) float64 {
		r := newRig(t, "winch", "split-table", func(tb *Table, pa *Patient) {
			quiet(tb, pa)
			pa.CreepMM = 0
			tb.Cell.NonlinearityShare = bow
		})
		r.pullTo(400)
		r.wait(time.Second)
		r.sample(25)
		return float64(r.sample(25)) / countsPerN
	}
	straight := read(0)
	share := straight / 1000
	assert.InDelta(t, 1000*4*0.005*share*(1-share), read(0.005)-straight, 0.1)
}

func TestDrift(t *testing.T) {
	r := newRig(t, "winch", "median", func(tb *Table, pa *Patient) {
		quiet(tb, pa)
		tb.Cell.ZeroDriftNPerMin, tb.Cell.ZeroDriftNPerC, tb.Cell.WarmUpC = 1, 0.5, 10
	})
	r.clock.Spend(10 * time.Minute)
	r.sample(25)
	want := 10 + 0.5*10*(1-math.Exp(-1))
	assert.InDelta(t, want, float64(r.sample(25))/countsPerN, 0.1)
}
