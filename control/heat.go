package control

import (
	"math"
	"time"

	"periph.io/x/conn/v3/physic"
)

// heat regulates the pad and switches it off, with a reason, whenever its
// temperature cannot be trusted; it does not come on again by itself
// (R-HEAT-FRESH).
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

	// A reading that does not move is tried: without power it must fall.
	still      float64       // C
	stillSince time.Duration // since when the reading has been that
	probing    time.Duration // since when the power is off to see it fall, 0 = it is not

	active InterlockSet // pad interlocks that hold

	// The pad without power: it can only cool, or take the warmth of who lies on it.
	coldSince time.Duration // since when there has been no power, 0 = there is
	coldest   float64       // C, since then
	runaway   bool
	knownAt   time.Duration // when the temperature was last known
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
	// padStill (K): a reading within two steps of the sensor has not moved.
	padStill = 0.13
	// stillMost is how long a reading may stand still under power before it is
	// tried, and probeMost how long it may take to fall: a pad that needs a
	// quarter of its power falls by more than padStill in that time.
	stillMost = 3 * time.Minute
	probeMost = 90 * time.Second
	probeDuty = 0.25
	// padRest is how long after the last power a pad may still get warmer: the
	// sensor's lag and the warmth in the heater.
	padRest = time.Minute
	// padSkin (C): what lies on a pad warms it to this and no further, fever included.
	padSkin = 39.5
	// padCreep is the rise (K) without power, above padSkin, that only a heater
	// makes; a room in the sun makes padRoom (K/s), half a kelvin in ten minutes.
	padCreep = 0.5
	padRoom  = 0.5 / 600
	// padCool (K) below padSkin a pad that was too warm is well again.
	padCool = 1.0
	// padGone: who pulls the plug of a pad that heats takes its thermometer, too.
	padGone = time.Minute
	// padMost (C): no pad that is regulated gets there (IEC 60601-1: 43 C for
	// 10 minutes is the most that any applied part may have).
	padMost = 43.0
)

// Plausible temperatures of a pad in a room, in C.
const (
	padColdest = -5.0
	padHottest = 80.0
)

// want switches heat on with a set-point or off with 0.
func (h *heat) want(now time.Duration, target physic.Temperature) {
	if target != 0 && h.target == 0 {
		h.began, h.checkPower, h.seen, h.stillSince, h.probing = now, 0, 0, now, 0
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
	t := float64(in.Pad.Temperature-physic.ZeroCelsius) * 1e-9
	h.watch(in, t)
	if h.target == 0 {
		h.duty = 0
		return
	}
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

// watch looks for warmth that nobody has asked for: a relay that has welded.
func (h *heat) watch(in *Input, t float64) {
	known := in.Pad.Present && !in.Pad.Failed && in.Pad.At != 0 && in.Now-in.Pad.At <= padStale && t >= padColdest && t <= padHottest
	switch {
	case h.duty > 0:
		h.coldSince = 0
	case h.coldSince == 0:
		h.coldSince, h.coldest = in.Now, padHottest
	}
	if !known {
		h.runaway = h.runaway && in.Now-h.knownAt < padGone
		return
	}
	warming := false
	if h.coldSince != 0 && in.Now-h.coldSince > padRest {
		h.coldest = math.Min(h.coldest+padRoom*(in.Now-h.knownAt).Seconds(), t)
		warming = t > math.Max(padSkin, h.coldest+padCreep)
	}
	h.knownAt = in.Now
	h.runaway = t >= padMost || warming || h.runaway && t > padSkin-padCool
	if h.runaway {
		h.off(HeatTooHot)
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
	h.probe(in, t)
}

// probe takes the power away for a moment when the reading has not moved for
// long: a sensor that has died with its last value would heat without end.
func (h *heat) probe(in *Input, t float64) {
	switch {
	case math.Abs(t-h.still) > padStill:
		h.still, h.stillSince, h.probing = t, in.Now, 0
	case h.probing == 0 && h.duty >= probeDuty && in.Now-h.stillSince > stillMost:
		h.probing = in.Now
	}
	if h.probing == 0 {
		return
	}
	h.duty = 0
	if in.Now-h.probing > probeMost {
		h.fail(ILPadTemperature, HeatStale)
	}
}

// fail ends heating and keeps the interlock until somebody asks for heat again.
func (h *heat) fail(i InterlockID, why HeatReason) {
	h.off(why)
	h.active = h.active.With(i)
}
