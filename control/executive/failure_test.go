package executive

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"

	"traction/control"
)

// TestOutputFailureTrips: what a pin does that could not be written is not known,
// so it counts as a fault of the drive, even when it happens once.
func TestOutputFailureTrips(t *testing.T) {
	pins := map[string]func(*setup, gpio.Level) *failing{
		"step": func(s *setup, l gpio.Level) *failing {
			f := &failing{PinIO: s.hw.Step, level: l}
			s.hw.Step = f
			return f
		},
		"charge pump": func(s *setup, l gpio.Level) *failing {
			f := &failing{PinIO: s.hw.ChargePump, level: l}
			s.hw.ChargePump = f
			return f
		},
		"dir": func(s *setup, l gpio.Level) *failing {
			f := &failing{PinIO: s.hw.Dir, level: l}
			s.hw.Dir = f
			return f
		},
	}
	for _, table := range []string{"winch", "worm"} {
		for name, wrap := range pins {
			t.Run(table+" "+name, func(t *testing.T) {
				var pin *failing
				said := make(chan string, 4)
				r := newRig(t, table, func(s *setup) {
					pin = wrap(s, gpio.High)
					s.exec.Log = func(msg string, _ ...any) { said <- msg }
				})
				r.holding()
				pin.times = 1
				failedAt, toldAt := time.Duration(0), time.Duration(0)
				r.each = func() {
					if failedAt == 0 && pin.times == 0 {
						failedAt = r.in.Now
					}
					if toldAt == 0 && r.in.Motion.Fault {
						toldAt = r.in.Now
						up := r.out.Drive.Mode == control.DriveMoving && r.out.Drive.Velocity > 0
						assert.False(t, up, "nothing moves towards force from then on")
					}
				}
				r.until("the fault", 20*time.Second, func() bool { return toldAt != 0 })
				assert.LessOrEqual(t, toldAt-failedAt, tick)
				assert.True(t, r.tripped(control.ILDriveDead))
				r.until("tripped", 10*time.Second, func() bool { return r.state().Mode == control.Tripped })
				r.run(2 * time.Second)
				truth := r.sim.Truth()
				assert.Less(t, truth.ForceN, 20.0)
				assert.False(t, truth.Energised || truth.Heating)
				require.Len(t, r.reports, 1)
				assert.Equal(t, control.EndTripped, r.reports[0].End)
				assert.Equal(t, "an output could not be written", <-said)
				assert.Empty(t, said, "said once")
			})
		}
	}
}

func TestALastingOutputFailureIsSaidOnce(t *testing.T) {
	var pin *failing
	said := make(chan string, 100)
	r := newRig(t, "winch", func(s *setup) {
		pin = &failing{PinIO: s.hw.Step, level: gpio.High}
		s.hw.Step = pin
		s.exec.Log = func(msg string, _ ...any) { said <- msg }
	})
	r.started()
	pin.times = 1 << 30
	r.run(5 * time.Second)
	assert.Equal(t, control.Tripped, r.state().Mode)
	assert.Equal(t, control.DriveDisabled, r.out.Drive.Mode)
	assert.False(t, r.in.Motion.Fault, "a drive that is left alone fails no more")

	pin.times = 0
	r.must(control.Command{Kind: control.CommandAcknowledge})
	r.must(control.Command{Kind: control.CommandArm})
	r.sim.PressPatientSwitch(true)
	r.run(100 * tick)
	r.sim.PressPatientSwitch(false)
	r.run(100 * tick)
	r.must(control.Command{Kind: control.CommandStart})
	pin.times = 1 << 30
	r.run(5 * time.Second)
	assert.Equal(t, control.Tripped, r.state().Mode, "it trips each time")
	assert.Equal(t, "an output could not be written", <-said)
	assert.Empty(t, said)
}

// TestABlockedLogDoesNotHoldTheTick: a full pipe behind the log must not keep the
// table from tripping.
func TestABlockedLogDoesNotHoldTheTick(t *testing.T) {
	var pin *failing
	open := make(chan struct{})
	defer close(open)
	r := newRig(t, "winch", func(s *setup) {
		pin = &failing{PinIO: s.hw.ChargePump, level: gpio.High}
		s.hw.ChargePump = pin
		s.exec.Log = func(string, ...any) { <-open }
	})
	r.holding()
	pin.times = 1
	r.until("the trip", 100*tick, func() bool { return r.tripped(control.ILDriveDead) })
}
