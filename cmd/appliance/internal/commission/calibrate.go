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

var (
	// ErrDeclined: somebody looked at the result and did not want it.
	ErrDeclined = errors.New("not confirmed, nothing was written")
	// ErrNoDate: a calibration carries its date, and the clock was never set.
	ErrNoDate = errors.New("the clock was never set")
)

// Calibration is the guided calibration of the load cell: zero, a known weight,
// another one if there is one, and back to zero. A second cell, in series with
// the first, is read at the same time and feels the same. The drive is disabled
// from the first line to the last.
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
	if at := c.Now(); at.Before(earliest) {
		return fmt.Errorf("%w: it says %s, and a calibration carries its date; set it: timedatectl set-time", ErrNoDate, at.Format(time.RFC3339))
	}
	c.console = newConsole(c.In, c.Out)
	c.introduce()
	cells, err := c.weigh(ctx)
	if err != nil && !errors.Is(err, ErrUnfit) {
		return err
	}
	c.result(cells)
	if err != nil {
		return err
	}
	return c.confirm(ctx, cells)
}

// result shows what came out of each cell, next to the calibration before.
func (c *Calibration) result(cells []fitted) {
	for i := range cells {
		f := &cells[i]
		if f.points == nil {
			continue
		}
		if b := c.Before; b != nil && i == 0 {
			f.compare(b.Calibration, b.Date, b.By)
		} else if b != nil && b.HasSecond() {
			f.compare(b.Second.Calibration, b.Date, b.By)
		}
		if len(cells) > 1 {
			c.console.say("\nResult, %s:\n%s", cellNames[i], f.String())
		} else {
			c.console.say("\nResult:\n%s", f.String())
		}
	}
}

func (c *Calibration) introduce() {
	s := &c.Settings
	c.console.say("Calibration of the load cell of table %q, capacity %s.", s.Table.ID, quantity.Format(s.Cell.Capacity))
	c.console.say("Nobody may be on the table. The drive stays disabled, nothing will move by itself.")
	if s.Table.Limits.BackDrivable {
		c.console.say("THIS DRIVE LETS GO WITHOUT POWER: a weight on the rope would fall. Tie the rope down")
		c.console.say("between the cell and the drum, or hang the weight on the cell itself. Keep your feet away.")
	}
	if c.Bench.Table.HasSecond() {
		c.console.say("Two cells are wired: hang each weight so that it pulls at both, one behind the other.")
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
func (c *Calibration) weigh(ctx context.Context) ([]fitted, error) {
	zero, err := c.step(ctx, "1. Take everything off the cell, the rope slack, and press Enter.", 0, nil)
	if err != nil {
		return nil, err
	}
	zero.each(func(name string, i int) {
		c.console.say("   %szero: %.0f counts, noise %.0f counts rms", name, zero[i].counts, zero[i].noise)
	})

	first, err := c.weight(ctx, `2. Which weight or force will you hang on it ("20 kg", "196.1 N")?`, zero, 0)
	if err != nil {
		return nil, err
	}
	weights := []hung{*first}
	if limit := c.Settings.Table.Limits.Force; first.force < limit/2 {
		c.console.say("   It is less than half of this table's %s: a heavier one gives a better scale.", quantity.Format(limit))
	}
	second, err := c.weight(ctx, "3. A second known weight shows whether the cell is straight. Which one (Enter for none)?", zero, first.force)
	if err != nil {
		return nil, err
	}
	if second != nil {
		weights = append(weights, *second)
	}
	after, err := c.step(ctx, "4. Take everything off again and press Enter.", 0, zero)
	if err != nil {
		return nil, err
	}
	return fitAll(c.Settings.Cell.Capacity, zero, weights, after)
}

// weight asks for a known force, and measures it. With an other one to differ from
// it may be left out: nil.
func (c *Calibration) weight(ctx context.Context, prompt string, zero readings, other physic.Force) (*hung, error) {
	var w hung
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
	w.readings, err = c.step(ctx, fmt.Sprintf("   Hang %s on it, let it come to rest, and press Enter.", quantity.Format(w.force)), w.force, zero)
	if err != nil {
		return nil, err
	}
	w.each(func(name string, i int) {
		c.console.say("   %s%s: %+.0f counts, noise %.0f counts rms", name, quantity.Format(w.force), w.readings[i].counts-zero[i].counts, w.readings[i].noise)
	})
	return &w, nil
}

// step waits until the cells are ready to be read, and reads them. A reading that
// is no good is taken again. zero is nil while it is being taken.
func (c *Calibration) step(ctx context.Context, prompt string, load physic.Force, zero readings) (m readings, err error) {
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
func (c *Calibration) confirm(ctx context.Context, cells []fitted) error {
	file := calfile.File{Table: c.Settings.Table.ID, Date: c.Now(), Calibration: cells[0].Calibration, Points: cells[0].points}
	doubts := len(cells[0].doubts)
	if len(cells) > 1 {
		file.Second = calfile.Second{Calibration: cells[1].Calibration, Points: cells[1].points}
		doubts += len(cells[1].doubts)
	}
	err := c.console.askFor(ctx, "Your name, since somebody answers for every calibration:", func(name string) error {
		file.By = name
		return file.Validate()
	})
	if err != nil {
		return err
	}
	prompt := fmt.Sprintf("Write this calibration to %s? Type yes:", c.Path)
	if doubts > 0 {
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
