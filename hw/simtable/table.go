package simtable

import (
	"errors"
	"fmt"
)

// Table describes a traction table as it really is, which is not always what its controller believes. The built-in
// tables say where each figure comes from. Every key carries its unit in its name.
type Table struct {
	Name        string `toml:"name"`        // short, one word
	Description string `toml:"description"` // what kind of table this is
	Source      string `toml:"source"`      // where the figures come from

	// PinCostUS is the time that an operation on any pin but the cell clock takes, 0 to 1000 us.
	PinCostUS float64 `toml:"pin_cost_us"`

	Cell  Cell  `toml:"cell"`
	Cell2 Cell  `toml:"cell2"` // a second cell on the same rope; capacity_n = 0 is none
	Drive Drive `toml:"drive"`
	Rope  Rope  `toml:"rope"`
	Pad   Pad   `toml:"pad"`
}

// Cell describes a load cell and the HX711 that reads it. The four keys of the clock line (clock_cost_us and stretch_*)
// stand in [cell] only, since a second converter hangs on the same line.
type Cell struct {
	CapacityN          float64 `toml:"capacity_n"`           // force at the rated sensitivity, 10 to 20000 N
	SensitivityMVPerV  float64 `toml:"sensitivity_mv_per_v"` // -10 to 10 mV/V, not 0; negative when the bridge is wired the other way round
	SupplyV            float64 `toml:"supply_v"`             // excitation and AVDD, 2.6 to 5.5 V
	ZeroMVPerV         float64 `toml:"zero_mv_per_v"`        // output of the unloaded bridge, -2 to 2 mV/V
	ZeroDriftNPerMin   float64 `toml:"zero_drift_n_per_min"` // steady drift of zero, -10 to 10 N/min
	ZeroDriftNPerC     float64 `toml:"zero_drift_n_per_c"`   // drift of zero as the cell warms, -10 to 10 N/C
	WarmUpC            float64 `toml:"warm_up_c"`            // how much the cell warms after power-on, 0 to 30 C, time constant 10 min
	NonlinearityShare  float64 `toml:"nonlinearity_share"`   // bow at half of capacity as a share of capacity, -0.01 to 0.01
	RatePerS           float64 `toml:"rate_per_s"`           // the RATE strap: 10 or 80 conversions/s
	TrueRateFactor     float64 `toml:"true_rate_factor"`     // the chip's own oscillator against its nominal rate, 0.8 to 1.2
	FilterConversions  int     `toml:"filter_conversions"`   // conversions that the chip's filter averages, 1 to 4
	ClockCostUS        float64 `toml:"clock_cost_us"`        // time that one operation on PD_SCK takes, 0 to 1000 us
	StretchProbability float64 `toml:"stretch_probability"`  // how often a clock pulse is stretched by preemption, 0 to 1
	StretchMinUS       float64 `toml:"stretch_min_us"`       // shortest stretch, 0 to 100000 us
	StretchMaxUS       float64 `toml:"stretch_max_us"`       // longest stretch, stretch_min_us to 100000 us
}

// Drive describes motor, motor driver, gearing and end switches. Positions are rope travel in millimetres, rising
// towards force.
type Drive struct {
	StepsPerMM         float64 `toml:"steps_per_mm"`           // microsteps to the millimetre of rope, 1 to 10000
	Microsteps         float64 `toml:"microsteps"`             // microsteps to the full step, 1 to 256
	StartSpeedMMPerS   float64 `toml:"start_speed_mm_per_s"`   // the motor follows up to here without a ramp, 0.1 to 500 mm/s
	MaxSpeedMMPerS     float64 `toml:"max_speed_mm_per_s"`     // start_speed_mm_per_s to 1000 mm/s
	AccelerationMMPerS float64 `toml:"acceleration_mm_per_s2"` // what the motor can follow above the start speed, 1 to 100000 mm/s2
	StallForceN        float64 `toml:"stall_force_n"`          // rope force that the motor cannot wind against, 10 to 20000 N
	BackDrivable       bool    `toml:"back_drivable"`          // without power the rope runs out under tension
	BackDriveNSPerMM   float64 `toml:"back_drive_n_s_per_mm"`  // damping of that, 0.01 to 100 N s/mm
	BackDriveFrictionN float64 `toml:"back_drive_friction_n"`  // rope force below which it stops, 0 to 200 N
	BacklashMM         float64 `toml:"backlash_mm"`            // motion lost on each reversal, 0 to 20 mm
	StepHighUS         float64 `toml:"step_high_us"`           // shortest STEP high time, 0 to 100 us
	StepLowUS          float64 `toml:"step_low_us"`            // shortest STEP low time, 0 to 100 us
	DirSetUpUS         float64 `toml:"dir_set_up_us"`          // DIR is still before STEP rises, 0 to 100 us
	EndSlackMM         float64 `toml:"end_slack_mm"`           // the slack end switch opens at and below, -1000 to 1000 mm
	EndPullMM          float64 `toml:"end_pull_mm"`            // the pull end switch opens at and above, end_slack_mm + 10 to 3000 mm
	OvertravelMM       float64 `toml:"overtravel_mm"`          // from an end switch to the mechanical stop, 0 to 50 mm
	ParkMM             float64 `toml:"park_mm"`                // where the harness is put on; a patient's slack counts from here
	StartMM            float64 `toml:"start_mm"`               // where the drive stands at power-on
	ChargePump         bool    `toml:"charge_pump"`            // motor power only while the charge pump pin is toggled
	ChargePumpHoldMS   float64 `toml:"charge_pump_hold_ms"`    // how long one toggle lasts, 1 to 1000 ms
	SupplyMonitor      bool    `toml:"supply_monitor"`         // a contact that opens when the motor supply is low
}

// Rope describes what lies between drum and harness.
type Rope struct {
	StiffnessNPerMM float64 `toml:"stiffness_n_per_mm"` // 1 to 10000 N/mm
}

// Pad describes the heat pad, the person on it and its DS18B20.
type Pad struct {
	HeaterW           float64 `toml:"heater_w"`              // 0 to 500 W; 0 is a table without a pad
	CapacityJPerC     float64 `toml:"capacity_j_per_c"`      // 10 to 100000 J/C
	LossAmbientWPerC  float64 `toml:"loss_ambient_w_per_c"`  // pad to room, 0.01 to 100 W/C
	LossPersonWPerC   float64 `toml:"loss_person_w_per_c"`   // pad to skin, 0 to 100 W/C
	SkinCapacityJPerC float64 `toml:"skin_capacity_j_per_c"` // the warmed skin, 10 to 100000 J/C
	SkinBloodWPerC    float64 `toml:"skin_blood_w_per_c"`    // skin to the body at 36.5 C, 0.01 to 100 W/C
	AmbientC          float64 `toml:"ambient_c"`             // -20 to 60 C
	SensorLagS        float64 `toml:"sensor_lag_s"`          // time constant of the sensor, 0.1 to 300 s
	CutOutC           float64 `toml:"cut_out_c"`             // the wiring's own thermal switch, 30 to 100 C; 0 is none
}

// defaultTable holds what a table file may leave out: the pin timing of a Raspberry Pi 4 (a set takes about 1.15 us),
// the timing rules of a DM542 class motor driver and the usual preemptions of a busy computer.
func defaultTable() Table {
	cell := Cell{SupplyV: 5, RatePerS: 80, TrueRateFactor: 1.03, FilterConversions: 1}
	t := Table{
		Cell: cell, Cell2: cell,
		Drive: Drive{Microsteps: 16, StepHighUS: 2.5, StepLowUS: 2.5, DirSetUpUS: 5, OvertravelMM: 6,
			BackDriveNSPerMM: 0.5, ChargePumpHoldMS: 20},
		Rope: Rope{StiffnessNPerMM: 150},
		Pad: Pad{HeaterW: 40, CapacityJPerC: 900, LossAmbientWPerC: 0.5, LossPersonWPerC: 1.2, SkinCapacityJPerC: 600, SkinBloodWPerC: 2,
			AmbientC: 22, SensorLagS: 8},
	}
	t.Cell.ClockCostUS, t.Cell.StretchMinUS, t.Cell.StretchMaxUS = 1, 61, 500
	return t
}

// Validate reports every value that is out of range, all at once, each with its key, value and allowed range. It
// changes nothing.
func (t Table) Validate() error {
	var r ranges
	r.filled("name", t.Name)
	r.within("pin_cost_us", t.PinCostUS, 0, 1000)
	t.Cell.validate("cell", &r)
	t.Cell.validateClock(&r)
	t.validateSecondCell(&r)
	t.Drive.validate(&r)
	r.within("rope.stiffness_n_per_mm", t.Rope.StiffnessNPerMM, 1, 10000)
	t.Pad.validate(&r)
	return errors.Join(r.errs...)
}

// HasSecondCell tells whether a second cell pulls at the same rope.
func (t *Table) HasSecondCell() bool { return t.Cell2.CapacityN != 0 }

// validateSecondCell also refuses a [cell2] that was begun and has no capacity: it would be a table without one.
func (t *Table) validateSecondCell(r *ranges) {
	if c := (Cell{}); !t.HasSecondCell() && (t.Cell2 == c || t.Cell2 == defaultTable().Cell2) {
		return
	}
	t.Cell2.validate("cell2", r)
	r.within("cell2.clock_cost_us", t.Cell2.ClockCostUS, 0, 0)
	r.within("cell2.stretch_probability", t.Cell2.StretchProbability, 0, 0)
	r.within("cell2.stretch_min_us", t.Cell2.StretchMinUS, 0, 0)
	r.within("cell2.stretch_max_us", t.Cell2.StretchMaxUS, 0, 0)
}

func (c Cell) validate(section string, r *ranges) {
	key := func(name string) string { return section + "." + name }
	r.within(key("capacity_n"), c.CapacityN, 10, 20000)
	r.within(key("sensitivity_mv_per_v"), c.SensitivityMVPerV, -10, 10)
	if c.SensitivityMVPerV == 0 {
		r.fail("%s = 0: allowed is -10 to 10, not 0", key("sensitivity_mv_per_v"))
	}
	r.within(key("supply_v"), c.SupplyV, 2.6, 5.5)
	r.within(key("zero_mv_per_v"), c.ZeroMVPerV, -2, 2)
	r.within(key("zero_drift_n_per_min"), c.ZeroDriftNPerMin, -10, 10)
	r.within(key("zero_drift_n_per_c"), c.ZeroDriftNPerC, -10, 10)
	r.within(key("warm_up_c"), c.WarmUpC, 0, 30)
	r.within(key("nonlinearity_share"), c.NonlinearityShare, -0.01, 0.01)
	if c.RatePerS != 10 && c.RatePerS != 80 {
		r.fail("%s = %v: allowed is 10 or 80", key("rate_per_s"), c.RatePerS)
	}
	r.within(key("true_rate_factor"), c.TrueRateFactor, 0.8, 1.2)
	r.within(key("filter_conversions"), float64(c.FilterConversions), 1, maxFilter)
}

func (c Cell) validateClock(r *ranges) {
	r.within("cell.clock_cost_us", c.ClockCostUS, 0, 1000)
	r.within("cell.stretch_probability", c.StretchProbability, 0, 1)
	r.within("cell.stretch_min_us", c.StretchMinUS, 0, 100000)
	r.within("cell.stretch_max_us", c.StretchMaxUS, c.StretchMinUS, 100000)
}

func (d Drive) validate(r *ranges) {
	r.within("drive.steps_per_mm", d.StepsPerMM, 1, 10000)
	r.within("drive.microsteps", d.Microsteps, 1, 256)
	r.within("drive.start_speed_mm_per_s", d.StartSpeedMMPerS, 0.1, 500)
	r.within("drive.max_speed_mm_per_s", d.MaxSpeedMMPerS, d.StartSpeedMMPerS, 1000)
	r.within("drive.acceleration_mm_per_s2", d.AccelerationMMPerS, 1, 100000)
	r.within("drive.stall_force_n", d.StallForceN, 10, 20000)
	r.within("drive.back_drive_n_s_per_mm", d.BackDriveNSPerMM, 0.01, 100)
	r.within("drive.back_drive_friction_n", d.BackDriveFrictionN, 0, 200)
	r.within("drive.backlash_mm", d.BacklashMM, 0, 20)
	r.within("drive.step_high_us", d.StepHighUS, 0, 100)
	r.within("drive.step_low_us", d.StepLowUS, 0, 100)
	r.within("drive.dir_set_up_us", d.DirSetUpUS, 0, 100)
	r.within("drive.end_slack_mm", d.EndSlackMM, -1000, 1000)
	r.within("drive.end_pull_mm", d.EndPullMM, d.EndSlackMM+10, 3000)
	r.within("drive.overtravel_mm", d.OvertravelMM, 0, 50)
	r.within("drive.park_mm", d.ParkMM, d.EndSlackMM, d.EndPullMM)
	r.within("drive.start_mm", d.StartMM, d.EndSlackMM-d.OvertravelMM, d.EndPullMM+d.OvertravelMM)
	r.within("drive.charge_pump_hold_ms", d.ChargePumpHoldMS, 1, 1000)
}

func (p Pad) validate(r *ranges) {
	r.within("pad.heater_w", p.HeaterW, 0, 500)
	r.within("pad.capacity_j_per_c", p.CapacityJPerC, 10, 100000)
	r.within("pad.loss_ambient_w_per_c", p.LossAmbientWPerC, 0.01, 100)
	r.within("pad.loss_person_w_per_c", p.LossPersonWPerC, 0, 100)
	r.within("pad.skin_capacity_j_per_c", p.SkinCapacityJPerC, 10, 100000)
	r.within("pad.skin_blood_w_per_c", p.SkinBloodWPerC, 0.01, 100)
	r.within("pad.ambient_c", p.AmbientC, -20, 60)
	r.within("pad.sensor_lag_s", p.SensorLagS, 0.1, 300)
	if p.CutOutC != 0 {
		r.within("pad.cut_out_c", p.CutOutC, 30, 100)
	}
}

// ranges collects every complaint about a configuration, so that one reading shows them all.
type ranges struct{ errs []error }

func (r *ranges) fail(format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf(format, args...))
}

// within also refuses NaN, which compares false with everything.
func (r *ranges) within(key string, value, low, high float64) {
	if !(value >= low && value <= high) {
		r.fail("%s = %v: allowed is %v to %v", key, value, low, high)
	}
}

func (r *ranges) add(err error) {
	if err != nil {
		r.errs = append(r.errs, err)
	}
}

func (r *ranges) filled(key, value string) {
	if value == "" {
		r.fail("%s is empty: allowed is any text", key)
	}
}
