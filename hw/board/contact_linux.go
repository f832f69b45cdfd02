package board

import (
	"errors"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/host/v3/gpioioctl"
)

var errContact = errors.New("hw/board: the line is an input with a pull-up and nothing else")

// contact is a switch input whose errors read high. gpioioctl's own line reads
// low when the kernel returns an error, and low is what a closed safety switch
// looks like; a set of one line returns the error instead. It takes a line
// that has a name of its own; without one the plain line has to do.
type contact struct {
	set  *gpioioctl.LineSet
	line *gpioioctl.GPIOLine // for its name and number, never requested
}

// Read returns High, which is pressed for a safety switch and not pressed for
// the start button, when the line cannot be read.
func (c *contact) Read() gpio.Level {
	bits, err := c.set.Read(1)
	return err != nil || bits&1 == 1
}

// In accepts what the line is already.
func (c *contact) In(pull gpio.Pull, edge gpio.Edge) error {
	if pull != gpio.PullUp || edge != gpio.NoEdge {
		return errContact
	}
	return nil
}

// Close gives the line back.
func (c *contact) Close() error { return c.set.Close() }

func (c *contact) String() string                        { return c.line.Name() }
func (c *contact) Name() string                          { return c.line.Name() }
func (c *contact) Number() int                           { return c.line.Number() }
func (c *contact) Function() string                      { return string(gpio.IN) }
func (c *contact) Halt() error                           { return nil }
func (c *contact) WaitForEdge(time.Duration) bool        { return false }
func (c *contact) Pull() gpio.Pull                       { return gpio.PullUp }
func (c *contact) DefaultPull() gpio.Pull                { return gpio.PullNoChange }
func (c *contact) Out(gpio.Level) error                  { return errContact }
func (c *contact) PWM(gpio.Duty, physic.Frequency) error { return errContact }

var _ gpio.PinIO = (*contact)(nil)
