package executive_test

import (
	"context"
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/executive"
	"traction/hw"
	"traction/hw/hx711"
	"traction/hw/simtable"
	"traction/hw/stepper"
)

// The executive runs a table that is only simulated, as fast as it can: one
// second of ticks, and then an end with everything safe.
func Example() {
	model, _ := simtable.TableByName("winch")
	person, _ := simtable.PatientByName("median")
	clock := simtable.NewVirtualClock()
	sim, err := simtable.New(model, person, clock, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	const mmps = physic.MilliMetrePerSecond
	table, err := hw.Open(hw.Config{
		Pins: hw.Pins(sim.Pins()), Cell: hx711.Opts{Rate: 80 * physic.Hertz},
		Motor:     stepper.Config{StepsPerMM: 64, MaxSpeed: 60 * mmps, StartStopSpeed: 30 * mmps, Acceleration: 800},
		PadSource: sim.PadTemperature, Clock: clock.Now, Delay: clock.Spend,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctl, err := control.New(control.Config{
		Table: control.TableLimits{Force: 400 * physic.Newton, Rise: 80 * control.NewtonPerSecond, PullSpeed: 25 * mmps,
			ReleaseSpeed: 60 * mmps, Travel: 350 * physic.MilliMetre, BackDrivable: true},
		Calibration: control.Calibration{Zero: 42950, PerNewton: 4295, Capacity: 1000 * physic.Newton},
		Tick:        time.Millisecond, SampleRate: 80 * physic.Hertz, HeatTime: 30 * time.Minute,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	exec := executive.New(executive.Config{
		Tick: time.Millisecond, SamplePad: true,
		Each: func(in *control.Input, _ *control.Output) {
			if in.Now > time.Second {
				cancel()
			}
		},
	}, clock, table, ctl)
	if err := exec.Run(ctx); err != nil {
		fmt.Println(err)
		return
	}
	s := exec.Journal().Snapshot()
	fmt.Println(s.Mode, s.Cell, s.Trips.IDs())
	fmt.Println(exec.Ticks() >= 1000, "energised:", sim.Truth().Energised)
	// Output:
	// idle ok [start-up]
	// true energised: false
}
