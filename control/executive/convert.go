package executive

import (
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/hw"
	"traction/hw/heatpad"
	"traction/hw/hx711"
)

// fill translates what hw has read into what control decides on. An output that
// could not be written shows as a fault of the drive: what the pins do is then
// no longer known.
func (b *beat) fill(r *hw.Reading, late time.Duration) {
	in := &b.in
	in.Now, in.Late = r.At, late
	in.Load = load(&r.Cell, r.CellRate)
	if b.table.HasSecond() {
		in.Second = load(&r.Second, r.SecondRate)
	}
	in.Motion = control.Motion{
		Position: r.Motion.Distance, Speed: r.Motion.Speed, Enabled: r.Motion.Enabled,
		Fault: r.Switches.DriveFault,
	}
	if b.applyErr != nil {
		in.Motion.Fault = true
		if b.failed == 0 {
			// In a goroutine: a log that blocks must not hold the tick that trips.
			go b.cfg.Log("an output could not be written", "err", b.applyErr)
		}
		b.failed++
		b.applyErr = nil
	}
	in.Switches = control.Switches{
		Patient: r.Switches.Patient, EmergencyStop: r.Switches.EmergencyStop,
		EndSlack: r.Switches.EndSlack, EndPull: r.Switches.EndPull, Start: r.Switches.Start,
		SupplyLow: r.Switches.SupplyLow,
	}
	in.Pad = control.Pad{
		Present: b.table.Pad() != nil, Temperature: r.Pad.Temperature, At: r.Pad.At,
		Failed: r.Pad.Status != heatpad.OK,
	}
}

// load is a converter's reading.
func load(r *hx711.Reading, rate physic.Frequency) control.Load {
	return control.Load{Counts: int32(r.Counts), At: r.At, Seq: r.Seq, Fault: cellFault(r.Fault), Rate: rate}
}

// cellFaults maps the driver's vocabulary to control's.
var cellFaults = map[hx711.Fault]control.CellFault{
	hx711.None: control.CellOK, hx711.NotReady: control.CellOK, hx711.Settling: control.CellSettling,
	hx711.LatePulse: control.CellLatePulse, hx711.LateFrame: control.CellLateFrame, hx711.Desync: control.CellDesync,
	hx711.Saturated: control.CellSaturated, hx711.Truncated: control.CellTruncated, hx711.Stuck: control.CellStuck,
	hx711.WrongRate: control.CellWrongRate, hx711.Silent: control.CellSilent, hx711.IO: control.CellIO,
}

// cellFault is the fault by index; anything unknown counts as desync.
func cellFault(f hx711.Fault) control.CellFault {
	if int(f) < len(faultTable) {
		return faultTable[f]
	}
	return control.CellDesync
}

// faultTable is cellFaults as an array: a tick looks it up a thousand times a second.
var faultTable = func() []control.CellFault {
	t := make([]control.CellFault, len(hx711.Faults()))
	for i, f := range hx711.Faults() {
		c, ok := cellFaults[f]
		if !ok {
			c = control.CellDesync
		}
		t[i] = c
	}
	return t
}()

// actuation translates what control has decided into what hw drives.
func actuation(o *control.Output) hw.Actuation {
	a := hw.Actuation{
		HeatDuty: o.Heat, LampAlarm: o.LampAlarm, LampCaution: o.LampCaution,
		Buzzer: o.Buzzer, ChargePump: o.Pump,
	}
	switch o.Drive.Mode {
	case control.DriveStopped:
		a.Drive = hw.Stopped
	case control.DriveMoving:
		a.Drive, a.Velocity = hw.Moving, o.Drive.Velocity
	default:
		a.Drive = hw.Disabled
	}
	return a
}
