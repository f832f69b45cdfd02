package simtable

import (
	"math/rand/v2"
	"time"
)

// The figures of the HX711 data sheet, V2.0.
const (
	powerDownAfter = 60 * time.Microsecond // PD_SCK high for longer switches the chip off
	settling       = 4                     // conversions until the output is valid after reset or a change of gain
	wordBits       = 24
	wordMask       = 1<<wordBits - 1
	codeMax        = 0x7FFFFF
	codeMin        = -0x800000

	// readyDip is how long DOUT goes high when a new conversion replaces one that nobody read. The data sheet gives no
	// figure; tens of microseconds are seen on oscilloscopes.
	readyDip = 20 * time.Microsecond

	// never lies beyond every treatment and leaves room for additions.
	never = time.Duration(1 << 62)
)

// channel is the input and gain that the number of pulses of the last frame chose.
type channel uint8

const (
	channelA128 channel = 25 // pulses in the frame that selects it
	channelB32  channel = 26
	channelA64  channel = 27
)

// chip is the digital side of the HX711, at the level of single bits.
//
// Where the data sheet is silent, the model is as unpleasant as chips are reported to be: a conversion that ends in the
// middle of a frame replaces the word and starts the frame again, so a driver that reads late gets a mixture.
type chip struct {
	analog

	period  time.Duration // between conversions, by the chip's own oscillator
	readyAt time.Duration // when the running conversion ends; never while the chip is off
	dipEnds time.Duration // DOUT is high until then although data are ready
	roseAt  time.Duration // last rising edge of PD_SCK

	high     bool    // PD_SCK
	dout     bool    // DOUT, apart from power-down, dip and faults
	loaded   bool    // a word is in the register, read or not
	selected channel // of the running conversion
	pulses   int     // of this frame
	settle   int     // conversions still to be swallowed
	word     uint32

	wires  wireFault
	random rand.PCG // for a floating DOUT

	serialErrors uint64 // frames of a wrong number of pulses
	resets       uint64
}

// wireFault is what has become of the wire from DOUT.
type wireFault uint8

const (
	wireGood     wireFault = iota
	wireHigh               // the chip is silent
	wireLow                // the chip is missing and the pin reads low, which looks ready
	wireFloating           // the pin reads whatever the air says
)

// newChip is a converter that gets its power at time t, with the cell on it.
func newChip(cell Cell, noise *rand.Rand, random *rand.PCG, t time.Duration) chip {
	c := chip{analog: analog{cell: cell, noise: noise, gain: 1}, random: *random}
	c.period = c.setRate(cell.RatePerS)
	c.powerOn(t)
	return c
}

// powerOn starts the chip at time t.
func (c *chip) powerOn(t time.Duration) {
	c.selected = channelA128
	c.pulses, c.loaded, c.dout = 0, false, true
	c.settle = settling - 1
	c.readyAt = t + c.period
	c.restart()
}

// clock is an edge of PD_SCK at time t; every conversion that ended before t has been finished.
func (c *chip) clock(level bool, t time.Duration) {
	if level == c.high {
		return
	}
	c.high = level
	if level {
		c.roseAt = t
		c.shift()
		return
	}
	if t-c.roseAt > powerDownAfter {
		c.resets++
		c.powerOn(t)
	}
}

// shift puts the next bit on DOUT. Pulses while there is no word move nothing.
func (c *chip) shift() {
	if !c.loaded {
		return
	}
	c.pulses++
	if c.pulses <= wordBits {
		c.dout = c.word>>(wordBits-c.pulses)&1 == 1
		return
	}
	c.dout = true
}

// data is the level of DOUT at time t.
func (c *chip) data(t time.Duration) bool {
	if c.wires != wireGood {
		return c.brokenWire()
	}
	if t < c.dipEnds || c.high && t-c.roseAt > powerDownAfter {
		return true
	}
	return c.dout
}

func (c *chip) brokenWire() bool {
	switch c.wires {
	case wireLow:
		return false
	case wireFloating:
		return c.random.Uint64()&1 == 1
	default:
		return true
	}
}

// finish ends the running conversion at readyAt.
func (c *chip) finish() {
	t := c.readyAt
	if c.high && t-c.roseAt > powerDownAfter {
		c.readyAt = never
		return
	}
	c.readyAt += c.period
	c.collect()
	if c.reselect(); c.settle > 0 {
		c.settle--
		c.loaded, c.dout = false, true
		return
	}
	if c.loaded && c.pulses <= wordBits {
		c.dipEnds = t + readyDip
		if c.pulses > 0 {
			c.serialErrors++
		}
	}
	c.word = uint32(c.code(c.selected)) & wordMask
	c.loaded, c.dout, c.pulses = true, false, 0
}

// reselect looks at how the last frame ended.
func (c *chip) reselect() {
	if c.pulses <= wordBits {
		return
	}
	chosen := channel(min(c.pulses, 255))
	c.pulses = 0
	c.loaded = false
	if chosen > channelA64 {
		c.serialErrors++
		return
	}
	if chosen != c.selected {
		c.selected = chosen
		c.settle = settling - 1
	}
}
