package hx711

import "time"

// Limits from the data sheet and how far a real chip may stray from them.
const (
	// maxHigh is the longest that PD_SCK may stay high in a frame (data sheet,
	// Fig. 2: T3 max 50 us; beyond 60 us the chip powers down).
	maxHigh = 50 * time.Microsecond
	// resetHold is how long PD_SCK is held high for a restart. The data sheet
	// says 60 us; the Linux driver (drivers/iio/adc/hx711.c) found that some
	// chips need 10 ms.
	resetHold = 10 * time.Millisecond
	// holdShiftMax bounds the back-off: 10 ms doubled seven times is 1.28 s.
	holdShiftMax = 7
	// settleConversions is the output settling time in conversions: 50 ms at
	// 80/s, 400 ms at 10/s (data sheet, Key Electrical Characteristics).
	settleConversions = 4
	// settleGrace lets DOUT rise after a restart before it is judged.
	settleGrace = time.Millisecond
	// firstReady is the longest wait for a conversion once the chip should
	// have settled: the slowest chip, 10/s and 15 % slow, has one every 118 ms
	// and its first one 471 ms after the restart.
	firstReady = 600 * time.Millisecond
	// silentPeriods without a conversion are a silence while the chip runs. It
	// is less than the settling time, so a chip that restarts by itself (and
	// falls back to its default gain) is noticed before its next conversion.
	silentPeriods = 3
	// tooEarly is half the period at 80/s, the highest rate there is: no HX711
	// is ready again sooner.
	tooEarly = time.Second / 80 / 2
	// surelySettling is how long even the fastest chip takes to settle.
	surelySettling = settleConversions * time.Second / 80 * 85 / 100
)

// The rate may be this far off the strap's before it counts as wrong: the
// internal oscillator is off by several per cent in good chips.
const (
	slowest = 0.85
	fastest = 1.15
)
