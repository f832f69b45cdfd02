package simtable

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

// both are the codes of one pulse train on the shared clock line; a converter that was not ready has false.
type both struct {
	code  [2]int32
	ready [2]bool
}

// shiftBoth clocks one frame of 25 pulses into whatever is ready.
func (r *rig) shiftBoth() (got both) {
	data := [2]gpio.PinIO{r.p.CellData, r.p.CellData2}
	var word [2]uint32
	for i, d := range data {
		got.ready[i] = !bool(d.Read())
	}
	for n := range 25 {
		_ = r.p.CellClock.Out(gpio.High)
		_ = r.p.CellClock.Out(gpio.Low)
		for i, d := range data {
			if n < wordBits && bool(d.Read()) {
				word[i] |= 1 << (wordBits - 1 - n)
			}
		}
	}
	for i, w := range word {
		got.code[i] = int32(w<<8) >> 8
	}
	return got
}

// readBoth waits until both converters are ready and reads them.
func (r *rig) readBoth() [2]int32 {
	r.t.Helper()
	for range 200000 {
		if !r.p.CellData.Read() && !r.p.CellData2.Read() {
			got := r.shiftBoth()
			require.Equal(r.t, [2]bool{true, true}, got.ready)
			return got.code
		}
		r.beat()
		r.clock.Spend(10 * time.Microsecond)
	}
	require.Fail(r.t, "no two conversions")
	return [2]int32{}
}

// both cells hang on one rope: each tells the same force in its own counts.
func TestSecondCellFeelsTheSameForce(t *testing.T) {
	r := newRig(t, "double", "split-table", func(tb *Table, pa *Patient) {
		quiet(tb, pa)
		pa.CreepMM, tb.Cell2.WarmUpC = 0, 0
	})
	newtons := func() [2]float64 {
		r.wait(200 * time.Millisecond)
		r.readBoth()
		code := r.readBoth()
		const zero = -0.04e-3 * 128 * (1 << 24)
		return [2]float64{float64(code[0]) / countsPerN, (float64(code[1]) - zero) / (0.9 * countsPerN)}
	}
	for _, force := range []float64{0, 100, 300} {
		r.pullTo(force)
		got := newtons()
		want := r.Truth().ForceN
		assert.InDelta(t, want, got[0], 0.1, "first at %v N", force)
		assert.InDelta(t, want, got[1], 0.1, "second at %v N", force)
	}
}

func TestSecondConverterHasItsOwnOscillatorAndNoise(t *testing.T) {
	r := newRig(t, "double", "median", quiet)
	assert.NotEqual(t, r.chip.noise.Uint64(), r.second.noise.Uint64(), "streams of their own")
	gaps := func(pin gpio.PinIO) time.Duration {
		const n = 50
		var first, last time.Duration
		for i := range n + 1 {
			for pin.Read() == gpio.High {
				r.clock.Spend(10 * time.Microsecond)
			}
			if last = r.clock.Now(); i == 0 {
				first = last
			}
			r.pulses(25)
		}
		return (last - first) / n
	}
	us := float64(time.Microsecond)
	assert.InDelta(t, 12500/1.03*us, float64(gaps(r.p.CellData)), 15*us)
	assert.InDelta(t, 12500/0.96*us, float64(gaps(r.p.CellData2)), 15*us)

	sum, squares, both := [2]float64{}, [2]float64{}, 0.0
	const n = 1000
	for range n {
		code := r.readBoth()
		for i, c := range code {
			sum[i] += float64(c)
			squares[i] += float64(c) * float64(c)
		}
		both += float64(code[0]) * float64(code[1])
	}
	rms := func(i int) float64 { return math.Sqrt(squares[i]/n - sum[i]/n*sum[i]/n) }
	together := (both/n - sum[0]/n*sum[1]/n) / (rms(0) * rms(1))
	assert.InDelta(t, 38.7, rms(1), 4, "the second converter's own noise")
	assert.InDelta(t, 0, together, 0.1, "which is not the first one's")
}

// The pulses of one frame go to both, ready or not, and a long pulse switches both off.
func TestSharedClockLine(t *testing.T) {
	r := newRig(t, "double", "median", quiet)
	r.readBoth()
	for r.p.CellData.Read() { // the faster one is ready first
		r.clock.Spend(10 * time.Microsecond)
	}
	got := r.shiftBoth()
	assert.Equal(t, [2]bool{true, false}, got.ready)
	assert.EqualValues(t, -1, got.code[1], "DOUT of a converter that is not ready stays high")

	_ = r.p.CellClock.Out(gpio.High)
	r.clock.Spend(61 * time.Microsecond)
	assert.Equal(t, gpio.High, r.p.CellData2.Read())
	_ = r.p.CellClock.Out(gpio.Low)
	began := r.clock.Now()
	r.readBoth()
	assert.Greater(t, r.clock.Now()-began, 45*time.Millisecond, "both settle again")
	assert.EqualValues(t, 1, r.Truth().CellResets)
	assert.EqualValues(t, 1, r.Truth().Cell2Resets)
}

func TestWhatATableLacksHasNoPin(t *testing.T) {
	for _, name := range Tables() {
		p := newRig(t, name, "median", nil).p
		assert.Equal(t, name == "double", p.CellData2 != nil, name)
		assert.Equal(t, name == "double", p.SupplyLow != nil, name)
		assert.Zero(t, newRig(t, "winch", "median", nil).Truth().Cell2Resets)
	}
}

func TestSupplyMonitor(t *testing.T) {
	r := newRig(t, "double", "median", nil)
	assert.Equal(t, gpio.Low, r.p.SupplyLow.Read(), "good")
	r.inject("brown-out", 0, time.Second)
	assert.Equal(t, gpio.High, r.p.SupplyLow.Read())
	assert.False(t, r.Truth().Energised)
	r.wait(2 * time.Second)
	assert.Equal(t, gpio.Low, r.p.SupplyLow.Read())
	assert.True(t, r.Truth().Energised)
}

func TestSecondCellIsValidated(t *testing.T) {
	_, err := LoadTable(write(t, `
name = "x"
[cell2]
zero_mv_per_v = 0.1
rate_per_s = 20
stretch_probability = 0.1
`))
	for _, want := range []string{
		"cell2.capacity_n = 0: allowed is 10 to 20000", "cell2.rate_per_s = 20: allowed is 10 or 80",
		"cell2.sensitivity_mv_per_v = 0: allowed is -10 to 10, not 0", "cell2.stretch_probability = 0.1: allowed is 0 to 0",
	} {
		assert.ErrorContains(t, err, want)
	}
	one, err := TableByName("winch")
	require.NoError(t, err)
	one.Cell2 = Cell{}
	require.NoError(t, one.Validate(), "no second cell at all")
}

// However seldom somebody looks, both converters do all their conversions at their times.
func TestLookingChangesNothingForTwoConverters(t *testing.T) {
	end := func(look time.Duration) [4]uint64 {
		r := newRig(t, "double", "median", nil)
		for r.clock.Now() < 10*time.Second {
			r.clock.Spend(look)
			r.p.EndPull.Read()
		}
		return [4]uint64{uint64(r.chip.word), uint64(r.second.word), uint64(r.chip.readyAt), uint64(r.second.readyAt)}
	}
	assert.Equal(t, end(time.Millisecond), end(10*time.Second))
}
