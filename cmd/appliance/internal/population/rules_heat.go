package population

import (
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/cmd/appliance/internal/simulation"
	"traction/control"
)

// heatRules remember since when the skin has been too warm.
type heatRules struct{ hot time.Duration }

const (
	padFresh   = 5 * time.Second
	padColdest = physic.ZeroCelsius - 5*physic.Celsius
	padHottest = physic.ZeroCelsius + 80*physic.Celsius
	// skinMost (C): applied parts stay at or under 41 C (IEC 60601-1).
	skinMost = 41.0
	// weldedGrace is the time in which a heater that does not obey must be told.
	weldedGrace = time.Minute
)

// checkHeat looks at the heater's pin and at the skin.
func (k *checker) checkHeat(t *tick) {
	now, pad := t.in.Now, &t.in.Pad
	if t.truth.HeatPin {
		ok := pad.Present && !pad.Failed && pad.At != 0 && now-pad.At <= padFresh+simulation.Tick &&
			pad.Temperature >= padColdest && pad.Temperature <= padHottest && pad.Temperature < control.PadTrip
		if !ok {
			k.add(now, InvHeat, "the heater's pin is high with a temperature of %.1f C, %v old, failed %v", pad.Temperature.Celsius(), now-pad.At, pad.Failed)
		}
	}
	k.worst.SkinC = max(k.worst.SkinC, t.truth.SkinC)
	if t.truth.SkinC <= skinMost {
		k.heat.hot = 0
		return
	}
	if k.heat.hot == 0 {
		k.heat.hot = now
	}
	if t.claims&heaterActs == 0 || now-k.heat.hot > weldedGrace && t.state.Alarm < control.Medium {
		k.add(now, InvSkin, "the skin is at %.1f C, and the alarm is %v", t.truth.SkinC, t.state.Alarm)
	}
}
