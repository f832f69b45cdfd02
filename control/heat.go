package control

import (
	"time"

	"periph.io/x/conn/v3/physic"
)

// heat regulates the pad and switches it off, with a reason, whenever its
// temperature cannot be trusted.
type heat struct {
	longest time.Duration

	target physic.Temperature // 0 = off
	reason HeatReason         // why it went off
	began  time.Duration      // when this heat began
	duty   float64
	seen   time.Duration // the reading it was worked out from

	// Verification: with power the pad must get warmer.
	checkTemp  float64 // C, at the start of the present window
	checkPower float64 // seconds at full power in it

	active InterlockSet // pad interlocks that hold
}

const (
	// padStale: a DS18B20 conversion takes 752 ms and is read each second.
	padStale = 5 * time.Second
	// padGain is duty per kelvin: full power 2 K below the set-point.
	padGain = 0.5
	// padRise is the least rise (K) that padPower seconds at full power must
	// bring while the pad is well below its set-point.
	padRise  = 0.5
	padPower = 90.0
	// padBelow is how far below the set-point (K) rise is demanded.
	padBelow = 2.0
)

// Plausible temperatures of a pad in a room, in C.
const (
	padColdest = -5.0
	padHottest = 80.0
)

// want switches heat on with a set-point or off with 0.
func (h *heat) want(now time.Duration, target physic.Temperature) {
	if target != 0 && h.target == 0 {
		h.began, h.checkPower, h.seen = now, 0, 0
	}
	h.target, h.reason, h.active = target, HeatOK, 0
}

// off ends heating with a reason.
func (h *heat) off(why HeatReason) {
	if h.target != 0 {
		h.reason = why
	}
	h.target, h.duty = 0, 0
}

// update judges the newest reading and works out the duty.
func (h *heat) update(in *Input) {
	if h.target == 0 {
		h.duty = 0
		return
	}
	t := float64(in.Pad.Temperature-physic.ZeroCelsius) * 1e-9
	switch {
	case !in.Pad.Present:
		h.off(HeatAbsent)
	case in.Pad.Failed || in.Pad.At == 0 || t < padColdest || t > padHottest:
		h.fail(ILPadTemperature, HeatNoTemperature)
	case in.Now-in.Pad.At > padStale:
		h.fail(ILPadTemperature, HeatStale)
	case in.Pad.Temperature >= PadTrip:
		h.fail(ILPadHot, HeatTooHot)
	case in.Now-h.began > h.longest:
		h.fail(ILPadTime, HeatTimeOver)
	case in.Pad.At != h.seen:
		h.regulate(in, t)
	}
}

// regulate works from a new reading of t degrees Celsius.
func (h *heat) regulate(in *Input, t float64) {
	target := float64(h.target-physic.ZeroCelsius) * 1e-9
	if h.seen != 0 {
		h.checkPower += h.duty * (in.Pad.At - h.seen).Seconds()
	}
	if h.checkPower == 0 || t >= h.checkTemp+padRise || t > target-padBelow {
		h.checkTemp, h.checkPower = t, 0
	}
	h.seen = in.Pad.At
	if h.checkPower > padPower {
		h.fail(ILPadNoRise, HeatNoRise)
		return
	}
	h.duty = min(max((target-t)*padGain, 0), 1)
}

// fail ends heating and keeps the interlock until somebody asks for heat again.
func (h *heat) fail(i InterlockID, why HeatReason) {
	h.off(why)
	h.active = h.active.With(i)
}
