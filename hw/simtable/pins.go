package simtable

import (
	"errors"
	"math/rand/v2"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// Pins are the simulated lines. Outputs are active high.
//
// The switches are contacts to ground with a pull-up. Patient switch, emergency stop, end switches and the drive's
// fault relay are normally closed: Low is closed and well, High is pressed, reached, faulty or a broken wire. The
// start button is normally open: Low is pressed. The supply monitor is normally closed as well: Low is good, High is a
// low supply or a broken wire.
//
// CellData2 is nil on a table without a second cell, SupplyLow on one without a supply monitor. Both cells share
// CellClock.
type Pins struct {
	CellClock, CellData, CellData2, Step, Dir, Enable, Heat,
	LampAlarm, LampCaution, Buzzer, ChargePump,
	PatientSwitch, EmergencyStop, StartButton, EndSlack, EndPull, DriveFault, SupplyLow gpio.PinIO
}

var (
	errInput  = errors.New("simtable: the pin is an input")
	errOutput = errors.New("simtable: the pin is an output")
	errPWM    = errors.New("simtable: the pin has no PWM")
)

// pinSet holds the pins; each has a type of its own so that an operation is one indirect call.
type pinSet struct {
	clock    clockPin
	data     [2]dataPin // of the first and of the second cell
	step     stepPin
	outputs  [7]levelPin
	contacts [contactCount]contactPin
}

// Pins returns the table's lines, always the same ones.
func (s *Sim) Pins() Pins {
	o, c := &s.pins.outputs, &s.pins.contacts
	p := Pins{
		CellClock: &s.pins.clock, CellData: &s.pins.data[0], Step: &s.pins.step,
		Dir: &o[lineDir], Enable: &o[lineEnable], Heat: &o[lineHeat], LampAlarm: &o[lineAlarm],
		LampCaution: &o[lineCaution], Buzzer: &o[lineBuzzer], ChargePump: &o[linePump],
		PatientSwitch: &c[contactPatient], EmergencyStop: &c[contactEmergency], StartButton: &c[contactStart],
		EndSlack: &c[contactEndSlack], EndPull: &c[contactEndPull], DriveFault: &c[contactFault],
	}
	if s.table.HasSecondCell() {
		p.CellData2 = &s.pins.data[1]
	}
	if s.table.Drive.SupplyMonitor {
		p.SupplyLow = &c[contactSupply]
	}
	return p
}

func (p *pinSet) wire(s *Sim) {
	p.clock = clockPin{output{sim: s, line: line{"cell-clock", 0}}}
	p.data = [...]dataPin{
		{input{sim: s, line: line{"cell-data", 1}}, &s.chip},
		{input{sim: s, line: line{"cell-data-2", 17}}, &s.second},
	}
	p.step = stepPin{output{sim: s, line: line{"step", 2}}}
	for i, name := range []string{"dir", "enable", "heat", "lamp-alarm", "lamp-caution", "buzzer", "charge-pump"} {
		p.outputs[i] = levelPin{output{sim: s, line: line{name, 3 + i}}, uint8(i)}
	}
	for i, name := range []string{"patient-switch", "emergency-stop", "start-button", "end-slack", "end-pull", "drive-fault", "supply-low"} {
		p.contacts[i] = contactPin{input{sim: s, line: line{name, 10 + i}}, uint8(i)}
	}
}

// line is what every pin says of itself.
type line struct {
	name   string
	number int
}

func (l *line) String() string                        { return l.name }
func (l *line) Name() string                          { return l.name }
func (l *line) Number() int                           { return l.number }
func (l *line) Halt() error                           { return nil }
func (l *line) DefaultPull() gpio.Pull                { return gpio.PullNoChange }
func (l *line) Pull() gpio.Pull                       { return gpio.PullNoChange }
func (l *line) PWM(gpio.Duty, physic.Frequency) error { return errPWM }

// output is what the output pins share.
type output struct {
	line
	sim   *Sim
	level gpio.Level
}

func (o *output) Function() string               { return "Out" }
func (o *output) In(gpio.Pull, gpio.Edge) error  { return errOutput }
func (o *output) WaitForEdge(time.Duration) bool { return false }

// Read returns the last level and is counted, because on a Linux line it would have turned the output into an input.
func (o *output) Read() gpio.Level {
	o.sim.outputReads++
	return o.level
}

// spend lets the time of an operation pass after its edge.
func (s *Sim) spend(d time.Duration) {
	if s.virtual != nil {
		s.virtual.now += d
		return
	}
	s.clock.Spend(d)
}

// clockPin is PD_SCK.
type clockPin struct{ output }

// Out is an edge; now and then preemption strikes just after a rising one.
func (p *clockPin) Out(l gpio.Level) error {
	s := p.sim
	now := s.look()
	s.chip.clock(bool(l), now)
	if s.second.period != 0 {
		s.second.clock(bool(l), now)
	}
	p.level = l
	s.spend(s.cellClockCost)
	if bool(l) && s.stretch.any {
		s.disturb()
	}
	return nil
}

// clockCells is an edge on the line that all converters share.
func (s *Sim) clockCells(level bool, t time.Duration) {
	s.chip.clock(level, t)
	if s.second.period != 0 {
		s.second.clock(level, t)
	}
}

// disturb is what comes between a rising edge on the clock line and the next operation.
func (s *Sim) disturb() {
	if s.stretch.glitch > 0 && s.stretch.spikes.Float64() < s.stretch.glitch {
		now := s.look()
		s.clockCells(false, now)
		s.clockCells(true, now)
	}
	s.spend(s.stretch.draw())
}

// stretch is the preemption that keeps PD_SCK high for longer than anybody meant, and the interference that doubles a
// pulse.
type stretch struct {
	any         bool
	probability float64
	low, high   time.Duration
	random      *rand.Rand
	glitch      float64 // probability of a second pulse
	spikes      *rand.Rand
}

func newStretch(c Cell, random, spikes *rand.Rand) stretch {
	return stretch{any: c.StretchProbability > 0, probability: c.StretchProbability, low: seconds(c.StretchMinUS * 1e-6), high: seconds(c.StretchMaxUS * 1e-6), random: random, spikes: spikes}
}

func (st *stretch) draw() time.Duration {
	if st.probability == 0 || st.random.Float64() >= st.probability {
		return 0
	}
	return st.low + time.Duration(st.random.Int64N(int64(st.high-st.low)+1))
}

// stepPin is STEP.
type stepPin struct{ output }

// Out is an edge of STEP.
func (p *stepPin) Out(l gpio.Level) error {
	s := p.sim
	now := s.look()
	if l != p.level {
		p.level = l
		if l {
			s.motor.rise(now, s.powered(now), s.person.rope)
		} else {
			s.motor.fall(now)
		}
	}
	s.spend(s.pinCost)
	return nil
}

// The other outputs.
const (
	lineDir = iota
	lineEnable
	lineHeat
	lineAlarm
	lineCaution
	lineBuzzer
	linePump
)

type levelPin struct {
	output
	which uint8
}

// Out sets the line; what hangs on it learns of it at this moment, after the physics before.
func (p *levelPin) Out(l gpio.Level) error {
	s := p.sim
	now := s.look()
	if p.which == linePump { // the one that is written in every tick
		p.level = l
		s.pump(bool(l), now)
	} else {
		p.set(l, now)
	}
	s.spend(s.pinCost)
	return nil
}

// set is a level at time now. A state that is kept is written when motor or heater are switched: whoever makes the table
// safe may be gone before the next step of the physics.
func (p *levelPin) set(l gpio.Level, now time.Duration) {
	s := p.sim
	p.level = l
	switch p.which {
	case linePump:
		s.pump(bool(l), now)
	case lineDir:
		s.motor.turn(bool(l), now)
	case lineEnable:
		s.enableTold = bool(l)
		s.applyEnable()
	case lineHeat:
		s.pad.heat(bool(l), now)
	}
	if s.kept != nil && (p.which == lineEnable || p.which == lineHeat) {
		s.save()
	}
}

// Bits of levels: the other outputs come first.
const (
	bitStep = iota + uint32(linePump) + 1
	bitClock
)

// levels are the levels of all outputs, a bit each.
func (p *pinSet) levels() (bits uint32) {
	set := func(bit uint32, l gpio.Level) {
		if l {
			bits |= 1 << bit
		}
	}
	for i := range p.outputs {
		set(uint32(i), p.outputs[i].level)
	}
	set(bitStep, p.step.level)
	set(bitClock, p.clock.level)
	return bits
}

// setLevels sets all outputs at time t, without a step: nobody is there to make one.
func (p *pinSet) setLevels(s *Sim, bits uint32, t time.Duration) {
	for i := range p.outputs {
		p.outputs[i].set(bits>>i&1 == 1, t)
	}
	p.step.level = bits>>bitStep&1 == 1
	p.clock.level = bits>>bitClock&1 == 1
	s.clockCells(bool(p.clock.level), t)
}
