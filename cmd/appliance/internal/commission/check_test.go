package commission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/simulation"
	"traction/control/calfile"
	"traction/hw"
	"traction/hw/simtable"
	"traction/mqtt"
)

// now is a wall clock that was set.
var now = time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC)

// machine is a computer as it should be: the files of a Raspberry Pi 4, as its
// kernel's sources and documentation describe them.
func machine() Machine {
	return Machine{
		Root: fstest.MapFS{
			"sys/kernel/realtime":                                        file("1"),
			"sys/devices/system/cpu/isolated":                            file(""),
			"sys/devices/system/cpu/present":                             file("0-3"),
			"sys/devices/platform/soc/soc:firmware/get_throttled":        file("0"),
			"sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs": file("N"),
			"sys/fs/ext4/mmcblk0p2/errors_count":                         file("0"),
			"sys/block/mmcblk0/device/life_time":                         file("0x01 0x01"),
			"sys/class/watchdog/watchdog0/identity":                      file("Broadcom BCM2835 Watchdog timer"),
			"sys/class/rtc/rtc0/name":                                    file("rtc-ds1307"),
			"sys/bus/w1/devices/28-0316a2795b4c":                         {Mode: fs.ModeDir},
			"proc/device-tree/model":                                     file("Raspberry Pi 4 Model B Rev 1.5\x00"),
			"boot/firmware/config.txt":                                   file("# boot\ndtparam=spi=on\n"),
			"dev/spidev0.0":                                              file(""),
			"run/systemd/system":                                         {Mode: fs.ModeDir},
		},
		Kernel:       "Linux 6.12.47-rt-v8 #1 SMP PREEMPT_RT Debian 1:6.12.47-1 (2025-09-16)",
		Now:          func() time.Time { return now },
		Synchronised: func() (bool, error) { return true, nil },
		Space: func(string) (Space, error) {
			return Space{Device: 1, Free: 20e9, Size: 29e9, Files: 1e6}, nil
		},
		Show:  units(nil),
		Reach: mqtt.Reach,
		Probe: probeSelf,
	}
}

// file is one of the machine's.
func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text + "\n")} }

// units answers as systemd would for units that are as they should be, but for
// changes, by unit and property.
func units(changes map[string]map[string]string) func(context.Context, string, ...string) (map[string]string, error) {
	all := map[string]map[string]string{
		gatewayUnit: {"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled", "NRestarts": "0"},
		controlUnit: {"LoadState": "loaded", "User": "traction", "LimitRTPRIO": "98", "LimitMEMLOCK": "infinity"},
		"":          {"RuntimeWatchdogUSec": "15s"},
	}
	for unit, properties := range changes {
		for key, value := range properties {
			all[unit][key] = value
		}
	}
	return func(_ context.Context, unit string, _ ...string) (map[string]string, error) { return all[unit], nil }
}

// bench is a simulated table in virtual time.
func bench(t *testing.T, change func(*simtable.Table)) *Simulated {
	table, err := simtable.TableByName("winch")
	require.NoError(t, err)
	if change != nil {
		change(&table)
	}
	s, err := NewSimulated(table, simulation.Virtual)
	require.NoError(t, err)
	return s
}

// still are the things that a check must never change.
func assertStill(t *testing.T, s *Simulated, table float64) {
	truth := s.Sim.Truth()
	assert.False(t, truth.Energised, "the drive stays disabled")
	assert.False(t, truth.Heating)
	assert.Zero(t, truth.RelayCycles, "the heat was never on")
	assert.Zero(t, truth.IgnoredSteps+truth.LostSteps, "no step was ever taken")
	assert.Equal(t, table, truth.PositionMM)
	assert.False(t, truth.AlarmLamp || truth.CautionLamp || truth.Buzzer)
	assert.Zero(t, truth.OutputReads)
}

func check(s *Simulated) *Check {
	return &Check{
		Version: "test", Settings: s.Settings, For: 10 * time.Second, Machine: machine(),
		Open:        func() (Bench, error) { return s.Bench, nil },
		Calibration: func() (calfile.File, error) { c := s.Calibration; c.Date = now.AddDate(0, -1, 0); return c, nil },
	}
}

// verdicts are the report's, by name.
func verdicts(r *Report) map[string]Verdict {
	m := map[string]Verdict{}
	for _, f := range r.Findings {
		if m[f.Check] == "" || f.Verdict == Fail {
			m[f.Check] = f.Verdict
		}
	}
	return m
}

func find(t *testing.T, r *Report, name string) Finding {
	for _, f := range r.Findings {
		if f.Check == name {
			return f
		}
	}
	require.Fail(t, "not in the report", name)
	return Finding{}
}

func TestAGoodTablePassesAndIsLeftAlone(t *testing.T) {
	s := bench(t, nil)
	from := s.Sim.Truth().PositionMM
	r, err := check(s).Run(context.Background())
	require.NoError(t, err)
	for _, f := range r.Findings {
		want := Pass
		if f.Check == "priority" || f.Check == "memory" {
			want = Skip // virtual time needs none
		}
		assert.Equal(t, want, f.Verdict, "%+v", f)
		assert.Empty(t, f.Advice)
	}
	assert.False(t, r.Failed())
	assertStill(t, s, from)
	assert.ErrorIs(t, s.Table.Apply(0, hw.Actuation{}), hw.ErrOff, "it was switched off in the end")

	assert.InDelta(t, 82.4, r.Cell.RateHz, 1)
	assert.InDelta(t, 39, r.Cell.NoiseCounts, 6, "the converter's own")
	assert.InDelta(t, 0.009, r.Cell.NoiseN, 0.002)
	assert.InDelta(t, 0, r.Cell.ForceN, 0.1)
	assert.InDelta(t, 10, r.Seconds, 0.1)
	assert.InDelta(t, 10_000, r.Lateness.Ticks, 5)
}

func TestTheReportForPeopleAndForSupport(t *testing.T) {
	s := bench(t, nil)
	s.Sim.PressEmergencyStop(true)
	r, err := check(s).Run(context.Background())
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, r.WriteText(&text))
	for _, want := range []string{
		"table winch (simulated), 2026-05-04 09:30:00, appliance test", "PASS  kernel           PREEMPT_RT",
		"FAIL  emergency stop   open", "-> unlock it", "lateness of", "1 failed, 0 to know,",
	} {
		assert.Contains(t, text.String(), want)
	}
	raw, err := json.Marshal(r)
	require.NoError(t, err)
	var back Report
	require.NoError(t, json.Unmarshal(raw, &back))
	assert.Equal(t, r, back)
}

func TestWhatIsWrongIsFound(t *testing.T) {
	fault := func(kind string, value float64) func(*Check, *Simulated) {
		return func(_ *Check, s *Simulated) {
			if err := s.Sim.Inject(simtable.Fault{Kind: kind, Value: value}); err != nil {
				panic(err)
			}
		}
	}
	for name, tc := range map[string]struct {
		change  func(*Check, *Simulated)
		finding string
		want    Verdict
		advice  string
	}{
		"cell silent":        {fault("cell-silent", 0), "converter", Fail, "missing"},
		"cell missing":       {fault("cell-missing", 0), "converter", Fail, "DOUT"},
		"cell saturated":     {fault("cell-saturated", 1), "converter", Fail, "four wires"},
		"cell stuck":         {fault("cell-stuck", 0), "converter", Fail, "replace"},
		"RATE strap":         {fault("cell-rate-10", 0), "converter", Fail, "RATE strap"},
		"stretched pulses":   {fault("clock-stretch", 0.0002), "converter", Warn, "real-time"},
		"cell unconnected":   {fault("cell-unconnected", 0), "noise", Fail, "four wires"},
		"zero moved":         {fault("zero-jump", 15), "force", Warn, "calibrate"},
		"rope under tension": {fault("zero-jump", 40), "force", Fail, "rope"},
		"no calibration": {func(c *Check, _ *Simulated) {
			c.Calibration = func() (calfile.File, error) { return calfile.Load("/nowhere/cal", "winch", 0) }
		}, "calibration", Fail, "calibrate"},
		"calibration of tomorrow": {func(c *Check, s *Simulated) {
			c.Calibration = func() (calfile.File, error) { f := s.Calibration; f.Date = now.AddDate(0, 0, 2); return f, nil }
		}, "calibration", Warn, "clock"},
		"patient switch":       {func(_ *Check, s *Simulated) { s.Sim.PressPatientSwitch(true) }, "patient switch", Fail, "plug"},
		"emergency stop":       {func(_ *Check, s *Simulated) { s.Sim.PressEmergencyStop(true) }, "emergency stop", Fail, "unlock"},
		"start button":         {fault("start-stuck", 0), "start button", Fail, "let go"},
		"one end":              {fault("end-switch-stuck-open", 1), "pull end", Warn, "drive stands there"},
		"both ends":            {fault("end-switch-stuck-open", 0), "slack end", Fail, "broken wire"},
		"drive fault and pump": {fault("drive-fault", 0), "drive fault", Warn, "motor power"},
		"drive fault": {func(c *Check, s *Simulated) {
			fault("drive-fault", 0)(c, s)
			c.Settings.Pins.ChargePump = ""
		}, "drive fault", Fail, "motor driver"},
		"pad sensor": {fault("pad-sensor-missing", 0), "pad sensor", Fail, "thermometer"},
	} {
		t.Run(name, func(t *testing.T) {
			s := bench(t, nil)
			c := check(s)
			tc.change(c, s)
			from := s.Sim.Truth().PositionMM
			r, err := c.Run(context.Background())
			require.NoError(t, err)
			f := find(t, &r, tc.finding)
			assert.Equal(t, tc.want, f.Verdict, "%+v", f)
			assert.Contains(t, f.Advice, tc.advice)
			assert.Equal(t, tc.want == Fail, r.Failed(), "%+v", r.Findings)
			assertStill(t, s, from)
			_, err = json.Marshal(r)
			assert.NoError(t, err, "no infinite figures")
		})
	}
}

func TestNothingOpensWithoutSettings(t *testing.T) {
	c := &Check{For: 2 * time.Second, Machine: machine(), Config: "/etc/x.toml",
		SettingsErr: fmt.Errorf("settings: %w", errors.Join(errors.New("x.toml:1: one"), errors.New("x.toml:2: two"))),
		Open:        func() (Bench, error) { panic("opened") }}
	r, err := c.Run(context.Background())
	require.NoError(t, err)
	assert.True(t, r.Failed())
	assert.Equal(t, Finding{Check: "configuration", Verdict: Fail, Found: "x.toml:1: one", Advice: r.Findings[0].Advice}, r.Findings[0])
	assert.Equal(t, "x.toml:2: two", r.Findings[1].Found, "every mistake is a finding")
	assert.Equal(t, Pass, verdicts(&r)["clock"], "the machine is looked at all the same")
	assert.Equal(t, Skip, verdicts(&r)["table"])
}

// The table works without its gateway, so nobody is sent away for its settings.
func TestGatewaySettingsAreAWarning(t *testing.T) {
	c := check(bench(t, nil))
	c.GatewayErr = fmt.Errorf("settings: %w", errors.Join(errors.New("x.toml:9: mqtt.broker"), errors.New("x.toml:10: mqtt.username")))
	r, err := c.Run(context.Background())
	require.NoError(t, err)
	var found []string
	for _, f := range r.Findings {
		if f.Check == "gateway" {
			assert.Equal(t, Warn, f.Verdict)
			found = append(found, f.Found)
		}
	}
	assert.Equal(t, []string{"x.toml:9: mqtt.broker", "x.toml:10: mqtt.username"}, found)
	assert.Equal(t, Pass, verdicts(&r)["configuration"])
}

func TestLinesThatCannotBeOpened(t *testing.T) {
	s := bench(t, nil)
	c := check(s)
	c.Config, c.For = "/etc/x.toml", ShortestCheck
	c.Open = func() (Bench, error) {
		return Bench{}, fmt.Errorf("hw/board: %w", errors.Join(errors.New("Step: busy"), errors.New("Dir: no line")))
	}
	r, err := c.Run(context.Background())
	require.NoError(t, err)
	var lines []string
	for _, f := range r.Findings {
		if f.Check == "lines" {
			lines = append(lines, f.Found)
			assert.Equal(t, Fail, f.Verdict)
		}
	}
	assert.Equal(t, []string{"Step: busy", "Dir: no line"}, lines)
	assert.Equal(t, Skip, verdicts(&r)["table"])
}

func TestSwitchesAreSeenLive(t *testing.T) {
	s := bench(t, nil)
	c := check(s)
	var told []string
	c.Changed = func(ch Change) { told = append(told, ch.Switch+fmt.Sprint(ch.Open)) }
	open := c.Open
	c.Open = func() (Bench, error) {
		b, err := open()
		b.Clock = &hands{Simulated: s, Clock: b.Clock}
		return b, err
	}
	r, err := c.Run(context.Background())
	require.NoError(t, err)
	assert.Equal(t, []string{"patient switchtrue", "patient switchfalse", "start buttontrue", "start buttonfalse"}, told)
	f := find(t, &r, "patient switch")
	assert.Equal(t, Pass, f.Verdict)
	assert.Contains(t, f.Found, "changed 2 times")
	assert.Equal(t, SwitchFigures{Switch: "patient switch", Changes: 2}, r.Switches[patient])
}

// hands presses switches while the clock runs.
type hands struct {
	*Simulated
	Clock interface {
		Now() time.Duration
		SleepUntil(time.Duration)
	}
}

func (h *hands) Now() time.Duration { return h.Clock.Now() }
func (h *hands) SleepUntil(at time.Duration) {
	h.Clock.SleepUntil(at)
	h.Sim.PressPatientSwitch(at > 3*time.Second && at < 4*time.Second)
	h.Sim.PressStart(at > 5*time.Second && at < 6*time.Second)
}

func TestTheTimeOfACheckIsBounded(t *testing.T) {
	for _, d := range []time.Duration{0, -time.Second, time.Second, time.Hour} {
		_, err := (&Check{For: d, Machine: machine()}).Run(context.Background())
		assert.ErrorContains(t, err, "allowed: 2s to 10m0s")
	}
}

func TestACancelledCheckSwitchesOff(t *testing.T) {
	s := bench(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := check(s).Run(ctx)
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorIs(t, s.Table.Apply(0, hw.Actuation{}), hw.ErrOff)
}

func TestLongTextsAreWrapped(t *testing.T) {
	long := strings.Repeat("seven77 ", 30) + strings.Repeat("x", 200) + " end\nsecond"
	got := wrapped(long, 23)
	assert.Equal(t, strings.Fields(long), strings.Fields(got), "no word is lost")
	for i, line := range strings.Split(got, "\n") {
		if i > 0 {
			assert.True(t, strings.HasPrefix(line, strings.Repeat(" ", 23)))
		}
		if !strings.Contains(line, "xxx") {
			assert.LessOrEqual(t, len(line), widest)
		}
	}
	assert.True(t, strings.HasSuffix(got, "end\n"+strings.Repeat(" ", 23)+"second"))
	assert.Empty(t, wrapped("", 5))
}
