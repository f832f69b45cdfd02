package settings_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/cmd/appliance/internal/settings"
	"traction/control"
	"traction/control/quantity/document"
	"traction/hw"
	"traction/hw/simtable"
	"traction/hw/stepper"
	"traction/mqtt"
	"traction/mqtt/homeassistant"
)

const shipped = "../../../../systemd/traction.toml"

func ExampleLoad() {
	_, err := settings.Load("/nonexistent/traction.toml")
	fmt.Println(errors.Is(err, os.ErrNotExist))
	// Output: true
}

func text(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(shipped)
	require.NoError(t, err)
	return string(data)
}

// edited writes the shipped file with some lines replaced: "section.key" to the
// new value, "-" to leave the line out.
func edited(t *testing.T, changes map[string]string) string {
	t.Helper()
	section := ""
	var out []string
	done := map[string]bool{}
	for _, l := range strings.Split(text(t), "\n") {
		if strings.HasPrefix(l, "[") {
			section = strings.Trim(l, "[]")
		}
		key, _, found := strings.Cut(l, " = ")
		path := section + "." + key
		if value, change := changes[path]; found && change {
			done[path] = true
			if value == "-" {
				continue
			}
			l = key + " = " + value
		}
		out = append(out, l)
	}
	for path := range changes {
		require.True(t, done[path], "the shipped file has no %s", path)
	}
	file := filepath.Join(t.TempDir(), "traction.toml")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(out, "\n")), 0o600))
	return file
}

func TestShippedFileIsTheDefaults(t *testing.T) {
	got, err := settings.Load(shipped)
	require.NoError(t, err)
	assert.Equal(t, settings.Default(), got)
	got, err = settings.LoadGateway(shipped)
	require.NoError(t, err)
	assert.Equal(t, settings.Default(), got)
}

// Every key can be left out of the shipped file but those that describe the
// machine, so the shipped file shows every key there is, and each key is read.
func TestShippedFileDocumentsEveryKey(t *testing.T) {
	required := map[string]bool{"table.id": true, "table.force": true, "table.pull_speed": true, "table.release_speed": true,
		"table.travel": true, "table.back_drivable": true, "cell.capacity": true, "motor.steps_per_mm": true,
		"motor.max_speed": true, "motor.start_stop_speed": true, "motor.acceleration": true, "motor.reverse": true}
	// These are explained together with the key below them.
	shared := map[string]bool{"pins.cell_clock": true, "pins.step": true, "pins.dir": true, "pins.lamp_alarm": true, "pins.lamp_caution": true,
		"pins.buzzer": true, "pins.patient_switch": true, "pins.emergency_stop": true, "pins.start_button": true, "pins.end_slack": true,
		"control.operator_socket": true, "mqtt.username": true, "mqtt.ca_file": true, "mqtt.cert_file": true, "homeassistant.suggested_area": true}
	section, comment := "", ""
	keys := map[string]bool{}
	for i, l := range strings.Split(text(t), "\n") {
		key, _, found := strings.Cut(l, " = ")
		switch {
		case strings.HasPrefix(l, "#"):
			comment += l
			assert.LessOrEqual(t, len(l), 120, "line %d", i+1)
		case l == "":
			comment = ""
		case strings.HasPrefix(l, "["):
			section, comment = strings.Trim(l, "[]"), ""
		case found:
			key = section + "." + key
			assert.NotEmpty(t, comment, "line %d: %s has a comment", i+1, key)
			required[key] = required[key] || section == "pins"
			assert.Equal(t, required[key], strings.Contains(comment, "(machine)"), key)
			keys[key] = true
			if !shared[key] {
				comment = ""
			}
		}
	}
	for key := range keys {
		_, err := settings.Load(edited(t, map[string]string{key: "-"}))
		if required[key] {
			assert.ErrorContains(t, err, ": "+key+": is missing")
		} else {
			assert.NoError(t, err, key)
		}
	}
}

// Each value that is not the default must arrive, or a key is bound to the wrong field.
func TestEveryKeyArrives(t *testing.T) {
	got, err := settings.Load(edited(t, map[string]string{
		"table.id": `"other"`, "table.name": `"Züri 2"`, "table.force": `"90 lbf"`, "table.rise": `"3 kgf/s"`,
		"table.pull_speed": `"15 mm/s"`, "table.release_speed": `"2 in/s"`, "table.travel": `"10 in"`, "table.back_drivable": `false`,
		"cell.interface": `"spi"`, "cell.spi_port": `"SPI1.0"`, "cell.capacity": `"2 kN"`,
		"motor.steps_per_mm": `100`, "motor.max_speed": `"70 mm/s"`, "motor.start_stop_speed": `"25 mm/s"`, "motor.acceleration": `"0.5 m/s2"`,
		"motor.reverse": "true", "motor.dir_setup": `"6 us"`, "motor.pulse_width": `"4 us"`, "motor.enable_settle": `"0.2 s"`,
		"pins.cell_clock": `""`, "pins.cell_data": `""`, "pins.cell_data_2": `""`, "pins.step": `"A1"`, "pins.dir": `"A2"`, "pins.enable": `"A3"`, "pins.heat": `"A4"`,
		"pins.lamp_alarm": `"A5"`, "pins.lamp_caution": `"A6"`, "pins.buzzer": `""`, "pins.charge_pump": `"A7"`, "pins.patient_switch": `"A8"`,
		"pins.emergency_stop": `"A9"`, "pins.start_button": `"B1"`, "pins.end_slack": `"B2"`, "pins.end_pull": `"B3"`,
		"pins.drive_fault": `"gpiochip0:17"`, "pins.supply_low": `"B4"`,
		"pad.present": "true", "pad.sensor": `"28-0316a2795b4c"`, "pad.heat_time": `"15 min"`,
		"control.cpu": "3", "control.priority": "60", "control.allow_no_realtime": "true", "control.operator_socket": `"/run/a"`,
		"control.gateway_socket": `"/run/b"`, "control.calibration": `"/c"`, "control.programmes": `"/p"`, "control.remote": `"full"`,
		"control.gateway_lost": `"pause"`, "control.proof_of_release": `"0 s"`,
		"mqtt.broker": `"ssl://b:8883"`, "mqtt.client_id": `"c"`, "mqtt.username": `"u"`, "mqtt.password_file": `"/pw"`,
		"mqtt.ca_file": `"/ca"`, "mqtt.cert_file": `"/cert"`, "mqtt.key_file": `"/key"`, "mqtt.insecure_plain_auth": "true",
		"homeassistant.enabled": "false", "homeassistant.discovery_prefix": `"ha"`, "homeassistant.force_unit": `"lbf"`, "homeassistant.name": `"n"`,
		"homeassistant.suggested_area": `"a"`, "homeassistant.configuration_url": `"http://c"`,
		"record.path": `"/r"`, "record.keep_days": "30", "record.keep_megabytes": "100",
	}))
	require.NoError(t, err)
	const mms = control.MilliMetrePerSecond
	assert.Equal(t, settings.Settings{
		Table: settings.Table{ID: "other", Name: "Züri 2", Limits: control.TableLimits{Force: 400_339_945_373, Rise: 29_419_950_000,
			PullSpeed: 15 * mms, ReleaseSpeed: 50_800 * physic.MicroMetrePerSecond, Travel: 254 * physic.MilliMetre}},
		Cell: settings.Cell{Interface: settings.SPI, SPIPort: "SPI1.0", Rate: 80 * physic.Hertz, Capacity: 2000 * physic.Newton},
		Motor: stepper.Config{StepsPerMM: 100, MaxSpeed: 70 * mms, StartStopSpeed: 25 * mms, Acceleration: 500, Reverse: true,
			DirSetup: 6 * time.Microsecond, PulseWidth: 4 * time.Microsecond, EnableSettle: 200 * time.Millisecond},
		Pins: settings.Pins{Step: "A1", Dir: "A2", Enable: "A3", Heat: "A4", LampAlarm: "A5", LampCaution: "A6", ChargePump: "A7",
			PatientSwitch: "A8", EmergencyStop: "A9", StartButton: "B1", EndSlack: "B2", EndPull: "B3", DriveFault: "gpiochip0:17", SupplyLow: "B4"},
		Pad: settings.Pad{Present: true, Sensor: "28-0316a2795b4c", HeatTime: 15 * time.Minute},
		Control: settings.Control{CPU: 3, Priority: 60, AllowNoRealtime: true, OperatorSocket: "/run/a", GatewaySocket: "/run/b",
			Calibration: "/c", Programmes: "/p", Remote: control.FullRemote, GatewayLost: control.GatewayPause},
		MQTT: mqtt.Config{Broker: "ssl://b:8883", TableID: "other", ClientID: "c", Username: "u", PasswordFile: "/pw",
			CAFile: "/ca", CertFile: "/cert", KeyFile: "/key", InsecurePlainAuth: true, HomeAssistant: homeassistant.Options{Disabled: true, Prefix: "ha",
				ForceUnit: homeassistant.PoundForce, Name: "n", SuggestedArea: "a", ConfigurationURL: "http://c"}},
		Record: settings.Record{Path: "/r", KeepDays: 30, KeepMegabytes: 100},
	}, got)
}

func TestRefuses(t *testing.T) {
	for _, row := range []struct {
		changes map[string]string
		want    string
	}{
		{map[string]string{"table.id": `"a b"`}, `table.id = "a b": allowed: 1 to 40 letters`},
		{map[string]string{"table.force": `"901 N"`}, `table.force = "901 N": out of range, allowed: 50 N to 900 N`},
		{map[string]string{"table.force": `"450 N"`, "cell.capacity": `"400 N"`}, `table.force = "450 N": above cell.capacity 400 N`},
		{map[string]string{"table.rise": `"101 N/s"`}, `allowed: 1 N/s to 100 N/s`},
		{map[string]string{"table.pull_speed": `"31 mm/s"`}, `table.pull_speed = "31 mm/s": above motor.start_stop_speed 30 mm/s`},
		{map[string]string{"table.pull_speed": `"41 mm/s"`}, `allowed: 1 mm/s to 40 mm/s`},
		{map[string]string{"table.release_speed": `"19 mm/s"`, "table.travel": `"100 mm"`}, `below table.pull_speed 20 mm/s`},
		{map[string]string{"table.release_speed": `"81 mm/s"`}, `above motor.max_speed 80 mm/s`},
		{map[string]string{"table.release_speed": `"29 mm/s"`}, `letting go of the whole table.travel 300 mm takes 10.3s, allowed: at most 10s`},
		{map[string]string{"motor.steps_per_mm": `170`}, `10200 steps a second at motor.steps_per_mm = 170, allowed: at most 10000`},
		{map[string]string{"motor.steps_per_mm": `nan`}, `motor.steps_per_mm = NaN: out of range`},
		{map[string]string{"motor.start_stop_speed": `"90 mm/s"`}, `above motor.max_speed 80 mm/s`},
		{map[string]string{"motor.max_speed": `"500 mm/s"`}, `stepper: MaxSpeed of`},
		{map[string]string{"table.name": `"` + strings.Repeat("ü", 81) + `"`}, `allowed: 1 to 80 printable characters`},
		{map[string]string{"table.name": `""`}, `allowed: 1 to 80 printable characters`},
		{map[string]string{"cell.rate": `"10 Hz"`}, `cell.rate = "10 Hz": allowed: "80 Hz"`},
		{map[string]string{"cell.interface": `"i2c"`}, `allowed: gpio, spi`},
		{map[string]string{"cell.interface": `"spi"`}, `pins.cell_clock = "GPIO21": is not used with cell.interface = "spi"`},
		{map[string]string{"cell.interface": `"spi"`, "pins.cell_clock": `""`, "pins.cell_data": `""`, "pins.cell_data_2": `"GPIO4"`},
			`pins.cell_data_2 = "GPIO4": is not used with cell.interface = "spi", allowed: ""`},
		{map[string]string{"pins.cell_data_2": `"GPIO20"`}, `pins.cell_data_2 = "GPIO20": is pins.cell_data too`},
		{map[string]string{"pins.cell_data_2": `" GPIO4"`}, `a line's name such as "GPIO17"`},
		{map[string]string{"pins.supply_low": `"GPIO12"`}, `pins.supply_low = "GPIO12": is pins.drive_fault too`},
		{map[string]string{"pins.step": `""`}, `pins.step = "": is missing; the table cannot do without`},
		{map[string]string{"pins.dir": `"GPIO17"`}, `pins.dir = "GPIO17": is pins.step too`},
		{map[string]string{"pins.dir": `" GPIO17"`}, `a line's name such as "GPIO17"`},
		{map[string]string{"pad.present": "true"}, `pins.heat = "": is missing, but pad.present = true`},
		{map[string]string{"pins.heat": `"GPIO23"`}, `is a heater without a pad`},
		{map[string]string{"pad.sensor": `"28-../../x"`}, `a thermometer below /sys/bus/w1/devices`},
		{map[string]string{"pad.heat_time": `"61 min"`}, `allowed: 60 s to 60 min`},
		{map[string]string{"control.priority": "99"}, `allowed: 1 to 98`},
		{map[string]string{"control.gateway_socket": `"/run/traction/operator/control.sock"`}, `is control.operator_socket too`},
		{map[string]string{"control.gateway_socket": `"control.sock"`}, `a path from the root`},
		{map[string]string{"control.gateway_socket": `"/` + strings.Repeat("x", 107) + `"`}, `at most 107 bytes`},
		{map[string]string{"control.calibration": `"/a/../b"`}, `a path from the root`},
		{map[string]string{"control.gateway_lost": `"ignore"`}, `allowed: [release pause go-on]`},
		{map[string]string{"control.proof_of_release": `"25 h"`}, `allowed: 0 s to 1440 min`},
		{map[string]string{"table.release_speed": `"50 mm/s"`, "table.pull_speed": `"10 mm/s"`}, `lets go of in 5 s from the softest person`},
		{map[string]string{"control.remote": `"all"`}, `allowed: [monitor stop adjust full]`},
	} {
		_, err := settings.Load(edited(t, row.changes))
		require.Error(t, err, "%v", row.changes)
		assert.ErrorContains(t, err, row.want, "%v", row.changes)
		for _, l := range strings.Split(err.Error(), "\n") {
			assert.Regexp(t, regexp.MustCompile(`traction\.toml:\d+: `), l, "each with its line")
		}
	}
}

func TestReportsAllAtOnce(t *testing.T) {
	_, err := settings.Load(edited(t, map[string]string{"table.force": `"450"`, "table.pull_speed": `"35 mm/s"`,
		"motor.max_speed": `"50 mm/s"`, "pins.dir": `"GPIO17"`, "control.priority": `"high"`, "record.path": `"r"`, "table.travel": "-"}))
	require.Error(t, err)
	assert.Equal(t, 7, strings.Count(err.Error(), "\n")+1, err.Error())
	var p *document.Problem
	require.ErrorAs(t, err, &p)
}

// Only the gateway may read the password, so only it judges the MQTT section.
func TestMQTTIsJudgedByTheGateway(t *testing.T) {
	file := edited(t, map[string]string{"mqtt.broker": `"carrier-pigeon://b"`, "mqtt.password_file": `"/nonexistent"`})
	_, err := settings.Load(file)
	require.NoError(t, err)
	_, err = settings.LoadGateway(file)
	require.Error(t, err)
	assert.Regexp(t, regexp.MustCompile(`traction\.toml:\d+: mqtt\.broker = "carrier-pigeon://b": `), err.Error())
	assert.Regexp(t, regexp.MustCompile(`traction\.toml:\d+: mqtt\.password_file = "/nonexistent": `), err.Error())
	_, err = settings.LoadGateway(edited(t, map[string]string{"mqtt.broker": `""`}))
	assert.NoError(t, err, "no broker is a choice")
}

func TestHomeAssistantIsJudgedByTheGateway(t *testing.T) {
	file := edited(t, map[string]string{"homeassistant.discovery_prefix": `"a/#"`, "homeassistant.name": `" x"`,
		"homeassistant.suggested_area": `" x"`, "homeassistant.configuration_url": `"table.local"`})
	_, err := settings.LoadGateway(file)
	require.Error(t, err)
	for _, key := range []string{"discovery_prefix", "name", "suggested_area", "configuration_url"} {
		assert.Regexp(t, regexp.MustCompile(`traction\.toml:\d+: homeassistant\.`+key+` = ".*": .* is not allowed: `), err.Error())
	}
	_, err = settings.Load(edited(t, map[string]string{"homeassistant.force_unit": `"kg"`}))
	assert.ErrorContains(t, err, `allowed: N, lbf, kgf`)
	named, err := settings.LoadGateway(edited(t, map[string]string{"table.name": `"Room 2"`}))
	require.NoError(t, err)
	assert.Equal(t, "Room 2", named.MQTT.HomeAssistant.Name, "the table's own name")
	_, err = settings.Load(edited(t, map[string]string{"table.name": `"` + strings.Repeat("ü", 80) + `"`}))
	assert.NoError(t, err, "characters count, not bytes")
}

func TestConfigIsWhatTheControllerTakes(t *testing.T) {
	s := settings.Default()
	cal := control.Calibration{Zero: 5, PerNewton: 4000, Capacity: s.Cell.Capacity}
	cfg := s.Config(cal, 42)
	assert.Equal(t, control.Config{Table: s.Table.Limits, Calibration: cal, Tick: time.Millisecond, SampleRate: 80 * physic.Hertz,
		Remote: control.StopOnly, ProofOfRelease: 16 * time.Hour, HeatTime: 20 * time.Minute, FirstRev: 42}, cfg)
	_, err := control.New(cfg)
	assert.NoError(t, err)
}

// The names of lines are those of the table, field by field; the board's are
// converted, so the compiler compares them.
func TestPinsAreThoseOfTheTable(t *testing.T) {
	names := func(v any) (out []string) {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			out = append(out, f.Name)
		}
		return out
	}
	assert.Equal(t, names(hw.Pins{}), names(settings.Pins{}))
}

func TestLinesAreWhatTheBoardOpens(t *testing.T) {
	s := settings.Default()
	lines := s.Lines()
	assert.Equal(t, "GPIO17", lines.Lines.Step)
	assert.Equal(t, "GPIO21", lines.Lines.CellClock)
	assert.Empty(t, lines.CellSPI)
	assert.Empty(t, lines.Lines.CellData2+lines.Lines.SupplyLow, "neither is wired unless the file says so")
	s, err := settings.Load(edited(t, map[string]string{"pins.cell_data_2": `"GPIO4"`, "pins.supply_low": `"GPIO23"`}))
	require.NoError(t, err)
	lines = s.Lines()
	assert.Equal(t, "GPIO4", lines.Lines.CellData2)
	assert.Equal(t, "GPIO23", lines.Lines.SupplyLow)
	s, err = settings.Load(edited(t, map[string]string{"cell.interface": `"spi"`, "pins.cell_clock": `""`, "pins.cell_data": `""`}))
	require.NoError(t, err)
	lines = s.Lines()
	assert.Equal(t, "SPI0.0", lines.CellSPI)
	assert.Empty(t, lines.Lines.CellClock)
}

// A table can be opened with the shipped settings, with a pad and without.
func TestHardwareOpens(t *testing.T) {
	winch, err := simtable.TableByName("winch")
	require.NoError(t, err)
	median, err := simtable.PatientByName("median")
	require.NoError(t, err)
	open := func(s settings.Settings) error {
		clock := simtable.NewVirtualClock()
		sim, err := simtable.New(winch, median, clock, 1)
		require.NoError(t, err)
		pins := hw.Pins(sim.Pins())
		if !s.Pad.Present {
			pins.Heat = nil
		}
		table, err := hw.Open(s.Hardware(pins, nil, clock.Now, clock.Spend))
		if err == nil {
			assert.Equal(t, s.Pad.Present, table.Pad() != nil)
		}
		return err
	}
	s := settings.Default()
	require.NoError(t, open(s))
	s.Pad.Present, s.Pad.Sensor = true, "28-0316a2795b4c"
	require.NoError(t, open(s))
	s.Pad.Sensor = "*"
	assert.ErrorContains(t, open(s), "no heating without a thermometer")
}

func FuzzLoad(f *testing.F) {
	data, err := os.ReadFile(shipped)
	require.NoError(f, err)
	f.Add(string(data))
	path := filepath.Join(f.TempDir(), "fuzz.toml")
	f.Fuzz(func(t *testing.T, text string) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		s, err := settings.Load(path)
		if err != nil {
			return
		}
		if _, err := control.New(s.Config(control.Calibration{}, 1)); err != nil {
			t.Fatalf("accepted, but the controller refuses it: %v", err)
		}
	})
}
