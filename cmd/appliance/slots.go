package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"traction/cmd/appliance/internal/slots"
)

// slotsCommand is what RAUC calls as its custom bootloader backend on a Raspberry Pi
// whose firmware knows tryboot. Names and answers are RAUC's.
type slotsCommand struct {
	Do    string `arg:"" enum:"get-primary,set-primary,get-state,set-state,get-current" help:"What RAUC asks for: ${enum}."`
	Slot  string `arg:"" optional:"" help:"The system: A or B."`
	State string `arg:"" optional:"" help:"With set-state: good or bad."`

	Boot        string `help:"The first partition." default:"/boot" type:"path"`
	CommandLine string `help:"The kernel's command line." default:"/proc/cmdline" type:"path"`
	RebootParam string `help:"Where systemd looks for the argument of a restart." default:"/run/systemd/reboot-param" type:"path"`
}

// Run answers on standard output, where RAUC reads one word; what was done goes to
// standard error.
func (c *slotsCommand) Run(*kong.Context) error { return c.run(os.Stdout, os.Stderr) }

func (c *slotsCommand) run(out, log io.Writer) error {
	s := &slots.Slots{Dir: c.Boot, CommandLine: c.CommandLine, RebootParam: c.RebootParam, Log: log}
	name, err := "", error(nil)
	switch c.Do {
	case "get-primary":
		name, err = s.Primary()
	case "get-current":
		name, err = s.Current()
	case "get-state":
		var good bool
		good, err = s.Good(c.Slot)
		if name = "bad"; good {
			name = "good"
		}
	case "set-primary":
		return s.SetPrimary(c.Slot)
	default:
		switch c.State {
		case "good":
			return s.SetGood(c.Slot)
		case "bad":
			return s.SetBad(c.Slot)
		}
		return errors.New("slots: set-state: allowed: good, bad")
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, name)
	return err
}
