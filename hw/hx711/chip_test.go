package hx711

import (
	"errors"
	"time"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// chip is an HX711 for these tests, written from the data sheet, in its own
// virtual time: writing PD_SCK takes a microsecond, and so does an SPI bit.
type chip struct {
	now    time.Duration
	period time.Duration
	code   func(n int) int32 // the n-th conversion
	n      int

	sck      bool
	rose     time.Duration
	next     time.Duration // next conversion
	data     uint32
	index    int // pulses since the conversion became ready
	ready    bool
	replaced time.Duration // when an unread conversion was replaced
	gain     int           // pulses of the last complete frame
	gains    []int         // every change
	dip      time.Duration // of DOUT when an unread conversion is replaced
	fresh    bool          // a conversion in the middle of a frame begins it again
	deaf     bool          // pulses while it converts do nothing
	phase    time.Duration // extra time until the first conversion

	write   time.Duration                 // time of one PD_SCK write
	stretch func(pulse int) time.Duration // extra high time of a pulse
	gap     time.Duration                 // extra low time after each bit
	pulses  int
	restart int

	dout   func(real gpio.Level) gpio.Level // what the wire does to DOUT
	outErr error
	txErr  error
}

func newChip(rate float64) *chip {
	return &chip{
		period: time.Duration(float64(time.Second) / rate), write: time.Microsecond, dip: 20 * time.Microsecond,
		code: func(n int) int32 { return int32(100_000 + 37*n%101) }, gain: 25,
		next: time.Hour, index: 25,
	}
}

// advance lets conversions happen until now.
func (c *chip) advance() {
	for ; c.now >= c.next; c.next += c.period {
		if c.ready && c.index == 0 {
			c.replaced = c.next
		}
		c.data = uint32(c.code(c.n)) & 0xffffff
		c.n++
		if c.index == 0 || c.index > 24 || c.fresh {
			c.index, c.ready = 0, true
		}
	}
}

func (c *chip) level() gpio.Level {
	real := c.real()
	if c.dout != nil {
		return c.dout(real)
	}
	return real
}

func (c *chip) real() gpio.Level {
	c.advance()
	switch {
	case c.sck && c.now-c.rose > 60*time.Microsecond:
		return gpio.High
	case !c.ready:
		return gpio.High
	case c.index == 0:
		return c.replaced != 0 && c.now-c.replaced < c.dip
	case c.index <= 24:
		return c.data>>(24-c.index)&1 == 1
	}
	return gpio.High
}

func (c *chip) drive(high bool) {
	c.now += c.write
	c.advance()
	switch {
	case high && !c.sck:
		c.rose = c.now
		c.pulses++
		if c.deaf && !c.ready {
			break
		}
		c.index++
		if c.index > 24 && c.gain != c.index {
			c.gain = c.index
			c.gains = append(c.gains, c.gain)
		}
	case !high && c.sck:
		if c.now-c.rose > 60*time.Microsecond {
			c.restart++
			c.index, c.ready, c.gain = 25, false, 25
			c.next = c.now + 4*c.period + c.phase
			c.replaced = 0
		} else if c.index > 24 {
			c.ready = false
		}
	}
	c.sck = high
}

// sckPin and doutPin are the chip's pins.
type sckPin struct {
	gpio.PinIO // only what a test uses is there
	c          *chip
}

func (p *sckPin) Name() string { return "PD_SCK" }

func (p *sckPin) Out(l gpio.Level) error {
	c := p.c
	if c.outErr != nil {
		return c.outErr
	}
	c.drive(bool(l))
	if l && c.stretch != nil {
		c.now += c.stretch(c.pulses - 1)
	}
	return nil
}

type doutPin struct {
	gpio.PinIO // only what a test uses is there
	c          *chip
}

func (p *doutPin) Name() string { return "DOUT" }

func (p *doutPin) In(pull gpio.Pull, edge gpio.Edge) error {
	if pull != gpio.PullUp || edge != gpio.NoEdge {
		return errors.New("DOUT wants a pull-up and no edges")
	}
	return nil
}

func (p *doutPin) Read() gpio.Level {
	level := p.c.level()
	if p.c.index > 0 && p.c.index <= 24 {
		p.c.now += p.c.gap
	}
	return level
}

// port is the chip with PD_SCK on MOSI and DOUT on MISO, at the speed asked for.
type port struct {
	c    *chip
	bit  time.Duration
	mode spi.Mode
}

func (p *port) String() string { return "port" }

func (p *port) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	if p.c.outErr != nil {
		return nil, p.c.outErr
	}
	if bits != 8 {
		return nil, errors.New("want 8 bits")
	}
	p.bit, p.mode = time.Second*time.Duration(physic.Hertz)/time.Duration(f), mode
	return p, nil
}

func (p *port) Duplex() conn.Duplex          { return conn.Full }
func (p *port) TxPackets([]spi.Packet) error { return errors.New("not used") }

func (p *port) Tx(w, r []byte) error {
	if p.c.txErr != nil {
		return p.c.txErr
	}
	write := p.c.write
	p.c.write = 0
	for i := range w {
		r[i] = 0
		for b := 7; b >= 0; b-- {
			p.c.drive(w[i]>>b&1 == 1)
			p.c.now += p.bit / 2
			if p.c.level() {
				r[i] |= 1 << b
			}
			p.c.now += p.bit - p.bit/2
		}
	}
	p.c.write = write
	return nil
}

// rig is a driver on a chip, polled every millisecond.
type rig struct {
	*chip
	Reader
	tick time.Duration
	core *core
}

func gpioRig(c *chip, opts Opts) (*rig, error) {
	g, err := NewGPIO(&sckPin{c: c}, &doutPin{c: c}, opts, c.clock)
	if err != nil {
		return nil, err
	}
	return &rig{chip: c, Reader: g, core: &g.core}, nil
}

func spiRig(c *chip, opts Opts) (*rig, error) {
	s, err := NewSPI(&port{c: c}, opts, c.clock)
	if err != nil {
		return nil, err
	}
	return &rig{chip: c, Reader: s, core: &s.core}, nil
}

var wirings = map[string]func(*chip, Opts) (*rig, error){"gpio": gpioRig, "spi": spiRig}

func (c *chip) clock() time.Duration { return c.now }

// poll goes to the next tick and polls.
func (r *rig) poll() Reading {
	r.tick += time.Millisecond
	r.now = max(r.now, r.tick)
	return r.Poll(r.now)
}

// run polls for a time and returns the conversions, and every other fault that
// came up, each once in a row.
func (r *rig) run(d time.Duration) (got []Reading, faults []Fault) {
	for end := r.tick + d; r.tick < end; {
		p := r.poll()
		if p.Ready {
			got = append(got, p)
		} else if p.Fault != NotReady && (len(faults) == 0 || faults[len(faults)-1] != p.Fault) {
			faults = append(faults, p.Fault)
		}
	}
	return got, faults
}
