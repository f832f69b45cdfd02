package simtable

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

// underLoad is a still person on a table that pulls at 100 N.
func underLoad(t *testing.T, table string) *rig {
	r := newRig(t, table, "split-table", func(tb *Table, pa *Patient) {
		quiet(tb, pa)
		pa.CreepMM, tb.Cell2.WarmUpC, tb.Cell2.ZeroMVPerV = 0, 0, 0
	})
	r.pullTo(100)
	r.wait(100 * time.Millisecond)
	return r
}

// newtons is what the first cell says, by its rated figures.
func (r *rig) newtons() float64 {
	r.sample(25)
	return float64(r.sample(25)) / countsPerN
}

func TestCellDrift(t *testing.T) {
	r := underLoad(t, "winch")
	before := r.newtons()
	r.inject("cell-drift", 60, 10*time.Second)
	r.wait(5 * time.Second)
	assert.InDelta(t, before+5, r.newtons(), 0.2)
	r.wait(5 * time.Second)
	assert.InDelta(t, before+10, r.newtons(), 0.2)
	r.wait(5 * time.Second)
	assert.InDelta(t, before+10, r.newtons(), 0.2, "what has drifted stays")
	assert.InDelta(t, before, r.Truth().ForceN, 0.2)
}

func TestCellGain(t *testing.T) {
	for _, share := range []float64{-2, -0.5, 0.3} {
		r := underLoad(t, "winch")
		before := r.newtons()
		r.inject("cell-gain", share, time.Second)
		assert.InDelta(t, before*(1+share), r.newtons(), 0.2, "%v", share)
		r.wait(time.Second)
		assert.InDelta(t, before, r.newtons(), 0.2, "over")
	}
}

func TestCellNoise(t *testing.T) {
	r := underLoad(t, "winch")
	r.inject("cell-noise", 5, 0)
	sum, squares := 0.0, 0.0
	const n = 500
	r.sample(25)
	for range n {
		v := float64(r.sample(25)) / countsPerN
		sum += v
		squares += v * v
	}
	assert.InDelta(t, 5, math.Sqrt(squares/n-sum/n*sum/n), 0.5)
	assert.InDelta(t, 100, sum/n, 1)
}

// A doubled pulse takes a bit out of the frame, and the 26 pulses that the converter has counted choose its other input.
func TestClockGlitch(t *testing.T) {
	r := underLoad(t, "winch")
	before := r.sample(25)
	r.ready()
	r.inject("clock-glitch", 1, 0)
	bits := r.pulses(1)
	r.stretch.glitch = 0 // one pulse and no more
	bits = append(bits, r.pulses(24)...)
	word := uint32(0)
	for _, b := range bits[:wordBits] {
		word = word<<1 | uint32(b)
	}
	got := int32(word<<8) >> 8
	assert.InDelta(t, 2*before, got, 300, "the first bit is lost, so the rest has moved up")
	assert.Equal(t, 1, bits[24], "which the trailing bit does not show")
	assert.Equal(t, channelA128, r.chip.selected)
	began := r.clock.Now()
	r.ready()
	assert.Equal(t, channelB32, r.chip.selected)
	assert.Greater(t, r.clock.Now()-began, 45*time.Millisecond, "settles")
	assert.InDelta(t, 0, r.sample(25), 300, "nothing is connected there")
	assert.InDelta(t, before, r.sample(25), 300)
}

func TestClockGlitchMeetsEveryConverterOnTheLine(t *testing.T) {
	r := underLoad(t, "double")
	r.readBoth()
	r.inject("clock-glitch", 1, 0)
	r.readBoth()
	assert.Equal(t, [2]int{50, 50}, [2]int{r.chip.pulses, r.second.pulses})
}

func TestSecondCellFaults(t *testing.T) {
	share := func(r *rig) float64 {
		high := 0
		for range 1000 {
			r.beat()
			r.clock.Spend(100 * time.Microsecond)
			if r.p.CellData2.Read() {
				high++
			}
		}
		return float64(high) / 1000
	}
	for _, c := range []struct {
		kind  string
		value float64
		check func(*testing.T, *rig, [2]int32)
	}{
		{"second-cell-silent", 0, func(t *testing.T, r *rig, _ [2]int32) { assert.InDelta(t, 1, share(r), 0) }},
		{"second-cell-missing", 0, func(t *testing.T, r *rig, _ [2]int32) { assert.InDelta(t, 0, share(r), 0) }},
		{"second-cell-stuck", 0, func(t *testing.T, r *rig, _ [2]int32) {
			held := r.readBoth()
			for range 10 {
				got := r.readBoth()
				assert.Equal(t, held[1], got[1])
			}
		}},
		{"second-cell-unconnected", 0, func(t *testing.T, r *rig, _ [2]int32) {
			low, high := int32(math.MaxInt32), int32(math.MinInt32)
			for range 1000 {
				got := r.readBoth()
				low, high = min(low, got[1]), max(high, got[1])
			}
			assert.Greater(t, float64(high-low), 30*countsPerN, "wanders")
		}},
		{"second-cell-zero-jump", -30, func(t *testing.T, r *rig, before [2]int32) {
			got := r.readBoth()
			assert.InDelta(t, float64(before[1])-30*0.9*countsPerN, float64(got[1]), 0.5*countsPerN)
		}},
		{"second-cell-gain", -0.5, func(t *testing.T, r *rig, before [2]int32) {
			got := r.readBoth()
			assert.InDelta(t, float64(before[1])/2, float64(got[1]), 0.5*countsPerN)
		}},
		{"second-cell-drift", 60, func(t *testing.T, r *rig, before [2]int32) {
			r.wait(5 * time.Second)
			r.readBoth()
			got := r.readBoth()
			assert.InDelta(t, float64(before[1])+5*0.9*countsPerN, float64(got[1]), 0.5*countsPerN)
		}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			r := underLoad(t, "double")
			r.readBoth()
			before := r.readBoth()
			r.inject(c.kind, c.value, 0)
			r.wait(100 * time.Millisecond)
			if c.kind != "second-cell-silent" {
				r.readBoth()
			}
			c.check(t, r, before)
			for _, level := range []gpio.Level{gpio.Low, gpio.High} { // a conversion that begins now
				for r.p.CellData.Read() == level {
					r.clock.Spend(10 * time.Microsecond)
				}
			}
			assert.InDelta(t, before[0], r.shiftBoth().code[0], 0.5*countsPerN, "the first cell is well")
		})
	}
}

func TestFaultsOfASecondCellNeedOne(t *testing.T) {
	r := underLoad(t, "winch")
	before := r.newtons()
	for _, k := range FaultKinds()[faultSecondStuck : faultSecondZeroJump+1] {
		require.NoError(t, r.Inject(Fault{Kind: k.Name, Value: k.High}))
	}
	assert.InDelta(t, before, r.newtons(), 0.2)
	assert.Nil(t, r.p.CellData2)
}
