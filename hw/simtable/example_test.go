package simtable_test

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"traction/hw/simtable"
)

// build is a table from the built-in files in virtual time.
func build() (*simtable.Sim, *simtable.VirtualClock) {
	table, err := simtable.TableByName("winch")
	if err != nil {
		panic(err)
	}
	patient, err := simtable.PatientByName("median")
	if err != nil {
		panic(err)
	}
	clock := simtable.NewVirtualClock()
	sim, err := simtable.New(table, patient.WithoutBreathing(), clock, 1)
	if err != nil {
		panic(err)
	}
	return sim, clock
}

// A driver sees nothing but pins; the test sees the truth.
func ExampleNew() {
	sim, clock := build()
	pins := sim.Pins()
	_ = pins.Enable.Out(gpio.High)
	_ = pins.Dir.Out(gpio.High)
	for i := range 64 * 40 { // 40 mm at 12.5 mm/s
		_ = pins.ChargePump.Out(i&1 == 0)
		clock.Spend(1245 * time.Microsecond)
		_ = pins.Step.Out(gpio.High)
		clock.Spend(5 * time.Microsecond)
		_ = pins.Step.Out(gpio.Low)
	}
	truth := sim.Truth()
	fmt.Printf("%.0f mm, %.0f N, %d steps lost\n", truth.PositionMM, truth.ForceN, truth.LostSteps)
	// Output: 60 mm, 104 N, 0 steps lost
}

func ExampleSim_Inject() {
	sim, clock := build()
	err := sim.Inject(simtable.Fault{Kind: "patient-switch-open", At: 10 * time.Second, For: 5 * time.Second})
	fmt.Println(err)
	for _, at := range []time.Duration{5, 12, 20} {
		clock.SleepUntil(at * time.Second)
		fmt.Println(sim.Pins().PatientSwitch.Read())
	}
	// Output:
	// <nil>
	// Low
	// High
	// Low
}

func ExampleSim_PadTemperature() {
	sim, clock := build()
	_ = sim.Pins().Heat.Out(gpio.High)
	clock.SleepUntil(5 * time.Minute)
	got, err := sim.PadTemperature()
	fmt.Printf("%.1f C %v\n", got.Celsius(), err)
	fmt.Println(physic.Temperature(got-physic.ZeroCelsius)%(physic.Celsius/16) == 0)
	// Output:
	// 35.2 C <nil>
	// true
}

func ExampleTableByName() {
	_, err := simtable.TableByName("bed")
	fmt.Println(err)
	// Output: simtable: table: unknown name "bed": known are double, plain, screw, tired, winch, worm
}

func ExamplePatientByName() {
	p, err := simtable.PatientByName("softest")
	fmt.Println(1/(1/p.HarnessStiffnessNPerMM+1/p.BodyStiffnessNPerMM), "N/mm", err)
	// Output: 1.875 N/mm <nil>
}
