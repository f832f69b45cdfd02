package commission

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"traction/cmd/appliance/internal/settings"
)

// Bits of what a Raspberry Pi's firmware says about its supply and temperature
// (Raspberry Pi documentation, vcgencmd get_throttled). The same 16 bits further
// up: it has happened since the start.
const (
	underVoltage = 1 << iota
	frequencyCapped
	throttled
	softTemperature
)

var throttling = []struct {
	bit  uint64
	name string
}{{underVoltage, "under-voltage"}, {frequencyCapped, "frequency capped"}, {throttled, "throttled"}, {softTemperature, "too warm"}}

// firmwareWord is where the firmware's word is; kernels differ.
var firmwareWord = []string{"sys/devices/platform/soc/soc:firmware/get_throttled", "sys/devices/platform/soc*/*firmware/get_throttled"}

// power judges the computer's supply. A computer that cannot tell has no finding.
func (m *Machine) power(r *Report) {
	const advice = "use the supply that is made for this Raspberry Pi, with a short cable, and feed nothing else from it; cool it"
	for _, pattern := range firmwareWord {
		for _, path := range m.find(pattern) {
			word, err := strconv.ParseUint(strings.TrimPrefix(m.text(path), "0x"), 16, 64)
			if err != nil {
				continue
			}
			now, before := named(word), named(word>>16)
			switch {
			case word&(underVoltage|throttled) != 0:
				r.add("power", Fail, advice, "now: %s; since the start: %s", now, before)
			case word != 0:
				r.add("power", Warn, advice, "now: %s; since the start: %s", now, before)
			default:
				r.add("power", Pass, "", "no under-voltage and no throttling since the start")
			}
			return
		}
	}
	for _, path := range m.find("sys/class/hwmon/hwmon*/name") {
		if m.text(path) != "rpi_volt" {
			continue
		}
		if m.text(filepath.Dir(path)+"/in0_lcrit_alarm") == "1" {
			r.add("power", Fail, advice, "under-voltage, now or since the alarm was last read")
			return
		}
		r.add("power", Pass, "", "no under-voltage")
		return
	}
}

func named(word uint64) string {
	var names []string
	for _, t := range throttling {
		if word&t.bit != 0 {
			names = append(names, t.name)
		}
	}
	return orNone(strings.Join(names, ", "))
}

// bootFiles are where the firmware's settings are, by age of the system.
var bootFiles = []string{"boot/firmware/config.txt", "boot/config.txt"}

// bootFile is the firmware's settings: its path, and its lines without comments.
// The path is "" on a computer that has none.
func (m *Machine) bootFile() (path string, lines []string) {
	for _, p := range bootFiles {
		b, err := fs.ReadFile(m.Root, p)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			line, _, _ = strings.Cut(line, "#")
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
		return "/" + p, lines
	}
	return "", nil
}

// switchOn is the advice to add a line to the firmware's settings.
func (m *Machine) switchOn(line string) string {
	path, lines := m.bootFile()
	if path == "" {
		return "enable it in this computer's device tree; on a Raspberry Pi: " + line + " in /boot/firmware/config.txt"
	}
	for _, l := range lines {
		if l == line {
			return fmt.Sprintf("%s is in %s: reboot; if it stays, look above it for a [section] of another model", line, path)
		}
	}
	return fmt.Sprintf("add the line %s to %s and reboot", line, path)
}

// persist is the parameter of the Raspberry Pi's pin drivers, pinctrl_bcm2835 and
// pinctrl_rp1, that dtparam=strict_gpiod sets to N.
const persist = "persist_gpio_outputs"

// released judges what becomes of an output whose program has died: the kernels of
// Raspberry Pi OS keep its level, unless they are told not to.
func (m *Machine) released(r *Report) {
	found := m.find("sys/module/pinctrl_*/parameters/" + persist)
	keep := slices.ContainsFunc(found, func(path string) bool { return m.text(path) == "Y" })
	switch {
	case keep:
		r.add("released lines", Warn, m.switchOn("dtparam=strict_gpiod"),
			"keep their level when a program dies (%s = Y): the motor stays enabled until the service manager has set it low", persist)
	case len(found) > 0:
		r.add("released lines", Pass, "", "become inputs when a program dies (%s = N)", persist)
	case strings.HasPrefix(m.text("proc/device-tree/model"), "Raspberry Pi"):
		r.add("released lines", Warn, m.switchOn("dtparam=strict_gpiod"), "this kernel does not tell whether they keep their level when a program dies")
	}
}

// imageSPI keeps the port's driver away on the ready image (modprobe.d(5)).
const imageSPI = "traction-spi.conf"

// spi judges the port of a load cell on SPI.
func (m *Machine) spi(r *Report, c *settings.Cell) {
	if c.Interface != settings.SPI {
		return
	}
	ports := m.find("dev/spidev*")
	if len(ports) == 0 {
		advice := m.switchOn("dtparam=spi=on")
		if m.exists("usr/lib/modprobe.d/"+imageSPI) && !m.exists("etc/modprobe.d/"+imageSPI) {
			advice = "touch /etc/modprobe.d/" + imageSPI + " and reboot" // whatever is there keeps the image's from being read
		}
		r.add("spi", Fail, advice, "there is no /dev/spidev*: SPI is not enabled, and cell.interface = \"spi\" needs it")
		return
	}
	device := "dev/" + strings.Replace(filepath.Base(c.SPIPort), "SPI", "spidev", 1)
	if !m.exists(device) {
		r.add("spi", Fail, "name one of them in cell.spi_port", "there is no /%s; there are /%s", device, strings.Join(ports, ", /"))
		return
	}
	r.add("spi", Pass, "", "/%s", device)
}

// oneWire judges the bus of the pad's thermometer.
func (m *Machine) oneWire(r *Report, p *settings.Pad) {
	if !p.Present {
		return
	}
	if !m.exists("sys/bus/w1/devices") {
		r.add("one-wire", Fail, m.switchOn("dtoverlay=w1-gpio"), "there is no one-wire bus, and pad.present = true needs a thermometer on it")
		return
	}
	var names []string
	for _, path := range m.find("sys/bus/w1/devices/28-*") {
		names = append(names, filepath.Base(path))
	}
	const wires = "check plug, cable and the 4.7 kOhm resistor to 3.3 V"
	switch found := strings.Join(names, ", "); {
	case len(names) == 0:
		r.add("one-wire", Fail, wires, "the bus is there and no thermometer answers")
	case p.Sensor != "" && !m.exists("sys/bus/w1/devices/"+p.Sensor):
		r.add("one-wire", Fail, wires+", or correct pad.sensor", "pad.sensor = %q does not answer; there are %s", p.Sensor, found)
	case p.Sensor == "" && len(names) > 1:
		r.add("one-wire", Fail, "name one in pad.sensor", "%d thermometers: %s", len(names), found)
	default:
		r.add("one-wire", Pass, "", "%s", found)
	}
}
