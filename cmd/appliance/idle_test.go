package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
	"traction/test/parts"
)

// idleState is a table at rest, as it is after a start.
func idleState() control.Snapshot {
	return control.Snapshot{Rev: 7, At: time.Minute, Mode: control.Idle, Missing: control.MissingProgramme | control.MissingAcknowledge,
		Trips: control.InterlockSet(0).With(control.ILStartUp), Alarm: control.Low}
}

func TestWhatIsNotIdle(t *testing.T) {
	set := func(ids ...control.InterlockID) (s control.InterlockSet) {
		for _, id := range ids {
			s = s.With(id)
		}
		return s
	}
	mode := func(m control.Mode) func(*control.Snapshot) { return func(s *control.Snapshot) { s.Mode = m } }
	for _, c := range []struct {
		name   string
		change func(*control.Snapshot)
		status int
		says   string
	}{
		{"just started", func(*control.Snapshot) {}, 0, ""},
		{"acknowledged", func(s *control.Snapshot) { s.Trips, s.Alarm = 0, control.NoAlarm }, 0, ""},
		{"not calibrated yet", func(s *control.Snapshot) {
			s.Missing |= control.MissingCell | control.MissingCalibration
			s.Active = set(control.ILSlackUnconfirmed)
		}, 0, ""},
		{"armed", mode(control.Armed), exitBusy, "armed"},
		{"treating", mode(control.Treating), exitBusy, "the mode is treating"},
		{"paused", mode(control.Paused), exitBusy, "the mode is paused"},
		{"releasing", mode(control.Releasing), exitBusy, "the mode is releasing"},
		{"recovering", mode(control.Recovering), exitBusy, "the mode is recovering"},
		{"a mode of another day", mode(control.Recovering + 1), exitBusy, "the mode is unknown"},
		{"tripped", mode(control.Tripped), exitBusy, "a trip waits"},
		{"a trip that did not change the mode", func(s *control.Snapshot) { s.Trips = set(control.ILPadRunaway) }, exitBusy, "a trip waits"},
		{"tension", func(s *control.Snapshot) { s.Missing |= control.MissingSlack; s.Force = 31 * physic.Newton }, exitBusy, "under tension, 31.0 N"},
		{"tension that has come back", func(s *control.Snapshot) { s.Active = set(control.ILTensionLeft) }, exitBusy, "under tension"},
		{"slack not seen", func(s *control.Snapshot) { s.Active = set(control.ILSlackUnconfirmed) }, exitUnknown, "not been seen slack"},
		{"heat wanted", func(s *control.Snapshot) { s.HeatTarget = physic.ZeroCelsius + 38*physic.Celsius }, exitBusy, "heat"},
		{"heat", func(s *control.Snapshot) { s.HeatDuty = 0.1 }, exitBusy, "heat"},
		{"the end of a treatment", func(s *control.Snapshot) { s.EndTone = true }, exitBusy, "end of the treatment"},
		{"no cell", func(s *control.Snapshot) { s.Missing |= control.MissingCell }, exitUnknown, "no good samples"},
		{"before the first tick", func(s *control.Snapshot) { *s = control.Snapshot{} }, exitUnknown, "only begun"},
	} {
		s := idleState()
		c.change(&s)
		err := whyNotIdle(&s)
		if c.status == 0 {
			assert.NoError(t, err, c.name)
			continue
		}
		require.ErrorContains(t, err, c.says, c.name)
		assert.Equal(t, c.status, exitStatus(err), c.name)
	}
}

func TestIdleWhenNobodyAnswers(t *testing.T) {
	dir := t.TempDir()
	group := func(populated string) string {
		path := filepath.Join(dir, "cgroup.events."+populated)
		require.NoError(t, os.WriteFile(path, []byte("populated "+populated+"\nfrozen 0\n"), 0o600))
		return path
	}
	none := filepath.Join(dir, "none.sock")
	look := func(socket, group string) (string, error) {
		var out bytes.Buffer
		err := (&idleCommand{Socket: socket}).run(t.Context(), &out, group, 0)
		return out.String(), err
	}
	for _, g := range []string{group("0"), filepath.Join(dir, "no such unit")} {
		said, err := look(none, g)
		require.NoError(t, err)
		assert.Equal(t, "idle: the control process does not run\n", said)
	}
	unknowable := func(err error, says string) {
		t.Helper()
		require.ErrorContains(t, err, says)
		assert.Equal(t, exitUnknown, exitStatus(err))
	}
	_, err := look(none, group("1"))
	unknowable(err, "systemd runs traction-control, but nobody answers")

	left := filepath.Join(dir, "left.sock")
	l, err := link.Listen(left, 0o600)
	require.NoError(t, err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	_, err = look(left, group("0"))
	require.ErrorContains(t, err, "without an orderly end")
	assert.Equal(t, exitLeft, exitStatus(err))

	err = (&idleCommand{Wait: 25 * time.Hour}).run(t.Context(), &bytes.Buffer{}, none, 0)
	unknowable(err, "--wait: 25h0m0s is out of range, allowed: 0s to 24h0m0s")
}

// A process that hangs accepts connections all the same: the kernel does.
func TestIdleOfAHungProcess(t *testing.T) {
	l, err := link.Listen(filepath.Join(t.TempDir(), operatorSocket), 0o600)
	require.NoError(t, err)
	defer l.Close() //nolint:errcheck // a test
	err = (&idleCommand{Socket: l.Addr().String()}).run(t.Context(), &bytes.Buffer{}, "", 0)
	require.ErrorContains(t, err, "no greeting")
	assert.Equal(t, exitUnknown, exitStatus(err))
}

func TestIdleFindsTheSocketInTheSettings(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "traction.toml")
	t.Setenv("TRACTION_SOCKET", "") // as good as not set
	find := func() (string, error) { return parse(t, "idle", "--config", config).Idle.socket() }
	got, err := find()
	require.NoError(t, err)
	assert.Equal(t, "/run/traction/operator/control.sock", got, "without settings")

	shipped, err := os.ReadFile("../../systemd/traction.toml")
	require.NoError(t, err)
	moved := bytes.ReplaceAll(shipped, []byte("/run/traction/operator/control.sock"), []byte("/run/other/control.sock"))
	for _, text := range [][]byte{moved, append([]byte("unheard_of = 1\n"), moved...)} {
		require.NoError(t, os.WriteFile(config, text, 0o600))
		got, err = find()
		require.NoError(t, err)
		assert.Equal(t, "/run/other/control.sock", got)
	}
	require.NoError(t, os.WriteFile(config, []byte("[control\noperator_"), 0o600))
	err = (&idleCommand{Config: config}).run(t.Context(), &bytes.Buffer{}, "", 0)
	require.ErrorContains(t, err, "cannot be read")
	assert.Equal(t, exitUnknown, exitStatus(err))
}

func TestIdleWaits(t *testing.T) {
	table, flags := played(t)
	var out bytes.Buffer
	err := (&idleCommand{Socket: flags.Socket}).run(t.Context(), &out, "", 0)
	require.ErrorContains(t, err, "busy: the mode is treating; end it with: appliance stop")
	assert.Equal(t, exitBusy, exitStatus(err))
	table.with(func(p *playedTable) { assert.Equal(t, 1, p.looks, "busy is an answer, nobody asks twice") })

	looks := 0
	table.with(func(p *playedTable) {
		p.looked = func(p *playedTable) {
			if looks++; looks == 3 {
				p.state = idleState()
			}
		}
	})
	require.NoError(t, (&idleCommand{Socket: flags.Socket, Wait: time.Hour}).run(t.Context(), &out, "", 0))
	assert.Equal(t, "idle: nothing is under way, the mode is idle\n", out.String())

	table.with(func(p *playedTable) { p.state.Mode = control.Armed })
	err = (&idleCommand{Socket: flags.Socket, Wait: time.Millisecond}).run(t.Context(), &out, "", 0)
	assert.Equal(t, exitBusy, exitStatus(err), "the time is over")

	ctx, cancel := context.WithCancel(t.Context())
	table.with(func(p *playedTable) { p.looked = func(*playedTable) { cancel() } })
	err = (&idleCommand{Socket: flags.Socket, Wait: time.Hour}).run(ctx, &out, "", 0)
	assert.NotZero(t, exitStatus(err), "interrupted")
}

// What cannot be known for a moment, just after a start, is asked again.
func TestIdleAsksAgainWhenInDoubt(t *testing.T) {
	table, flags := played(t)
	table.with(func(p *playedTable) {
		p.state = idleState()
		p.state.Missing |= control.MissingCell
		p.looked = func(p *playedTable) { p.state = idleState() }
	})
	require.NoError(t, (&idleCommand{Socket: flags.Socket}).run(t.Context(), &bytes.Buffer{}, "", time.Hour))
}

// TestIdleOfAProcess asks a real control process, through the exit status, from
// its start to its crash.
func TestIdleOfAProcess(t *testing.T) {
	parts.Heavy(t, "takes a quarter of a minute of real time")
	dir := t.TempDir()
	socket := filepath.Join(dir, operatorSocket)
	ask := func() int {
		cmd := start(t, "idle", "--socket", socket)
		_ = cmd.Wait(t) // the status is asked for below
		return cmd.Cmd.ProcessState.ExitCode()
	}
	assert.Equal(t, 0, ask(), "nothing runs")

	cmd := start(t, "control", "--simulate", "--table", "plain", "--run-dir", dir, "--programmes", short(t))
	dial(t, dir)
	assert.Equal(t, 0, ask(), "just started")
	c := toStart(t, dir, "short")
	until(t, c, "pull", func(s *control.Snapshot) bool { return s.Mode == control.Treating })
	assert.Equal(t, exitBusy, ask(), "in a treatment")
	require.True(t, cmd.Alive())
	cmd.Kill()
	assert.Equal(t, exitLeft, ask(), "after a crash in a treatment")

	cmd = start(t, "control", "--simulate", "--table", "plain", "--run-dir", dir)
	dial(t, dir)
	cmd.Signal(t, syscall.SIGTERM)
	require.NoError(t, cmd.Wait(t))
	assert.Equal(t, 0, ask(), "after an orderly end")
}
