package simtable

import (
	"errors"
	"math"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/physic"
)

// ErrNoSensor is returned when the pad's sensor does not answer: missing, shorted or on a table without a pad.
var ErrNoSensor = errors.New("simtable: the pad sensor does not answer")

const (
	padStep  = 50 * time.Millisecond // far below every time constant of a pad
	bloodC   = 36.5                  // what the body brings to the skin
	skinC    = 33.0                  // skin of a resting back
	cutOutBy = 8.0                   // the thermal switch closes again this much below its temperature, C

	// conversion is the time of a 12-bit conversion of the DS18B20.
	conversion = 752 * time.Millisecond
	// powerOnC is what the DS18B20 holds before its first conversion.
	powerOnC = 85.0
	noAnswer = math.MinInt64
)

// pad is a heated mat with the skin above it and the sensor in it, three bodies that exchange heat.
type pad struct {
	cfg Pad

	at, due, readAt time.Duration
	pin, open       bool // heater pin; thermal switch open
	pad, skin       float64
	sensor          float64 // C
	peakSkin        float64

	spot, spotSkin float64 // the fold and the skin on it, C

	welded, dead, missing, stale, fallen, reset bool
	folded                                      float64      // share by which the fold heats more and loses less
	low                                         float64      // how much too low the sensor reads, K
	reading                                     atomic.Int64 // last conversion, nanokelvin
	cycles                                      uint64
}

// powerOn starts with pad and sensor at the room's temperature.
func (p *pad) powerOn(cfg Pad, start time.Duration) {
	p.cfg = cfg
	p.at, p.due, p.readAt = start, start+padStep, start+conversion
	p.pad, p.skin, p.sensor, p.peakSkin = cfg.AmbientC, skinC, cfg.AmbientC, skinC
	p.spot, p.spotSkin = p.pad, p.skin
	p.missing = cfg.HeaterW == 0
	p.publish(powerOnC)
}

// heat is an edge of the heater pin.
func (p *pad) heat(on bool, now time.Duration) {
	if on == p.pin {
		return
	}
	p.advance(now)
	p.pin = on
	if on {
		p.cycles++
	}
}

// heating tells whether current flows in the heater.
func (p *pad) heating() bool { return (p.pin || p.welded) && !p.open && !p.dead }

// advance moves the temperatures to now; it is called at least every padStep. An edge of the heater pin may lie up to
// one step of the physics ahead of the rest.
func (p *pad) advance(now time.Duration) {
	if now < p.at {
		return
	}
	dt := (now - p.at).Seconds()
	p.at, p.due = now, now+padStep
	c := &p.cfg
	if c.CutOutC > 0 {
		hot := max(p.pad, p.spot) // its wire runs all through the pad
		p.open = hot >= c.CutOutC || p.open && hot > c.CutOutC-cutOutBy
	}
	power := 0.0
	if p.heating() {
		power = c.HeaterW
	}
	toSkin := c.LossPersonWPerC * (p.pad - p.skin)
	near := p.pad
	if p.fallen {
		near = c.AmbientC
	}
	p.sensor += (near - p.sensor) * min(1, dt/c.SensorLagS)
	p.pad += dt * (power - toSkin - c.LossAmbientWPerC*(p.pad-c.AmbientC)) / c.CapacityJPerC
	p.skin += dt * (toSkin - c.SkinBloodWPerC*(p.skin-bloodC)) / c.SkinCapacityJPerC
	p.fold(dt, power)
	p.peakSkin = max(p.peakSkin, p.skin, p.spotSkin)
	p.read(now)
}

// fold is the hot spot where the pad lies on itself, in figures for the area of a whole pad: more of the heater above
// the same skin, and less of the room. A flat pad is the same everywhere.
func (p *pad) fold(dt, power float64) {
	if p.folded == 0 {
		p.spot, p.spotSkin = p.pad, p.skin
		return
	}
	c := &p.cfg
	toSkin := c.LossPersonWPerC * (p.spot - p.spotSkin)
	toRoom := (1 - p.folded) * c.LossAmbientWPerC * (p.spot - c.AmbientC)
	p.spot += dt * ((1+p.folded)*power - toSkin - toRoom) / c.CapacityJPerC
	p.spotSkin += dt * (toSkin - c.SkinBloodWPerC*(p.spotSkin-bloodC)) / c.SkinCapacityJPerC
}

// read does the sensor's part: a conversion every 752 ms, in steps of 1/16 C.
func (p *pad) read(now time.Duration) {
	if p.missing || p.reset {
		p.readAt = now + conversion
		p.publish(powerOnC)
		return
	}
	if now < p.readAt {
		return
	}
	for p.readAt <= now {
		p.readAt += conversion
	}
	if !p.stale {
		p.publish(math.Round(min(max(p.sensor-p.low, -55), 125)*16) / 16)
	}
}

func (p *pad) publish(c float64) {
	if p.missing {
		p.reading.Store(noAnswer)
		return
	}
	p.reading.Store(int64(physic.ZeroCelsius) + int64(c*float64(physic.Celsius)))
}

// PadTemperature is what the kernel's driver of the DS18B20 would say: the last finished conversion, in steps of
// 1/16 C, 85 C before the first one, ErrNoSensor when nothing answers. It returns at once; the driver's 752 ms are the
// age of the value. Any goroutine may ask, except on a VirtualClock.
func (s *Sim) PadTemperature() (physic.Temperature, error) {
	if s.virtual != nil {
		s.look()
	}
	reading := s.pad.reading.Load()
	if reading == noAnswer {
		return 0, ErrNoSensor
	}
	return physic.Temperature(reading), nil
}
