package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
)

// clientFlags are common to all commands that talk to a running control process.
type clientFlags struct {
	Socket string `help:"Operator's socket of the control process." env:"TRACTION_SOCKET" default:"/run/traction/operator/control.sock" type:"path" placeholder:"PATH"`
}

// dial connects to the control process; the error says what to do about it.
func (f *clientFlags) dial(ctx context.Context) (*link.Client, error) {
	c, err := link.Dial(ctx, f.Socket)
	if err != nil {
		return nil, advise(err)
	}
	return c, nil
}

// advise adds to a failed connection what to do about it.
func advise(err error) error {
	switch {
	case errors.Is(err, link.ErrNotRunning):
		return fmt.Errorf("%w; start it with \"systemctl start traction-control\", or name the socket of a running one with --socket (simulated: --socket RUN-DIR/%s)", err, operatorSocket)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; be a member of that group (\"sudo usermod -aG traction-operator USER\", then log in again), or use sudo", err)
	}
	return err
}

// newest is the state at this moment.
func newest(ctx context.Context, c *link.Client) (*control.Snapshot, error) {
	// The first one comes at once; at the lowest rate hardly another one follows.
	if err := c.Subscribe(link.Subscription{Snapshots: link.MinSnapshots}); err != nil {
		return nil, err
	}
	return nextSnapshot(ctx, c)
}

// nextSnapshot waits for the next state that the control process tells.
func nextSnapshot(ctx context.Context, c *link.Client) (*control.Snapshot, error) {
	for {
		u, err := c.Next(ctx)
		if err != nil {
			return nil, err
		}
		if u.Snapshot != nil {
			return u.Snapshot, nil
		}
	}
}

// errRefused: the control process did not do what was asked for. The error's text
// is its answer.
var errRefused = errors.New("refused")

// follower goes on with a connection after a request was obeyed; rev is that of
// the state which came of it.
type follower func(ctx context.Context, c *link.Client, rev uint64) error

// act asks for one thing, decided on the newest state, prints the answer and goes
// on with then, which may be nil.
func (f *clientFlags) act(ctx context.Context, out io.Writer, r link.Request, then follower) error {
	c, err := f.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // nothing is left to say to it
	s, err := newest(ctx, c)
	if err != nil {
		return fmt.Errorf("%s: no state was told: %w", r.Command, err)
	}
	r.Rev = &s.Rev
	answer, err := ask(ctx, out, c, r)
	if err != nil || then == nil {
		return err
	}
	return then(ctx, c, answer.Rev)
}

// ask sends a request as it is and prints the answer; a refusal is errRefused.
func ask(ctx context.Context, out io.Writer, c *link.Client, r link.Request) (link.Response, error) {
	answer, err := c.Request(ctx, r)
	if errors.Is(err, link.ErrMalformed) || errors.Is(err, link.ErrOutOfRange) {
		return answer, err // it names the field already
	}
	if err != nil {
		return answer, fmt.Errorf("%s: %w", r.Command, err)
	}
	if answer.Status != link.StatusOK {
		return answer, fmt.Errorf("%w: %s", errRefused, answer.Message)
	}
	_, err = fmt.Fprintln(out, answer.Message)
	return answer, err
}

// watchRate is how often commands that follow the state want to be told.
const watchRate = 10 * physic.Hertz
