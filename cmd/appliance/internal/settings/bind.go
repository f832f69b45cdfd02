package settings

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/quantity"
	"traction/control/quantity/document"
)

// machine lists the keys that describe the machine and so have no default. A file of
// which the end is missing, at the end of a line, lacks one of them, or has lost only
// what the rest does not need to be safe.
var machine = []string{
	"table.id", "table.force", "table.pull_speed", "table.release_speed", "table.travel", "table.back_drivable",
	"cell.capacity", "motor.steps_per_mm", "motor.max_speed", "motor.start_stop_speed", "motor.acceleration", "motor.reverse",
}

// bind reads every key, each with its range.
func bind(d *document.Document) Settings {
	s := Default()
	bindTable(d, &s.Table)
	bindCell(d, &s.Cell)
	bindMotor(d, &s)
	for _, p := range s.Pins.named() {
		d.String("pins."+p.key, p.line, lineName)
		d.Require("pins." + p.key)
	}
	d.Bool("pad.present", &s.Pad.Present)
	d.String("pad.sensor", &s.Pad.Sensor, sensorName)
	document.Within(d, "pad.heat_time", &s.Pad.HeatTime, time.Minute, control.CeilingDuration)
	bindControl(d, &s.Control)
	bindMQTT(d, &s)
	d.String("record.path", &s.Record.Path, absolute)
	d.Int("record.keep_days", &s.Record.KeepDays, 1, 36_500)
	d.Int("record.keep_megabytes", &s.Record.KeepMegabytes, 50, 1_000_000)
	d.Require(machine...)
	return s
}

func bindTable(d *document.Document, t *Table) {
	const mm = physic.MilliMetre
	d.String("table.id", &t.ID, matches(tableID, "1 to 40 letters, digits, - and _"))
	d.String("table.name", &t.Name, text("1 to 80 printable characters"))
	document.Within(d, "table.force", &t.Limits.Force, 50*physic.Newton, control.CeilingForce)
	document.Within(d, "table.rise", &t.Limits.Rise, control.MinRamp, control.CeilingRise)
	document.Within(d, "table.pull_speed", &t.Limits.PullSpeed, control.MilliMetrePerSecond, control.CeilingSpeed)
	document.Within(d, "table.release_speed", &t.Limits.ReleaseSpeed, control.MilliMetrePerSecond, fastest)
	document.Within(d, "table.travel", &t.Limits.Travel, 10*mm, control.CeilingTravel)
	d.Bool("table.back_drivable", &t.Limits.BackDrivable)
}

func bindCell(d *document.Document, c *Cell) {
	d.Text("cell.interface", &c.Interface)
	d.String("cell.spi_port", &c.SPIPort, text("a port's name, such as SPI0.0"))
	document.Within(d, "cell.rate", &c.Rate, 10*physic.Hertz, 80*physic.Hertz)
	document.Within(d, "cell.capacity", &c.Capacity, 100*physic.Newton, 5*physic.KiloNewton)
}

// fastest rope speed that a motor section can name, in either direction: the
// stepper driver's own bound.
const fastest = physic.MetrePerSecond

func bindMotor(d *document.Document, s *Settings) {
	m := &s.Motor
	acceleration := quantity.Acceleration(m.Acceleration) * quantity.MilliMetrePerSecondSquared
	d.Float("motor.steps_per_mm", &m.StepsPerMM, 0.1, 10_000)
	document.Within(d, "motor.max_speed", &m.MaxSpeed, control.MilliMetrePerSecond, fastest)
	document.Within(d, "motor.start_stop_speed", &m.StartStopSpeed, control.MilliMetrePerSecond, fastest)
	document.Within(d, "motor.acceleration", &acceleration, quantity.MilliMetrePerSecondSquared, 100_000*quantity.MilliMetrePerSecondSquared)
	d.Bool("motor.reverse", &m.Reverse)
	document.Within(d, "motor.dir_setup", &m.DirSetup, 0, 100*time.Microsecond)
	document.Within(d, "motor.pulse_width", &m.PulseWidth, 0, 20*time.Microsecond)
	document.Within(d, "motor.enable_settle", &m.EnableSettle, 0, time.Second)
	m.Acceleration = float64(acceleration) / float64(quantity.MilliMetrePerSecondSquared)
}

func bindControl(d *document.Document, c *Control) {
	d.Int("control.cpu", &c.CPU, -1, 1023)
	d.Int("control.priority", &c.Priority, 1, 98) // 99 is for the kernel's own threads
	d.Bool("control.allow_no_realtime", &c.AllowNoRealtime)
	d.String("control.operator_socket", &c.OperatorSocket, socket)
	d.String("control.gateway_socket", &c.GatewaySocket, socket)
	d.String("control.calibration", &c.Calibration, absolute)
	d.String("control.programmes", &c.Programmes, absolute)
	d.Text("control.remote", &c.Remote)
	d.String("control.request_key_file", &c.RequestKeyFile, absoluteOrNone)
	d.Text("control.gateway_lost", &c.GatewayLost)
	document.Within(d, "control.proof_of_release", &c.ProofOfRelease, 0, 24*time.Hour)
}

// bindMQTT only reads; what is allowed is the client's business, see LoadGateway.
func bindMQTT(d *document.Document, s *Settings) {
	m := &s.MQTT
	m.TableID = s.Table.ID
	d.String("mqtt.broker", &m.Broker, nil)
	d.String("mqtt.client_id", &m.ClientID, nil)
	d.String("mqtt.username", &m.Username, nil)
	d.String("mqtt.password_file", &m.PasswordFile, nil)
	d.String("mqtt.ca_file", &m.CAFile, nil)
	d.String("mqtt.cert_file", &m.CertFile, nil)
	d.String("mqtt.key_file", &m.KeyFile, nil)
	d.Bool("mqtt.insecure_plain_auth", &m.InsecurePlainAuth)
	bindHomeAssistant(d, s)
}

// bindHomeAssistant only reads, too.
func bindHomeAssistant(d *document.Document, s *Settings) {
	h, enabled, name := &s.MQTT.HomeAssistant, true, ""
	d.Bool("homeassistant.enabled", &enabled)
	d.String("homeassistant.discovery_prefix", &h.Prefix, nil)
	d.Text("homeassistant.force_unit", &h.ForceUnit)
	d.String("homeassistant.name", &name, nil)
	d.String("homeassistant.suggested_area", &h.SuggestedArea, nil)
	d.String("homeassistant.configuration_url", &h.ConfigurationURL, nil)
	h.Disabled, h.Name = !enabled, cmp.Or(name, s.Table.Name)
}

var (
	tableID = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`)
	// Each start of either process compiles it. A count of 80 in it would copy all
	// letters of the world 80 times, which takes longer than the rest of the start.
	printable = regexp.MustCompile(`^[[:graph:]\pL\pN\pP ]+$`)
	line      = regexp.MustCompile(`^[[:graph:] ]{1,64}$`)
	probe     = regexp.MustCompile(`^28-[0-9a-f]{12}$`)
)

// matches is a check against a pattern.
func matches(re *regexp.Regexp, allowed string) func(string) error {
	return func(s string) error {
		if !re.MatchString(s) || strings.TrimSpace(s) != s {
			return errors.New("allowed: " + allowed)
		}
		return nil
	}
}

// text is a check for 1 to 80 printable characters.
func text(allowed string) func(string) error {
	return func(s string) error {
		if utf8.RuneCountInString(s) > 80 {
			return errors.New("allowed: " + allowed)
		}
		return matches(printable, allowed)(s)
	}
}

// lineName accepts a line or nothing; which pins may be without one is checked later.
func lineName(s string) error {
	if s == "" {
		return nil
	}
	return matches(line, `a line's name such as "GPIO17", or chip and offset such as "gpiochip0:17"`)(s)
}

// sensorName accepts a DS18B20 (family code 28) or nothing.
func sensorName(s string) error {
	if s == "" {
		return nil
	}
	return matches(probe, `a thermometer below /sys/bus/w1/devices, such as "28-0316a2795b4c", or "" for the only one`)(s)
}

// absolute refuses a path whose meaning depends on where a process was started.
func absolute(s string) error {
	if !filepath.IsAbs(s) || filepath.Clean(s) != s {
		return errors.New(`allowed: a path from the root, without . and .., such as "/var/lib/traction"`)
	}
	return nil
}

// absoluteOrNone accepts an empty value as well.
func absoluteOrNone(s string) error {
	if s == "" {
		return nil
	}
	return absolute(s)
}

// socket is a path that fits into a socket's address: 108 bytes with a final zero
// (unix(7)).
func socket(s string) error {
	if len(s) > 107 {
		return errors.New("allowed: at most 107 bytes")
	}
	return absolute(s)
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (i *Interface) UnmarshalText(b []byte) error {
	switch v := Interface(b); v {
	case GPIO, SPI:
		*i = v
		return nil
	}
	return fmt.Errorf("%q is unknown, allowed: %s, %s", b, GPIO, SPI)
}
