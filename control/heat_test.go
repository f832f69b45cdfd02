package control

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"periph.io/x/conn/v3/physic"
)

const celsius = physic.Celsius

// warm gives the rig a pad whose temperature follows the duty, read each second.
func (r *rig) warm(d time.Duration, heat func(c float64) float64) {
	for end := r.now + d; r.now < end; {
		if r.now-r.in.Pad.At >= time.Second {
			c := float64(r.in.Pad.Temperature-physic.ZeroCelsius) * 1e-9
			r.in.Pad = Pad{Present: true, At: r.now, Temperature: physic.ZeroCelsius + physic.Temperature(heat(c)*1e9)}
		}
		r.tick()
	}
}

// heated starts heat at 38 C on a pad of 24 C.
func heated(t *testing.T) *rig {
	r := newRig(t, testConfig())
	r.in.Pad = Pad{Present: true, At: r.now, Temperature: physic.ZeroCelsius + 24*celsius}
	r.run(200 * time.Millisecond)
	r.must(Command{Kind: CommandAcknowledge})
	r.must(Command{Kind: CommandHeat, Heat: physic.ZeroCelsius + 38*celsius})
	return r
}

func TestHeatReachesItsSetPoint(t *testing.T) {
	r := heated(t)
	rise := func(c float64) float64 { return c + 0.05*r.out.Heat - 0.001*(c-22) }
	r.warm(15*time.Minute, rise)
	assert.InDelta(t, 38, float64(r.in.Pad.Temperature-physic.ZeroCelsius)*1e-9, 1.5)
	assert.Empty(t, r.c.guard.active)
	assert.Positive(t, r.out.Heat)
}

// TestHeatGoesOffWithItsReason: pad-temperature, pad-hot, pad-no-rise, pad-time,
// R-HEAT-FRESH.
func TestHeatGoesOffWithItsReason(t *testing.T) {
	steady := func(c float64) float64 { return c }
	for _, c := range []struct {
		name string
		do   func(*rig)
		want HeatReason
		lock InterlockID
	}{
		{"sensor fails", func(r *rig) { r.warm(2*time.Second, steady); r.in.Pad.Failed = true; r.run(10 * time.Millisecond) }, HeatNoTemperature, ILPadTemperature},
		{"implausible", func(r *rig) { r.warm(3*time.Second, func(float64) float64 { return -20 }) }, HeatNoTemperature, ILPadTemperature},
		{"stale", func(r *rig) { r.run(5200 * time.Millisecond) }, HeatStale, ILPadTemperature},
		{"41 C", func(r *rig) { r.warm(3*time.Second, func(float64) float64 { return 41 }) }, HeatTooHot, ILPadHot},
		{"sensor off the pad", func(r *rig) { r.warm(95*time.Second, steady) }, HeatNoRise, ILPadNoRise},
		{"time over", func(r *rig) { r.warm(31*time.Minute, func(float64) float64 { return 38 }) }, HeatTimeOver, ILPadTime},
		{"emergency stop", func(r *rig) { r.in.Switches.EmergencyStop = true; r.run(5 * time.Millisecond) }, HeatTrip, ILEmergencyStop},
		{"stop", func(r *rig) { r.must(Command{Kind: CommandStop}) }, HeatEnded, NoInterlock},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := heated(t)
			r.warm(2*time.Second, steady)
			assert.Positive(t, r.out.Heat)
			c.do(r)
			assert.Zero(t, r.out.Heat)
			assert.Equal(t, c.want, r.c.heat.reason)
			assert.True(t, c.lock == NoInterlock || (r.c.guard.active|r.c.guard.latched).Has(c.lock), "%v", r.c.guard.active.IDs())
			r.in.Switches.EmergencyStop = false
			r.warm(10*time.Second, func(float64) float64 { return 30 })
			assert.Zero(t, r.out.Heat, "it must not come on again by itself")
		})
	}
}

func TestHeatIsRefused(t *testing.T) {
	r := newRig(t, testConfig())
	r.run(200 * time.Millisecond)
	assert.Equal(t, NotReady, r.say(Command{Kind: CommandHeat, Heat: physic.ZeroCelsius + 38*celsius}).Code, "no pad")
	r.in.Pad = Pad{Present: true, At: r.now, Temperature: physic.ZeroCelsius + 24*celsius}
	assert.Equal(t, OutOfRange, r.say(Command{Kind: CommandHeat, Heat: physic.ZeroCelsius + 41*celsius}).Code)
	assert.Zero(t, r.out.Heat)
}

func TestHeatEndsWithTheTreatment(t *testing.T) {
	r := newRig(t, testConfig())
	r.in.Pad = Pad{Present: true, At: r.now, Temperature: physic.ZeroCelsius + 24*celsius}
	p := testProgramme()
	p.Heat = physic.ZeroCelsius + 38*celsius
	r.armed(p)
	r.must(Command{Kind: CommandStart})
	r.warm(20*time.Second, func(c float64) float64 { return c + 0.1 })
	assert.Positive(t, r.out.Heat)
	r.in.Switches.Patient = true
	r.tick()
	assert.Zero(t, r.out.Heat)
}
