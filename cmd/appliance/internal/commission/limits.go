package commission

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/cmd/appliance/internal/settings"
	"traction/control"
	"traction/control/quantity"
)

const (
	// letGo: the drive ramps to zero 20 ms after the last speed (hw/stepper), the
	// interlock tick-late freezes, and a charge pump's monostable of about 20 ms drops
	// motor power (docs/wiring.md).
	letGo = 20 * time.Millisecond
	// missed: the interlock tick-missed releases (docs/safety.md).
	missed = 300 * time.Millisecond
)

// limit is a lateness that costs something, with how often it may happen.
type limit struct {
	most    time.Duration
	share   float64 // of the wake-ups that may be later
	verdict Verdict // when more are
	costs   string
	from    string
	later   uint64
}

// latenessLimits derives from the settings what their motor and the interlocks can
// bear. A tick and a step's edge are woken for in the same way by the same thread
// (control/executive), so what is late for one is late for the other.
func latenessLimits(s *settings.Settings) []limit {
	t, m := &s.Table.Limits, &s.Motor
	step := func(v physic.Speed) (between time.Duration, text string) {
		rate := float64(v) / float64(control.MilliMetrePerSecond) * m.StepsPerMM
		between = time.Duration(float64(time.Second) / rate)
		return between, fmt.Sprintf("%s x %g steps/mm, %.0f steps a second", quantity.Format(v), m.StepsPerMM, rate)
	}
	release, releaseText := step(t.ReleaseSpeed)
	pull, pullText := step(t.PullSpeed)
	stand, standText := step(m.StartStopSpeed)
	list := []limit{
		{release / 2, 0.01, Warn, "steps of a release are uneven: it sounds rough", "half a step at table.release_speed: " + releaseText, 0},
		{release, 0.01, Fail, "a release loses time: a step that was missed is not made up for", "a step at table.release_speed: " + releaseText, 0},
		{pull, 0.001, Warn, "a pull is uneven", "a step at table.pull_speed: " + pullText, 0},
	}
	if t.ReleaseSpeed > m.StartStopSpeed {
		// hw/stepper takes the motor for standing when a step comes more than one
		// interval late and longer after the last one than motor.start_stop_speed has
		// between two.
		list = append(list, limit{max(release, stand-release), 0.001, Warn, "a release begins its ramp anew, since the motor must have stopped",
			"a step at motor.start_stop_speed less one of a release: " + standText, 0})
	}
	list = append(list,
		limit{tick, 0, Warn, "a tick of the control loop is left out", "the period of the control loop", 0},
		limit{letGo, 0, Fail, "the motor stops, tick-late freezes, and a charge pump drops motor power", "dead-man of the drive, interlock tick-late, monostable of the charge pump", 0},
		limit{missed, 0, Fail, "the treatment ends with a quick release", "interlock tick-missed", 0})
	slices.SortStableFunc(list, func(a, b limit) int { return cmp.Compare(a.most, b.most) })
	return list
}

// judged is the limit after so many wake-ups; worse is the most that may come of it.
func (l *limit) judged(ticks uint64, worse Verdict) LatenessLimit {
	j := LatenessLimit{LimitUS: l.most.Microseconds(), Costs: l.costs, From: l.from, Allowed: uint64(math.Ceil(l.share * float64(ticks))),
		Later: l.later, Verdict: Pass}
	if j.Later > j.Allowed {
		j.Verdict = l.verdict
		if worse == Warn {
			j.Verdict = Warn
		}
	}
	return j
}
