package simtable

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

// inject adds a fault that begins now.
func (r *rig) inject(kind string, value float64, lasts time.Duration) {
	r.t.Helper()
	require.NoError(r.t, r.Inject(Fault{Kind: kind, At: r.clock.Now(), For: lasts, Value: value}))
}

func TestCellFaults(t *testing.T) {
	start := func(t *testing.T) *rig {
		r := newRig(t, "winch", "split-table", quiet)
		r.pullTo(100)
		r.wait(100 * time.Millisecond)
		r.sample(25)
		return r
	}
	share := func(r *rig) float64 {
		high := 0
		for range 1000 {
			r.clock.Spend(100 * time.Microsecond)
			if r.p.CellData.Read() {
				high++
			}
		}
		return float64(high) / 1000
	}
	t.Run("cell-stuck", func(t *testing.T) {
		r := start(t)
		r.inject("cell-stuck", 0, time.Second)
		r.sample(25)
		want := r.sample(25)
		for range 10 {
			assert.Equal(t, want, r.sample(25))
		}
		r.wait(time.Second)
		r.sample(25)
		assert.NotEqual(t, want, r.sample(25), "the fault has ended")
	})
	t.Run("cell-silent", func(t *testing.T) {
		r := start(t)
		r.inject("cell-silent", 0, 0)
		assert.InDelta(t, 1, share(r), 0)
	})
	t.Run("cell-missing", func(t *testing.T) {
		r := start(t)
		r.inject("cell-missing", 0, 0)
		assert.InDelta(t, 0, share(r), 0)
		assert.Zero(t, r.sample(25))
	})
	t.Run("cell-floating", func(t *testing.T) {
		r := start(t)
		r.inject("cell-floating", 0, 0)
		assert.InDelta(t, 0.5, share(r), 0.1)
	})
	t.Run("cell-saturated", func(t *testing.T) {
		for value, want := range map[float64]int32{0: 0x7FFFFF, 1: 0x7FFFFF, -1: -0x800000} {
			r := start(t)
			r.inject("cell-saturated", value, 0)
			r.sample(25)
			assert.Equal(t, want, r.sample(25))
		}
	})
	t.Run("cell-unconnected", func(t *testing.T) {
		r := start(t)
		before := r.sample(25)
		r.inject("cell-unconnected", 0, 0)
		var low, high int32
		for range 2000 {
			v := r.sample(25)
			low, high = min(low, v), max(high, v)
		}
		assert.Greater(t, float64(high-low), 50*countsPerN, "wanders")
		assert.Less(t, high, int32(0x7FFFFF), "and looks plausible")
		assert.NotEqual(t, before, high)
	})
	t.Run("cell-rate-10", func(t *testing.T) {
		r := start(t)
		r.inject("cell-rate-10", 0, 0)
		r.sample(25)
		r.sample(25)
		began := r.clock.Now()
		r.sample(25)
		assert.InDelta(t, 100/1.03, float64((r.clock.Now() - began).Milliseconds()), 2)
	})
	t.Run("zero-jump", func(t *testing.T) {
		r := start(t)
		before := float64(r.sample(25))
		r.inject("zero-jump", -30, 0)
		r.sample(25)
		assert.InDelta(t, before-30*countsPerN, float64(r.sample(25)), 0.3*countsPerN)
	})
	t.Run("clock-stretch", func(t *testing.T) {
		r := start(t)
		r.inject("clock-stretch", 1, 100*time.Millisecond)
		r.ready()
		began := r.clock.Now()
		r.pulses(1)
		assert.Greater(t, r.clock.Now()-began, 61*time.Microsecond)
		r.wait(200 * time.Millisecond)
		began = r.clock.Now()
		r.pulses(1)
		assert.Equal(t, 2*time.Microsecond, r.clock.Now()-began)
	})
}

func TestDriveFaults(t *testing.T) {
	for _, c := range []struct {
		kind     string
		value    float64
		low, top float64 // share of the way that is made
	}{{"drive-dead", 0, 0, 0}, {"jam", 0, 0, 0}, {"lost-steps", 0.25, 0.6, 0.9}, {"lost-steps", 1, 0, 0}, {"lost-steps", 0, 1, 1}} {
		r := newRig(t, "winch", "long-slack", nil)
		r.inject(c.kind, c.value, 0)
		r.wind(10, 10)
		got := r.Truth()
		made := (got.PositionMM - 20) / 10
		assert.GreaterOrEqual(t, made, c.low, "%s %v", c.kind, c.value)
		assert.LessOrEqual(t, made, c.top, "%s %v", c.kind, c.value)
		assert.InDelta(t, 640*(1-made), float64(got.LostSteps), 1e-6)
		assert.True(t, got.Energised)
	}
	r := newRig(t, "winch", "median", nil)
	r.pullTo(200)
	r.inject("jam", 0, 0)
	_ = r.p.Enable.Out(gpio.Low)
	r.wait(time.Second)
	assert.Greater(t, r.Truth().ForceN, 150.0, "a jammed drive does not let go")
}

func TestSwitchFaults(t *testing.T) {
	for _, c := range []struct {
		kind  string
		value float64
		press func(*rig)
		pin   func(Pins) gpio.PinIO
		want  gpio.Level
	}{
		{"patient-switch-open", 0, nil, func(p Pins) gpio.PinIO { return p.PatientSwitch }, gpio.High},
		{"patient-switch-stuck-closed", 0, func(r *rig) { r.PressPatientSwitch(true) }, func(p Pins) gpio.PinIO { return p.PatientSwitch }, gpio.Low},
		{"emergency-stop", 0, nil, func(p Pins) gpio.PinIO { return p.EmergencyStop }, gpio.High},
		{"start-stuck", 0, nil, func(p Pins) gpio.PinIO { return p.StartButton }, gpio.Low},
		{"drive-fault", 0, nil, func(p Pins) gpio.PinIO { return p.DriveFault }, gpio.High},
		{"end-switch-stuck-open", -1, nil, func(p Pins) gpio.PinIO { return p.EndSlack }, gpio.High},
		{"end-switch-stuck-open", -1, nil, func(p Pins) gpio.PinIO { return p.EndPull }, gpio.Low},
		{"end-switch-stuck-open", 1, nil, func(p Pins) gpio.PinIO { return p.EndPull }, gpio.High},
		{"end-switch-stuck-open", 0, nil, func(p Pins) gpio.PinIO { return p.EndPull }, gpio.High},
		{"end-switch-stuck-closed", -1, func(r *rig) { r.wind(-21, 20) }, func(p Pins) gpio.PinIO { return p.EndSlack }, gpio.Low},
		{"end-switch-stuck-closed", 1, func(r *rig) { r.wind(-21, 20) }, func(p Pins) gpio.PinIO { return p.EndSlack }, gpio.High},
	} {
		t.Run(c.kind, func(t *testing.T) {
			r := newRig(t, "winch", "median", nil)
			require.NoError(t, r.Inject(Fault{Kind: c.kind, At: time.Minute, For: time.Minute, Value: c.value}))
			if c.press != nil {
				c.press(r)
			}
			healthy := c.pin(r.p).Read()
			r.clock.SleepUntil(time.Minute)
			assert.Equal(t, c.want, c.pin(r.p).Read())
			r.clock.SleepUntil(2 * time.Minute)
			assert.Equal(t, healthy, c.pin(r.p).Read(), "over")
		})
	}
}

func TestHands(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	read := func() [3]gpio.Level {
		return [3]gpio.Level{r.p.PatientSwitch.Read(), r.p.EmergencyStop.Read(), r.p.StartButton.Read()}
	}
	assert.Equal(t, [3]gpio.Level{gpio.Low, gpio.Low, gpio.High}, read())
	r.PressPatientSwitch(true)
	assert.Equal(t, [3]gpio.Level{gpio.High, gpio.Low, gpio.High}, read())
	r.PressPatientSwitch(false)
	r.PressEmergencyStop(true)
	assert.Equal(t, [3]gpio.Level{gpio.Low, gpio.High, gpio.High}, read())
	r.PressEmergencyStop(false)
	r.PressStart(true)
	assert.Equal(t, [3]gpio.Level{gpio.Low, gpio.Low, gpio.Low}, read())
}

func TestHandsActNow(t *testing.T) {
	r := newRig(t, "plain", "median", quiet)
	r.pullTo(300)
	r.clock.Spend(time.Second) // nobody looks
	r.PressEmergencyStop(true)
	assert.Greater(t, r.Truth().ForceN, 250.0, "the drive held until now")
	r.clock.Spend(time.Second)
	assert.Less(t, r.Truth().ForceN, 20.0)
}

func TestFaultsComeInOrderOfTime(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	require.NoError(t, r.Inject(Fault{Kind: "start-stuck", At: time.Hour}, Fault{Kind: "patient-switch-open", At: time.Second}))
	r.clock.SleepUntil(2 * time.Second)
	assert.Equal(t, gpio.High, r.p.PatientSwitch.Read())
	assert.Equal(t, gpio.High, r.p.StartButton.Read())
}

func TestOverlappingFaultsEndEachForItself(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	require.NoError(t, r.Inject(
		Fault{Kind: "patient-switch-open", At: time.Second, For: 10 * time.Second},
		Fault{Kind: "patient-switch-open", At: 2 * time.Second, For: time.Second}))
	var got []gpio.Level
	for _, at := range []time.Duration{500, 1500, 2500, 5000, 12000} {
		r.clock.SleepUntil(at * time.Millisecond)
		got = append(got, r.p.PatientSwitch.Read())
	}
	assert.Equal(t, []gpio.Level{gpio.Low, gpio.High, gpio.High, gpio.High, gpio.Low}, got)
}

func TestInjectRefuses(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	err := r.Inject(Fault{Kind: "jam"}, Fault{Kind: "gremlin"}, Fault{Kind: "clock-stretch", Value: 2, At: -time.Second}, Fault{Kind: "jam", Value: 1})
	require.ErrorIs(t, err, ErrUnknown)
	for _, want := range []string{
		`fault[1].kind: unknown name "gremlin": known are cell-stuck, `,
		"fault[2].at_s = -1: allowed is 0 to 86400",
		"fault[2].value of clock-stretch = 2: allowed is 0 to 1",
		"fault[3].value of jam = 1: allowed is 0 to 0",
	} {
		assert.ErrorContains(t, err, want)
	}
	r.wind(1, 10)
	assert.Zero(t, r.Truth().LostSteps, "none was added")
	assert.ErrorContains(t, r.Inject(make([]Fault, maxFaults+1)...), "unknown name")
	many := make([]Fault, maxFaults+1)
	for i := range many {
		many[i] = Fault{Kind: "jam", At: time.Hour}
	}
	assert.ErrorContains(t, r.Inject(many...), "allowed is 0 to 10000")
}

func TestLoadFaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "faults.toml")
	require.NoError(t, os.WriteFile(path, []byte(`
[[fault]]
kind = "rope-break"
at_s = 90.5

[[fault]]
kind = "clock-stretch"
at_s = 10
for_s = 5
value = 0.1
`), 0o600))
	got, err := LoadFaults(path)
	require.NoError(t, err)
	assert.Equal(t, []Fault{
		{Kind: "rope-break", At: 90500 * time.Millisecond},
		{Kind: "clock-stretch", At: 10 * time.Second, For: 5 * time.Second, Value: 0.1},
	}, got)

	require.NoError(t, os.WriteFile(path, []byte("[[fault]]\nkind = \"zzz\"\nat_s = 1e300\nwhen = 3\n"), 0o600))
	_, err = LoadFaults(path)
	assert.ErrorContains(t, err, "line 4: fault.when: no such key")
	assert.ErrorContains(t, err, "fault[0].at_s = 1e+300: allowed is 0 to 86400")
	require.ErrorIs(t, err, ErrUnknown)
	_, err = LoadFaults(filepath.Join(t.TempDir(), "none.toml"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
