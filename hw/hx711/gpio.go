package hx711

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// GPIO reads the chip through two ordinary pins and measures every clock pulse
// that it makes.
type GPIO struct {
	core core
	sck  gpio.PinOut
	dout gpio.PinIn
}

// NewGPIO takes clock, which drives PD_SCK, and data, which reads DOUT, and
// restarts the chip. The first conversion comes about 80 ms later at 80/s and
// 600 ms at 10/s. It returns an error that names every wrong option, or the
// pin that failed.
func NewGPIO(clock gpio.PinOut, data gpio.PinIn, opts Opts, now Clock) (*GPIO, error) {
	errs := []error{opts.Validate()}
	if clock == nil {
		errs = append(errs, errors.New("hx711: clock pin is missing"))
	}
	if data == nil {
		errs = append(errs, errors.New("hx711: data pin is missing"))
	}
	if now == nil {
		errs = append(errs, errors.New("hx711: clock function is missing"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	// With the pull-up a broken data wire reads as "converting" and ends as
	// Silent, where a floating one would read as "ready" now and then.
	if err := data.In(gpio.PullUp, gpio.NoEdge); err != nil {
		return nil, fmt.Errorf("hx711: data pin %s: %w", data.Name(), err)
	}
	if err := clock.Out(gpio.Low); err != nil {
		return nil, fmt.Errorf("hx711: clock pin %s: %w", clock.Name(), err)
	}
	g := &GPIO{sck: clock, dout: data}
	g.core = newCore(g, opts, now)
	g.core.reset()
	return g, nil
}

// Poll implements Reader.
func (g *GPIO) Poll(now time.Duration) Reading { return g.core.poll(now) }

// Reset implements Reader.
func (g *GPIO) Reset(now time.Duration) { g.core.reset() }

// SampleRate implements Reader.
func (g *GPIO) SampleRate() physic.Frequency { return g.core.marks.rate() }

// Stats implements Reader.
func (g *GPIO) Stats() Stats { return g.core.stats }

func (g *GPIO) low() (bool, error) { return g.dout.Read() == gpio.Low, nil }
func (g *GPIO) hold() error        { return g.sck.Out(gpio.High) }
func (g *GPIO) release() error     { return g.sck.Out(gpio.Low) }

// clock makes the pulses. Each bit is read after the falling edge, where it
// stays until the next rising one, so that the high phase is as short as two
// writes. The bracket around them is an upper bound for the time that PD_SCK
// was high; one that is too long ends the frame at once.
func (g *GPIO) clock(f *frame) {
	*f = frame{start: g.core.now()}
	for i := range g.core.input.pulses() {
		before := g.core.now()
		if f.err = g.sck.Out(gpio.High); f.err != nil {
			break
		}
		if f.err = g.sck.Out(gpio.Low); f.err != nil {
			break
		}
		f.longest = max(f.longest, g.core.now()-before)
		if f.longest > maxHigh {
			break
		}
		f.shift(i, bool(g.dout.Read()))
	}
	f.end = g.core.now()
}

var _ Reader = (*GPIO)(nil)
