package executive

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"

	"traction/control"
	"traction/hw"
	"traction/hw/simtable"
)

// end runs until it is asked to end after so many ticks, and returns how long
// the ending took.
func (r *rig) end(after int) (took time.Duration, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n := 0
	asked := time.Duration(0)
	r.each = func() {
		if n++; n == after {
			asked = r.clock.Now()
			cancel()
		}
	}
	err = r.exec.Run(ctx)
	r.each = nil
	return r.clock.Now() - asked, err
}

func TestRunEndsWithARelease(t *testing.T) {
	releasing := func(r *rig) {
		r.holding()
		r.exec.Stop(control.Table)
		r.run(50 * tick)
		require.Equal(t, control.Releasing, r.state().Mode)
	}
	paused := func(r *rig) {
		r.holding()
		r.must(control.Command{Kind: control.CommandPause})
	}
	for _, table := range []string{"winch", "worm"} {
		for name, c := range map[string]struct {
			before func(*rig)
			most   time.Duration
			report bool
		}{
			"from idle":      {func(r *rig) { r.run(2 * time.Second) }, 3 * tick, false},
			"from the start": {func(r *rig) { r.run(500 * time.Millisecond) }, time.Second, false}, // until slack is confirmed
			"from slack":     {(*rig).started, 2 * time.Second, true},
			"from hold":      {(*rig).holding, 3 * time.Second, true},
			"from a pause":   {paused, 3 * time.Second, true},
			"from a release": {releasing, 3 * time.Second, true},
		} {
			t.Run(table+" "+name, func(t *testing.T) {
				r := newRig(t, table, nil)
				c.before(r)
				took, err := r.end(20)
				require.NoError(t, err)
				assert.Less(t, took, c.most)
				r.safe()
				assert.Less(t, r.sim.Truth().ForceN, 20.0)
				require.Equal(t, c.report, len(r.reports) == 1)
				if c.report {
					assert.Equal(t, control.EndStopped, r.reports[0].End)
				}
			})
		}
	}
}

func TestRunEndsAtOnceWhenItsContextIsOver(t *testing.T) {
	r := newRig(t, "winch", nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, r.exec.Run(ctx))
	assert.LessOrEqual(t, r.exec.Ticks(), uint64(3))
	r.safe()
}

// TestRunTellsThatTheRopeIsNotSlack: a self-locking table keeps its tension when
// its motor cannot turn. Whoever starts and stops the process must hear of it.
func TestRunTellsThatTheRopeIsNotSlack(t *testing.T) {
	for name, c := range map[string]struct {
		table string
		what  func(*rig)
		want  error
		most  time.Duration
	}{
		"jammed":                                 {"worm", func(r *rig) { require.NoError(t, r.sim.Inject(simtable.Fault{Kind: "jam"})) }, ErrTension, endMost},
		"emergency stop on a self-locking table": {"worm", func(r *rig) { r.sim.PressEmergencyStop(true) }, ErrTension, letGo},
		"emergency stop on a back-drivable one":  {"winch", func(r *rig) { r.sim.PressEmergencyStop(true) }, nil, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.table, nil)
			r.holding()
			c.what(r)
			took, err := r.end(5)
			require.ErrorIs(t, err, c.want)
			assert.LessOrEqual(t, took, c.most+10*tick)
			assert.Equal(t, c.want != nil, r.sim.Truth().ForceN > 100)
			r.safe()
		})
	}
}

func TestAPanicLeavesEverythingSafe(t *testing.T) {
	r := newRig(t, "winch", nil)
	r.holding()
	r.must(control.Command{Kind: control.CommandPause})
	r.each = func() { panic("in the tick") }
	require.PanicsWithValue(t, "in the tick", func() { _ = r.exec.Run(context.Background()) })
	r.safe()
	assert.Equal(t, control.Paused, r.state().Mode, "it was in the middle of a treatment")
}

func TestRunReportsWhatCouldNotBeSwitchedOff(t *testing.T) {
	var lamp, heat *failing
	r := newRig(t, "winch", func(s *setup) {
		lamp, heat = &failing{PinIO: s.hw.LampAlarm, level: gpio.Low}, &failing{PinIO: s.hw.Pins.Heat, level: gpio.Low}
		s.hw.LampAlarm, s.hw.Pins.Heat = lamp, heat
	})
	r.run(time.Second)
	r.each = func() {
		lamp.times = 1
		panic("in the tick")
	}
	require.Panics(t, func() { _ = r.exec.Run(context.Background()) })
	assert.Zero(t, lamp.times, "it was tried")
	assert.ErrorIs(t, r.table.Apply(r.clock.Now(), hw.Actuation{}), hw.ErrOff)

	r = newRig(t, "winch", func(s *setup) {
		heat = &failing{PinIO: s.hw.Pins.Heat, level: gpio.Low}
		s.hw.Pins.Heat = heat
	})
	r.run(time.Second)
	heat.times = 1
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	assert.ErrorIs(t, r.exec.Run(ctx), errPin)
}

func TestNoRealTimeNoTreatment(t *testing.T) {
	refused := noRealTime("SCHED_FIFO", errors.New("not permitted"), "ask somebody")
	r := newRig(t, "winch", nil)
	r.exec.acquire = func() error { return refused }
	_, err := r.end(5)
	require.ErrorIs(t, err, ErrNoRealTime)
	assert.ErrorContains(t, err, "SCHED_FIFO")
	assert.ErrorContains(t, err, "ask somebody")
	assert.Zero(t, r.exec.Ticks(), "not one tick")
	r.safe()

	var said []any
	r = newRig(t, "winch", func(s *setup) {
		s.exec.AllowOrdinary = true
		s.exec.Log = func(msg string, args ...any) { said = append(said, append([]any{msg}, args...)...) }
	})
	r.exec.acquire = func() error { return refused }
	_, err = r.end(5)
	require.NoError(t, err)
	assert.Greater(t, r.exec.Ticks(), uint64(5))
	assert.Equal(t, []any{"going on without real-time scheduling", "err", refused}, said)
}
