package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/hw/simtable"
	"traction/record"
	"traction/test/parts"
)

// steadyTable is a built-in table without its charge pump, which would take a
// machine that stands still for a moment for a dead one.
func steadyTable(t *testing.T, name string) (path string) {
	text, err := os.ReadFile("../../hw/simtable/tables/" + name + ".toml")
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), name+".toml")
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), "charge_pump = true", "charge_pump = false", 1)), 0o600))
	return path
}

// mortal is a table whose control process dies, with its gateway, which does not.
type mortal struct {
	dir, state string
	args       []string
	control    *parts.Process
	journal    *journal
	selfLocks  bool
}

func newMortal(t *testing.T, table string) *mortal {
	m := &mortal{dir: t.TempDir(), selfLocks: table == "worm"}
	m.state = filepath.Join(m.dir, "state")
	m.args = []string{"control", "--simulate", "--simulate-state", m.state, "--run-dir", m.dir, "--table", steadyTable(t, table), "--patient", "stiffest",
		"--programmes", programme(t, quick)}
	m.boot(t)
	start(t, "gateway", "--run-dir", m.dir)
	return m
}

func (m *mortal) boot(t *testing.T) {
	m.control = start(t, m.args...)
	m.journal = journalOf(t, m.dir)
}

// TestControlKilled kills the control process in each phase of a treatment. What
// cleans up after it sets the outputs low; the next one finds a slack rope, or
// tension, which it releases and never goes on with; the gateway keeps the record
// of the old boot and goes on with the new one.
// It shows R-NO-RESUME, R-SAFE-LAST and R-RECORD.
func TestControlKilled(t *testing.T) {
	parts.Heavy(t, "takes half a minute of real time")
	t.Parallel()
	for _, c := range []struct {
		table  string
		stages []string
	}{
		{"worm", []string{"slack", "pull", "rest"}}, {"worm", []string{"hold", "ease"}}, {"worm", []string{"paused", "releasing"}},
		{"plain", []string{"hold", "releasing"}},
	} {
		t.Run(c.table+" "+strings.Join(c.stages, " "), func(t *testing.T) {
			t.Parallel()
			m := newMortal(t, c.table)
			for _, at := range stages {
				for _, name := range c.stages {
					if name == at.name {
						m.diesIn(t, &at)
					}
				}
			}
		})
	}
}

// diesIn runs a treatment up to a stage, kills the control process, and looks at
// what the next one does.
func (m *mortal) diesIn(t *testing.T, at *stage) {
	toStart(t, m.dir, "test")
	old := m.journal
	old.wait(t, "a treatment", func(j *journal) bool { return j.treated() != 0 })
	entry, event := old.last()
	assert.NoError(t, recorded(t, m.dir, old.boot, entry, event).Close(), "its beginning is in the record")
	at.await(t, m.dir, old)
	require.True(t, m.control.Alive())
	m.control.Kill()
	require.NoError(t, simtable.QuietState(m.state)) // as "appliance safe" does with the lines of a real table
	m.boot(t)
	left, slackAfter := m.letsGo(t, at)
	t.Logf("%s: %v were left, slack %v after the start", at.name, left, slackAfter)

	_, event = m.journal.last()
	store := recorded(t, m.dir, m.journal.boot, 0, event)
	defer func() { assert.NoError(t, store.Close()) }()
	old.kept(t, store)
}

// letsGo waits until the new process has a slack rope, and looks at its way there;
// it gives the first force. Times are those of the process's own clock.
func (m *mortal) letsGo(t *testing.T, at *stage) (left physic.Force, slackAfter time.Duration) {
	j := m.journal
	j.wait(t, "slack after "+at.name, func(j *journal) bool {
		return j.Mode == control.Idle && j.Snapshot.Missing&(control.MissingCell|control.MissingSlack) == 0 && j.At > 1500*time.Millisecond
	})
	j.mu.Lock()
	defer j.mu.Unlock()
	var peak physic.Force
	var recovering time.Duration
	for _, e := range j.entries {
		require.Contains(t, []control.Mode{control.Idle, control.Recovering}, e.Mode, "%+v", e)
		require.Zero(t, e.SetPoint)
		if !e.Fresh {
			continue
		}
		if left == 0 {
			left = e.Force
		}
		if e.Force >= 15*physic.Newton {
			slackAfter = e.At
		}
		peak = max(peak, e.Force)
		if e.Mode == control.Recovering && recovering == 0 {
			recovering = e.At
		}
		if !m.selfLocks && e.At > time.Second {
			assert.Less(t, e.Force, 25*physic.Newton, "the rope has run out")
		}
	}
	for _, e := range j.events {
		assert.NotContains(t, []control.EventKind{control.EventTreatmentStarted, control.EventTrip}, e.Kind, "%+v", e)
	}
	const breath = 25 * physic.Newton // there and back, 10 N each, and noise
	assert.LessOrEqual(t, peak, max(left, 0)+breath, "nothing was added")
	if m.selfLocks && left > 50*physic.Newton {
		assert.Positive(t, recovering, "%v were left", left)
		assert.LessOrEqual(t, recovering, 2*time.Second)
	}
	return left, slackAfter
}

// kept compares what a record has of a boot whose process is dead with what this
// test has seen of it: either may have got the last rows.
func (j *journal) kept(t *testing.T, store *record.Store) {
	missing, err := store.Missing(j.boot)
	require.NoError(t, err)
	assert.Empty(t, missing)
	seen := map[uint64]control.Entry{}
	for _, e := range j.entries {
		seen[e.Seq] = e
	}
	same := 0
	for e, err := range store.Entries(j.boot, 1) {
		require.NoError(t, err)
		if want, ok := seen[e.Seq]; ok {
			require.Equal(t, want, e)
			same++
		}
	}
	assert.Positive(t, same)
	if session, err := store.Session(j.boot, 1); assert.NoError(t, err) && len(j.reports) == 0 {
		assert.True(t, session.Report == nil || session.Report.End == control.EndStopped, "the treatment was cut off")
	}
}

func TestStateIsOfASimulation(t *testing.T) {
	err := run(context.Background(), []string{"control", "--simulate-state", "/tmp/x"})
	assert.ErrorContains(t, err, "--simulate-state")
	assert.ErrorContains(t, err, "--simulate or --kernel-lines;")
	damaged := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.WriteFile(damaged, []byte("torn"), 0o600))
	err = run(context.Background(), []string{"control", "--simulate", "--simulate-state", damaged, "--run-dir", t.TempDir()})
	assert.ErrorIs(t, err, simtable.ErrState)
	assert.ErrorContains(t, err, damaged)
}
