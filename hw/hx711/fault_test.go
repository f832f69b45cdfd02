package hx711

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

var random = rand.New(rand.NewPCG(1, 2))

// upset is a chip or a wire that goes wrong, what the driver calls it, and
// whether that restarts the chip.
var upsets = []struct {
	name    string
	gpio    bool // only the pins can do this
	upset   func(r *rig)
	want    []Fault
	within  time.Duration
	restart bool
}{
	{
		name: "DOUT low for ever", upset: func(r *rig) { r.dout = always(gpio.Low) },
		want: []Fault{Desync}, within: 2 * time.Millisecond, restart: true,
	},
	{
		name: "DOUT high for ever", upset: func(r *rig) { r.dout = always(gpio.High) },
		want: []Fault{Silent}, within: 39 * time.Millisecond, restart: true,
	},
	{
		name: "DOUT floating", upset: func(r *rig) { r.dout = noise },
		want: []Fault{Desync, Silent}, within: 40 * time.Millisecond, restart: true,
	},
	{
		name: "DOUT picks up mains", upset: func(r *rig) { r.dout = r.hum },
		want: []Fault{Desync, Silent}, within: 50 * time.Millisecond, restart: true,
	},
	{
		name: "saturated high", upset: func(r *rig) { r.code = constant(0x7fffff) },
		want: []Fault{Saturated}, within: 26 * time.Millisecond,
	},
	{
		name: "saturated low", upset: func(r *rig) { r.code = constant(-0x800000) },
		want: []Fault{Saturated}, within: 26 * time.Millisecond,
	},
	{
		name: "minus one", upset: func(r *rig) { r.code = constant(-1) },
		want: []Fault{Truncated}, within: 26 * time.Millisecond,
	},
	{
		name: "2^n-1", upset: func(r *rig) { r.code = constant(1<<17 - 1) },
		want: []Fault{Truncated}, within: 26 * time.Millisecond,
	},
	{
		name: "stuck code", upset: func(r *rig) { r.code = constant(4711) },
		want: []Fault{Stuck}, within: 90 * time.Millisecond, restart: true,
	},
	{
		name: "chip slows down by a fifth", upset: func(r *rig) { r.period = r.period * 5 / 4 },
		want: []Fault{WrongRate}, within: 600 * time.Millisecond,
	},
	{
		name: "chip becomes a third faster", upset: func(r *rig) { r.period = r.period * 3 / 4 },
		want: []Fault{WrongRate}, within: 600 * time.Millisecond,
	},
	{
		name: "pulse of 61 us", gpio: true, upset: func(r *rig) { r.once(61 * time.Microsecond) },
		want: []Fault{LatePulse}, within: 14 * time.Millisecond, restart: true,
	},
	{
		name: "pulse of 51 us", gpio: true, upset: func(r *rig) { r.once(51 * time.Microsecond) },
		want: []Fault{LatePulse}, within: 14 * time.Millisecond, restart: true,
	},
	{
		name: "frame of 5 ms", gpio: true, upset: func(r *rig) { r.gap = 200 * time.Microsecond },
		want: []Fault{LateFrame}, within: 14 * time.Millisecond,
	},
	{
		name: "an extra pulse on the wire", upset: func(r *rig) { r.index = 1; r.ready = true; r.data = 0 },
		want: []Fault{Desync}, within: 14 * time.Millisecond, restart: true,
	},
	{
		name: "pin or port error", upset: func(r *rig) { r.outErr, r.txErr = errBroken, errBroken },
		want: []Fault{IO}, within: 14 * time.Millisecond, restart: true,
	},
}

var errBroken = errors.New("broken")

func always(l gpio.Level) func(gpio.Level) gpio.Level {
	return func(gpio.Level) gpio.Level { return l }
}

func noise(gpio.Level) gpio.Level { return random.Uint32()&1 == 0 }

// hum is what 50 Hz leave on an open input.
func (c *chip) hum(gpio.Level) gpio.Level { return c.now%(20*time.Millisecond) < 10*time.Millisecond }

func constant(code int32) func(int) int32 { return func(int) int32 { return code } }

// once stretches one pulse of the next frame.
func (c *chip) once(extra time.Duration) {
	at := c.pulses + 11
	c.stretch = func(pulse int) time.Duration {
		if pulse == at {
			return extra
		}
		return 0
	}
}

func TestEveryFaultIsSeenAndNothingIsAcceptedMeanwhile(t *testing.T) {
	for _, tt := range upsets {
		t.Run(tt.name, func(t *testing.T) {
			each(t, 80, at80, func(t *testing.T, r *rig) {
				if tt.gpio && r.core.wire != nil {
					if _, ok := r.core.wire.(*GPIO); !ok {
						t.Skip("hardware makes the pulses here")
					}
				}
				started(t, r)
				r.run(100 * time.Millisecond)
				for !r.poll().Ready { // right after a conversion
				}
				resets, began := r.Stats().Resets, r.tick
				tt.upset(r)
				var p Reading
				for p = r.poll(); p.Ready || p.Fault == NotReady; p = r.poll() {
					require.Less(t, r.tick-began, tt.within, "not seen")
				}
				assert.Contains(t, tt.want, p.Fault)
				assert.NotZero(t, r.Stats().Rejected[p.Fault])
				if tt.restart {
					assert.Equal(t, resets+1, r.Stats().Resets)
				} else {
					assert.Equal(t, resets, r.Stats().Resets)
				}
				again := r.poll()
				assert.Equal(t, p.Fault, again.Fault, "the reason is repeated")
				assert.Equal(t, p.Seq, again.Seq)
			})
		})
	}
}

// TestLastingFaultsNeverBringANumber: R-NO-NUMBER.
func TestLastingFaultsNeverBringANumber(t *testing.T) {
	for _, tt := range upsets {
		if tt.name == "pulse of 61 us" || tt.name == "pulse of 51 us" || tt.name == "an extra pulse on the wire" {
			continue // those pass
		}
		t.Run(tt.name, func(t *testing.T) {
			each(t, 80, at80, func(t *testing.T, r *rig) {
				if _, ok := r.core.wire.(*GPIO); tt.gpio && !ok {
					t.Skip("hardware makes the pulses here")
				}
				started(t, r)
				tt.upset(r)
				r.run(700 * time.Millisecond) // until the slowest judgement
				got, faults := r.run(20 * time.Second)
				assert.Empty(t, got)
				assert.NotEmpty(t, faults)
			})
		})
	}
}

func TestRateStrapInTheWrongPlace(t *testing.T) {
	for configured, real := range map[physic.Frequency]float64{10 * physic.Hertz: 80, 80 * physic.Hertz: 10} {
		each(t, real, Opts{Rate: configured}, func(t *testing.T, r *rig) {
			got, _ := r.run(10 * time.Second)
			assert.Empty(t, got)
			assert.Equal(t, WrongRate, r.poll().Fault)
			assert.InEpsilon(t, real, float64(r.SampleRate())/float64(physic.Hertz), 0.02, "and it says what the rate is")
			assert.LessOrEqual(t, r.Stats().Resets, uint64(2))
		})
	}
}

func TestLongestPulseIsReported(t *testing.T) {
	r, err := gpioRig(newChip(80), at80)
	require.NoError(t, err)
	started(t, r)
	assert.Equal(t, 2*time.Microsecond, r.Stats().LongestPulse)
	r.once(40 * time.Microsecond)
	_, faults := r.run(30 * time.Millisecond)
	assert.Empty(t, faults, "40 us are within the data sheet")
	assert.Equal(t, 42*time.Microsecond, r.Stats().LongestPulse)
}
