package simtable

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

// rig is a table in virtual time with the hands of a simple driver.
type rig struct {
	*Sim
	t     *testing.T
	clock *VirtualClock
	p     Pins
	pump  gpio.Level
}

// newRig builds a table; change may alter table and patient before.
func newRig(t *testing.T, table, patient string, change func(*Table, *Patient)) *rig {
	t.Helper()
	tb, err := TableByName(table)
	require.NoError(t, err)
	pa, err := PatientByName(patient)
	require.NoError(t, err)
	if change != nil {
		change(&tb, &pa)
	}
	clock := NewVirtualClock()
	s, err := New(tb, pa, clock, 7)
	require.NoError(t, err)
	r := &rig{Sim: s, t: t, clock: clock, p: s.Pins()}
	require.NoError(t, r.p.Enable.Out(gpio.High))
	return r
}

// quiet takes away what makes a measurement scatter.
func quiet(tb *Table, pa *Patient) {
	tb.Cell.WarmUpC, tb.Cell.ZeroMVPerV = 0, 0
	pa.BreathingN = 0
}

// beat toggles the charge pump.
func (r *rig) beat() {
	r.pump = !r.pump
	_ = r.p.ChargePump.Out(r.pump)
}

// wait lets time pass with the charge pump beating.
func (r *rig) wait(d time.Duration) {
	for end := r.clock.Now() + d; r.clock.Now() < end; {
		r.beat()
		r.clock.SleepUntil(min(end, r.clock.Now()+5*time.Millisecond))
	}
	r.beat()
}

// pulse is one step that keeps every rule of the driver, an interval after the last.
func (r *rig) pulse(interval time.Duration) {
	r.beat()
	_ = r.p.Step.Out(gpio.High)
	r.clock.Spend(5 * time.Microsecond)
	_ = r.p.Step.Out(gpio.Low)
	r.clock.Spend(interval - 5*time.Microsecond)
}

// wind turns the motor by mm (negative: away) at a constant speed in mm/s.
func (r *rig) wind(mm, speed float64) {
	_ = r.p.Dir.Out(mm > 0)
	r.clock.Spend(20 * time.Microsecond)
	perMM := r.table.Drive.StepsPerMM
	interval := seconds(1 / (perMM * speed))
	for range int(max(mm, -mm)*perMM + 0.5) {
		r.pulse(interval)
	}
}

// pullTo winds at 10 mm/s until the true force is reached.
func (r *rig) pullTo(newtons float64) {
	r.t.Helper()
	_ = r.p.Dir.Out(gpio.High)
	r.clock.Spend(20 * time.Microsecond)
	interval := seconds(1 / (r.table.Drive.StepsPerMM * 10))
	for range int(400 * r.table.Drive.StepsPerMM) {
		if r.person.rope >= newtons {
			return
		}
		r.pulse(interval)
	}
	require.GreaterOrEqual(r.t, r.person.rope, newtons, "the drive ran out of way")
}

// ready waits for the next conversion with the pump beating.
func (r *rig) ready() {
	r.t.Helper()
	for range 200000 {
		if !r.p.CellData.Read() {
			return
		}
		r.beat()
		r.clock.Spend(10 * time.Microsecond)
	}
	require.Fail(r.t, "no conversion")
}

// pulses clocks n pulses and returns the bits read after each.
func (r *rig) pulses(n int) (bits []int) {
	for range n {
		_ = r.p.CellClock.Out(gpio.High)
		_ = r.p.CellClock.Out(gpio.Low)
		bit := 0
		if r.p.CellData.Read() {
			bit = 1
		}
		bits = append(bits, bit)
	}
	return bits
}

// sample waits for a conversion and reads it with n pulses.
func (r *rig) sample(n int) int32 {
	r.t.Helper()
	r.ready()
	return value(r.pulses(n))
}

func value(bits []int) int32 {
	word := uint32(0)
	for _, b := range bits[:24] {
		word = word<<1 | uint32(b)
	}
	return int32(word<<8) >> 8
}
