// Package hx711 reads the Avia HX711 load cell converter and refuses every
// frame that it cannot vouch for.
//
// The chip has no checksum. Its two wires can be out of step, the chip can
// power down in the middle of a frame because one clock pulse lasted too long,
// a floating data wire says "ready", and every one of these yields a number
// that looks like a force. So each frame is judged before it counts: the
// length of every clock pulse, the age of the conversion, the trailing bit,
// the distance from the frame before, the codes that only a fault produces. A
// frame that fails is a Fault, never a number.
//
// Two wirings share the judgement. GPIO drives PD_SCK from an ordinary pin and
// measures each pulse. SPI drives PD_SCK from MOSI, so that hardware times the
// pulses. Pair reads two chips through three ordinary pins, one clock for both,
// and judges each by itself.
//
// Everything runs in the caller's thread: Poll never waits, allocates, locks
// or logs, and clocks at most one frame.
//
// # Datasheet
//
// Avia Semiconductor, HX711 "24-Bit Analog-to-Digital Converter (ADC) for
// Weigh Scales", V2.0:
// https://cdn.sparkfun.com/datasheets/Sensors/ForceFlex/hx711_english.pdf
package hx711

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"
)

// Counts is one conversion: a signed 24-bit code, -8388607 to 8388606 once
// accepted (the two codes beyond are saturation and never returned).
type Counts int32

// Clock returns the monotonic time since the start of the process. The driver
// times its own clock pulses with it, so it has to resolve a microsecond.
type Clock func() time.Duration

// Reading is what one Poll found.
type Reading struct {
	// Counts is the code of the last accepted conversion; it is new only when
	// Ready is set.
	Counts Counts
	// At is when that conversion was seen to be ready, at most one poll after
	// the chip finished it. Zero before the first one.
	At time.Duration
	// Fault says why this poll brought no conversion: NotReady while all is
	// well, otherwise the reason of the last rejection, repeated until a
	// conversion is accepted again. None when Ready is set.
	Fault Fault
	// Seq counts the accepted conversions, from 1; 0 before the first one.
	Seq uint32
	// Ready is set when this very poll accepted a conversion.
	Ready bool
}

// Reader is a converter that is polled from one thread.
type Reader interface {
	// Poll looks at the chip once; now is the monotonic time. Call it at least
	// four times in a conversion period, or conversions are lost as LateFrame.
	Poll(now time.Duration) Reading
	// Reset restarts the chip: no conversion is accepted until it has settled.
	Reset(now time.Duration)
	// SampleRate is the measured conversion rate over the last 40 conversions
	// at most, and 0 before there are two.
	SampleRate() physic.Frequency
	// Stats counts what has happened since the start.
	Stats() Stats
}

// Stats counts what has happened since the start.
type Stats struct {
	Accepted uint64             // conversions that were returned
	Rejected [faultCount]uint64 // by Fault: frames and silences that were not
	Resets   uint64             // times the chip was restarted
	// LongestPulse is the longest bracket measured around a high PD_SCK; the
	// data sheet allows the pulse inside it 50 us.
	LongestPulse time.Duration
}

// Input is the chip's input channel with its gain.
type Input uint8

// The inputs that the chip has. Full scale is half the excitation voltage
// divided by the gain: 20 mV at 5 V and gain 128 (data sheet, Analog Inputs).
const (
	ChannelA128 Input = iota // the chip's own default after a reset
	ChannelB32
	ChannelA64
)

// pulses is the number of clock pulses that selects the input for the next
// conversion (data sheet, Table 3).
func (i Input) pulses() int { return 25 + int(i) }

// String names the channel and the gain.
func (i Input) String() string {
	switch i {
	case ChannelA128:
		return "A128"
	case ChannelB32:
		return "B32"
	case ChannelA64:
		return "A64"
	}
	return fmt.Sprintf("Input(%d)", uint8(i))
}

// Opts says how the chip is wired.
type Opts struct {
	// Rate is what the RATE strap selects: 10 Hz (strap low) or 80 Hz (high).
	Rate physic.Frequency
	// Input is the channel and gain, ChannelA128 unless told otherwise.
	Input Input
}

// Validate reports everything that is wrong with the options at once.
func (o Opts) Validate() error {
	var errs []error
	if o.Rate != 10*physic.Hertz && o.Rate != 80*physic.Hertz {
		errs = append(errs, fmt.Errorf("hx711: Rate is %s, allowed are 10Hz and 80Hz", o.Rate))
	}
	if o.Input > ChannelA64 {
		errs = append(errs, fmt.Errorf("hx711: Input is %s, allowed are A128, B32 and A64", o.Input))
	}
	return errors.Join(errs...)
}
