// Package settings reads the one file that says how this table is built and where
// its software lives.
//
// The file is strict: units stand in the values, unknown keys are refused, and
// everything that is wrong is reported at once with line, key, value and allowed
// range. What describes the machine itself has no default: nobody else's speeds
// and directions are safe on this table.
package settings

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/quantity/document"
	"traction/hw/stepper"
	"traction/mqtt"
	"traction/mqtt/homeassistant"
)

// Path is where the file is unless told otherwise.
const Path = "/etc/traction/traction.toml"

// Settings is all of the file.
type Settings struct {
	Table   Table
	Cell    Cell
	Motor   stepper.Config // Delay is left nil
	Pins    Pins
	Pad     Pad
	Control Control
	// MQTT has an empty Broker when the gateway shall not connect to any.
	MQTT   mqtt.Config
	Record Record
}

// Table is what the table was commissioned for.
type Table struct {
	// ID is its level in MQTT topics and its mark in the calibration file.
	ID string
	// Name for people.
	Name   string
	Limits control.TableLimits
}

// Interface is how the load cell's converter is wired.
type Interface string

// The two wirings.
const (
	GPIO Interface = "gpio" // two ordinary lines
	SPI  Interface = "spi"  // MOSI drives PD_SCK, MISO reads DOUT
)

// Cell is the load cell and its converter.
type Cell struct {
	Interface Interface
	// SPIPort such as "SPI0.0"; used with SPI.
	SPIPort string
	// Rate that the RATE strap selects; 80 Hz.
	Rate physic.Frequency
	// Capacity of the cell; 100 N to 5 kN.
	Capacity physic.Force
}

// Pins are the names of lines: the kernel's line name ("GPIO17"), or chip and
// offset ("gpiochip0:17"). Empty means not wired; see Lines.
type Pins struct {
	CellClock, CellData, CellData2, Step, Dir, Enable, Heat,
	LampAlarm, LampCaution, Buzzer, ChargePump,
	PatientSwitch, EmergencyStop, StartButton, EndSlack, EndPull, DriveFault, SupplyLow string
}

// Pad is the heat pad.
type Pad struct {
	Present bool
	// Sensor is the one-wire thermometer, such as "28-0316a2795b4c"; empty = the only one.
	Sensor string
	// HeatTime is the longest time of heat in one go.
	HeatTime time.Duration
}

// Control is the control process.
type Control struct {
	CPU      int // -1 = any
	Priority int // under SCHED_FIFO, 1 to 98
	// AllowNoRealtime goes on without real-time priority. For trying out only.
	AllowNoRealtime bool
	OperatorSocket  string
	GatewaySocket   string
	// Calibration is the path of the calibration file.
	Calibration string
	// Programmes is the folder of the user's own programmes.
	Programmes string
	// Remote is what users of the network may do.
	Remote control.Permission
	// RequestKeyFile holds the key that remote select and start must be signed with;
	// empty = none is asked for.
	RequestKeyFile string
	// GatewayLost is what becomes of a treatment that was started over the network
	// once nothing is heard of the gateway.
	GatewayLost control.GatewayPolicy
	// ProofOfRelease is how long a proof of release lasts; 0 = none is asked for.
	ProofOfRelease time.Duration
}

// Record is the store of treatments.
type Record struct {
	Path string
	// KeepDays is how many days a session is kept; 1 to 36500.
	KeepDays int
	// KeepMegabytes is how many megabytes (10^6 bytes) the record may hold; 50 to 1000000.
	KeepMegabytes int
}

// Default is what a key has that the file leaves out. The keys that describe the
// machine must be in the file all the same; their values here are those of the
// shipped file, for the winch table of the simulation.
func Default() Settings {
	return Settings{
		Table: Table{ID: "table-1", Name: "Traction table", Limits: control.TableLimits{
			Force: 500 * physic.Newton, Rise: 50 * control.NewtonPerSecond,
			PullSpeed: 20 * control.MilliMetrePerSecond, ReleaseSpeed: 60 * control.MilliMetrePerSecond,
			Travel: 300 * physic.MilliMetre, BackDrivable: true,
		}},
		Cell: Cell{Interface: GPIO, SPIPort: "SPI0.0", Rate: 80 * physic.Hertz, Capacity: 1000 * physic.Newton},
		Motor: stepper.Config{
			StepsPerMM: 64, MaxSpeed: 80 * control.MilliMetrePerSecond, StartStopSpeed: 30 * control.MilliMetrePerSecond,
			Acceleration: 1000, DirSetup: 5 * time.Microsecond, PulseWidth: 3 * time.Microsecond, EnableSettle: 100 * time.Millisecond,
		},
		Pins: Pins{
			CellClock: "GPIO21", CellData: "GPIO20", Step: "GPIO17", Dir: "GPIO27", Enable: "GPIO22",
			LampAlarm: "GPIO24", LampCaution: "GPIO25", Buzzer: "GPIO18", ChargePump: "GPIO26",
			PatientSwitch: "GPIO5", EmergencyStop: "GPIO6", StartButton: "GPIO13", EndSlack: "GPIO19", EndPull: "GPIO16", DriveFault: "GPIO12",
		},
		Pad: Pad{HeatTime: 20 * time.Minute},
		Control: Control{
			CPU: -1, Priority: 80, Remote: control.StopOnly, ProofOfRelease: 16 * time.Hour,
			OperatorSocket: "/run/traction/operator/control.sock", GatewaySocket: "/run/traction/gateway/control.sock",
			Calibration: "/var/lib/traction/calibration.toml", Programmes: "/etc/traction/programmes",
		},
		MQTT: mqtt.Config{Broker: "tcp://127.0.0.1:1883", TableID: "table-1", HomeAssistant: homeassistant.Options{
			Prefix: homeassistant.DefaultPrefix, ForceUnit: homeassistant.Newton, Name: "Traction table"}},
		Record: Record{Path: "/var/lib/traction-gateway/record.sqlite", KeepDays: 3650, KeepMegabytes: 4000},
	}
}

// Load reads the file. The error joins all that is wrong in it, each a
// *document.Problem. Files that the MQTT section names are not looked at, since
// the control process may not read them.
func Load(path string) (Settings, error) { return load(path, false) }

// LoadGateway is Load for the gateway: it checks the MQTT section to the end, with
// the password and certificate files that it names.
func LoadGateway(path string) (Settings, error) { return load(path, true) }

func load(path string, gateway bool) (Settings, error) {
	d, err := document.Read(path)
	if err != nil {
		return Settings{}, fmt.Errorf("settings: %w", err)
	}
	s := bind(d)
	s.check(d)
	if gateway && s.MQTT.Broker != "" {
		d.Explain(s.MQTT.Validate())
	}
	if err := errors.Join(whole(path), d.Err()); err != nil {
		return Settings{}, fmt.Errorf("settings: %w", err)
	}
	return s, nil
}
