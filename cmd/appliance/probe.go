package main

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"traction/cmd/appliance/internal/commission"
)

// probeCommand holds what a check runs as processes of their own. It is hidden:
// nobody needs it by hand, and it harms nothing.
type probeCommand struct {
	Burden burdenCommand `cmd:"" help:"Keep the computer busy until the input ends."`
	Rights rightsCommand `cmd:"" help:"Become a service's user under its limits and try real-time scheduling."`
}

// burdenCommand is one load on the computer while a check measures lateness.
type burdenCommand struct {
	Kind   string        `help:"${enum}." enum:"cpu,memory,disk" required:""`
	Folder string        `help:"Where the disk is written to."`
	For    time.Duration `help:"How long at most." default:"1m"`
}

func (c *burdenCommand) Run(ctx context.Context) error {
	return commission.Burden(ctx, c.Kind, c.Folder, c.For, os.Stdin)
}

// rightsCommand tells as JSON what the control process will be granted.
type rightsCommand struct {
	User     string `required:""`
	Priority int    `required:""`
	CPU      int    `default:"-1"`
	RealTime string `help:"LimitRTPRIO." required:""`
	Locked   string `help:"LimitMEMLOCK." required:""`
}

func (c *rightsCommand) Run() error {
	g, err := commission.Rights(commission.RightsWanted{User: c.User, Priority: c.Priority, CPU: c.CPU, RealTime: c.RealTime, Locked: c.Locked})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(g)
}
