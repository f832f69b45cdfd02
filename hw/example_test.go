package hw_test

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/hw"
	"traction/hw/hx711"
	"traction/hw/simtable"
	"traction/hw/stepper"
)

// The drivers run unchanged on a simulated table: half a second of winding.
func Example() {
	table, _ := simtable.TableByName("winch")
	patient, _ := simtable.PatientByName("median")
	clock := simtable.NewVirtualClock()
	sim, err := simtable.New(table, patient, clock, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	opened, err := hw.Open(hw.Config{
		Pins: hw.Pins(sim.Pins()),
		Cell: hx711.Opts{Rate: 80 * physic.Hertz},
		Motor: stepper.Config{
			StepsPerMM: 64, StartStopSpeed: 30 * physic.MilliMetrePerSecond, MaxSpeed: 80 * physic.MilliMetrePerSecond,
			Acceleration: 900, DirSetup: 5 * time.Microsecond, PulseWidth: 3 * time.Microsecond,
		},
		PadSource: sim.PadTemperature,
		Clock:     clock.Now, Delay: clock.Spend,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var r hw.Reading
	for tick := time.Millisecond; tick <= 500*time.Millisecond; tick += time.Millisecond {
		clock.SleepUntil(tick)
		r = opened.Read(clock.Now())
		act := hw.Actuation{Drive: hw.Moving, Velocity: 20 * physic.MilliMetrePerSecond, ChargePump: true}
		if err := opened.Apply(clock.Now(), act); err != nil {
			fmt.Println(err)
		}
		for {
			at, ok := opened.NextEdge()
			if !ok || at >= tick+time.Millisecond {
				break
			}
			clock.SleepUntil(at)
			if err := opened.Edge(clock.Now()); err != nil {
				fmt.Println(err)
			}
		}
	}
	fmt.Println("travel", r.Motion.Distance, "cell", r.Cell.Fault, "patient switch", r.Switches.Patient)
	fmt.Println("safe:", opened.SafeOff() == nil)
	// Output:
	// travel 9.969mm cell not-ready patient switch false
	// safe: true
}
