package simtable

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

// bench is a running table in virtual time.
func bench(tb testing.TB) (*Sim, *VirtualClock, Pins) {
	tb.Helper()
	table, err := TableByName("winch")
	require.NoError(tb, err)
	patient, err := PatientByName("median")
	require.NoError(tb, err)
	clock := NewVirtualClock()
	s, err := New(table, patient, clock, 1)
	require.NoError(tb, err)
	return s, clock, s.Pins()
}

func BenchmarkPinRead(b *testing.B) {
	_, _, p := bench(b)
	b.ReportAllocs()
	for b.Loop() {
		p.PatientSwitch.Read()
	}
}

func BenchmarkFrame(b *testing.B) {
	_, clock, p := bench(b)
	clock.SleepUntil(time.Second)
	b.ReportAllocs()
	for b.Loop() {
		frame(p)
	}
}

// frame clocks one frame of 25 pulses without waiting for anything.
func frame(p Pins) uint32 {
	word := uint32(0)
	for range 25 {
		_ = p.CellClock.Out(gpio.High)
		_ = p.CellClock.Out(gpio.Low)
		word <<= 1
		if p.CellData.Read() {
			word |= 1
		}
	}
	return word >> 1
}

// BenchmarkStep is both edges of a step at 30 mm/s, with the half millisecond of physics that goes by.
func BenchmarkStep(b *testing.B) {
	s, clock, p := bench(b)
	_ = p.Enable.Out(gpio.High)
	b.ReportAllocs()
	pump := gpio.Low
	for i := 0; b.Loop(); i++ {
		if i&1023 == 0 {
			_ = p.Dir.Out(gpio.Level(i&1024 == 0))
		}
		pump = !pump
		_ = p.ChargePump.Out(pump)
		clock.Spend(515 * time.Microsecond)
		_ = p.Step.Out(gpio.High)
		clock.Spend(5 * time.Microsecond)
		_ = p.Step.Out(gpio.Low)
	}
	require.Zero(b, s.Truth().LostSteps)
}

func BenchmarkIdleSecond(b *testing.B) {
	s, clock, _ := bench(b)
	b.ReportAllocs()
	for b.Loop() {
		clock.Spend(time.Second)
		s.look()
	}
}

// BenchmarkTreatment is 25 minutes through the pins as an executive does it: a tick a millisecond that reads six
// switches and toggles the charge pump, a frame for each conversion, and 1.3 million steps.
func BenchmarkTreatment(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, clock, p := bench(b)
		treat(p, clock, 25*time.Minute)
	}
}

func treat(p Pins, clock *VirtualClock, length time.Duration) {
	_ = p.Enable.Out(gpio.High)
	pump := gpio.Low
	for tick := range int64(length / time.Millisecond) {
		clock.SleepUntil(time.Duration(tick) * time.Millisecond)
		for _, contact := range [...]gpio.PinIO{p.PatientSwitch, p.EmergencyStop, p.StartButton, p.EndSlack, p.EndPull, p.DriveFault} {
			contact.Read()
		}
		pump = !pump
		_ = p.ChargePump.Out(pump)
		if !p.CellData.Read() {
			frame(p)
		}
		if tick%8 == 0 {
			continue
		}
		_ = p.Dir.Out(tick/6000%2 == 0)
		clock.Spend(10 * time.Microsecond)
		_ = p.Step.Out(gpio.High)
		clock.Spend(3 * time.Microsecond)
		_ = p.Step.Out(gpio.Low)
	}
}
