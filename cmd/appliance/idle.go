package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"traction/cmd/appliance/internal/settings"
	"traction/control"
	"traction/control/link"
	"traction/control/quantity/document"
)

// idleCommand tells whether the control process may be restarted, or the system
// updated, without anybody noticing. Packages and updates ask it first.
type idleCommand struct {
	Socket string        `help:"Operator's socket of the control process; without it the one that the settings name." env:"TRACTION_SOCKET" placeholder:"PATH"`
	Config string        `help:"Settings of the table." default:"/etc/traction/traction.toml" type:"path"`
	Wait   time.Duration `help:"Wait so long for the table to become idle, at most 24h." placeholder:"30m"`
}

// Exit statuses beside 0, which says that nothing is under way.
const (
	exitBusy    = 1 // something is
	exitUnknown = 2 // that cannot be known
	exitLeft    = 3 // nor that: control was killed, and what it held may still be held
)

const (
	// idleWaitMost bounds --wait: whatever is under way for a day waits for a person.
	idleWaitMost = 24 * time.Hour
	// idleEvery is the time between two looks.
	idleEvery = 500 * time.Millisecond
	// idleDoubt is how long one who does not wait looks again at what cannot be
	// known: within two seconds of a start the rope has been seen slack for one.
	idleDoubt = 4 * time.Second
	// lookMost bounds one look; a snapshot comes within milliseconds.
	lookMost = 5 * time.Second
)

// controlGroup tells whether processes of the control unit exist, however they are
// reached (systemd and cgroups(7), version 2).
const controlGroup = "/sys/fs/cgroup/system.slice/traction-control.service/cgroup.events"

// notIdle is why the answer is no, or none.
type notIdle struct {
	status int
	why    string
}

func (e *notIdle) Error() string   { return e.why }
func (e *notIdle) ExitStatus() int { return e.status }

func busy(format string, args ...any) error {
	return &notIdle{exitBusy, "busy: " + fmt.Sprintf(format, args...)}
}

func unknown(format string, args ...any) error { return doubtful(exitUnknown, format, args...) }

func doubtful(status int, format string, args ...any) error {
	return &notIdle{status, "it cannot be known whether the table is idle: " + fmt.Sprintf(format, args...)}
}

func (c *idleCommand) Run(ctx context.Context) error {
	return c.run(ctx, os.Stdout, controlGroup, idleDoubt)
}

// run looks until the table is idle or the time is over; then it gives the last
// answer. group stands for controlGroup, doubt for idleDoubt.
func (c *idleCommand) run(ctx context.Context, out io.Writer, group string, doubt time.Duration) error {
	if c.Wait < 0 || c.Wait > idleWaitMost {
		return unknown("--wait: %v is out of range, allowed: 0s to %v", c.Wait, idleWaitMost)
	}
	socket, err := c.socket()
	if err != nil {
		return unknown("%v", err)
	}
	begin := time.Now()
	for {
		said, err := lookForIdle(ctx, socket, group)
		if err == nil {
			_, err := fmt.Fprintln(out, "idle:", said)
			return err
		}
		most := c.Wait
		if exitStatus(err) != exitBusy {
			most = max(most, doubt)
		}
		if time.Since(begin) >= most {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(idleEvery):
		}
	}
}

// socket is where the operator's socket is. A control process that runs has read
// the settings, so they are asked even if they have mistakes by now.
func (c *idleCommand) socket() (string, error) {
	if c.Socket != "" {
		return c.Socket, nil
	}
	s, err := settings.Load(c.Config)
	if err == nil {
		return s.Control.OperatorSocket, nil
	}
	path := settings.Default().Control.OperatorSocket
	d, readErr := document.Read(c.Config)
	switch {
	case errors.Is(readErr, fs.ErrNotExist):
		return path, nil // without settings the unit does not start control either
	case readErr != nil:
		return "", fmt.Errorf("where its socket is stands in the settings, and they cannot be read: %w", readErr)
	}
	d.String("control.operator_socket", &path, nil)
	return path, nil
}

// lookForIdle looks once. It says what it has seen, or why that is not idle.
func lookForIdle(ctx context.Context, socket, group string) (said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookMost)
	defer cancel()
	client, err := link.Dial(ctx, socket)
	if errors.Is(err, link.ErrNotRunning) {
		return notRunning(socket, group)
	}
	if err != nil {
		return "", unknown("%v", advise(err))
	}
	defer client.Close() //nolint:errcheck // nothing is left to say to it
	s, err := newest(ctx, client)
	if err != nil {
		return "", unknown("no state was told: %v", err)
	}
	if err := whyNotIdle(s); err != nil {
		return "", err
	}
	return fmt.Sprintf("nothing is under way, the mode is %s", s.Mode), nil
}

// notRunning: nobody answers. That is well only if the process has ended in order,
// which takes its socket away and follows a release; after a crash the rope may be
// under tension, and the next start releases it.
func notRunning(socket, group string) (said string, err error) {
	if _, err := os.Lstat(socket); err == nil {
		return "", doubtful(exitLeft, "the control process has left %s without an orderly end; start it, it then releases what is under tension: systemctl start traction-control", socket)
	}
	if events, err := os.ReadFile(group); err == nil && strings.Contains(string(events), "populated 1") {
		return "", unknown("systemd runs traction-control, but nobody answers on %s", socket)
	}
	return "the control process does not run", nil
}

// whyNotIdle names the first thing that a restart would disturb. An alarm that
// nobody has acknowledged is one: it would be gone with the process, and whoever
// it calls has not come yet.
func whyNotIdle(s *control.Snapshot) error {
	held := s.Active | s.Trips
	switch {
	case s.Rev == 0:
		return unknown("the control process has only begun")
	case s.Mode == control.Armed:
		return busy("the table is armed; end it with: appliance stop")
	case s.Mode != control.Idle && s.Mode != control.Tripped:
		return busy("the mode is %s; end it with: appliance stop", s.Mode)
	case s.Missing&control.MissingSlack != 0, held.Has(control.ILTensionLeft):
		return busy("the rope is under tension, %s", sayForce(s.Force))
	case s.HeatTarget != 0 || s.HeatDuty > 0:
		return busy("the heat pad is on; switch it off with: appliance heat off")
	case s.Mode == control.Tripped, s.Trips.Without(control.ILStartUp) != 0:
		return busy("a trip waits for somebody: appliance acknowledge")
	case s.EndTone:
		return busy("the end of the treatment waits for somebody: appliance acknowledge")
	case s.Missing&control.MissingCalibration != 0:
		return nil // nothing can be armed, and no force is known
	case s.Missing&control.MissingCell != 0:
		return unknown("the load cell gives no good samples; with nobody on the table: systemctl stop traction-control")
	case held.Has(control.ILSlackUnconfirmed):
		return unknown("the rope has not been seen slack since it was pulled, or since the start; with nobody on the table: systemctl stop traction-control")
	}
	return nil
}
