package simtable

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

func TestSameSeedSameStory(t *testing.T) {
	story := func(seed uint64, look time.Duration) (list []Truth, words []uint32) {
		table, err := TableByName("tired")
		require.NoError(t, err)
		patient, err := PatientByName("cougher")
		require.NoError(t, err)
		clock := NewVirtualClock()
		s, err := New(table, patient, clock, seed)
		require.NoError(t, err)
		p := s.Pins()
		for clock.Now() < 90*time.Second {
			clock.SleepUntil(clock.Now() + look)
			p.PatientSwitch.Read()
			if !p.CellData.Read() {
				words = append(words, frame(p))
			}
			if clock.Now()%time.Second < look {
				list = append(list, s.Truth())
			}
		}
		return list, words
	}
	truth, words := story(1, 5*time.Millisecond)
	again, wordsAgain := story(1, 5*time.Millisecond)
	assert.Equal(t, truth, again)
	assert.Equal(t, words, wordsAgain)
	_, other := story(2, 5*time.Millisecond)
	assert.NotEqual(t, words, other)
}

// However seldom somebody looks, the physics take the same steps.
func TestLookingChangesNothing(t *testing.T) {
	end := func(look time.Duration) Truth {
		r := newRig(t, "plain", "cougher", func(tb *Table, _ *Patient) { tb.Drive.StartMM = 90 })
		for r.clock.Now() < time.Minute {
			r.clock.Spend(look)
			r.p.EndPull.Read()
		}
		return r.Truth()
	}
	assert.Equal(t, end(time.Millisecond), end(time.Minute))
}

func TestStreamsOfChanceAreSeparate(t *testing.T) {
	codes := func(patient string) (list []int32) {
		r := newRig(t, "winch", patient, nil)
		r.SetHarness(false)
		for range 100 {
			list = append(list, r.sample(25))
		}
		return list
	}
	assert.Equal(t, codes("median"), codes("cougher"), "another patient, the same noise")
}

func TestOutputsAreNotForReading(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	assert.Equal(t, gpio.High, r.p.Enable.Read())
	assert.EqualValues(t, 1, r.Truth().OutputReads)
	require.Error(t, r.p.Enable.In(gpio.PullUp, gpio.NoEdge))
	require.Error(t, r.p.EndPull.Out(gpio.High))
	require.Error(t, r.p.Step.PWM(gpio.DutyHalf, 1000))
	assert.False(t, r.p.Step.WaitForEdge(time.Second))
	assert.NoError(t, r.p.Step.Halt())
}

func TestLampsAndBuzzerShowInTheTruth(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	_ = r.p.LampAlarm.Out(gpio.High)
	_ = r.p.Buzzer.Out(gpio.High)
	got := r.Truth()
	assert.True(t, got.AlarmLamp && got.Buzzer && !got.CautionLamp)
}

func TestPinsAreNamed(t *testing.T) {
	r := newRig(t, "double", "median", nil)
	p := r.p
	numbers, labels := map[int]bool{}, map[string]bool{}
	for _, pin := range []gpio.PinIO{
		p.CellClock, p.CellData, p.CellData2, p.Step, p.Dir, p.Enable, p.Heat, p.LampAlarm, p.LampCaution, p.Buzzer, p.ChargePump,
		p.PatientSwitch, p.EmergencyStop, p.StartButton, p.EndSlack, p.EndPull, p.DriveFault, p.SupplyLow,
	} {
		assert.Equal(t, pin.Name(), pin.String())
		numbers[pin.Number()], labels[pin.Name()] = true, true
	}
	assert.Len(t, numbers, 18)
	assert.Len(t, labels, 18)
}

func TestWaitForEdge(t *testing.T) {
	r := newRig(t, "winch", "median", func(tb *Table, _ *Patient) { tb.Cell.TrueRateFactor = 1 })
	assert.False(t, r.p.CellData.WaitForEdge(time.Second), "no edge chosen")
	require.NoError(t, r.p.CellData.In(gpio.PullUp, gpio.FallingEdge))
	assert.False(t, r.p.CellData.WaitForEdge(0))
	assert.False(t, r.p.CellData.WaitForEdge(-1))
	assert.Zero(t, r.clock.Now())
	assert.True(t, r.p.CellData.WaitForEdge(time.Second))
	assert.InDelta(t, 50*time.Millisecond, r.clock.Now(), float64(60*time.Microsecond))
	require.NoError(t, r.p.PatientSwitch.In(gpio.PullUp, gpio.BothEdges))
	began := r.clock.Now()
	assert.False(t, r.p.PatientSwitch.WaitForEdge(10*time.Millisecond))
	assert.Equal(t, 10*time.Millisecond, r.clock.Now()-began, "bounded")
}

func TestPinCost(t *testing.T) {
	r := newRig(t, "winch", "median", func(tb *Table, _ *Patient) { tb.PinCostUS, tb.Cell.ClockCostUS = 2, 3 })
	cost := func(do func()) time.Duration {
		began := r.clock.Now()
		do()
		return r.clock.Now() - began
	}
	assert.Equal(t, 2*time.Microsecond, cost(func() { r.p.EndPull.Read() }))
	assert.Equal(t, 2*time.Microsecond, cost(func() { _ = r.p.Step.Out(gpio.High) }))
	assert.Equal(t, 3*time.Microsecond, cost(func() { _ = r.p.CellClock.Out(gpio.High) }))
}

// The hands and the pad's sensor may belong to others on a steady clock; the race detector watches.
func TestSteadyClockWithOtherGoroutines(t *testing.T) {
	table, err := TableByName("winch")
	require.NoError(t, err)
	patient, err := PatientByName("median")
	require.NoError(t, err)
	clock := NewSteadyClock(&machine{})
	s, err := New(table, patient, clock, 1)
	require.NoError(t, err)
	var others sync.WaitGroup
	others.Go(func() {
		for i := range 1000 {
			s.PressPatientSwitch(i&1 == 0)
			s.PressEmergencyStop(i&1 == 0)
			s.PressStart(i&1 == 0)
			_, err := s.PadTemperature()
			assert.NoError(t, err)
		}
	})
	p := s.Pins()
	for range 1000 {
		p.PatientSwitch.Read()
		p.EmergencyStop.Read()
		p.StartButton.Read()
		_ = p.Step.Out(gpio.High)
		_ = p.Step.Out(gpio.Low)
	}
	others.Wait()
	assert.LessOrEqual(t, s.Truth().At, clock.Now())
	assert.Equal(t, gpio.Low, p.PatientSwitch.Read())
}

func TestNothingIsAllocated(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	treat(r.p, r.clock, time.Second)
	assert.Zero(t, testing.AllocsPerRun(10, func() {
		at := r.clock.Now()
		for r.clock.Now() < at+100*time.Millisecond {
			r.wind(1, 20)
			frame(r.p)
			_ = r.p.Heat.Out(gpio.High)
			_, _ = r.PadTemperature()
			_ = r.Truth()
			_ = r.p.Heat.Out(gpio.Low)
			r.wind(-1, 20)
		}
	}))
}

// FuzzPins does anything to the pins at any time.
func FuzzPins(f *testing.F) {
	f.Add([]byte("\x00\x10\x20\x30\x41\x52\x63\x74\x85\x96\xa7\xb8\xc9\xda\xeb\xfc"), uint64(1))
	f.Fuzz(func(t *testing.T, ops []byte, seed uint64) {
		table, err := TableByName("winch")
		require.NoError(t, err)
		patient, err := PatientByName("cougher")
		require.NoError(t, err)
		clock := NewVirtualClock()
		s, err := New(table, patient, clock, seed)
		require.NoError(t, err)
		p := s.Pins()
		outputs := []gpio.PinIO{p.CellClock, p.Step, p.Dir, p.Enable, p.Heat, p.ChargePump, p.CellClock, p.Step}
		for _, op := range ops {
			_ = outputs[op&7].Out(op&8 != 0)
			p.CellData.Read()
			clock.Spend(time.Microsecond << (op >> 4))
		}
		got := s.Truth()
		require.GreaterOrEqual(t, got.ForceN, 0.0)
		require.GreaterOrEqual(t, got.PositionMM, -6.0)
		require.LessOrEqual(t, got.PositionMM, 406.0)
		require.LessOrEqual(t, got.TimingViolations, got.LostSteps)
	})
}
