package hx711

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// spiClock gives high and low phases of 1 us each, the data sheet's typical
// pulse (Fig. 2: T3 and T4).
const spiClock = physic.MegaHertz

// frameBytes is one frame on the wire: two SPI bits a pulse, 24 pulses in six
// bytes, and the one to three that select the input in a seventh.
const frameBytes = 7

// holdBytes of ones keep PD_SCK high for 128 us, twice what a restart needs,
// without keeping the caller any longer.
const holdBytes = 16

// SPI reads the chip through an SPI port: MOSI drives PD_SCK, MISO reads DOUT,
// the port's clock and chip select stay unconnected. The port's hardware times
// every pulse, so no preemption can stretch one. MOSI has to idle low.
type SPI struct {
	core core
	conn spi.Conn

	pattern  [frameBytes]byte
	answer   [frameBytes]byte
	idle     [1]byte
	level    [1]byte
	ones     [holdBytes]byte
	discards [holdBytes]byte
}

// NewSPI connects to the port at 1 MHz and restarts the chip. The first
// conversion comes about 80 ms later at 80/s and 600 ms at 10/s. It returns an
// error that names every wrong option, or what the port said.
func NewSPI(port spi.Port, opts Opts, now Clock) (*SPI, error) {
	errs := []error{opts.Validate()}
	if port == nil {
		errs = append(errs, errors.New("hx711: SPI port is missing"))
	}
	if now == nil {
		errs = append(errs, errors.New("hx711: clock function is missing"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	conn, err := port.Connect(spiClock, spi.Mode0, 8)
	if err != nil {
		return nil, fmt.Errorf("hx711: SPI port %s: %w", port, err)
	}
	s := &SPI{conn: conn, pattern: pattern(opts.Input)}
	for i := range s.ones {
		s.ones[i] = 0xff
	}
	s.core = newCore(s, opts, now)
	s.core.reset()
	return s, nil
}

// Poll implements Reader.
func (s *SPI) Poll(now time.Duration) Reading { return s.core.poll(now) }

// Reset implements Reader.
func (s *SPI) Reset(now time.Duration) { s.core.reset() }

// SampleRate implements Reader.
func (s *SPI) SampleRate() physic.Frequency { return s.core.marks.rate() }

// Stats implements Reader.
func (s *SPI) Stats() Stats { return s.core.stats }

// low sends eight zeroes, which leave PD_SCK low, and looks at DOUT meanwhile.
// A level that changes under the eyes counts at the next poll.
func (s *SPI) low() (bool, error) {
	if err := s.conn.Tx(s.idle[:], s.level[:]); err != nil {
		return false, err
	}
	return s.level[0] == 0, nil
}

func (s *SPI) hold() error    { return s.conn.Tx(s.ones[:], s.discards[:]) }
func (s *SPI) release() error { return s.conn.Tx(s.idle[:], s.level[:]) }

func (s *SPI) clock(f *frame) {
	*f = frame{start: s.core.now(), longest: time.Second * time.Duration(physic.Hertz) / time.Duration(spiClock)}
	f.err = s.conn.Tx(s.pattern[:], s.answer[:])
	f.end = s.core.now()
	f.bits, f.trailing = unpack(&s.answer)
}

// pattern is the MOSI data of one frame: 24 pulses, then 1 to 3 more.
func pattern(in Input) [frameBytes]byte {
	p := [frameBytes]byte{0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa}
	p[frameBytes-1] = [...]byte{ChannelA128: 0x80, ChannelB32: 0xa0, ChannelA64: 0xa8}[in]
	return p
}

// unpack takes the bits from the second half of each pulse, when DOUT has been
// stable for a microsecond, and the trailing bit from the end of the last byte.
func unpack(answer *[frameBytes]byte) (bits uint32, trailing bool) {
	for _, b := range answer[:frameBytes-1] {
		bits = bits<<4 | uint32(b>>3&8|b>>2&4|b>>1&2|b&1)
	}
	return bits, answer[frameBytes-1]&0x07 == 0x07
}

var _ Reader = (*SPI)(nil)
