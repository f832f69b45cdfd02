package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
	"traction/control/quantity"
)

// The flags with a unit. A nil pointer is a flag that was not given.
type (
	forceFlag = *quantity.Text[physic.Force]
	massFlag  = *quantity.Text[physic.Mass]
	timeFlag  = *quantity.Text[time.Duration]
)

// given turns a flag into the optional value of a request.
func given[T quantity.Value](flag *quantity.Text[T]) *T {
	if flag == nil {
		return nil
	}
	return &flag.Value
}

// selectCommand chooses the programme of the next treatment.
type selectCommand struct {
	clientFlags
	Name       string    `arg:"" help:"Name of the programme; \"appliance programmes\" lists them."`
	BodyWeight massFlag  `help:"The person's weight, such as \"75 kg\"; its share limits the force."`
	MaxForce   forceFlag `help:"The person's own cap on the force, such as \"300 N\"."`
}

func (c *selectCommand) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *selectCommand) run(ctx context.Context, out io.Writer) error {
	return c.act(ctx, out, link.Request{Command: control.CommandSelect, Programme: c.Name,
		BodyWeight: given(c.BodyWeight), MaxForce: given(c.MaxForce)}, nil)
}

// armCommand makes ready at the table and waits for the proof of the switch.
type armCommand struct {
	clientFlags
	NoWait bool `help:"Do not wait until the patient switch is proven."`
}

func (c *armCommand) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *armCommand) run(ctx context.Context, out io.Writer) error {
	const invitation = "Let the person press the patient switch and let it go; without that nothing starts."
	return c.act(ctx, out, link.Request{Command: control.CommandArm}, func(ctx context.Context, client *link.Client, rev uint64) error {
		if _, err := fmt.Fprintln(out, invitation); err != nil || c.NoWait {
			return err
		}
		return awaitProof(ctx, out, client, rev)
	})
}

// proofMost bounds the wait for a person to press a switch.
const proofMost = 10 * time.Minute

// awaitProof waits until the patient switch was seen pressed and let go. armed is
// the rev that arming made: earlier snapshots are of before.
func awaitProof(ctx context.Context, out io.Writer, c *link.Client, armed uint64) error {
	ctx, cancel := context.WithTimeout(ctx, proofMost)
	defer cancel()
	if err := c.Subscribe(link.Subscription{Snapshots: watchRate}); err != nil {
		return err
	}
	for {
		s, err := nextSnapshot(ctx, c)
		switch {
		case ctx.Err() != nil:
			return errors.New("arm: the patient switch is not proven yet; the table stays armed, \"appliance stop\" disarms it")
		case err != nil:
			return fmt.Errorf("arm: %w", err)
		case s.Rev < armed:
		case s.Mode != control.Armed:
			return fmt.Errorf("arm: the table is not armed any more, the mode is %s", s.Mode)
		case s.SwitchProof:
			_, err := fmt.Fprintln(out, "The patient switch is proven; \"appliance start\" starts the treatment.")
			return err
		}
	}
}

// startCommand starts the treatment.
type startCommand struct{ clientFlags }

func (c *startCommand) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *startCommand) run(ctx context.Context, out io.Writer) error {
	return c.act(ctx, out, link.Request{Command: control.CommandStart}, func(ctx context.Context, client *link.Client, _ uint64) error {
		s, err := newest(ctx, client)
		if err != nil {
			return fmt.Errorf("start: the treatment has started, but its time was not told: %w", err)
		}
		_, err = fmt.Fprintf(out, "The treatment takes %s, with slack take-up and release about %s.\n", sayClock(s.Settings.Duration), sayClock(s.Planned))
		return err
	})
}

// pauseCommand stops the treatment's timer.
type pauseCommand struct{ clientFlags }

func (c *pauseCommand) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

// run does not look at the state first: a pause needs nothing to act.
func (c *pauseCommand) run(ctx context.Context, out io.Writer) error {
	return c.atOnce(ctx, out, control.CommandPause)
}

// stopCommand ends the treatment.
type stopCommand struct{ clientFlags }

func (c *stopCommand) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

// run does not look at anything first. A stop that may not have arrived says what
// else stops the table.
func (c *stopCommand) run(ctx context.Context, out io.Writer) error {
	if err := c.atOnce(ctx, out, control.CommandStop); err != nil {
		return fmt.Errorf("%w; if anybody lies on the table, press the patient switch or the emergency stop now", err)
	}
	return nil
}

// atOnce asks for what always acts.
func (f *clientFlags) atOnce(ctx context.Context, out io.Writer, what control.CommandKind) error {
	c, err := f.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // nothing is left to say to it
	_, err = ask(ctx, out, c, link.Request{Command: what})
	return err
}

// resumeCommand goes on after a pause.
type resumeCommand struct{ clientFlags }

func (c *resumeCommand) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *resumeCommand) run(ctx context.Context, out io.Writer) error {
	return c.act(ctx, out, link.Request{Command: control.CommandResume}, nil)
}

// holdCommand pauses and keeps the force where it is.
type holdCommand struct{ clientFlags }

func (c *holdCommand) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *holdCommand) run(ctx context.Context, out io.Writer) error {
	return c.act(ctx, out, link.Request{Command: control.CommandHold}, nil)
}

// setCommand changes values of the selected or running programme.
type setCommand struct {
	clientFlags
	Hold     forceFlag `help:"Force in hold, such as \"350 N\"."`
	Rest     forceFlag `help:"Force in rest, such as \"120 N\"."`
	HoldTime timeFlag  `help:"Time in hold, such as 45s."`
	RestTime timeFlag  `help:"Time in rest, such as 15s."`
	Duration timeFlag  `help:"Treatment time, such as 15m."`
}

func (c *setCommand) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *setCommand) run(ctx context.Context, out io.Writer) error {
	return c.act(ctx, out, link.Request{Command: control.CommandSet, Hold: given(c.Hold), Rest: given(c.Rest),
		HoldTime: given(c.HoldTime), RestTime: given(c.RestTime), Duration: given(c.Duration)}, nil)
}

// heatCommand switches the heat pad.
type heatCommand struct {
	clientFlags
	SetPoint []string `arg:"" help:"Set-point such as \"38 C\", or off."`
}

func (c *heatCommand) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *heatCommand) run(ctx context.Context, out io.Writer) error {
	var want physic.Temperature // 0 is off
	if text := strings.Join(c.SetPoint, " "); text != "off" {
		var err error
		if want, err = quantity.Parse[physic.Temperature](text); err != nil {
			return fmt.Errorf("heat: %w; or off", err)
		}
		if want == 0 { // 0 K is a number that stands for off only on the wire
			return fmt.Errorf("heat: %q is out of range, allowed: %s to %s, or off", text,
				quantity.Format(control.MinHeat), quantity.Format(control.CeilingTemperature))
		}
	}
	return c.act(ctx, out, link.Request{Command: control.CommandHeat, Heat: &want}, nil)
}

// proveCommand starts the proof of release.
type proveCommand struct{ clientFlags }

func (c *proveCommand) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *proveCommand) run(ctx context.Context, out io.Writer) error {
	return c.act(ctx, out, link.Request{Command: control.CommandProve}, func(context.Context, *link.Client, uint64) error {
		_, err := fmt.Fprintln(out, "The table pulls to 50 N: against its frame or an assistant's hands, never a person in the harness.\n"+
			"Press the patient switch once it holds; the rope must be slack within 5 s. Then arm again.")
		return err
	})
}

// silenceCommand pauses the alarm's sound.
type silenceCommand struct{ clientFlags }

func (c *silenceCommand) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *silenceCommand) run(ctx context.Context, out io.Writer) error {
	return c.act(ctx, out, link.Request{Command: control.CommandSilence}, nil)
}

// acknowledgeCommand acknowledges trips whose cause is gone.
type acknowledgeCommand struct{ clientFlags }

func (c *acknowledgeCommand) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *acknowledgeCommand) run(ctx context.Context, out io.Writer) error {
	return c.act(ctx, out, link.Request{Command: control.CommandAcknowledge}, nil)
}
