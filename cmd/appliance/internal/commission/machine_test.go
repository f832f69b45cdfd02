package commission

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/settings"
)

// with changes files of a machine; "" takes one away.
func with(m Machine, files map[string]string) Machine {
	root := fstest.MapFS{}
	for path, f := range m.Root.(fstest.MapFS) {
		root[path] = f
	}
	for path, text := range files {
		if text == "" {
			delete(root, path)
		} else {
			root[path] = file(text)
		}
	}
	m.Root = root
	return m
}

// findingOf is one finding of a look at the computer of a real table.
func findingOf(t *testing.T, m Machine, change func(*settings.Settings), check string) Finding {
	t.Helper()
	r := lookedAt(t, m, change)
	return find(t, &r, check)
}

// lookedAt looks at the computer of a real table with a pad and a cell on SPI.
func lookedAt(t *testing.T, m Machine, change func(*settings.Settings)) Report {
	t.Helper()
	c := &Check{Settings: settings.Default(), Machine: m, Config: "/etc/traction/traction.toml"}
	c.Settings.MQTT.Broker = ""
	c.Settings.Pad.Present, c.Settings.Cell.Interface = true, settings.SPI
	if change != nil {
		change(&c.Settings)
	}
	r := Report{At: m.Now()}
	c.computer(context.Background(), &r)
	return r
}

func TestAGoodComputerPasses(t *testing.T) {
	r := lookedAt(t, machine(), nil)
	want := []string{"kernel", "isolated cpu", "power", "clock", "time server", "disk", "disk errors", "disk wear", "watchdog", "gateway service",
		"service rights", "broker", "released lines", "spi", "one-wire"}
	for i, f := range r.Findings {
		assert.Equal(t, want[i], f.Check)
		if f.Check != "broker" {
			assert.Equal(t, Pass, f.Verdict, "%+v", f)
		}
	}
	assert.Len(t, r.Findings, len(want))
}

func packed(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

func TestKernels(t *testing.T) {
	ordinary := "Linux 6.12.47-v8 #1 SMP PREEMPT Debian 1:6.12.47-1"
	for name, tc := range map[string]struct {
		kernel string
		files  map[string]string
		want   Verdict
	}{
		"Debian's":         {"Linux 6.1.0-40-rt-amd64 #1 SMP PREEMPT_RT Debian 6.1.153-1 (2025-09-20)", nil, Pass},
		"at the end":       {"Linux 6.12.0 #1 SMP PREEMPT_RT", nil, Pass},
		"with a patch set": {"Linux 5.4.0 #1 SMP PREEMPT RT Mon", nil, Pass},
		"by sysfs":         {ordinary, map[string]string{"sys/kernel/realtime": "1"}, Pass},
		"by its settings":  {ordinary, map[string]string{"proc/config.gz": packed("CONFIG_SMP=y\nCONFIG_PREEMPT_RT=y\n")}, Pass},
		"ordinary":         {ordinary, nil, Warn},
		"not set":          {ordinary, map[string]string{"proc/config.gz": packed("# CONFIG_PREEMPT_RT is not set\n")}, Warn},
		"half a file":      {ordinary, map[string]string{"proc/config.gz": packed("CONFIG_PREEMPT_RT=y\n")[:20]}, Warn},
		"only its name":    {"Linux 6.12.47-PREEMPT_RT-like #1 SMP PREEMPT_DYNAMIC", nil, Warn},
	} {
		t.Run(name, func(t *testing.T) {
			m := with(machine(), map[string]string{"sys/kernel/realtime": ""})
			m = with(m, tc.files)
			m.Kernel = tc.kernel
			f := findingOf(t, m, nil, "kernel")
			assert.Equal(t, tc.want, f.Verdict, "%+v", f)
			assert.Contains(t, f.Found, tc.kernel)
		})
	}
	m := with(machine(), map[string]string{"sys/kernel/realtime": "", "sys/kernel/debug/sched/preempt": "none (voluntary) full"})
	m.Kernel = ordinary
	assert.Contains(t, findingOf(t, m, nil, "kernel").Found, "preemption: none (voluntary) full")
}

func TestIsolatedCPUs(t *testing.T) {
	for name, tc := range map[string]struct {
		isolated string
		wanted   int
		want     Verdict
		advice   string
	}{
		"none, none wanted":  {"", -1, Pass, ""},
		"the one":            {"2-3", 3, Pass, ""},
		"another":            {"3", 2, Warn, "isolcpus=2"},
		"not isolated":       {"", 3, Warn, "isolcpus=3"},
		"isolated in vain":   {"3", -1, Warn, "control.cpu = 3"},
		"does not exist":     {"", 4, Fail, "existing CPU"},
		"what nobody writes": {"x,1-y,,3", 3, Pass, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := with(machine(), map[string]string{"sys/devices/system/cpu/isolated": tc.isolated, "sys/devices/system/cpu/online": "0-3"})
			f := findingOf(t, m, func(s *settings.Settings) { s.Control.CPU = tc.wanted }, "isolated cpu")
			assert.Equal(t, tc.want, f.Verdict, "%+v", f)
			assert.Contains(t, f.Advice, tc.advice)
		})
	}
	single := with(machine(), map[string]string{"sys/devices/system/cpu/online": "0", "sys/devices/system/cpu/present": "0"})
	f := findingOf(t, single, func(s *settings.Settings) { s.Control.CPU = -1 }, "isolated cpu")
	assert.Equal(t, Warn, f.Verdict, "a Pi Zero: %+v", f)
	assert.Equal(t, []int{0, 1, 2, 5, 7}, cpuList("0-2,5,7"))
	assert.Empty(t, cpuList(""))
}

func TestPower(t *testing.T) {
	const word = "sys/devices/platform/soc/soc:firmware/get_throttled"
	for name, tc := range map[string]struct {
		files map[string]string
		want  Verdict
		found string
	}{
		"now":               {map[string]string{word: "50005"}, Fail, "now: under-voltage, throttled; since the start: under-voltage, throttled"},
		"before":            {map[string]string{word: "0x10000"}, Warn, "now: none; since the start: under-voltage"},
		"warm":              {map[string]string{word: "80008"}, Warn, "too warm"},
		"another kernel":    {map[string]string{word: "", "sys/devices/platform/soc@0/soc@0:firmware/get_throttled": "0"}, Pass, "no under-voltage and no throttling"},
		"by its alarm":      {map[string]string{word: "", "sys/class/hwmon/hwmon1/name": "rpi_volt", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1"}, Fail, "under-voltage"},
		"by its alarm, not": {map[string]string{word: "", "sys/class/hwmon/hwmon1/name": "rpi_volt", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "0"}, Pass, "no under-voltage"},
		"not readable":      {map[string]string{word: "nonsense", "sys/class/hwmon/hwmon1/name": "rpi_volt", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "0"}, Pass, "no under-voltage"},
	} {
		t.Run(name, func(t *testing.T) {
			f := findingOf(t, with(machine(), tc.files), nil, "power")
			assert.Equal(t, tc.want, f.Verdict, "%+v", f)
			assert.Contains(t, f.Found, tc.found)
		})
	}
	r := lookedAt(t, with(machine(), map[string]string{word: ""}), nil)
	assert.NotContains(t, verdicts(&r), "power", "a computer that cannot tell")
}

func TestClocks(t *testing.T) {
	m := machine()
	m.Now = func() time.Time { return time.Unix(0, 0).UTC() }
	r := lookedAt(t, m, nil)
	f := find(t, &r, "clock")
	assert.Equal(t, Fail, f.Verdict)
	assert.Contains(t, f.Found, "1970-01-01T00:00:00Z was before this software existed")
	assert.Contains(t, f.Advice, "timedatectl")
	assert.NotContains(t, verdicts(&r), "time server", "one advice is enough")

	m = machine()
	m.Synchronised = func() (bool, error) { return false, nil }
	f = findingOf(t, m, nil, "time server")
	assert.Equal(t, Warn, f.Verdict)
	assert.Contains(t, f.Found, "rtc-ds1307")
	assert.Contains(t, findingOf(t, with(m, map[string]string{"sys/class/rtc/rtc0/name": ""}), nil, "time server").Found, "no real-time clock")
	m.Synchronised = func() (bool, error) { return false, errors.New("not allowed") }
	assert.Equal(t, Skip, findingOf(t, m, nil, "time server").Verdict)
}

func TestDisks(t *testing.T) {
	good := Space{Device: 1, Free: 20e9, Size: 29e9, Files: 1e6}
	for name, tc := range map[string]struct {
		space  Space
		want   Verdict
		advice string
	}{
		"room":              {good, Pass, ""},
		"just a month":      {Space{Free: 1_080_000_000, Size: 29e9}, Pass, ""},
		"less than a month": {Space{Free: 1_079_999_999, Size: 29e9}, Warn, "record.keep_megabytes"},
		"full":              {Space{Free: 49_999_999, Size: 29e9}, Fail, "make room"},
		"nothing left":      {Space{Size: 29e9}, Fail, "make room"},
		"read-only":         {Space{Free: 20e9, Size: 29e9, ReadOnly: true}, Fail, "dmesg"},
		"no more files":     {Space{Free: 20e9, Size: 29e9, Files: 1e6, NoFiles: true}, Fail, "remove files"},
	} {
		t.Run(name, func(t *testing.T) {
			m := machine()
			m.Space = func(string) (Space, error) { return tc.space, nil }
			r := lookedAt(t, m, nil)
			f := find(t, &r, "disk")
			assert.Equal(t, tc.want, f.Verdict, "%+v", f)
			assert.Contains(t, f.Advice, tc.advice)
			assert.Contains(t, f.Found, "record, calibration, logs: ", "all on one file system")
		})
	}
	m := machine()
	m.Space = func(string) (Space, error) { return Space{Free: 60e6, Size: 1e9}, nil }
	f := findingOf(t, m, func(s *settings.Settings) { s.Record.KeepMegabytes = 60 }, "disk")
	assert.Equal(t, Pass, f.Verdict, "the record itself makes room")
	m.Space = func(string) (Space, error) { return Space{}, errors.New("gone") }
	assert.Equal(t, Fail, findingOf(t, m, nil, "disk").Verdict)
}

func TestSeveralFileSystems(t *testing.T) {
	m := machine()
	m.Space = func(folder string) (Space, error) {
		switch folder {
		case "/var/lib":
			return Space{Device: 2, Free: 5e9, Size: 8e9}, nil
		case "/var/log":
			return Space{Device: 3, Free: 40e6, Size: 64e6}, nil
		}
		return Space{}, fs.ErrNotExist // the folders of the services are not made yet
	}
	r := lookedAt(t, m, nil)
	var found []string
	for _, f := range r.Findings {
		if f.Check == "disk" {
			found = append(found, string(f.Verdict)+" "+f.Found)
		}
	}
	assert.Equal(t, []string{"pass record, calibration: 5000 MB free of 8000 MB at /var/lib; a month takes 1080 MB", "fail logs: 40 MB free of 64 MB at /var/log"}, found)
}

func TestDiskHealth(t *testing.T) {
	f := findingOf(t, with(machine(), map[string]string{"sys/fs/ext4/mmcblk0p2/errors_count": "3"}), nil, "disk errors")
	assert.Equal(t, Warn, f.Verdict)
	assert.Equal(t, "ext4 has counted errors: 3 on mmcblk0p2", f.Found)
	const life = "sys/block/mmcblk0/device/life_time"
	for text, want := range map[string]Verdict{"0x08 0x01": Pass, "0x01 0x09": Warn, "0x0b 0x0b": Warn} {
		f := findingOf(t, with(machine(), map[string]string{life: text}), nil, "disk wear")
		assert.Equal(t, want, f.Verdict, text)
	}
	for _, nothing := range []string{"0x00 0x00", "nonsense", ""} {
		r := lookedAt(t, with(machine(), map[string]string{life: nothing}), nil)
		assert.NotContains(t, verdicts(&r), "disk wear", nothing)
	}
}

func TestReleasedLines(t *testing.T) {
	const parameter = "sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs"
	f := findingOf(t, with(machine(), map[string]string{parameter: "Y"}), nil, "released lines")
	assert.Equal(t, Warn, f.Verdict)
	assert.Equal(t, "add the line dtparam=strict_gpiod to /boot/firmware/config.txt and reboot", f.Advice)
	f = findingOf(t, with(machine(), map[string]string{parameter: "Y", "boot/firmware/config.txt": "[all]\ndtparam=strict_gpiod # for the table\n"}), nil, "released lines")
	assert.Contains(t, f.Advice, "reboot; if it stays, look above it for a [section]")
	f = findingOf(t, with(machine(), map[string]string{parameter: "", "sys/module/pinctrl_rp1/parameters/persist_gpio_outputs": "N"}), nil, "released lines")
	assert.Equal(t, Pass, f.Verdict, "a Raspberry Pi 5")
	assert.Equal(t, Warn, findingOf(t, with(machine(), map[string]string{parameter: ""}), nil, "released lines").Verdict, "an older kernel")
	r := lookedAt(t, with(machine(), map[string]string{parameter: "", "proc/device-tree/model": ""}), nil)
	assert.NotContains(t, verdicts(&r), "released lines", "no Raspberry Pi")
}

func TestSPI(t *testing.T) {
	none := map[string]string{"dev/spidev0.0": ""}
	f := findingOf(t, with(machine(), none), nil, "spi")
	assert.Equal(t, Fail, f.Verdict)
	assert.Contains(t, f.Advice, "dtparam=spi=on is in /boot/firmware/config.txt: reboot")
	none["boot/firmware/config.txt"] = "#dtparam=spi=on\n"
	assert.Equal(t, "add the line dtparam=spi=on to /boot/firmware/config.txt and reboot", findingOf(t, with(machine(), none), nil, "spi").Advice)
	none["boot/firmware/config.txt"], none["boot/config.txt"] = "", "dtparam=i2c_arm=on"
	assert.Equal(t, "add the line dtparam=spi=on to /boot/config.txt and reboot", findingOf(t, with(machine(), none), nil, "spi").Advice)
	none["boot/config.txt"] = ""
	assert.Contains(t, findingOf(t, with(machine(), none), nil, "spi").Advice, "device tree")

	none["usr/lib/modprobe.d/traction-spi.conf"] = "blacklist spi_bcm2835\n"
	assert.Equal(t, "touch /etc/modprobe.d/traction-spi.conf and reboot", findingOf(t, with(machine(), none), nil, "spi").Advice, "the ready image")
	none["etc/modprobe.d/traction-spi.conf"] = "# on\n"
	assert.Contains(t, findingOf(t, with(machine(), none), nil, "spi").Advice, "device tree")

	f = findingOf(t, machine(), func(s *settings.Settings) { s.Cell.SPIPort = "SPI1.0" }, "spi")
	assert.Equal(t, Fail, f.Verdict)
	assert.Equal(t, "there is no /dev/spidev1.0; there are /dev/spidev0.0", f.Found)
	assert.Equal(t, Pass, findingOf(t, machine(), func(s *settings.Settings) { s.Cell.SPIPort = "/dev/spidev0.0" }, "spi").Verdict)
	r := lookedAt(t, with(machine(), none), func(s *settings.Settings) { s.Cell.Interface = settings.GPIO })
	assert.NotContains(t, verdicts(&r), "spi")
}

func TestOneWire(t *testing.T) {
	const bus = "sys/bus/w1/devices"
	without := machine()
	root := fstest.MapFS{}
	for path, f := range without.Root.(fstest.MapFS) {
		if filepath.Dir(path) != bus {
			root[path] = f
		}
	}
	without.Root = root
	f := findingOf(t, without, nil, "one-wire")
	assert.Equal(t, Fail, f.Verdict)
	assert.Equal(t, "add the line dtoverlay=w1-gpio to /boot/firmware/config.txt and reboot", f.Advice)
	root[bus+"/w1_bus_master1"] = &fstest.MapFile{Mode: fs.ModeDir}
	assert.Contains(t, findingOf(t, without, nil, "one-wire").Found, "no thermometer answers")

	two := with(machine(), map[string]string{bus + "/28-0000000000ff/temperature": "21000"})
	assert.Equal(t, "name one in pad.sensor", findingOf(t, two, nil, "one-wire").Advice)
	assert.Equal(t, Pass, findingOf(t, two, func(s *settings.Settings) { s.Pad.Sensor = "28-0000000000ff" }, "one-wire").Verdict)
	f = findingOf(t, two, func(s *settings.Settings) { s.Pad.Sensor = "28-0000000000aa" }, "one-wire")
	assert.Contains(t, f.Found, `pad.sensor = "28-0000000000aa" does not answer`)
	r := lookedAt(t, without, func(s *settings.Settings) { s.Pad.Present = false })
	assert.NotContains(t, verdicts(&r), "one-wire")
}

func TestThisMachineAnswers(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has what a check asks for")
	}
	m := ThisMachine()
	assert.Contains(t, m.Kernel, "Linux ")
	s, err := m.Space(t.TempDir())
	require.NoError(t, err)
	assert.False(t, s.ReadOnly)
	assert.Positive(t, s.Size)
	assert.LessOrEqual(t, s.Free, s.Size)
	_, err = m.Space("/nowhere/at/all")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	folder, _, err := m.above("/nowhere/at/all")
	require.NoError(t, err)
	assert.Equal(t, "/", folder)
	_, err = m.Synchronised()
	assert.NoError(t, err)
	assert.NotEmpty(t, m.text("proc/version"))
	assert.True(t, m.exists("proc/self"))
}
