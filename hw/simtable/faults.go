package simtable

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Fault is something that goes wrong at a time.
type Fault struct {
	Kind  string        // a name of FaultKinds
	At    time.Duration // after New, 0 to 24 h; a time that has passed means now
	For   time.Duration // how long it lasts, 0 to 24 h; 0 is for good
	Value float64       // its size; the kind says in which unit and range
}

// FaultKind says what a kind of fault does and which values it takes.
type FaultKind struct {
	Name      string
	About     string
	Low, High float64 // range of Fault.Value; 0 and 0 for a kind without a size
}

// kind is a fault by number, in the order of faultKinds.
type kind uint8

const (
	faultCellStuck kind = iota
	faultCellSilent
	faultCellMissing
	faultCellFloating
	faultCellSaturated
	faultCellUnconnected
	faultCellRate10
	faultClockStretch
	faultZeroJump
	faultRopeBreak
	faultHarnessSlip
	faultLostSteps
	faultDriveDead
	faultJam
	faultDrive
	faultBrownOut
	faultPatientSwitchOpen
	faultPatientSwitchStuckClosed
	faultEmergencyStop
	faultEndSwitchStuckOpen
	faultEndSwitchStuckClosed
	faultStartStuck
	faultPadRelayWelded
	faultPadSensorMissing
	faultPadSensorStale
	faultPadSensorOff
	faultPadSensorReset
	faultCough
	faultGettingUp
	faultShift
	faultCount
)

const side = "-1 the slack end, 1 the pull end, 0 both"

var faultKinds = [faultCount]FaultKind{
	faultCellStuck:                {"cell-stuck", "the converter repeats its last code", 0, 0},
	faultCellSilent:               {"cell-silent", "the converter stops: DOUT stays high", 0, 0},
	faultCellMissing:              {"cell-missing", "no converter: DOUT reads low, which looks ready", 0, 0},
	faultCellFloating:             {"cell-floating", "the DOUT wire is off: the pin reads anything", 0, 0},
	faultCellSaturated:            {"cell-saturated", "the converter saturates; value: below 0 at the low end, else at the high end", -1, 1},
	faultCellUnconnected:          {"cell-unconnected", "the load cell is off: the converter reads a wandering voltage", 0, 0},
	faultCellRate10:               {"cell-rate-10", "the RATE strap falls to 10 conversions/s", 0, 0},
	faultClockStretch:             {"clock-stretch", "preemption stretches clock pulses; value: probability for each pulse", 0, 1},
	faultZeroJump:                 {"zero-jump", "the zero of the cell jumps for good; value: N", -2000, 2000},
	faultRopeBreak:                {"rope-break", "the rope breaks", 0, 0},
	faultHarnessSlip:              {"harness-slip", "the harness slips once; value: mm of rope set free", 0, 300},
	faultLostSteps:                {"lost-steps", "a gear slips; value: share of steps that move nothing", 0, 1},
	faultDriveDead:                {"drive-dead", "the drive holds but obeys no step", 0, 0},
	faultJam:                      {"jam", "the drive is stuck mechanically, with power or without", 0, 0},
	faultDrive:                    {"drive-fault", "the drive's power stage switches off and opens its fault contact", 0, 0},
	faultBrownOut:                 {"brown-out", "the motor supply fails; only a supply monitor tells", 0, 0},
	faultPatientSwitchOpen:        {"patient-switch-open", "the patient switch is unplugged or its wire broken", 0, 0},
	faultPatientSwitchStuckClosed: {"patient-switch-stuck-closed", "the patient switch is shorted: pressing does nothing", 0, 0},
	faultEmergencyStop:            {"emergency-stop", "the emergency stop is pressed or its wire broken", 0, 0},
	faultEndSwitchStuckOpen:       {"end-switch-stuck-open", "an end switch reads reached; value: " + side, -1, 1},
	faultEndSwitchStuckClosed:     {"end-switch-stuck-closed", "an end switch never reads reached; value: " + side, -1, 1},
	faultStartStuck:               {"start-stuck", "the start button reads pressed", 0, 0},
	faultPadRelayWelded:           {"pad-relay-welded", "the heater stays on whatever its pin says", 0, 0},
	faultPadSensorMissing:         {"pad-sensor-missing", "the pad sensor does not answer: off the bus, or the bus is shorted", 0, 0},
	faultPadSensorStale:           {"pad-sensor-stale", "the pad sensor repeats its last reading", 0, 0},
	faultPadSensorOff:             {"pad-sensor-off", "the sensor has fallen off the pad and reads the room", 0, 0},
	faultPadSensorReset:           {"pad-sensor-reset", "the sensor loses power again and again and says 85 C", 0, 0},
	faultCough:                    {"cough", "the patient coughs; value: N with the rope held still", 0, 1000},
	faultGettingUp:                {"getting-up", "the patient jerks at the rope, sits up for so long and lies back; value: N", 0, 1000},
	faultShift:                    {"shift", "the patient moves for good; value: mm of rope set free", -100, 100},
}

const (
	maxTimeS  = 24 * 60 * 60
	maxTime   = maxTimeS * time.Second
	maxFaults = 10000 // to come at any moment
)

// FaultKinds lists what can go wrong.
func FaultKinds() []FaultKind { return append([]FaultKind(nil), faultKinds[:]...) }

// Inject adds faults to those to come. It reports everything that is wrong with them at once, an unknown kind as
// ErrUnknown with the list of the known ones, and then adds none. Call it from the goroutine that owns the table.
func (s *Sim) Inject(faults ...Fault) error {
	if err := validateFaults(faults); err != nil {
		return err
	}
	if n := len(s.events.list) + len(faults); n > maxFaults {
		return fmt.Errorf("simtable: %d faults to come: allowed is 0 to %d", n, maxFaults)
	}
	for _, f := range faults {
		k, _ := kindByName(f.Kind) // validated above
		s.events.add(change{at: s.start + f.At, kind: k, begins: true, value: f.Value, lasts: f.For})
	}
	s.happen(s.look())
	return nil
}

// LoadFaults reads a list of faults from a TOML file of tables [[fault]] with kind, at_s, for_s and value. Unknown
// keys, unknown kinds and values out of range are reported all at once.
func LoadFaults(path string) ([]Fault, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("simtable: faults: %w", err)
	}
	return decodeFaults(path, data)
}

func decodeFaults(from string, data []byte) ([]Fault, error) {
	var file struct {
		Fault []struct {
			Kind  string  `toml:"kind"`
			AtS   float64 `toml:"at_s"`
			ForS  float64 `toml:"for_s"`
			Value float64 `toml:"value"`
		} `toml:"fault"`
	}
	var faults []Fault
	err := decode(bytes.NewReader(data), &file, func() error {
		var r ranges
		for i, f := range file.Fault {
			// In seconds first: a number too large for a Duration must not turn into a small one.
			r.within(fmt.Sprintf("fault[%d].at_s", i), f.AtS, 0, maxTimeS)
			r.within(fmt.Sprintf("fault[%d].for_s", i), f.ForS, 0, maxTimeS)
			faults = append(faults, Fault{Kind: f.Kind, Value: f.Value})
		}
		r.add(validateFaults(faults))
		return errors.Join(r.errs...)
	})
	if err != nil {
		return nil, fmt.Errorf("simtable: %s:\n%w", from, err)
	}
	for i, f := range file.Fault {
		faults[i].At, faults[i].For = seconds(f.AtS), seconds(f.ForS)
	}
	return faults, nil
}

func validateFaults(faults []Fault) error {
	var r ranges
	for i, f := range faults {
		r.within(fmt.Sprintf("fault[%d].at_s", i), f.At.Seconds(), 0, maxTimeS)
		r.within(fmt.Sprintf("fault[%d].for_s", i), f.For.Seconds(), 0, maxTimeS)
		k, err := kindByName(f.Kind)
		if err != nil {
			r.add(fmt.Errorf("fault[%d].kind: %w", i, err))
			continue
		}
		r.within(fmt.Sprintf("fault[%d].value of %s", i, f.Kind), f.Value, faultKinds[k].Low, faultKinds[k].High)
	}
	return errors.Join(r.errs...)
}

func kindByName(name string) (kind, error) {
	var known []string
	for k := range faultKinds {
		if faultKinds[k].Name == name {
			return kind(k), nil
		}
		known = append(known, faultKinds[k].Name)
	}
	return 0, fmt.Errorf("%w %q: known are %s", ErrUnknown, name, strings.Join(known, ", "))
}

// patientFaults are the events that a patient brings along.
func patientFaults(p Patient) []Fault {
	var list []Fault
	for _, c := range p.Coughs {
		list = append(list, Fault{Kind: "cough", At: seconds(c.AtS), For: seconds(c.DurationS), Value: c.ForceN})
	}
	for _, g := range p.GettingUp {
		list = append(list, Fault{Kind: "getting-up", At: seconds(g.AtS), For: seconds(g.SlackS), Value: g.ForceN})
	}
	for _, w := range p.Slips {
		if w.AtS > 0 {
			list = append(list, Fault{Kind: "harness-slip", At: seconds(w.AtS), Value: w.MM})
		}
	}
	for _, m := range p.Shifts {
		list = append(list, Fault{Kind: "shift", At: seconds(m.AtS), Value: m.MM})
	}
	return list
}
