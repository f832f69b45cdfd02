package hx711

import (
	"math/bits"
	"time"
)

// frame is what was clocked out of the chip once, and how.
type frame struct {
	bits     uint32 // 24 bits, first bit highest
	trailing bool   // DOUT after the last pulse: high when the chip is in step
	start    time.Duration
	end      time.Duration
	longest  time.Duration // longest bracket around a high pulse
	err      error         // of a pin or the port
}

// shift takes the level of DOUT after pulse i, from 0. The pulses after the 24th
// leave only whether the chip is in step.
func (f *frame) shift(i int, level bool) {
	f.trailing = level
	if i < 24 {
		f.bits <<= 1
		if level {
			f.bits |= 1
		}
	}
}

// Codes that stand for "beyond the range" (data sheet, Digital Input and
// Output).
const (
	saturatedHigh = 0x7fffff
	saturatedLow  = 0x800000
)

// A chip that powers down inside a frame sends ones from there on: the code
// keeps the first bits and ends in ones, 2^n-1 or -1 for a small force. Twelve
// ones at the end come by chance once in 4096 frames, one sample in 51 s at
// 80/s, and what passes with fewer is wrong by less than 2048 counts (0.5 N on
// a 1000 N cell of 2 mV/V at 5 V).
const truncatedOnes = 12

// counts turns the 24 bits into a signed number (two's complement).
func (f *frame) counts() Counts { return Counts(int32(f.bits<<8) >> 8) }

// codeFault judges a 24-bit code by itself.
func codeFault(code uint32) Fault {
	switch {
	case code == saturatedHigh || code == saturatedLow:
		return Saturated
	case bits.TrailingZeros32(^code) >= truncatedOnes:
		return Truncated
	}
	return None
}

// stuckAfter is the run of equal codes that counts as a stuck converter. The
// input noise at gain 128 and 80/s is 90 nV rms or 39 counts (data sheet, Key
// Electrical Characteristics), so two equal codes in a row have a chance of
// 1/(2*sqrt(pi)*39) = 0.7 % and six of 2e-11: once in twenty years of sampling.
// The lower gains see less noise in counts (10 at gain 32: 2.8 %), so they get
// eight, 2e-11 again.
func stuckAfter(in Input) int {
	if in == ChannelA128 {
		return 6
	}
	return 8
}

// repetition counts equal codes in a row. It outlives resets, so that a
// converter that is still stuck after one is not believed five times more.
type repetition struct {
	code uint32
	run  int
}

// see takes the next code and returns the length of the run it belongs to.
func (r *repetition) see(code uint32) int {
	if r.run == 0 || code != r.code {
		r.code, r.run = code, 0
	}
	if r.run < 1<<16 {
		r.run++
	}
	return r.run
}
