package simtable

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// The port carries what an HX711 can follow: PD_SCK high and low for at least 0.2 us each.
const (
	slowestSPI = physic.KiloHertz
	fastestSPI = 2500 * physic.KiloHertz
	maxSPI     = 4096 // bytes in one transfer, as spidev has it
)

var errSPI = errors.New("simtable: spi")

// CellPort returns an SPI port that is wired to the same HX711: MOSI to PD_SCK, DOUT to MISO. Use it or the pins
// CellClock and CellData, as a real table has one wiring or the other.
func (s *Sim) CellPort() spi.PortCloser { return &cellPort{sim: s, limit: fastestSPI} }

type cellPort struct {
	sim   *Sim
	limit physic.Frequency
}

func (p *cellPort) String() string { return "simtable-spi" }
func (p *cellPort) Close() error   { return nil }

// LimitSpeed takes 1 kHz to 2.5 MHz.
func (p *cellPort) LimitSpeed(f physic.Frequency) error {
	if f < slowestSPI || f > fastestSPI {
		return fmt.Errorf("%w: speed %v: allowed is %v to %v", errSPI, f, slowestSPI, fastestSPI)
	}
	p.limit = f
	return nil
}

// Connect takes 1 kHz to 2.5 MHz, mode 0 and 8 bits. A chip select, if any, goes nowhere.
func (p *cellPort) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	if f < slowestSPI || f > fastestSPI {
		return nil, fmt.Errorf("%w: speed %v: allowed is %v to %v", errSPI, f, slowestSPI, fastestSPI)
	}
	if mode&^(spi.NoCS|spi.HalfDuplex) != spi.Mode0 || mode&spi.HalfDuplex != 0 || bits != 8 {
		return nil, fmt.Errorf("%w: %v with %d bits: allowed is mode 0 with 8 bits", errSPI, mode, bits)
	}
	return &cellConn{sim: p.sim, bit: min(f, p.limit).Period()}, nil
}

type cellConn struct {
	sim *Sim
	bit time.Duration
}

func (c *cellConn) String() string      { return "simtable-spi" }
func (c *cellConn) Duplex() conn.Duplex { return conn.Full }

// Tx shifts w out on PD_SCK, most significant bit first, and samples DOUT in the middle of each bit. MOSI keeps its last
// level, as controllers of Raspberry Pis do: a last bit of 1 leaves PD_SCK high.
func (c *cellConn) Tx(w, r []byte) error {
	if len(w) > maxSPI || len(r) != 0 && len(r) != len(w) {
		return fmt.Errorf("%w: %d bytes out, %d in: allowed is up to %d out, and as many or none in", errSPI, len(w), len(r), maxSPI)
	}
	s := c.sim
	t := s.now()
	for i, out := range w {
		in := byte(0)
		for mask := byte(0x80); mask != 0; mask >>= 1 {
			if t >= s.due {
				s.advance(t)
			}
			s.clockCells(out&mask != 0, t)
			if middle := t + c.bit/2; s.chip.data(middle) {
				in |= mask
			}
			t += c.bit
		}
		if len(r) != 0 {
			r[i] = in
		}
	}
	s.spend(time.Duration(len(w)) * 8 * c.bit)
	return nil
}

// TxPackets does the packets one after the other.
func (c *cellConn) TxPackets(packets []spi.Packet) error {
	for _, p := range packets {
		if p.BitsPerWord != 0 && p.BitsPerWord != 8 {
			return fmt.Errorf("%w: %d bits: allowed is 8", errSPI, p.BitsPerWord)
		}
		if err := c.Tx(p.W, p.R); err != nil {
			return err
		}
	}
	return nil
}
