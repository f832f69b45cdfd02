package heatpad

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/physic"
)

// Source reads the pad's temperature once. It may take as long as the probe
// does (752 ms for a DS18B20 at 12 bits) and returns ErrMissing or
// ErrAmbiguous where they apply.
type Source func() (physic.Temperature, error)

// Errors that a Source distinguishes.
var (
	// ErrMissing: there is no probe.
	ErrMissing = errors.New("heatpad: no temperature probe found")
	// ErrAmbiguous: there are several probes and none was chosen.
	ErrAmbiguous = errors.New("heatpad: several temperature probes found")
)

// Status says whether a temperature can be used.
type Status uint8

// The states of the sensor. Only OK comes with a temperature to act on.
const (
	Unread      Status = iota // nothing has been read yet
	OK                        // the temperature is good
	Missing                   // no probe
	Ambiguous                 // several probes, none chosen
	ReadFailed                // the probe did not answer, or not properly
	PowerOn                   // exactly 85 C, the probe's value before its first conversion
	Implausible               // outside -10 to 85 C
)

var statusNames = [...]string{
	Unread: "unread", OK: "ok", Missing: "missing", Ambiguous: "ambiguous",
	ReadFailed: "read-failed", PowerOn: "power-on", Implausible: "implausible",
}

// String names the status in kebab-case.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("status-%d", uint8(s))
}

// What a pad's probe can show. 85 C is what a DS18B20 reports until its first
// conversion (data sheet, Table 1); no pad is that hot.
const (
	coldest = physic.ZeroCelsius - 10*physic.Kelvin
	powerOn = physic.ZeroCelsius + 85*physic.Kelvin
)

// Reading is the last sample of the sensor.
type Reading struct {
	// Temperature of the pad, to a thousandth of a degree; only when Status is
	// OK, otherwise absolute zero, which nothing can mistake for a pad.
	Temperature physic.Temperature
	// At is when it was read, to the millisecond. Zero before the first time.
	At     time.Duration
	Status Status
}

// Sensor keeps the last temperature of one probe. Sample and Run are for one
// goroutine of ordinary priority, or for a virtual tick; Last is for any, and
// neither waits nor allocates.
type Sensor struct {
	source Source
	last   atomic.Uint64
}

// NewSensor returns a sensor that has not been read yet.
func NewSensor(source Source) (*Sensor, error) {
	if source == nil {
		return nil, errors.New("heatpad: temperature source is missing")
	}
	return &Sensor{source: source}, nil
}

// Sample reads the probe once and publishes what it found; now is when.
func (s *Sensor) Sample(now time.Duration) {
	t, err := s.source()
	s.last.Store(pack(judge(t, err), now, t))
}

// Run samples once a second until the context ends. A probe that takes longer
// delays the next sample; one that hangs leaves Last with its old time.
func (s *Sensor) Run(ctx context.Context, now func() time.Duration) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		s.Sample(now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Last returns the last sample. Judge its age: this package knows no present.
func (s *Sensor) Last() Reading { return unpack(s.last.Load()) }

func judge(t physic.Temperature, err error) Status {
	switch {
	case errors.Is(err, ErrMissing):
		return Missing
	case errors.Is(err, ErrAmbiguous):
		return Ambiguous
	case err != nil:
		return ReadFailed
	case t == powerOn:
		return PowerOn
	case t < coldest || t > powerOn:
		return Implausible
	}
	return OK
}

// A sample is one word, so that it is published whole: status in 4 bits, time
// in 40 bits of milliseconds (34 years), temperature in 20 bits of
// thousandths above -10 C (1048 C).
const (
	statusShift = 60
	timeShift   = 20
	timeMask    = 1<<40 - 1
	degreeMask  = 1<<20 - 1
)

func pack(status Status, at time.Duration, t physic.Temperature) uint64 {
	word := uint64(status)<<statusShift | uint64(at/time.Millisecond)&timeMask<<timeShift
	if status == OK {
		word |= uint64(math.Round(float64(t-coldest)/float64(physic.MilliKelvin))) & degreeMask
	}
	return word
}

func unpack(word uint64) Reading {
	r := Reading{
		Status: Status(word >> statusShift),
		At:     time.Duration(word>>timeShift&timeMask) * time.Millisecond,
	}
	if r.Status == OK {
		r.Temperature = coldest + physic.Temperature(word&degreeMask)*physic.MilliKelvin
	}
	return r
}
