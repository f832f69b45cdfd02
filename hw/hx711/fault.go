package hx711

import "fmt"

// Fault says why there is no conversion: a frame that cannot be vouched for is a
// fault and never a number (R-NO-NUMBER). It is a value, not an error, because the
// tick that reads it must not allocate.
type Fault uint8

// The faults, in one vocabulary for both wirings.
const (
	// None: a conversion was accepted.
	None Fault = iota
	// NotReady: the chip is converting; nothing is wrong.
	NotReady
	// Settling: the chip was restarted, its next conversions do not count.
	Settling
	// LatePulse: PD_SCK was, or may have been, high for more than 50 us. The
	// chip may have powered down inside the frame.
	LatePulse
	// LateFrame: the frame was read so late or so slowly that the next
	// conversion may have replaced the data during it.
	LateFrame
	// Desync: DOUT did not behave as the chip does. It was low after the last
	// pulse, or ready sooner than any HX711 can be, or low while the chip
	// settles: out of step, a missing chip or a floating wire.
	Desync
	// Saturated: the code is one of the two ends of the range.
	Saturated
	// Truncated: the code ends in so many ones that the chip may have lost
	// power, or been reset by a disturbance, in the middle of the frame.
	Truncated
	// Stuck: the same code came again and again.
	Stuck
	// WrongRate: the chip converts more than 15 per cent off the configured
	// rate; most often the RATE strap is not where the configuration says.
	WrongRate
	// Silent: DOUT has been high for longer than any conversion takes. The
	// chip is missing, unpowered or its wire is broken.
	Silent
	// IO: a pin or the port returned an error.
	IO

	faultCount
)

var faultNames = [faultCount]string{
	None: "none", NotReady: "not-ready", Settling: "settling", LatePulse: "late-pulse",
	LateFrame: "late-frame", Desync: "desync", Saturated: "saturated", Truncated: "truncated",
	Stuck: "stuck", WrongRate: "wrong-rate", Silent: "silent", IO: "io",
}

// String names the fault in kebab-case.
func (f Fault) String() string {
	if f < faultCount {
		return faultNames[f]
	}
	return fmt.Sprintf("fault-%d", uint8(f))
}

// Faults lists every fault, for tables and metrics; the index is the Fault.
func Faults() []Fault {
	all := make([]Fault, faultCount)
	for i := range all {
		all[i] = Fault(i)
	}
	return all
}
