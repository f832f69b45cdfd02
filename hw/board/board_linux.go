package board

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/spi/spireg"
	"periph.io/x/host/v3/gpioioctl"
	_ "periph.io/x/host/v3/sysfs" // SPI ports
)

// The names of the periph drivers that are needed.
const (
	driverGPIO = "ioctl-gpio"
	driverSPI  = "sysfs-spi"
)

func (b *Board) open(cfg Config) error {
	state, err := driverreg.Init()
	if err != nil {
		return fmt.Errorf("hw/board: %w", err)
	}
	errs := []error{loaded(state, driverGPIO, "/dev/gpiochip*", "gpio")}
	if errs[0] == nil {
		errs = b.openLines(cfg.Lines)
		if len(errs) > 0 { // perhaps lines of a chip that could not be read
			errs = append(errs, readable(driverGPIO, "/dev/gpiochip*", "gpio"))
		}
	}
	if cfg.CellSPI != "" {
		errs = append(errs, b.openSPI(state, cfg.CellSPI))
	}
	return errAll(errs)
}

// loaded explains why a driver is not there. Init itself reports no error for
// it, and a chip that may not be opened is only a line in the log.
func loaded(state *driverreg.State, name, devices, group string) error {
	for _, d := range state.Loaded {
		if d.String() == name {
			return nil
		}
	}
	why := "not registered"
	for _, list := range [][]driverreg.DriverFailure{state.Failed, state.Skipped} {
		for _, f := range list {
			if f.D.String() == name && f.Err != nil {
				why = f.Err.Error()
			}
		}
	}
	if found, _ := filepath.Glob(devices); len(found) == 0 {
		return fmt.Errorf("no %s: this kernel shows no such device (driver %s: %s)", devices, name, why)
	}
	if err := readable(name, devices, group); err != nil {
		return err
	}
	return fmt.Errorf("driver %s: %s", name, why)
}

// readable names the first of the devices that a driver cannot open.
func readable(name, devices, group string) error {
	found, _ := filepath.Glob(devices)
	for _, path := range found {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("%s: permission denied; run as a user of group %q (usermod -aG %s USER, then log in again)", path, group, group)
		}
		if err != nil {
			return fmt.Errorf("driver %s: %w", name, err)
		}
		_ = f.Close()
	}
	return nil
}

// openLines requests the lines one by one and collects what goes wrong.
func (b *Board) openLines(lines Lines) (errs []error) {
	known := census()
	taken := map[int]string{}
	for _, w := range lines.wants(&b.pins) {
		i, err := resolve(w.line, known.lines)
		if err == nil {
			err = twice(w.key(), i, taken)
		}
		if err == nil {
			*w.pin, err = request(w, known.chips[i], known.handles[i])
			err = explain(err, w.line, known.lines[i])
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", w.key(), err))
		}
	}
	return errs
}

// request takes a line from the kernel.
func request(w want, chip *gpioioctl.GPIOChip, line *gpioioctl.GPIOLine) (gpio.PinIO, error) {
	if !w.output && !w.frame && line.Name() != "" && chip.ByName(line.Name()) == line {
		set, err := chip.LineSet(gpioioctl.LineInput, gpio.NoEdge, gpio.PullUp, line.Name())
		if err != nil {
			return nil, err
		}
		return &contact{set: set, line: line}, nil
	}
	p, err := hold(line)
	if err != nil {
		return nil, err
	}
	if w.output {
		err = p.Out(gpio.Low)
	} else {
		err = p.In(gpio.PullUp, gpio.NoEdge)
	}
	if err != nil {
		// Not kept: its pin would act on whatever file has the number 0.
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// explain says what to do about a request that failed. gpioioctl keeps the
// text of the kernel's error and nothing else.
func explain(err error, name string, l line) error {
	if err == nil {
		return nil
	}
	what := fmt.Sprintf("line %q, %s: %v", name, l.where(), err)
	switch {
	case strings.Contains(err.Error(), "busy"):
		holder := ""
		if l.consumer != "" {
			holder = fmt.Sprintf(", held by %q", l.consumer)
		}
		return fmt.Errorf("%s%s; stop that program or choose another line (gpioinfo shows who holds what)", what, holder)
	case strings.Contains(err.Error(), "permitted"), strings.Contains(err.Error(), "denied"):
		return fmt.Errorf("%s; run as a user of group %q", what, "gpio")
	}
	return errors.New(what)
}

func (b *Board) openSPI(state *driverreg.State, name string) error {
	if err := loaded(state, driverSPI, "/dev/spidev*", "spi"); err != nil {
		return fmt.Errorf("CellSPI: %w", err)
	}
	opened, err := spireg.Open(name)
	if err != nil {
		var known []string
		for _, ref := range spireg.All() {
			known = append(known, ref.Name)
		}
		return fmt.Errorf("CellSPI: %w; the ports are %s; reading one needs group %q", err, strings.Join(known, ", "), "spi")
	}
	b.port = &port{PortCloser: opened}
	return nil
}
