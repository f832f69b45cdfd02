package homeassistant

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
	"pgregory.net/rapid"

	"traction/control"
)

func numberOf(t *testing.T, unit Unit, table *Table, key string) (lo, hi, step float64, template string) {
	t.Helper()
	c := discover(t, Options{ForceUnit: unit}, table).components[key]
	require.Greater(t, len(c), 1, key)
	return c["min"].(float64), c["max"].(float64), c["step"].(float64), c["value_template"].(string)
}

func TestNumbersFollowTheLimitsInForce(t *testing.T) {
	free := whole() // nothing is selected, only the table limits
	free.Programme, free.Settings = "", control.Settings{}
	free.Limits.Force = control.Bound[physic.Force]{Value: 500 * physic.Newton, Reason: control.ReasonTable}
	raised := whole() // from 350 N as the programme was written
	raised.RemoteHold = control.Bound[physic.Force]{Value: 392266 * physic.MilliNewton, Reason: control.ReasonOperator}
	nothing := whole()
	nothing.Programme, nothing.Settings, nothing.Limits = "", control.Settings{}, control.Limits{}
	for _, c := range []struct {
		name         string
		table        *Table
		unit         Unit
		key          string
		lo, hi, step float64
	}{
		// 451.106 N less 4 % are 433.06 N.
		{"N", whole(), Newton, "hold_force", 120, 433, 1},
		{"lbf", whole(), PoundForce, "hold_force", 27, 97, 0.5},      // 26.98 and 97.36
		{"kgf", whole(), KilogramForce, "hold_force", 12.5, 44, 0.5}, // 12.24 and 44.16
		// Up to the hold of 392.266 N, which is 40 kgf; from 15 N.
		{"N", whole(), Newton, "rest_force", 15, 392, 1},
		{"kgf", whole(), KilogramForce, "rest_force", 2, 40, 0.5},
		{"lbf", whole(), PoundForce, "rest_force", 3.5, 88, 0.5},
		{"s", whole(), Newton, "hold_time", 1, 3600, 1},
		{"s", whole(), Newton, "rest_time", 1, 300, 1},
		{"min", whole(), Newton, "duration", 1, 45, 1},            // half a minute to 45.5
		{"raised", raised, Newton, "hold_force", 120, 392.266, 1}, // the value in force is in the range
		{"free", free, Newton, "hold_force", 20, 480, 1},
		{"free", free, Newton, "rest_force", 15, 480, 1},
		{"nothing", nothing, Newton, "hold_force", 20, 500, 1},
		{"nothing", nothing, Newton, "duration", 1, 60, 1},
	} {
		lo, hi, step, _ := numberOf(t, c.unit, c.table, c.key)
		assert.Equal(t, []float64{c.lo, c.hi, c.step}, []float64{lo, hi, step}, "%s %s", c.key, c.name)
	}
}

func TestValueInForceIsInRange(t *testing.T) {
	table := whole()
	table.Settings.Hold, table.Settings.Rest = 120500*physic.MilliNewton, 120500*physic.MilliNewton
	lo, _, _, template := numberOf(t, Newton, table, "hold_force")
	assert.Equal(t, 120.5, lo)
	assert.Equal(t, "{% set v = value_json.settings.hold_n | round(3) %}{{ v if 120.5 <= v <= 433 else none }}", template)
	_, hi, _, template := numberOf(t, PoundForce, table, "rest_force")
	assert.Equal(t, 27.089, hi)
	assert.Equal(t, "{% set v = (value_json.settings.rest_n / 4.4482216152605) | round(3) %}{{ v if 3.5 <= v <= 27.089 else none }}", template)
	table.Settings.Duration = 20*time.Minute + 15*time.Second
	lo, hi, _, template = numberOf(t, Newton, table, "duration")
	assert.Equal(t, []float64{1, 45}, []float64{lo, hi}, "not for what lies inside")
	assert.Equal(t, "{% set v = (value_json.settings.duration_s / 60) | round(3) %}{{ v if 1 <= v <= 45 else none }}", template)
}

// Whatever the limits: what Home Assistant offers lies within them, and the value
// in force is offered.
func TestRangesLieWithinTheLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]Unit{Newton, PoundForce, KilogramForce}).Draw(t, "unit")
		s, err := unit.scale()
		require.NoError(t, err)
		milli := func(name string, lo, hi int64) physic.Force {
			return physic.Force(rapid.Int64Range(lo, hi).Draw(t, name)) * physic.MilliNewton
		}
		lo := milli("lo", 15_000, 200_000)
		hi := lo + milli("more", 0, 400_000)
		now := lo + physic.Force(rapid.Int64Range(0, int64((hi-lo)/physic.MilliNewton)).Draw(t, "now"))*physic.MilliNewton
		b := &builder{unit: s}
		r := inwards(func() (float64, float64, float64, float64) {
			l, h, n := b.forces(lo, hi, now)
			return l, h, s.step, n
		}())
		require.LessOrEqual(t, r.lo, r.hi)
		const shown = 0.0006 // newtons or so: the value in force, rounded to three decimals
		require.GreaterOrEqual(t, r.lo*s.newton, float64(lo)/1e9-shown*s.newton)
		require.LessOrEqual(t, r.hi*s.newton, float64(hi)/1e9+shown*s.newton)
		require.GreaterOrEqual(t, s.in(now), r.lo)
		require.LessOrEqual(t, s.in(now), r.hi)
		if r.hi != s.in(now) && r.lo != r.hi && math.Abs(r.hi-float64(hi)/1e9/s.newton) > 1e-9 {
			require.InDelta(t, 0, math.Remainder(r.hi, s.step), 1e-6)
		}
	})
}

func TestThermostat(t *testing.T) {
	c := discover(t, Options{}, whole()).components["pad"]
	assert.Equal(t, []any{25.0, 39.5, "C"}, []any{c["min_temp"], c["max_temp"], c["temperature_unit"]})
	cool := whole()
	cool.Limits.Temperature.Value = physic.ZeroCelsius + 34*physic.Celsius
	c = discover(t, Options{}, cool).components["pad"]
	assert.Equal(t, 34.0, c["max_temp"])
	assert.Contains(t, c["mode_command_template"], "or 34 }}", "never above the limit")
}

func TestUnit(t *testing.T) {
	for text, want := range map[string]Unit{"N": Newton, "lbf": PoundForce, "kgf": KilogramForce} {
		var u Unit
		require.NoError(t, u.UnmarshalText([]byte(text)))
		assert.Equal(t, want, u)
	}
	for _, wrong := range []string{"", "n", "kg", "stone"} {
		u := KilogramForce
		assert.ErrorContains(t, u.UnmarshalText([]byte(wrong)), "allowed: N, lbf, kgf", wrong)
		assert.Equal(t, KilogramForce, u)
	}
}

func TestForceTemplates(t *testing.T) {
	for unit, want := range map[Unit]string{
		Newton:        "{{ value_json.force_n | round(0, default=none) }}",
		PoundForce:    "{{ (value_json.force_n / 4.4482216152605) | round(1) if value_json.force_n is number else none }}",
		KilogramForce: "{{ (value_json.force_n / 9.80665) | round(1) if value_json.force_n is number else none }}",
	} {
		c := discover(t, Options{ForceUnit: unit}, whole()).components["force"]
		assert.Equal(t, want, c["value_template"])
		assert.Equal(t, string(unit), c["unit_of_measurement"])
		assert.Equal(t, "measurement", c["state_class"])
		assert.NotContains(t, c, "device_class", "Home Assistant has none for force")
	}
}

func Example() {
	o := Options{Name: "Traction table"}
	payload, _ := o.Payload(&Table{ID: "t1", Topics: Topics{Request: "traction/t1/request"}})
	fmt.Println(o.Topic("t1"), len(payload) > 1000)
	// Output: homeassistant/device/traction_t1/config true
}
