package hx711

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

func TestRecovery(t *testing.T) {
	for _, tt := range upsets {
		t.Run(tt.name, func(t *testing.T) {
			each(t, 80, at80, func(t *testing.T, r *rig) {
				started(t, r)
				code, period := r.code, r.period
				tt.upset(r)
				r.run(5 * time.Second)
				r.code, r.period = code, period
				r.dout, r.stretch, r.gap, r.outErr, r.txErr = nil, nil, 0, nil, nil
				r.run(3 * time.Second) // the longest back-off
				got, faults := r.run(time.Second)
				assert.Empty(t, faults)
				assert.InDelta(t, 80, len(got), 1)
				for _, g := range got {
					require.InDelta(t, 100_000, int(g.Counts), 200)
				}
			})
		})
	}
}

func TestMissingChipCostsNothing(t *testing.T) {
	for _, level := range []gpio.Level{gpio.Low, gpio.High} {
		each(t, 80, at80, func(t *testing.T, r *rig) {
			r.dout = always(level)
			_, faults := r.run(time.Minute)
			assert.NotEmpty(t, faults)
			assert.Less(t, r.Stats().Resets, uint64(60), "a bounded number of attempts")
			assert.Greater(t, r.Stats().Resets, uint64(25), "but it goes on trying")
			assert.Less(t, r.pulses, 5*int(r.Stats().Resets)+2000, "hardly any pulse")
		})
	}
}

func TestStuckIsRememberedAcrossRestarts(t *testing.T) {
	each(t, 80, at80, func(t *testing.T, r *rig) {
		started(t, r)
		r.code = constant(4711)
		got, _ := r.run(time.Minute)
		equal := 0
		for _, g := range got {
			if g.Counts == 4711 {
				equal++
			}
		}
		assert.Equal(t, 5, equal)
	})
}

func TestReadyWhileSettlingIsNoChip(t *testing.T) {
	each(t, 80, at80, func(t *testing.T, r *rig) {
		started(t, r)
		r.Reset(r.now)
		r.run(20 * time.Millisecond) // 10 ms into the settling time
		r.dout = always(gpio.Low)
		assert.Equal(t, Desync, r.poll().Fault)
	})
}

func TestSilenceThatNobodyListenedToDoesNotCount(t *testing.T) {
	each(t, 80, at80, func(t *testing.T, r *rig) {
		started(t, r)
		r.run(100 * time.Millisecond)
		r.tick += 50 * time.Millisecond
		r.dout = always(gpio.High) // the moment between two unread conversions
		r.poll()
		r.dout = nil
		_, faults := r.run(40 * time.Millisecond)
		assert.NotContains(t, faults, Silent)
		assert.Equal(t, uint64(1), r.Stats().Resets)
	})
}

func TestBackOffEndsWithTheFirstConversion(t *testing.T) {
	each(t, 80, at80, func(t *testing.T, r *rig) {
		r.dout = always(gpio.Low)
		r.run(20 * time.Second)
		r.dout = nil
		r.run(3 * time.Second)
		for range 3 { // the next ones are as short as the first
			r.dout = always(gpio.Low)
			r.poll()
			r.dout = nil
			got, _ := r.run(110 * time.Millisecond)
			assert.NotEmpty(t, got)
		}
	})
}

func TestTruncatedRestartsAChipThatMayHaveLostItsGain(t *testing.T) {
	for in, want := range map[Input]uint64{ChannelA128: 0, ChannelB32: 1, ChannelA64: 1} {
		each(t, 80, Opts{Rate: 80 * physic.Hertz, Input: in}, func(t *testing.T, r *rig) {
			started(t, r)
			resets, code := r.Stats().Resets, r.code
			r.code = constant(1<<14 - 1)
			for r.poll().Fault != Truncated {
				require.Less(t, r.tick, 10*time.Second)
			}
			r.code = code
			assert.Equal(t, want, r.Stats().Resets-resets)
		})
	}
}

func TestMissedConversionsAreNotASlowChip(t *testing.T) {
	each(t, 70, at80, func(t *testing.T, r *rig) { // slow, but within 15 per cent
		started(t, r)
		for range 50 {
			r.run(300 * time.Millisecond)
			r.tick += 30 * time.Millisecond // the thread was away
		}
		assert.Zero(t, r.Stats().Rejected[WrongRate])
	})
}
