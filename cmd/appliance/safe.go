package main

import (
	"context"
	"os"

	"traction/cmd/appliance/internal/commission"
	"traction/cmd/appliance/internal/settings"
)

// safeCommand writes the safe level of every output. It is what systemd runs after
// the control process has ended in whatever way.
type safeCommand struct {
	Config string `help:"Settings of the table." default:"/etc/traction/traction.toml" type:"path"`
}

// Run ignores the context: a signal must not keep an output from being written,
// and it takes 2 s at most.
func (c *safeCommand) Run(context.Context) error {
	return commission.Safe(os.Stdout, c.Config, settings.Path, commission.BoardLines)
}
