package commission

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/settings"
	"traction/cmd/appliance/internal/simulation"
	"traction/control/calfile"
	"traction/control/executive"
	"traction/hw/simtable"
	"traction/mqtt"
)

// The samples in docs/commissioning are what check and calibrate print on a
// simulated table and a made-up computer. After a change: go test -update, and
// look at the difference.
var update = flag.Bool("update", false, "write the samples in docs/commissioning anew")

const samples = "../../../../docs/commissioning"

func sample(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join(samples, name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "go test ./cmd/appliance/internal/commission -update writes it anew")
}

// drowsy wakes a little late, by chance and always by the same.
type drowsy struct {
	executive.Clock
	dice *rand.Rand
	mean time.Duration
}

func (d *drowsy) SleepUntil(t time.Duration) {
	d.Clock.SleepUntil(t + 6*us + time.Duration(float64(d.mean)*d.dice.ExpFloat64()))
}

// sampleBench is a bench whose thread is granted everything and wakes late.
func sampleBench(b Bench, mean time.Duration) Bench {
	b.Clock = &drowsy{b.Clock, rand.New(rand.NewPCG(1, 2)), mean}
	b.Priority = 80
	b.raised = func(_, _ int, f func()) grant {
		f()
		return grant{asked: true}
	}
	return b
}

// sampleCheck is the check of a table as it should be, with the settings' folder of
// the record in dir.
func sampleCheck(t *testing.T, table string, dir string) (*Check, *Simulated) {
	cfg, err := simtable.TableByName(table)
	require.NoError(t, err)
	s, err := NewSimulated(cfg, simulation.Virtual)
	require.NoError(t, err)
	c := check(s)
	c.Version, c.For, c.Load = "1.0.0", time.Minute, true
	c.Config = settings.Path
	c.Settings.Table.ID = "table-1"
	c.Settings.Control.CPU, c.Settings.Control.AllowNoRealtime = 3, false
	c.Settings.Record.Path = filepath.Join(dir, "record.sqlite")
	c.Settings.Pins.Heat, c.Settings.Pad.Sensor = "GPIO23", "28-0316a2795b4c"
	c.Open = func() (Bench, error) { return sampleBench(s.Bench, 5*us), nil }
	c.withoutTable = func() Bench { return sampleBench(Bench{Clock: simtable.NewVirtualClock(), CPU: 3}, 60*us) }
	c.Survey = func() (lines []LineFigures) {
		for _, pin := range []struct {
			name, line string
			offset     int
		}{{"pins.cell_clock", "GPIO21", 21}, {"pins.cell_data", "GPIO20", 20}, {"pins.step", "GPIO17", 17}, {"pins.dir", "GPIO27", 27}, {"pins.enable", "GPIO22", 22}, {"pins.heat", "GPIO23", 23},
			{"pins.lamp_alarm", "GPIO24", 24}, {"pins.lamp_caution", "GPIO25", 25}, {"pins.buzzer", "GPIO18", 18}, {"pins.charge_pump", "GPIO26", 26},
			{"pins.patient_switch", "GPIO5", 5}, {"pins.emergency_stop", "GPIO6", 6}, {"pins.start_button", "GPIO13", 13}, {"pins.end_slack", "GPIO19", 19},
			{"pins.end_pull", "GPIO16", 16}, {"pins.drive_fault", "GPIO12", 12}} {
			lines = append(lines, LineFigures{Pin: pin.name, Line: pin.line, At: fmt.Sprintf("gpiochip0:%d (pinctrl-bcm2711)", pin.offset)})
		}
		return lines
	}
	calibration := c.Calibration
	c.Calibration = func() (calfile.File, error) {
		f, err := calibration()
		f.Table, f.By = "table-1", "Maria Muster"
		return f, err
	}
	c.Machine = with(c.Machine, map[string]string{"sys/devices/system/cpu/isolated": "3"})
	c.Machine.Reach = func(context.Context, mqtt.Config) ([]mqtt.Reached, error) {
		return []mqtt.Reached{{Broker: "tcp://127.0.0.1:1883", Took: 4 * ms}}, nil
	}
	return c, s
}

// sampleReport runs the check; the folder that the disk was really flushed in is the only
// thing that differs from run to run.
func sampleReport(t *testing.T, c *Check, dir string) string {
	t.Helper()
	r, err := c.Run(context.Background())
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, r.WriteText(&b))
	return strings.ReplaceAll(b.String(), dir, "/var/lib/traction-gateway")
}

func TestSampleOfAGoodTable(t *testing.T) {
	dir := t.TempDir()
	c, _ := sampleCheck(t, "winch", dir)
	text := sampleReport(t, c, dir)
	sample(t, "check.txt", text)
	assert.NotContains(t, text, "WARN")
	assert.NotContains(t, text, "FAIL")
}

func TestSampleOfTwoCells(t *testing.T) {
	dir := t.TempDir()
	c, _ := sampleCheck(t, "double", dir)
	c.Settings.Pins.CellData2, c.Settings.Pins.SupplyLow = "GPIO9", "GPIO10"
	survey := c.Survey
	c.Survey = func() []LineFigures {
		return append(survey(), LineFigures{Pin: "pins.cell_data_2", Line: "GPIO9", At: "gpiochip0:9 (pinctrl-bcm2711)"},
			LineFigures{Pin: "pins.supply_low", Line: "GPIO10", At: "gpiochip0:10 (pinctrl-bcm2711)"})
	}
	text := sampleReport(t, c, dir)
	sample(t, "check-two-cells.txt", text)
}

// TestSampleOfAFreshComputer: everything that is wrong comes at once.
func TestSampleOfAFreshComputer(t *testing.T) {
	dir := t.TempDir()
	c, _ := sampleCheck(t, "winch", dir)
	m := with(c.Machine, map[string]string{
		"sys/kernel/realtime": "", "sys/devices/system/cpu/isolated": "", "sys/class/rtc/rtc0/name": "", "dev/spidev0.0": "",
		"sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs": "Y", "boot/firmware/config.txt": "#dtparam=spi=on\n",
		"sys/devices/platform/soc/soc:firmware/get_throttled": "50000", "sys/bus/w1/devices/28-0316a2795b4c": "",
	})
	m.Kernel = "Linux 6.12.47+rpt-rpi-v8 #1 SMP PREEMPT Debian 1:6.12.47-1+rpt1 (2025-09-16)"
	m.Synchronised = func() (bool, error) { return false, nil }
	m.Show = units(map[string]map[string]string{gatewayUnit: {"ActiveState": "inactive", "UnitFileState": "disabled"}, "": {"RuntimeWatchdogUSec": "0"}})
	m.Reach = func(context.Context, mqtt.Config) ([]mqtt.Reached, error) {
		return []mqtt.Reached{{Broker: "tcp://127.0.0.1:1883", Failed: mqtt.Connecting, Err: errors.New("dial tcp 127.0.0.1:1883: connect: connection refused")}}, nil
	}
	c.Machine = m
	c.Settings.Cell.Interface = settings.SPI
	c.Open = func() (Bench, error) { // as hw/board words it
		return Bench{}, fmt.Errorf("hw/board: %w", errors.Join(
			errors.New(`Enable: line "GPIO22", gpiochip0:22 (pinctrl-bcm2711): device or resource busy, held by "pwm-fan"; stop that program or choose another line (gpioinfo shows who holds what)`),
			errors.New(`EndSlack: no line "GPIO91"; gpioinfo lists the lines that there are, the chips are gpiochip0 (pinctrl-bcm2711)`)))
	}
	c.Calibration = func() (calfile.File, error) {
		return calfile.Load("/nowhere/calibration.toml", "table-1", c.Settings.Cell.Capacity)
	}
	text := sampleReport(t, c, dir)
	text = strings.ReplaceAll(text, "/nowhere/calibration.toml", "/var/lib/traction/calibration.toml")
	sample(t, "check-fresh.txt", text)
}

// typist answers whenever it is asked, and shows what it types.
type typist struct {
	bytes.Buffer
	answers []string
	keys    *io.PipeWriter
}

func (y *typist) Write(p []byte) (int, error) {
	n, err := y.Buffer.Write(p)
	if err == nil && !bytes.HasSuffix(p, []byte("\n")) && len(y.answers) > 0 {
		answer := y.answers[0] + "\n"
		y.answers = y.answers[1:]
		_, _ = y.Buffer.WriteString(answer)
		_, err = io.WriteString(y.keys, answer)
	}
	return n, err
}

func sampleCalibration(t *testing.T, table, name string, answers ...string) {
	c, s := sampleCheck(t, table, t.TempDir())
	in, keys := io.Pipe()
	out := &typist{answers: answers, keys: keys}
	before := s.Calibration
	before.Date, before.By = now.AddDate(-1, 0, 0), "Maria Muster"
	calibration := Calibration{Settings: c.Settings, Bench: s.Bench, Before: &before, Path: c.Settings.Control.Calibration,
		Save: func(calfile.File) error { return nil }, Now: func() time.Time { return now }, In: in, Out: out}
	require.NoError(t, calibration.Run(context.Background()), out.String())
	var text strings.Builder
	for line := range strings.Lines(out.String()) {
		fmt.Fprintln(&text, strings.TrimRight(line, " \n")) // a question that is answered with Enter ends in a space
	}
	sample(t, name, text.String())
}

func TestSampleOfACalibration(t *testing.T) {
	sampleCalibration(t, "winch", "calibrate.txt", "", "40 kg", "", "20 kg", "", "", "Maria Muster", "yes")
}

func TestSampleOfACalibrationOfTwoCells(t *testing.T) {
	sampleCalibration(t, "double", "calibrate-two-cells.txt", "", "40 kg", "", "20 kg", "", "", "Maria Muster", "yes")
}
