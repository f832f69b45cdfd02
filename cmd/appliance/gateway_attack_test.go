package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
	"traction/control/quantity"
	"traction/mqtt/broker"
	"traction/test/parts"
)

// brief is a programme whose phases last three seconds each, quick one whose
// phases last one.
var (
	brief = levels{hold: 150 * physic.Newton, rest: 60 * physic.Newton, rampUp: 30 * control.NewtonPerSecond, rampDown: 30 * control.NewtonPerSecond, holdTime: 3 * time.Second}
	quick = levels{hold: 150 * physic.Newton, rest: 60 * physic.Newton, rampUp: 80 * control.NewtonPerSecond, rampDown: 80 * control.NewtonPerSecond, holdTime: time.Second}
)

// programme writes a programme named test into a folder.
func programme(t *testing.T, l levels) (dir string) {
	dir = t.TempDir()
	text := fmt.Sprintf(`title = "Test"
source = "a test"
harness = "lumbar"
hold = %q
hold_time = %q
rest = %q
rest_time = %[2]q
ramp_up = %[4]q
ramp_down = %[5]q
duration = "5 min"
pause_rests = false
`, quantity.Format(l.hold), quantity.Format(l.holdTime), quantity.Format(l.rest), quantity.Format(l.rampUp), quantity.Format(l.rampDown))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "test.toml"), []byte(text), 0o600))
	return dir
}

// site is a table with its gateway and a broker, all of them real processes but
// the broker.
type site struct {
	dir, broker string
	control     *parts.Process
	gateway     *parts.Process
	journal     *journal
}

func newSite(t *testing.T, l levels) *site {
	b, err := broker.Start(context.Background(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	s := &site{dir: t.TempDir(), broker: b.Addr()}
	s.control = start(t, "control", "--simulate", "--run-dir", s.dir, "--table", "plain", "--patient", "stiffest", "--programmes", programme(t, l))
	s.journal = journalOf(t, s.dir)
	s.startGateway(t)
	return s
}

func (s *site) startGateway(t *testing.T) {
	s.gateway = start(t, "gateway", "--run-dir", s.dir, "--broker", "tcp://"+s.broker, "--table-id", "plain")
	t.Cleanup(func() { _ = s.gateway.Cmd.Process.Signal(syscall.SIGCONT) }) // should the test have failed while it stood still
}

// attack does something to the gateway while the table is in one phase.
type attack struct {
	name      string
	programme levels
	do        func(t *testing.T, s *site)
	// throughout runs beside the whole treatment, if there is anything to run.
	throughout func(ctx context.Context, t *testing.T, s *site)
}

var attacks = []attack{
	{name: "stopped", programme: brief, do: func(t *testing.T, s *site) {
		s.gateway.Signal(t, syscall.SIGSTOP)
		time.Sleep(2 * time.Second) // of standing still
		s.gateway.Signal(t, syscall.SIGCONT)
	}},
	{name: "killed", programme: quick, do: func(t *testing.T, s *site) {
		require.True(t, s.gateway.Alive())
		s.gateway.Kill()
		s.startGateway(t)
	}},
	{name: "flooded", programme: quick, do: func(*testing.T, *site) {}, throughout: flood},
	{name: "killed in a flood", programme: quick, do: func(t *testing.T, s *site) {
		require.True(t, s.gateway.Alive())
		s.gateway.Kill()
		s.startGateway(t)
	}, throughout: flood},
}

// stage is a moment of a treatment.
type stage struct {
	name   string
	before control.CommandKind // what leads to it, if it does not come by itself
	mode   control.Mode
	phase  control.Phase // none = any
	least  physic.Force  // on the rope, so that something is left to be let go of
}

// stages in the order of a treatment.
var stages = []stage{
	{"slack", control.NoCommand, control.Treating, control.Slack, 0},
	{"pull", control.NoCommand, control.Treating, control.Pull, 100 * physic.Newton},
	{"hold", control.NoCommand, control.Treating, control.Hold, 0},
	{"ease", control.NoCommand, control.Treating, control.Ease, 0},
	{"rest", control.NoCommand, control.Treating, control.Rest, 0},
	{"paused", control.CommandPause, control.Paused, control.NoPhase, 0},
	{"releasing", control.CommandStop, control.Releasing, control.NoPhase, 0},
}

// await brings a running treatment to the stage, and tells whether it did not end before.
func (at *stage) await(t *testing.T, dir string, j *journal) (there bool) {
	over := func(j *journal) bool { return len(j.reports) > 0 }
	if at.before != control.NoCommand {
		j.wait(t, "a hold", func(j *journal) bool { there = j.Phase == control.Hold; return there || over(j) })
		if !there {
			return false
		}
		order(t, dial(t, dir), link.Request{Command: at.before}, func(*control.Snapshot) bool { return true })
	}
	is := func(j *journal) bool {
		return j.Mode == at.mode && (at.phase == control.NoPhase || j.Phase == at.phase) && j.Force >= at.least
	}
	j.wait(t, at.name, func(j *journal) bool { there = is(j); return there || over(j) })
	return there || at.mode == control.Releasing
}

// TestGatewayAttacked kills the gateway, makes it stand still and floods it, in
// each phase of a treatment: every decision of the control process is the
// programme's, and the record has every entry of its journal in the end.
// It shows R-GATEWAY-APART.
func TestGatewayAttacked(t *testing.T) {
	parts.Heavy(t, "takes half a minute of real time")
	t.Parallel()
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			attacked(t, &a)
		})
	}
}

// attacked runs one treatment under attack.
func attacked(t *testing.T, a *attack) {
	s := newSite(t, a.programme)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	toStart(t, s.dir, "test")
	if a.throughout != nil {
		wg.Go(func() { a.throughout(ctx, t, s) })
	}
	for _, at := range stages {
		require.True(t, at.await(t, s.dir, s.journal), "it ended before: %v", at.name)
		a.do(t, s)
	}
	s.journal.wait(t, "the end", func(j *journal) bool { return len(j.reports) > 0 && j.Mode != control.Releasing })
	cancel()
	wg.Wait()
	report := s.journal.reports[0]
	assert.Equal(t, control.EndStopped, report.End)
	assert.Empty(t, report.Trips.IDs())
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	store := recorded(t, s.dir, s.journal.boot, s.journal.treated(), s.journal.told())
	defer func() { assert.NoError(t, store.Close()) }()
	s.undisturbed(t)
	s.journal.follows(t, a.programme)
	s.journal.stored(t, store, 1)
}

// undisturbed: nothing tripped or was lost, nobody remote was obeyed, and all that
// was warned of is a release that has just begun.
func (s *site) undisturbed(t *testing.T) {
	for _, e := range s.journal.events {
		assert.NotContains(t, []control.EventKind{control.EventTrip, control.EventOverrun, control.EventReleaseLate}, e.Kind, "%+v", e)
		assert.False(t, e.Kind == control.EventCommand && e.Origin == control.Remote, "%+v", e)
		if e.Kind == control.EventWarning {
			assert.Equal(t, control.ILSlackUnconfirmed, e.Interlock, "%+v", e)
		}
	}
}
