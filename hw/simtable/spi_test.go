package simtable

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// spiFrame is one frame of 25, 26 or 27 pulses: 10101010 six times, then 0x80, 0xA0 or 0xA8.
func spiFrame(last byte) []byte { return []byte{0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, last} }

// unpack takes the bit in the second half of each pulse, when PD_SCK is low.
func unpack(in []byte) (bits []int) {
	for _, b := range in {
		for shift := 6; shift >= 0; shift -= 2 {
			bits = append(bits, int(b>>shift&1))
		}
	}
	return bits
}

func TestSPIReadsTheSameChip(t *testing.T) {
	r := newRig(t, "winch", "split-table", quiet)
	port := r.CellPort()
	c, err := port.Connect(physic.MegaHertz, spi.Mode0, 8)
	require.NoError(t, err)
	r.pullTo(200)
	r.wait(100 * time.Millisecond)
	want := r.sample(25)
	r.ready()
	in := make([]byte, 7)
	began := r.clock.Now()
	require.NoError(t, c.Tx(spiFrame(0x80), in))
	assert.Equal(t, 56*time.Microsecond, r.clock.Now()-began)
	bits := unpack(in)
	assert.InDelta(t, float64(want), float64(value(bits)), countsPerN)
	assert.Equal(t, 1, bits[24], "trailing bit")

	for last, pulses := range map[byte]channel{0xA8: channelA64, 0xA0: channelB32, 0x80: channelA128} {
		r.ready()
		require.NoError(t, c.Tx(spiFrame(last), in))
		r.clock.Spend(60 * time.Millisecond)
		require.NoError(t, c.Tx([]byte{0}, nil))
		assert.Equal(t, pulses, r.chip.selected)
	}
	assert.Zero(t, r.Truth().CellResets)
	assert.NoError(t, port.Close())
}

func TestSlowSPIPowersTheChipDown(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	port := r.CellPort()
	require.NoError(t, port.LimitSpeed(10*physic.KiloHertz))
	c, err := port.Connect(physic.MegaHertz, spi.Mode0, 8)
	require.NoError(t, err)
	r.ready()
	require.NoError(t, c.Tx(spiFrame(0x80), make([]byte, 7)))
	assert.NotZero(t, r.Truth().CellResets, "100 us high")
}

func TestSPIReset(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	c, err := r.CellPort().Connect(physic.MegaHertz, spi.Mode0, 8)
	require.NoError(t, err)
	ones := make([]byte, 2000)
	for i := range ones {
		ones[i] = 0xFF
	}
	require.NoError(t, c.TxPackets([]spi.Packet{{W: ones}, {W: []byte{0}}}))
	assert.EqualValues(t, 1, r.Truth().CellResets)
	fell := r.clock.Now()
	r.ready()
	assert.InDelta(t, 50/1.03, (r.clock.Now()-fell).Seconds()*1000, 0.1)
}

func TestSPIRefuses(t *testing.T) {
	r := newRig(t, "winch", "median", nil)
	port := r.CellPort()
	for _, f := range []physic.Frequency{0, physic.Hertz, 10 * physic.MegaHertz} {
		_, err := port.Connect(f, spi.Mode0, 8)
		require.Error(t, err)
		require.Error(t, port.LimitSpeed(f))
	}
	_, err := port.Connect(physic.MegaHertz, spi.Mode1, 8)
	require.Error(t, err)
	_, err = port.Connect(physic.MegaHertz, spi.Mode0, 16)
	require.Error(t, err)
	c, err := port.Connect(physic.MegaHertz, spi.Mode0|spi.NoCS, 8)
	require.NoError(t, err)
	require.Error(t, c.Tx(make([]byte, 3), make([]byte, 2)))
	require.Error(t, c.Tx(make([]byte, maxSPI+1), nil))
	require.Error(t, c.TxPackets([]spi.Packet{{W: []byte{1}, BitsPerWord: 16}}))
}
