package commission_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"traction/cmd/appliance/internal/commission"
	"traction/cmd/appliance/internal/simulation"
	"traction/control/calfile"
	"traction/hw/simtable"
)

// A simulated table in virtual time, so that ten seconds are over at once.
func ExampleCheck_Run() {
	table, _ := simtable.TableByName("winch")
	sim, err := commission.NewSimulated(table, simulation.Virtual)
	if err != nil {
		fmt.Println(err)
		return
	}
	sim.Sim.PressEmergencyStop(true)
	check := commission.Check{
		Settings: sim.Settings, For: 10 * time.Second, Machine: commission.ThisMachine(),
		Open:        func() (commission.Bench, error) { return sim.Bench, nil },
		Calibration: func() (calfile.File, error) { return sim.Calibration, nil },
	}
	report, err := check.Run(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range report.Findings {
		if f.Check == "emergency stop" || f.Check == "outputs" {
			fmt.Printf("%s: %s, %s\n", f.Verdict, f.Check, f.Found)
		}
	}
	// Output:
	// fail: emergency stop, open: pressed or a broken wire
	// pass: outputs, drive disabled and heat off all the time
}

func ExampleCalibration_Run() {
	table, _ := simtable.TableByName("winch")
	sim, err := commission.NewSimulated(table, simulation.Virtual)
	if err != nil {
		fmt.Println(err)
		return
	}
	answers := []string{"", "40 kg", "", "20 kg", "", "", "Maria Muster", "yes"}
	calibration := commission.Calibration{
		Settings: sim.Settings, Bench: sim.Bench, Now: time.Now,
		In: strings.NewReader(strings.Join(answers, "\n")), Out: io.Discard,
		Save: func(f calfile.File) error {
			fmt.Printf("%s: %.0f counts for 1 N, from %d weights\n", f.By, f.Calibration.PerNewton, len(f.Points))
			return nil
		},
	}
	if err := calibration.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output: Maria Muster: 4295 counts for 1 N, from 2 weights
}
