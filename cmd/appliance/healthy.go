package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"traction/cmd/appliance/internal/health"
	"traction/cmd/appliance/internal/settings"
	"traction/control/link"
)

// healthyCommand tells whether control and gateway work, for a while. An update is
// kept only after it has said so.
type healthyCommand struct {
	Socket    string        `help:"Operator's socket of the control process; without it the one that the settings name." env:"TRACTION_SOCKET" type:"path" placeholder:"PATH"`
	Config    string        `help:"Settings of the table." default:"/etc/traction/traction.toml" type:"path"`
	For       time.Duration `help:"How long all has to be well without a break, 1s to 1h." default:"1m"`
	Within    time.Duration `help:"When that must be done, up to 2h." default:"5m"`
	Units     []string      `help:"Services that have to run." default:"traction-control.service,traction-gateway.service"`
	Systemctl string        `help:"systemd's own program." default:"systemctl" hidden:""`
}

func (c *healthyCommand) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *healthyCommand) run(ctx context.Context, out io.Writer) error {
	if c.For < time.Second || c.For > time.Hour {
		return fmt.Errorf("healthy: --for: %s is out of range, allowed: 1s to 1h", c.For)
	}
	if c.Within < c.For || c.Within > 2*time.Hour {
		return fmt.Errorf("healthy: --within: %s is out of range, allowed: --for %s to 2h", c.Within, c.For)
	}
	w := health.Watch{For: c.For, Within: c.Within, Version: version, Control: c.look, Units: health.Systemctl(c.Systemctl, c.Units...)}
	if err := w.Run(ctx); err != nil {
		return fmt.Errorf("healthy: %w", err)
	}
	_, err := fmt.Fprintf(out, "well for %s: control makes ticks, and all services run\n", c.For)
	return err
}

// look asks the control process. Where its socket is may change while it is waited
// for, so the settings are read each time.
func (c *healthyCommand) look(ctx context.Context) (health.Seen, error) {
	socket := c.Socket
	if socket == "" {
		s, err := settings.Load(c.Config)
		if err != nil {
			return health.Seen{}, err
		}
		socket = s.Control.OperatorSocket
	}
	client, err := link.Dial(ctx, socket)
	if err != nil {
		return health.Seen{}, err
	}
	defer client.Close() //nolint:errcheck // nothing is left to say to it
	s, err := newest(ctx, client)
	if err != nil {
		return health.Seen{}, fmt.Errorf("the control process tells no state: %w", err)
	}
	hello := client.Hello()
	return health.Seen{Boot: hello.ID, Version: hello.Version, At: s.At}, nil
}
