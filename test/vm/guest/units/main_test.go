//go:build linux

package units

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"traction/test/vm/gpiosim"
	"traction/test/vm/plan"
)

// which is what of the checks runs, as for go test -run, in its environment.
const which = "TRACTION_RUN"

// role is what a unit of the guest starts this binary for, in its environment.
const (
	role   = "TRACTION_ROLE"
	chips  = "chips"  // make the chips of lines
	checks = "checks" // run the checks, report, and power the guest off
	inside = "inside" // be the binary of the checks
	look   = "look"   // open the devices that are named, in a unit's control group
)

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case chips:
		if _, err := gpiosim.Raspberry().Make(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case checks:
		err := report()
		fmt.Fprintln(os.Stderr, err)
		_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	case look:
		openAll(os.Args[1:])
	case inside:
		os.Exit(m.Run())
	default:
		fmt.Println("the checks of this package run in a guest: go test ./test/vm")
	}
}

// report runs the checks with the second serial port as their output.
func report() error {
	port, err := os.OpenFile(plan.Report, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	if _, err := term.MakeRaw(int(port.Fd())); err != nil {
		return err
	}
	cmd := exec.Command("/proc/self/exe", "-test.v=test2json", "-test.failfast", "-test.run="+os.Getenv(which))
	cmd.Env = append(os.Environ(), role+"="+inside)
	cmd.Stdout, cmd.Stderr = port, port
	fmt.Fprintf(port, "\n%s%s\n", plan.Begin, "units")
	_ = cmd.Run()
	_, err = fmt.Fprintf(port, "\n%s%s: %d\n\n%s\n", plan.End, "units", cmd.ProcessState.ExitCode(), plan.Done)
	return err
}
