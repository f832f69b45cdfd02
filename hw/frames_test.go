package hw_test

import (
	"flag"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	peripheral "periph.io/x/devices/v3/hx711"

	"traction/hw/hx711"
	"traction/hw/simtable"
)

var frames = flag.Int("frames", 200_000, "frames to read from a chip whose clock pulses are stretched now and then")

// strain is the simulated winch, unloaded, where every hundredth clock pulse of
// the cell is stretched past the 60 us that power the chip down: the thread was
// preempted between two writes. The true code is constant but for the chip's
// own noise.
func strain(t *testing.T) (*simtable.Sim, *simtable.VirtualClock) {
	cfg := table(t, func(c *simtable.Table) {
		c.Cell.ZeroDriftNPerC, c.Cell.ZeroDriftNPerMin, c.Cell.WarmUpC = 0, 0, 0
		c.Cell.StretchProbability, c.Cell.StretchMinUS, c.Cell.StretchMaxUS = 0.01, 60.5, 500
	})
	sim, clock := newSim(t, cfg)
	sim.SetHarness(false)
	return sim, clock
}

// The true code of the unloaded cell: 0.02 mV/V of zero at 5 V is 0.1 mV, and
// half of 5 V divided by the gain of 128 is 2^23 counts.
const (
	trueCode = 0.1 / (5000. / 2 / 128) * (1 << 23)
	// tooFar is eight times the noise of 39 counts rms: it happens by chance
	// once in 10^15 frames.
	tooFar = 8 * 39
)

// tally counts what a driver returned.
type tally struct {
	numbers int // conversions returned
	bad     int // of those, further from the truth than noise can be
	worst   float64
}

func (n *tally) add(code float64) {
	n.numbers++
	off := math.Abs(code - trueCode)
	n.worst = max(n.worst, off)
	if off > tooFar {
		n.bad++
	}
}

// ours reads with this project's driver until it has clocked so many frames.
func ours(t *testing.T, total int) (tally, hx711.Stats) {
	sim, clock := strain(t)
	pins := sim.Pins()
	cell, err := hx711.NewGPIO(pins.CellClock, pins.CellData, hx711.Opts{Rate: 80 * physic.Hertz}, clock.Now)
	require.NoError(t, err)
	var n tally
	tick := clock.Now()
	for attempts := 0; attempts < total; {
		tick += time.Millisecond
		clock.SleepUntil(tick)
		r := cell.Poll(clock.Now())
		if r.Ready {
			n.add(float64(r.Counts))
		}
		s := cell.Stats()
		attempts = int(s.Accepted + s.Rejected[hx711.LatePulse] + s.Rejected[hx711.Desync])
	}
	return n, cell.Stats()
}

// waiting gives DOUT the edge detection that periph's driver wants: it polls
// at 1 kHz, as our tick does.
type waiting struct {
	gpio.PinIO
	clock *simtable.VirtualClock
}

func (w *waiting) In(gpio.Pull, gpio.Edge) error { return nil }

func (w *waiting) WaitForEdge(timeout time.Duration) bool {
	for end := w.clock.Now() + timeout; w.clock.Now() < end; w.clock.Spend(time.Millisecond) {
		if w.Read() == gpio.Low {
			return true
		}
	}
	return false
}

// theirs reads with periph's driver in the one mode that waits for data.
func theirs(t *testing.T, total int) (n tally, timeouts int) {
	sim, clock := strain(t)
	pins := sim.Pins()
	dev, err := peripheral.New(pins.CellClock, &waiting{PinIO: pins.CellData, clock: clock})
	require.NoError(t, err)
	for range total {
		code, err := dev.ReadTimeout(time.Second)
		if err != nil {
			timeouts++
			continue
		}
		n.add(float64(code))
		clock.Spend(time.Millisecond)
	}
	return n, timeouts
}

// TestFramesUnderPreemption is the promise of the hx711 package: of all the
// frames on a clock that is stretched now and then, no bad one becomes a
// number. Run it with -frames 10000000 for the long version.
func TestFramesUnderPreemption(t *testing.T) {
	n, stats := ours(t, *frames)
	t.Logf("traction/hw/hx711: %d frames clocked, %d numbers, %d of them bad (worst %.0f counts off), %d rejected for a late pulse, %d restarts",
		*frames, n.numbers, n.bad, n.worst, stats.Rejected[hx711.LatePulse], stats.Resets)
	assert.Zero(t, n.bad)
	assert.Greater(t, n.numbers, *frames/2, "and the good ones do")
	assert.Greater(t, stats.Rejected[hx711.LatePulse], uint64(*frames/10), "there was something to reject")
	assert.Greater(t, stats.LongestPulse, 400*time.Microsecond)

	fewer := min(*frames, 200_000)
	m, timeouts := theirs(t, fewer)
	t.Logf("periph.io/x/devices/v3/hx711: %d reads, %d numbers, %d of them bad (%.1f %%, worst %.0f counts off), %d timeouts",
		fewer, m.numbers, m.bad, 100*float64(m.bad)/float64(max(m.numbers, 1)), m.worst, timeouts)
	assert.NotZero(t, m.bad, "the chip is as hard on a driver that does not look")
}

// The SPI wiring has no pulse that a preemption could stretch.
func TestFramesOverSPI(t *testing.T) {
	sim, clock := strain(t)
	cell, err := hx711.NewSPI(sim.CellPort(), hx711.Opts{Rate: 80 * physic.Hertz}, clock.Now)
	require.NoError(t, err)
	var n tally
	total := min(*frames, 200_000) / 10
	for tick := clock.Now(); n.numbers < total; {
		tick += time.Millisecond
		clock.SleepUntil(tick)
		if r := cell.Poll(clock.Now()); r.Ready {
			n.add(float64(r.Counts))
		}
	}
	assert.Zero(t, n.bad)
	assert.Equal(t, uint64(1), cell.Stats().Resets, "only the first")
}
