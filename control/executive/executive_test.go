package executive

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
)

func TestTicksComeEachMillisecond(t *testing.T) {
	r := newRig(t, "winch", nil)
	from, n := r.clock.Now(), time.Duration(0)
	r.each = func() {
		n++
		require.Equal(t, from+n*tick, r.in.Now)
		require.Zero(t, r.in.Late)
	}
	r.run(2 * time.Second)
	assert.Equal(t, uint64(2000), r.exec.Ticks())
	l := r.exec.Journal().Lateness()
	assert.Zero(t, l.Worst)
	assert.Zero(t, l.Missed)
	assert.InDelta(t, 2000, l.Ticks, 25, "published with the journal's rows")
}

// TestStepEdgesComeBetweenTicks: they keep their own even pace, late by a frame of
// the cell at most, and several fit into one tick.
func TestStepEdgesComeBetweenTicks(t *testing.T) {
	var step *timed
	r := newRig(t, "winch", func(s *setup) {
		step = &timed{PinIO: s.hw.Step, clock: s.clock}
		s.hw.Step = step
	})
	r.started()
	r.run(200 * tick)
	step.rises = nil
	r.run(300 * tick)
	require.Equal(t, control.Slack, r.state().Phase)
	const interval = time.Second / 640 // 10 mm/s at 64 steps/mm
	require.InDelta(t, 192, len(step.rises), 2)
	offTick := 0
	for i, at := range step.rises[1:] {
		require.InDelta(t, float64(interval), float64(at-step.rises[i]), float64(100*time.Microsecond))
		if at%tick > 10*time.Microsecond {
			offTick++
		}
	}
	assert.Greater(t, offTick, 150, "edges belong to no tick")
	mean := (step.rises[len(step.rises)-1] - step.rises[0]) / time.Duration(len(step.rises)-1)
	assert.InDelta(t, float64(interval), float64(mean), float64(time.Microsecond), "a late one is made up for")

	r.until("pull", time.Minute, func() bool { return r.sim.Truth().ForceN > 150 })
	r.exec.Stop(control.Table)
	step.rises = nil
	r.until("the end of the release", 10*time.Second, func() bool { return r.state().Mode == control.Idle })
	most := map[time.Duration]int{}
	for _, at := range step.rises {
		most[at/tick]++
	}
	fullest := 0
	for _, n := range most {
		fullest = max(fullest, n)
	}
	assert.InDelta(t, 4, fullest, 1, "60 mm/s are 3.84 steps a tick")
	assert.Zero(t, r.sim.Truth().LostSteps)
	assert.Zero(t, r.sim.Truth().TimingViolations)
}

func TestLateTicksAreLeftOutAndCounted(t *testing.T) {
	for name, c := range map[string]struct {
		stall  time.Duration
		inTick bool // while a tick works, not while the thread sleeps
		late   time.Duration
		missed uint64
	}{
		"a little":             {300 * time.Microsecond, false, 300 * time.Microsecond, 0},
		"less than two":        {1900 * time.Microsecond, false, 1900 * time.Microsecond, 0},
		"some":                 {7300 * time.Microsecond, false, 7300 * time.Microsecond, 6},
		"long":                 {3 * time.Second, false, 3 * time.Second, 2999},
		"a little in the tick": {300 * time.Microsecond, true, 0, 0},
		"some in the tick":     {7300 * time.Microsecond, true, 6300 * time.Microsecond, 6},
		"long in the tick":     {3 * time.Second, true, 3*time.Second - tick, 2999},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "winch", nil)
			r.run(time.Second)
			ticks, from := r.exec.Ticks(), r.exec.next-tick
			var worst time.Duration
			began := []time.Duration{}
			stalled := false
			r.each = func() {
				began = append(began, r.in.Now)
				worst = max(worst, r.in.Late)
				if c.inTick && !stalled {
					stalled = true
					r.clock.Spend(c.stall)
				}
			}
			if !c.inTick {
				r.stall.after, r.stall.stall = r.clock.Now(), c.stall
			}
			r.run(c.stall + 100*tick)

			slack := float64(100 * time.Microsecond) // what the pins cost
			assert.InDelta(t, float64(c.late), float64(worst), slack, "a tick was told")
			l := r.exec.Journal().Lateness()
			assert.InDelta(t, float64(c.late), float64(l.Worst), slack)
			assert.Equal(t, c.missed, l.Missed)
			planned := uint64((r.exec.next - tick - from) / tick)
			assert.Equal(t, planned, r.exec.Ticks()-ticks+c.missed, "each planned tick ran or was counted")
			for i, at := range began[3:] {
				require.Zero(t, (at-from)%tick, "on the old plan again")
				require.Equal(t, tick, at-began[i+2], "and no burst")
			}
		})
	}
}

func TestCommandsComeOneATickInOrder(t *testing.T) {
	r := newRig(t, "winch", nil)
	r.run(500 * tick)
	const n = queueLength
	for i := range uint64(n) {
		require.NoError(t, r.exec.Do(control.Command{Kind: control.CommandPause, Ticket: i + 1}))
	}
	assert.ErrorIs(t, r.exec.Do(control.Command{Kind: control.CommandPause}), link.ErrQueueFull)
	for i := range uint64(n) {
		r.once()
		require.Equal(t, i+1, r.in.Command.Ticket)
		require.Equal(t, i+1, r.out.Reply.Ticket)
		require.Equal(t, control.WrongMode, r.out.Reply.Code)
	}
	r.once()
	assert.Equal(t, control.NoCommand, r.in.Command.Kind, "none is given twice")
	assert.Equal(t, control.NoCommand, r.out.Reply.Kind)
	assert.NoError(t, r.exec.Do(control.Command{Kind: control.CommandPause}), "there is room again")
}

// TestStopNeedsNoPlaceInTheQueue: with the queue full of commands that would go
// on, a stop acts in the very next tick.
func TestStopNeedsNoPlaceInTheQueue(t *testing.T) {
	for _, origin := range []control.Origin{control.Table, control.Remote} {
		r := newRig(t, "winch", nil)
		r.holding()
		for range queueLength {
			require.NoError(t, r.exec.Do(control.Command{Kind: control.CommandSet, Rev: r.state().Rev, Ticket: 1,
				Set: control.Settings{Fields: control.FieldHold, Hold: 250 * physic.Newton}}))
		}
		r.exec.Stop(origin)
		r.once()
		require.True(t, r.in.Stop)
		require.Equal(t, origin, r.in.StopOrigin)
		require.Equal(t, control.Releasing, r.out.Events[0].Mode)
		require.Equal(t, control.StaleRev, r.out.Reply.Code, "what was decided before the stop does not act after it")
		from := r.clock.Now()
		r.once()
		require.False(t, r.in.Stop, "one stop is one stop")
		r.until("slack", 5*time.Second, func() bool { return r.state().Mode == control.Idle })
		assert.Less(t, r.clock.Now()-from, 3*time.Second)
		assert.Less(t, r.sim.Truth().ForceN, 20.0)
		require.Len(t, r.reports, 1)
		assert.Equal(t, control.EndStopped, r.reports[0].End)
	}
}

func TestTheStopOfBothOriginsIsOneStop(t *testing.T) {
	r := newRig(t, "winch", nil)
	r.run(500 * tick)
	r.exec.Stop(control.Table)
	r.exec.Stop(control.Remote)
	r.once()
	assert.True(t, r.in.Stop)
	r.once()
	assert.False(t, r.in.Stop)
}

// stuckClock is broken: it sleeps not at all.
type stuckClock struct{ now time.Duration }

func (c stuckClock) Now() time.Duration         { return c.now }
func (c stuckClock) SleepUntil(_ time.Duration) {}

func TestAStuckClockDoesNotCatchTheThread(t *testing.T) {
	r := newRig(t, "winch", nil)
	r.started()
	r.run(time.Second)
	r.until("an edge in the next tick", 10*tick, func() bool {
		at, ok := r.table.NextEdge()
		return ok && at > r.clock.Now() && at < r.exec.next
	})
	ticks := r.exec.Ticks()
	r.exec.clock = stuckClock{r.clock.Now()}
	r.once()
	assert.Equal(t, ticks+1, r.exec.Ticks())
}

func TestThePadIsSampledOnceASecond(t *testing.T) {
	samples := 0
	count := func(on bool) func(*setup) {
		return func(s *setup) {
			source := s.hw.PadSource
			s.hw.PadSource = func() (physic.Temperature, error) {
				samples++
				return source()
			}
			s.exec.SamplePad = on
		}
	}
	r := newRig(t, "winch", count(true))
	r.run(10*time.Second + 500*tick)
	assert.Equal(t, 11, samples, "in the first tick and once a second")
	assert.InDelta(t, 10, r.in.Pad.At.Seconds(), 0.1)

	samples = 0
	r = newRig(t, "winch", count(false))
	r.run(2 * time.Second)
	assert.Zero(t, samples, "on a real clock it has a goroutine of its own")
	assert.True(t, r.in.Pad.Failed)
}
