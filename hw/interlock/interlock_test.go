package interlock

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

type pin struct {
	gpio.PinIn
	level gpio.Level
	err   error
	pull  gpio.Pull
}

func (p *pin) In(pull gpio.Pull, _ gpio.Edge) error { p.pull = pull; return p.err }
func (p *pin) Read() gpio.Level                     { return p.level }

// panel is seven switches, read at 1 kHz.
type panel struct {
	patient, emergency, endSlack, endPull, fault, supply, start pin

	in   *Inputs
	tick time.Duration
}

func newPanel(t *testing.T) *panel {
	p := &panel{}
	p.start.level = gpio.High
	in, err := New(p.pins())
	require.NoError(t, err)
	p.in = in
	return p
}

func (p *panel) pins() Pins {
	return Pins{
		PatientSwitch: &p.patient, EmergencyStop: &p.emergency, EndSlack: &p.endSlack, EndPull: &p.endPull,
		DriveFault: &p.fault, SupplyLow: &p.supply, StartButton: &p.start,
	}
}

func (p *panel) read() State {
	p.tick += time.Millisecond
	return p.in.Read(p.tick)
}

// run reads n times and returns the last state.
func (p *panel) run(n int) (s State) {
	for range n {
		s = p.read()
	}
	return s
}

// safety are the normally closed switches with the field that shows each.
var safety = map[string]struct {
	pin   func(*panel) *pin
	shown func(State) bool
}{
	"patient":        {func(p *panel) *pin { return &p.patient }, func(s State) bool { return s.Patient }},
	"emergency-stop": {func(p *panel) *pin { return &p.emergency }, func(s State) bool { return s.EmergencyStop }},
	"end-slack":      {func(p *panel) *pin { return &p.endSlack }, func(s State) bool { return s.EndSlack }},
	"end-pull":       {func(p *panel) *pin { return &p.endPull }, func(s State) bool { return s.EndPull }},
	"drive-fault":    {func(p *panel) *pin { return &p.fault }, func(s State) bool { return s.DriveFault }},
	"supply-low":     {func(p *panel) *pin { return &p.supply }, func(s State) bool { return s.SupplyLow }},
}

func TestSafetySwitchOpensAtTheSecondReadAndClosesSlowly(t *testing.T) {
	for name, sw := range safety {
		t.Run(name, func(t *testing.T) {
			p := newPanel(t)
			assert.True(t, sw.shown(p.read()), "open until known to be closed")
			assert.True(t, sw.shown(p.run(19)))
			assert.Equal(t, State{}, p.run(2), "closed for 20 ms")

			sw.pin(p).level = gpio.High
			assert.False(t, sw.shown(p.read()), "one read may be a spike")
			s := p.read()
			assert.True(t, sw.shown(s), "the second one counts, at once")
			assert.Equal(t, 1, count(s), "only this one")

			sw.pin(p).level = gpio.Low
			assert.True(t, sw.shown(p.run(20)))
			sw.pin(p).level = gpio.High // it bounces
			p.read()
			sw.pin(p).level = gpio.Low
			assert.True(t, sw.shown(p.run(20)), "the 20 ms begin again")
			assert.Equal(t, State{}, p.read())
		})
	}
}

func count(s State) (n int) {
	for _, sw := range safety {
		if sw.shown(s) {
			n++
		}
	}
	return n
}

func TestSpikesOfOneReadAreIgnoredForEver(t *testing.T) {
	p := newPanel(t)
	p.run(30)
	for i := range 1000 {
		p.patient.level = i%2 == 0
		assert.False(t, p.read().Patient)
	}
}

func TestStartButton(t *testing.T) {
	p := newPanel(t)
	p.run(30)
	p.start.level = gpio.Low
	assert.False(t, p.run(30).Start)
	assert.True(t, p.read().Start, "down for 30 ms")
	p.start.level = gpio.High // a bounce on the way does not press it twice
	assert.True(t, p.run(5).Start)
	p.start.level = gpio.Low
	assert.True(t, p.run(5).Start)
	p.start.level = gpio.High
	assert.True(t, p.run(30).Start)
	assert.False(t, p.read().Start)

	for i := range 1000 {
		p.start.level = i%29 == 0 // never low for 30 ms
		assert.False(t, p.read().Start)
	}
}

// TestPullUpsAndErrors: R-OPEN-IS-PRESSED.
func TestPullUpsAndErrors(t *testing.T) {
	p := newPanel(t)
	for _, pin := range []*pin{&p.patient, &p.emergency, &p.endSlack, &p.endPull, &p.fault, &p.supply, &p.start} {
		assert.Equal(t, gpio.PullUp, pin.pull)
	}
	_, err := New(Pins{EndPull: &pin{err: errors.New("line is busy")}})
	for _, want := range []string{"pin PatientSwitch is missing", "pin EmergencyStop is missing", "pin EndSlack is missing",
		"pin StartButton is missing", "pin EndPull: line is busy"} {
		assert.ErrorContains(t, err, want)
	}
	assert.NotContains(t, err.Error(), "DriveFault")
	assert.NotContains(t, err.Error(), "SupplyLow")
	_, err = New(Pins{SupplyLow: &pin{err: errors.New("line is busy")}})
	assert.ErrorContains(t, err, "pin SupplyLow: line is busy")
}

func TestWithoutADriveFaultLineOrASupplyMonitor(t *testing.T) {
	for name, remove := range map[string]func(*Pins){
		"drive-fault": func(p *Pins) { p.DriveFault = nil },
		"supply-low":  func(p *Pins) { p.SupplyLow = nil },
	} {
		p := &panel{}
		p.start.level = gpio.High
		pins := p.pins()
		remove(&pins)
		in, err := New(pins)
		require.NoError(t, err)
		p.in = in
		assert.False(t, safety[name].shown(p.run(1)), name)
		assert.Equal(t, State{}, p.run(30))
	}
}

// What cannot be read is worth as much as a broken wire, whatever is wired.
func TestUnknownIsEverySafetySwitchOpen(t *testing.T) {
	for name, sw := range safety {
		assert.True(t, sw.shown(Unknown()), name)
	}
	assert.False(t, Unknown().Start)
}

func TestNothingAllocates(t *testing.T) {
	p := newPanel(t)
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		p.patient.level = !p.patient.level
		p.read()
	}))
}

func ExampleInputs_Read() {
	p := &panel{} // stands for the pins, all closed
	p.start.level = gpio.High
	in, err := New(p.pins())
	if err != nil {
		fmt.Println(err)
		return
	}
	var s State
	for tick := time.Duration(0); tick <= 30*time.Millisecond; tick += time.Millisecond {
		s = in.Read(tick)
	}
	fmt.Println("patient switch", s.Patient)
	p.patient.level = gpio.High // pressed, unplugged or a broken wire
	in.Read(31 * time.Millisecond)
	s = in.Read(32 * time.Millisecond)
	fmt.Println("patient switch", s.Patient)
	// Output:
	// patient switch false
	// patient switch true
}
