package commission

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestMain lets this test program be what the appliance is to a check: a program
// that can be started as a probe.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "probe" {
		if err := probeMain(os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func probeMain(kind string, args []string) error {
	f := flag.NewFlagSet(kind, flag.ContinueOnError)
	burden, folder, most := f.String("kind", "", ""), f.String("folder", "", ""), f.Duration("for", time.Second, "")
	var w RightsWanted
	f.StringVar(&w.User, "user", "", "")
	f.IntVar(&w.Priority, "priority", 0, "")
	f.IntVar(&w.CPU, "cpu", -1, "")
	f.StringVar(&w.RealTime, "real-time", "", "")
	f.StringVar(&w.Locked, "locked", "", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	if kind == "parent" {
		m, pids := machine(), ""
		for _, one := range m.burden(time.Minute, *folder).running {
			pids += fmt.Sprint(one.cmd.Process.Pid, " ")
		}
		fmt.Println(pids)
		select {} // until it is killed
	}
	if kind == "burden" {
		return Burden(context.Background(), *burden, *folder, *most, os.Stdin)
	}
	g, err := Rights(w)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(g)
}

// probeSelf starts this test program.
func probeSelf(args ...string) *exec.Cmd {
	return exec.Command(os.Args[0], append([]string{"probe"}, args...)...)
}
