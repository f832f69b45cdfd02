package hx711

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

// FuzzUnpack compares the decoder of an SPI frame with one that goes through
// the bits one by one.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0xff})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0xaa, 0x55, 0xcc, 0x33, 0x0f, 0xf0, 0x07})
	f.Fuzz(func(t *testing.T, data []byte) {
		var answer [frameBytes]byte
		if len(data) != frameBytes {
			return
		}
		copy(answer[:], data)
		got, trailing := unpack(&answer)
		var want uint32
		for pulse := range 24 {
			second := 2*pulse + 1
			want = want<<1 | uint32(answer[second/8]>>(7-second%8)&1)
		}
		require.Equal(t, want, got)
		require.Equal(t, answer[6]%8 == 7, trailing)
		c := (&frame{bits: got}).counts()
		require.Equal(t, got, uint32(c)&0xffffff)
		require.True(t, c >= -1<<23 && c < 1<<23)
	})
}

// FuzzPoll lets DOUT say anything at all, at ticks of any length: the driver
// never panics, never moves more than a frame in one poll and never returns
// what a fault alone produces.
func FuzzPoll(f *testing.F) {
	f.Add([]byte{0}, uint8(1))
	f.Add([]byte{0xff, 0xff, 0xff, 0x00, 0x10, 0x80}, uint8(3))
	f.Add([]byte{0x0f, 0xf0, 0xff, 0xff, 0xff, 0xff, 0x01}, uint8(12))
	f.Fuzz(func(t *testing.T, wire []byte, tick uint8) {
		if len(wire) == 0 {
			return
		}
		for _, build := range []func(*chip, Opts) (*rig, error){gpioRig, spiRig} {
			r, err := build(newChip(80), at80)
			require.NoError(t, err)
			bit := 0
			r.dout = func(gpio.Level) gpio.Level {
				bit++
				return wire[bit/8%len(wire)]>>(bit%8)&1 == 1
			}
			seq := uint32(0)
			for range 600 {
				r.tick += time.Duration(tick) * 250 * time.Microsecond
				r.now = max(r.now, r.tick)
				before := r.pulses
				p := r.Poll(r.now)
				require.LessOrEqual(t, r.pulses-before, 27)
				require.Equal(t, p.Ready, p.Fault == None)
				if p.Ready {
					seq++
					require.Equal(t, None, codeFault(uint32(p.Counts)&0xffffff))
				}
				require.Equal(t, seq, p.Seq)
			}
		}
	})
}
