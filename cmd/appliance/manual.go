package main

import (
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"traction/cmd/appliance/internal/manual"
)

// manCommand prints the manual page that packages install.
type manCommand struct{}

func (c *manCommand) Run(k *kong.Context) error {
	day, _, _ := strings.Cut(commitTime, "T")
	return manual.Page(os.Stdout, k.Model, manual.Edition{Version: version, Date: day}, sections())
}

// completionCommand prints the completion that packages install.
type completionCommand struct{}

func (c *completionCommand) Run(k *kong.Context) error { return manual.Bash(os.Stdout, k.Model) }

// sections of the manual page that are not in the command tree.
func sections() []manual.Section {
	return []manual.Section{
		{Name: "EXIT STATUS", Rows: [][2]string{
			{"0", "What was asked for was done; with idle: nothing is under way."},
			{"1", "It was not, and one line says why; with idle: something is under way."},
			{"2", "With idle: it cannot be known whether something is under way."},
		}},
		{Name: "FILES", Rows: [][2]string{
			{"/etc/traction/traction.toml", "How this table is built; every key is explained in it."},
			{"/etc/traction/programmes", "Your own programmes, one file each."},
			{"/run/traction/operator/control.sock", "Commands the table as if from beside it: for members of the group traction-operator."},
			{"/run/traction/gateway/control.sock", "For the gateway, with the rights that control.remote gives."},
			{"/var/lib/traction", "The calibration of the load cell."},
			{"/var/lib/traction-gateway", "The record of treatments."},
		}},
		{Name: "CAUTION", Rows: [][2]string{
			{"", "This is not a certified medical device, and software is never the last layer of protection. A person may lie on the table only with an emergency stop that cuts motor power, a mechanical stop, and a way to release by hand."},
		}},
		{Name: "SEE ALSO", Rows: [][2]string{{"", "systemctl(1), journalctl(1), gpioinfo(1), mosquitto(8)"}}},
	}
}
