package commission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/cmd/appliance/internal/settings"
	"traction/control/calfile"
	"traction/control/quantity"
)

// ErrDeclined: somebody looked at the result and did not want it.
var ErrDeclined = errors.New("not confirmed, nothing was written")

// Calibration is the guided calibration of the load cell: zero, a known weight,
// another one if there is one, and back to zero. The drive is disabled from the
// first line to the last.
type Calibration struct {
	Settings settings.Settings
	Bench    Bench
	// Before is the calibration in use, nil when there is none.
	Before *calfile.File
	// Path says where it goes, for people; Save puts it there. On a simulated table
	// Save is nil: nothing is written.
	Path string
	Save func(calfile.File) error
	Now  func() time.Time
	In   io.Reader
	Out  io.Writer

	console *console
}

// Run leads through it. Unless it returns nil, nothing was written; the table is
// switched off either way.
func (c *Calibration) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, c.Bench.Table.SafeOff()) }()
	c.console = newConsole(c.In, c.Out)
	c.introduce()
	f, err := c.weigh(ctx)
	if err != nil && !errors.Is(err, ErrUnfit) {
		return err
	}
	if c.Before != nil && f.points != nil {
		f.compare(*c.Before)
	}
	if f.points != nil {
		c.console.say("\nResult:\n%s", f.String())
	}
	if err != nil {
		return err
	}
	return c.confirm(ctx, f)
}

func (c *Calibration) introduce() {
	s := &c.Settings
	c.console.say("Calibration of the load cell of table %q, capacity %s.", s.Table.ID, quantity.Format(s.Cell.Capacity))
	c.console.say("Nobody may be on the table. The drive stays disabled, nothing will move by itself.")
	if s.Table.Limits.BackDrivable {
		c.console.say("THIS DRIVE LETS GO WITHOUT POWER: a weight on the rope would fall. Tie the rope down")
		c.console.say("between the cell and the drum, or hang the weight on the cell itself. Keep your feet away.")
	}
	if c.Before != nil {
		c.console.say("In use is the calibration of %s by %s.", c.Before.Date.Format(time.DateOnly), c.Before.By)
	}
	if c.Bench.Load != nil {
		c.console.say("This is a simulated table: the program itself puts the weights on the cell and takes them off.")
	}
	c.console.say("")
}

// weigh takes all readings.
func (c *Calibration) weigh(ctx context.Context) (fitted, error) {
	zero, err := c.step(ctx, "1. Take everything off the cell, the rope slack, and press Enter.", 0, nil)
	if err != nil {
		return fitted{}, err
	}
	c.console.say("   zero: %.0f counts, noise %.0f counts rms", zero.counts, zero.noise)

	first, err := c.weight(ctx, `2. Which weight or force will you hang on it ("20 kg", "196.1 N")?`, zero, 0)
	if err != nil {
		return fitted{}, err
	}
	weights := []weighed{*first}
	if limit := c.Settings.Table.Limits.Force; first.force < limit/2 {
		c.console.say("   It is less than half of this table's %s: a heavier one gives a better scale.", quantity.Format(limit))
	}
	second, err := c.weight(ctx, "3. A second known weight shows whether the cell is straight. Which one (Enter for none)?", zero, first.force)
	if err != nil {
		return fitted{}, err
	}
	if second != nil {
		weights = append(weights, *second)
	}
	after, err := c.step(ctx, "4. Take everything off again and press Enter.", 0, &zero)
	if err != nil {
		return fitted{}, err
	}
	return fit(c.Settings.Cell.Capacity, zero, weights, after)
}

// weight asks for a known force, and measures it. With an other one to differ from
// it may be left out: nil.
func (c *Calibration) weight(ctx context.Context, prompt string, zero measured, other physic.Force) (*weighed, error) {
	var w weighed
	skipped := false
	err := c.console.askFor(ctx, prompt, func(answer string) (err error) {
		if skipped = answer == "" && other != 0; skipped {
			return nil
		}
		if w.force, err = parseWeight(answer, c.Settings.Cell.Capacity); err != nil {
			return err
		}
		if difference := math.Abs(float64(w.force - other)); other != 0 && difference < apart*float64(other) {
			return fmt.Errorf("%s is too near to the first, %s: allowed is a tenth more or less, or Enter", quantity.Format(w.force), quantity.Format(other))
		}
		return nil
	})
	if err != nil || skipped {
		return nil, err
	}
	w.measured, err = c.step(ctx, fmt.Sprintf("   Hang %s on it, let it come to rest, and press Enter.", quantity.Format(w.force)), w.force, &zero)
	if err != nil {
		return nil, err
	}
	c.console.say("   %s: %+.0f counts, noise %.0f counts rms", quantity.Format(w.force), w.counts-zero.counts, w.noise)
	return &w, nil
}

// step waits until the cell is ready to be read, and reads it. A reading that is
// no good is taken again. zero is nil while it is being taken.
func (c *Calibration) step(ctx context.Context, prompt string, load physic.Force, zero *measured) (m measured, err error) {
	for range mostTries {
		if _, err = c.console.ask(ctx, "%s", prompt); err != nil {
			return m, err
		}
		if c.Bench.Load != nil {
			if err = c.Bench.Load.Put(load); err != nil {
				return m, err
			}
			c.console.say("   (simulation: the program has put %s on the cell)", quantity.Format(load))
		}
		c.console.say("   averaging for %s ...", averaging)
		m, err = c.Bench.measure(ctx, c.Settings.Cell.Rate, zero)
		if err == nil || ctx.Err() != nil {
			return m, err
		}
		c.console.say("   %v", err)
	}
	return m, fmt.Errorf("given up after %d tries: %w", mostTries, err)
}

// confirm asks who answers for it, and writes.
func (c *Calibration) confirm(ctx context.Context, f fitted) error {
	file := calfile.File{Table: c.Settings.Table.ID, Date: c.Now(), Calibration: f.Calibration, Points: f.points}
	err := c.console.askFor(ctx, "Your name, since somebody answers for every calibration:", func(name string) error {
		file.By = name
		return file.Validate()
	})
	if err != nil {
		return err
	}
	prompt := fmt.Sprintf("Write this calibration to %s? Type yes:", c.Path)
	if len(f.doubts) > 0 {
		prompt = fmt.Sprintf("There is doubt, see above. Write it to %s all the same? Type yes:", c.Path)
	}
	if c.Save == nil {
		prompt = "Take it? Type yes:"
	}
	answer, err := c.console.ask(ctx, "%s", prompt)
	if err != nil {
		return err
	}
	if answer != "yes" {
		return ErrDeclined
	}
	if c.Save == nil {
		c.console.say("Taken. On a simulated table nothing is written.")
		return nil
	}
	if err := c.Save(file); err != nil {
		return err
	}
	c.console.say("Written to %s. It counts from the next start of the control process.", c.Path)
	return nil
}
