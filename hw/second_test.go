package hw_test

import (
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

func TestSecondCellNeedsPins(t *testing.T) {
	sim, clock := newSim(t, table(t, nil))
	cfg := config(sim, clock)
	cfg.CellData2 = cfg.CellData
	cfg.CellSPI, cfg.CellClock, cfg.CellData = sim.CellPort(), nil, nil
	_, err := hw.Open(cfg)
	assert.ErrorContains(t, err, "pin CellData2 is configured with CellSPI")
}
