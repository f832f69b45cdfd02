// Package heatpad switches the pad's heater and reads its temperature.
package heatpad

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// Opts are the heater's switching times; zero values mean the defaults.
type Opts struct {
	// Window is the period of the time-proportional switching, 4 s to 120 s;
	// 20 s by default: short against the pad's minutes, long for a relay.
	Window time.Duration
	// MinSwitch is the shortest time on, and off, 0.5 s to a quarter of
	// Window; 2 s by default, for the relay's contacts.
	MinSwitch time.Duration
	// DeadMan is how long a duty stays valid, 1 s to 10 s; 3 s by default.
	DeadMan time.Duration
}

func (o Opts) withDefaults() Opts {
	if o.Window == 0 {
		o.Window = 20 * time.Second
	}
	if o.MinSwitch == 0 {
		o.MinSwitch = 2 * time.Second
	}
	if o.DeadMan == 0 {
		o.DeadMan = 3 * time.Second
	}
	return o
}

// Validate reports everything that is wrong with the options at once.
func (o Opts) Validate() error {
	o = o.withDefaults()
	var errs []error
	check := func(name string, d, low, high time.Duration) {
		if d < low || d > high {
			errs = append(errs, fmt.Errorf("heatpad: %s is %s, allowed are %s to %s", name, d, low, high))
		}
	}
	check("Window", o.Window, 4*time.Second, 120*time.Second)
	check("MinSwitch", o.MinSwitch, 500*time.Millisecond, o.Window/4)
	check("DeadMan", o.DeadMan, time.Second, 10*time.Second)
	return errors.Join(errs...)
}

// Heater is a relay or a solid-state switch on one pin, active high: on the
// table's side it needs a pull-down, so that a dead computer means cold. It
// belongs to one thread.
type Heater struct {
	pin  gpio.PinOut
	opts Opts

	duty float64
	set  time.Duration // when the duty came

	window  time.Duration // when the window began
	started bool
	onFor   time.Duration // in this window, from its begin
	carry   time.Duration // on-time that was too short to switch for, or too long

	on     bool
	known  bool          // the pin is known to be at on
	since  time.Duration // when it was last switched
	cycles uint32
}

// NewHeater checks the options and drives the pin low.
func NewHeater(pin gpio.PinOut, opts Opts) (*Heater, error) {
	errs := []error{opts.Validate()}
	if pin == nil {
		errs = append(errs, errors.New("heatpad: pin is missing"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	h := &Heater{pin: pin, opts: opts.withDefaults()}
	if err := h.drive(0, false); err != nil {
		return nil, err
	}
	return h, nil
}

// Set takes the share of time that the heater is to be on, 0 to 1, and feeds
// the dead-man (R-DEADMAN-HEAT). What is below 0 or not a number counts as 0, what is above 1
// as 1. Zero acts at the next Update, other values from the next window on.
func (h *Heater) Set(now time.Duration, duty float64) {
	if !(duty > 0) {
		duty = 0
	}
	h.duty, h.set = min(duty, 1), now
}

// Update switches the heater as the time has come. Call it at every tick; it
// returns the pin's error, and tries again at the next call.
func (h *Heater) Update(now time.Duration) error {
	if now-h.set > h.opts.DeadMan {
		h.duty = 0
	}
	if h.duty == 0 {
		h.onFor, h.carry = 0, 0
		return h.drive(now, false)
	}
	if h.windowOver(now) {
		h.started, h.window = true, now
		h.onFor = h.plan()
	}
	return h.drive(now, now-h.window < h.onFor)
}

// windowOver reports whether the next window may begin. A heater that was cut
// off by a duty of zero waits for the end of its window like any other, and
// for the shortest time off.
func (h *Heater) windowOver(now time.Duration) bool {
	if !h.started {
		return true
	}
	return now-h.window >= h.opts.Window && (h.on || now-h.since >= h.opts.MinSwitch)
}

// plan decides how long to be on in a window. A time too short to switch for
// is saved up for a later window, so the mean stays right.
func (h *Heater) plan() time.Duration {
	want := time.Duration(h.duty*float64(h.opts.Window)) + h.carry
	on := want
	switch {
	case on < h.opts.MinSwitch:
		on = 0
	case on > h.opts.Window-h.opts.MinSwitch:
		on = h.opts.Window
	}
	h.carry = min(max(want-on, -h.opts.MinSwitch), h.opts.MinSwitch)
	return on
}

// Off switches the heater off at once and forgets the duty.
func (h *Heater) Off(now time.Duration) error {
	h.duty = 0
	return h.Update(now)
}

// On reports whether the heater is switched on.
func (h *Heater) On() bool { return h.on }

// Cycles counts how often it was switched on.
func (h *Heater) Cycles() uint32 { return h.cycles }

func (h *Heater) drive(now time.Duration, on bool) error {
	if h.known && h.on == on {
		return nil
	}
	h.known = false
	if err := h.pin.Out(gpio.Level(on)); err != nil {
		return fmt.Errorf("heatpad: heater: %w", err)
	}
	if on && !h.on {
		h.cycles++
	}
	h.on, h.known, h.since = on, true, now
	return nil
}
