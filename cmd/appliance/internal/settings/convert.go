package settings

import (
	"time"

	"periph.io/x/conn/v3/spi"

	"traction/control"
	"traction/hw"
	"traction/hw/board"
	"traction/hw/heatpad"
	"traction/hw/hx711"
)

// Tick is the period of the control loop.
const Tick = time.Millisecond

// Config is what the controller is made of. cal may be invalid: then nothing can
// be armed. firstRev is random at each boot.
func (s Settings) Config(cal control.Calibration, firstRev uint64) control.Config {
	return control.Config{
		Table:       s.Table.Limits,
		Calibration: cal,
		Tick:        Tick,
		SampleRate:  s.Cell.Rate,
		Remote:      s.Control.Remote,
		Signed:      s.Control.RequestKeyFile != "",
		GatewayLost: s.Control.GatewayLost, ProofOfRelease: s.Control.ProofOfRelease,
		HeatTime: s.Pad.HeatTime,
		FirstRev: firstRev,
	}
}

// Lines is what the board opens.
func (s Settings) Lines() board.Config {
	c := board.Config{Lines: board.Lines(s.Pins)}
	if s.Cell.Interface == SPI {
		c.CellSPI = s.Cell.SPIPort
	}
	return c
}

// Hardware is the table on opened pins; port is nil with a cell on two lines.
func (s Settings) Hardware(pins hw.Pins, port spi.Port, clock func() time.Duration, delay func(time.Duration)) hw.Config {
	c := hw.Config{Pins: pins, CellSPI: port, Cell: hx711.Opts{Rate: s.Cell.Rate}, Motor: s.Motor, Clock: clock, Delay: delay}
	if s.Pad.Present {
		// The name was checked by Load. Should it fail all the same, hw refuses to
		// heat without a thermometer.
		c.PadSource, _ = heatpad.KernelProbe(s.Pad.Sensor)
	}
	return c
}

// pin is one of the Pins with its key in the file.
type pin struct {
	key      string
	line     *string
	optional bool
	cell     bool
}

// named lists the pins with their keys, in the order of the struct.
func (p *Pins) named() []pin {
	return []pin{
		{key: "cell_clock", line: &p.CellClock, cell: true},
		{key: "cell_data", line: &p.CellData, cell: true},
		{key: "cell_data_2", line: &p.CellData2, cell: true, optional: true},
		{key: "step", line: &p.Step},
		{key: "dir", line: &p.Dir},
		{key: "enable", line: &p.Enable},
		{key: "heat", line: &p.Heat, optional: true},
		{key: "lamp_alarm", line: &p.LampAlarm, optional: true},
		{key: "lamp_caution", line: &p.LampCaution, optional: true},
		{key: "buzzer", line: &p.Buzzer, optional: true},
		{key: "charge_pump", line: &p.ChargePump, optional: true},
		{key: "patient_switch", line: &p.PatientSwitch},
		{key: "emergency_stop", line: &p.EmergencyStop},
		{key: "start_button", line: &p.StartButton},
		{key: "end_slack", line: &p.EndSlack},
		{key: "end_pull", line: &p.EndPull},
		{key: "drive_fault", line: &p.DriveFault, optional: true},
		{key: "supply_low", line: &p.SupplyLow, optional: true},
	}
}
