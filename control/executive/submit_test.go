package executive

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
)

func TestSubmitReturnsTheReplyOfItsTick(t *testing.T) {
	r := newRig(t, "winch", nil)
	r.run(500 * tick)
	const n = 20
	var senders sync.WaitGroup
	for i := range uint64(n) {
		senders.Go(func() {
			reply, err := r.exec.Submit(context.Background(), control.Command{Kind: control.CommandArm, Ticket: i + 1})
			assert.NoError(t, err)
			assert.Equal(t, i+1, reply.Ticket)
			assert.Equal(t, control.StaleRev, reply.Code)
		})
	}
	for len(r.exec.commands) < n {
		runtime.Gosched()
	}
	r.ticks(n)
	senders.Wait()
}

func TestSubmitWhileTheExecutiveRuns(t *testing.T) {
	r := newRig(t, "winch", nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.exec.Run(ctx) }()
	for ticket := range uint64(50) {
		reply, err := r.exec.Submit(context.Background(), control.Command{Kind: control.CommandPause, Ticket: ticket + 1})
		require.NoError(t, err)
		require.Equal(t, control.Reply{Ticket: ticket + 1, Kind: control.CommandPause, Code: control.WrongMode, Rev: 1000}, reply)
		r.exec.Stop(control.Remote)
		r.exec.Journal().Snapshot()
	}
	cancel()
	require.NoError(t, <-ended)
	r.safe()
}

// TestSubmitRefusesAtOnceWhenTheQueueIsFull: R-BOUNDED.
func TestSubmitRefusesAtOnceWhenTheQueueIsFull(t *testing.T) {
	r := newRig(t, "winch", nil)
	r.run(500 * tick)
	for range queueLength {
		require.NoError(t, r.exec.Do(control.Command{Kind: control.CommandPause}))
	}
	_, err := r.exec.Submit(context.Background(), control.Command{Kind: control.CommandPause, Ticket: 99})
	require.ErrorIs(t, err, link.ErrQueueFull) // nothing ticks: it would wait for ever
	for range queueLength + 1 {
		r.once()
		require.NotEqual(t, uint64(99), r.in.Command.Ticket, "it was not queued after all")
	}
}

// TestACommandThatWasGivenUpNeverActsLater: its sender was told that nobody
// answered, and has decided something else since.
func TestACommandThatWasGivenUpNeverActsLater(t *testing.T) {
	r := newRig(t, "winch", nil)
	r.holding()
	over, cancel := context.WithCancel(context.Background())
	cancel()
	give := func(c control.Command) {
		c.Rev = r.state().Rev
		_, err := r.exec.Submit(over, c)
		require.ErrorIs(t, err, context.Canceled)
	}
	more := control.Command{Kind: control.CommandSet, Set: control.Settings{Fields: control.FieldHold, Hold: 300 * physic.Newton}}
	give(more)
	give(more)
	give(control.Command{Kind: control.CommandPause, Ticket: 7})
	r.once()
	assert.Equal(t, control.CommandPause, r.in.Command.Kind, "a pause acts whenever it comes")
	assert.Equal(t, control.Paused, r.state().Mode)
	assert.Equal(t, 200*physic.Newton, r.state().Settings.Hold)

	give(control.Command{Kind: control.CommandResume})
	r.run(100 * tick)
	assert.Equal(t, control.Paused, r.state().Mode)

	for range queueLength {
		give(control.Command{Kind: control.CommandResume})
	}
	r.once()
	assert.Equal(t, control.NoCommand, r.in.Command.Kind)
	require.NoError(t, r.exec.Do(control.Command{Kind: control.CommandStop, Ticket: 8}))
	r.once()
	assert.Equal(t, uint64(8), r.in.Command.Ticket, "the queue is empty")
	r.until("slack", 10*time.Second, func() bool { return r.state().Mode == control.Idle })
}
