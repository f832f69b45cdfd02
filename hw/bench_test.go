package hw_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/hw"
	"traction/hw/hx711"
	"traction/hw/simtable"
	"traction/hw/stepper"
)

// bench is the real drivers on the simulated winch with nobody on it, in
// virtual time, with a cyclic executive as small as one can be.
type bench struct {
	*hw.Table
	sim   *simtable.Sim
	clock *simtable.VirtualClock
	act   hw.Actuation
	last  hw.Reading
	tick  time.Duration

	sample time.Duration // next look at the pad
}

// winch is the drive as its data sheets have it; the simulated one is as good.
func winch() stepper.Config {
	return stepper.Config{
		StepsPerMM: 64, MaxSpeed: 80 * physic.MilliMetrePerSecond, StartStopSpeed: 30 * physic.MilliMetrePerSecond,
		Acceleration: 900, DirSetup: 5 * time.Microsecond, PulseWidth: 3 * time.Microsecond, EnableSettle: 5 * time.Millisecond,
	}
}

func table(t testing.TB, change func(*simtable.Table)) simtable.Table {
	cfg, err := simtable.TableByName("winch")
	require.NoError(t, err)
	if change != nil {
		change(&cfg)
	}
	return cfg
}

func newSim(t testing.TB, cfg simtable.Table) (*simtable.Sim, *simtable.VirtualClock) {
	patient, err := simtable.PatientByName("median")
	require.NoError(t, err)
	clock := simtable.NewVirtualClock()
	sim, err := simtable.New(cfg, patient, clock, 1)
	require.NoError(t, err)
	return sim, clock
}

func config(sim *simtable.Sim, clock *simtable.VirtualClock) hw.Config {
	return hw.Config{
		Pins: hw.Pins(sim.Pins()), Cell: hx711.Opts{Rate: 80 * physic.Hertz}, Motor: winch(),
		PadSource: sim.PadTemperature, Clock: clock.Now, Delay: clock.Spend,
	}
}

func newBench(t testing.TB, change func(*hw.Config, *simtable.Sim)) *bench {
	sim, clock := newSim(t, table(t, nil))
	cfg := config(sim, clock)
	if change != nil {
		change(&cfg, sim)
	}
	opened, err := hw.Open(cfg)
	require.NoError(t, err)
	b := &bench{Table: opened, sim: sim, clock: clock, tick: clock.Now()}
	b.act = hw.Actuation{Drive: hw.Stopped, ChargePump: true}
	return b
}

// step is one tick of 1 ms with the edges that follow it.
func (b *bench) step() error {
	b.tick += time.Millisecond
	b.clock.SleepUntil(b.tick)
	b.last = b.Read(b.clock.Now())
	if err := b.Apply(b.clock.Now(), b.act); err != nil {
		return err
	}
	for {
		at, ok := b.NextEdge()
		if !ok || at >= b.tick+time.Millisecond {
			return nil
		}
		b.clock.SleepUntil(at)
		if err := b.Edge(b.clock.Now()); err != nil {
			return err
		}
	}
}

// run steps for a time and returns the conversions that came.
func (b *bench) run(t testing.TB, d time.Duration) (codes []hx711.Counts) {
	for end := b.tick + d; b.tick < end; {
		require.NoError(t, b.step())
		if b.last.Cell.Ready {
			codes = append(codes, b.last.Cell.Counts)
		}
		if p := b.Pad(); p != nil && b.tick >= b.sample {
			p.Sample(b.clock.Now())
			b.sample = b.tick + time.Second
		}
	}
	return codes
}

// move drives at a velocity for a time.
func (b *bench) move(t testing.TB, v physic.Speed, d time.Duration) {
	b.act.Drive, b.act.Velocity = hw.Moving, v
	b.run(t, d)
	b.act.Drive, b.act.Velocity = hw.Stopped, 0
}
