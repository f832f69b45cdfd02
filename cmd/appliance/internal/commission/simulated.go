package commission

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/cmd/appliance/internal/settings"
	"traction/cmd/appliance/internal/simulation"
	"traction/control"
	"traction/control/calfile"
	"traction/control/executive"
	"traction/hw/simtable"
)

// Load puts dead weight on the cell, or on both one behind the other.
type Load interface {
	// Put replaces what is on them by a force, + as a pull; 0 takes all off.
	Put(f physic.Force) error
}

// Simulated is a simulated table on the bench, its rope free of the person.
type Simulated struct {
	Bench
	Sim *simtable.Sim
	// Settings are those of a table like it.
	Settings settings.Settings
	// Calibration is what tare and span find on its cell.
	Calibration calfile.File
}

// NewSimulated puts a simulated table on the bench. The machine's own lateness
// shows at the simulation.Machine pace only.
func NewSimulated(table simtable.Table, pace simulation.Pace) (*Simulated, error) {
	patient, err := simtable.PatientByName("median") // without the harness it is out of the way
	if err != nil {
		return nil, err
	}
	rig, clock, err := newRig(simulation.Options{Table: table, Patient: patient, Seed: 1}, pace)
	if err != nil {
		return nil, err
	}
	rig.Sim.SetHarness(false)
	s := &Simulated{Sim: rig.Sim}
	virtual := pace == simulation.Virtual
	s.Bench = Bench{Table: rig.Table, Clock: clock, CPU: -1, Virtual: virtual, Load: &simulatedLoad{sim: rig.Sim}}

	s.Settings = settings.Default()
	s.Settings.Table.ID, s.Settings.Table.Name = table.Name, table.Description
	s.Settings.Table.Limits = rig.Limits()
	s.Settings.Motor.StepsPerMM = table.Drive.StepsPerMM
	s.Settings.Motor.StartStopSpeed = physic.Speed(table.Drive.StartSpeedMMPerS) * control.MilliMetrePerSecond
	s.Settings.Pad.Present = table.Pad.HeaterW > 0
	s.Settings.Control.AllowNoRealtime = true // nobody lies on it
	cal := simulation.Calibrate(&table.Cell)
	s.Settings.Cell.Capacity = cal.Capacity
	s.Calibration = calfile.File{Table: table.Name, Date: time.Now(), By: "simulation", Calibration: cal}
	if table.HasSecondCell() {
		s.Settings.Pins.CellData2 = simulatedLine
		s.Calibration.Second.Calibration = simulation.Calibrate(&table.Cell2)
	}
	if table.Drive.SupplyMonitor {
		s.Settings.Pins.SupplyLow = simulatedLine
	}
	if !virtual {
		s.Priority = s.Settings.Control.Priority
	}
	return s, nil
}

// simulatedLine stands for a line that the simulated table has.
const simulatedLine = "simulated"

// newRig builds it in virtual time or in real time.
func newRig(o simulation.Options, pace simulation.Pace) (*simulation.Rig, executive.Clock, error) {
	if pace != simulation.Virtual {
		return simulation.NewReal(o, pace)
	}
	rig, clock, err := simulation.NewVirtual(o)
	return rig, clock, err
}

// simulatedLoad hangs weights on the simulated cells, one behind the other. The
// simulated table has no hook for them, but a jump of a cell's zero is a force in
// newtons that adds up in the cell itself, before its sensitivity and its bow: to
// the converter it is the same. A table without a second cell takes no notice of
// the second's.
type simulatedLoad struct {
	sim *simtable.Sim
	on  physic.Force
}

func (l *simulatedLoad) Put(f physic.Force) error {
	more := inNewtons(f - l.on)
	if err := l.sim.Inject(simtable.Fault{Kind: "zero-jump", Value: more}, simtable.Fault{Kind: "second-cell-zero-jump", Value: more}); err != nil {
		return fmt.Errorf("load the simulated cells: %w", err)
	}
	l.on = f
	return nil
}

func inNewtons(f physic.Force) float64 { return float64(f) / float64(physic.Newton) }
