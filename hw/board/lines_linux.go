package board

import (
	"errors"
	"sync"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/host/v3/gpioioctl"
)

// known is every line of every chip: as the kernel described it at the start,
// with periph's handle and chip at the same index.
type known struct {
	lines   []line
	handles []*gpioioctl.GPIOLine
	chips   []*gpioioctl.GPIOChip
}

// census reads the lines once, as gpioioctl does: its handles change without a
// lock when a line is requested or closed, perhaps by another goroutine.
var census = sync.OnceValue(func() (k known) {
	for _, chip := range gpioioctl.Chips {
		for _, l := range chip.Lines() {
			k.lines = append(k.lines, line{chip: chip.Name(), label: chip.Label(), offset: l.Number(), name: l.Name(), consumer: l.Consumer()})
			k.handles = append(k.handles, l)
			k.chips = append(k.chips, chip)
		}
	}
	return k
})

// errHeld: periph has one handle a line, so a second user in this process
// would share it with the first, unnoticed by the kernel, down to its Close.
var errHeld = errors.New("device or resource busy: this process has it open already")

// held are the handles in use.
var held = struct {
	sync.Mutex
	lines map[*gpioioctl.GPIOLine]bool
}{lines: map[*gpioioctl.GPIOLine]bool{}}

// claim marks a handle as in use.
func claim(l *gpioioctl.GPIOLine) error {
	held.Lock()
	defer held.Unlock()
	if held.lines[l] {
		return errHeld
	}
	held.lines[l] = true
	return nil
}

// pin is a line that belongs to one board. After Close it lets go of periph's
// handle, which may be another board's by then.
type pin struct {
	*gpioioctl.GPIOLine
	closed bool
}

func hold(l *gpioioctl.GPIOLine) (*pin, error) {
	if err := claim(l); err != nil {
		return nil, err
	}
	return &pin{GPIOLine: l}, nil
}

// Out writes the level. On a closed line it requests it again first, so that
// making a table safe works twice, and fails when it is somebody else's now.
func (p *pin) Out(l gpio.Level) error {
	if p.closed {
		if err := claim(p.GPIOLine); err != nil {
			return err
		}
		p.closed = false
	}
	return p.GPIOLine.Out(l)
}

// Read returns High, as the pull-up would, when the line is closed.
func (p *pin) Read() gpio.Level { return gpio.Level(p.closed) || p.GPIOLine.Read() }

// Close gives the line back.
func (p *pin) Close() error {
	if p.closed {
		return nil
	}
	p.GPIOLine.Close()
	p.closed = true
	held.Lock()
	defer held.Unlock()
	delete(held.lines, p.GPIOLine)
	return nil
}
