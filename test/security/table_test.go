package security

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
	"traction/test/parts"
)

func TestMain(m *testing.M) { os.Exit(parts.Main(m)) }

// table is a simulated one with its two processes, real in all but the pins.
type table struct {
	t                *testing.T
	whole            *testing.T // for how long its processes live
	id, dir, config  string
	control, gateway *parts.Process
	said             *parts.Output // by both processes
}

// newTable prepares a table whose gateway connects to the broker with its own
// certificate; changes are lines of its settings that shall be others.
func newTable(t *testing.T, b *broker, id string, changes map[string]string) *table {
	t.Helper()
	tb := &table{t: t, whole: t, id: id, dir: t.TempDir(), said: new(parts.Output)}
	plain := strings.Replace(read(t, "../../hw/simtable/tables/plain.toml"), `name = "plain"`, fmt.Sprintf("name = %q", id), 1)
	require.NoError(t, os.WriteFile(filepath.Join(tb.dir, "table.toml"), []byte(plain), 0o600))
	lines := map[string]string{
		"id": id, "gateway_socket": filepath.Join(tb.dir, "gateway.sock"), "path": filepath.Join(tb.dir, "record.sqlite"), "broker": "ssl://" + b.tls,
		"ca_file": filepath.Join(b.certs, "ca.crt"), "cert_file": filepath.Join(b.certs, id+".crt"), "key_file": filepath.Join(b.certs, id+".key"),
	}
	for key, value := range changes {
		lines[key] = value
	}
	settings := strings.Split(read(t, "../../systemd/traction.toml"), "\n")
	for i, line := range settings {
		if key, _, found := strings.Cut(line, " = "); found && lines[key] != "" {
			settings[i] = fmt.Sprintf("%s = %q", key, lines[key])
			delete(lines, key)
		}
	}
	for key, value := range lines {
		require.Empty(t, value, "the shipped settings have no %s", key)
	}
	tb.config = filepath.Join(tb.dir, "traction.toml")
	require.NoError(t, os.WriteFile(tb.config, []byte(strings.Join(settings, "\n")), 0o600))
	return tb
}

// start runs one of its processes.
func (tb *table) start(args ...string) *parts.Process {
	tb.t.Helper()
	cmd := exec.Command(parts.Appliance(tb.t), args...)
	cmd.Stdout, cmd.Stderr = tb.said, tb.said
	return parts.Start(tb.whole, cmd)
}

func (tb *table) startControl(args ...string) {
	tb.t.Helper()
	tb.control = tb.start(append([]string{"control", "--simulate", "--run-dir", tb.dir,
		"--table", filepath.Join(tb.dir, "table.toml"), "--remote", "full"}, args...)...)
}

func (tb *table) startGateway() {
	tb.t.Helper()
	tb.gateway = tb.start("gateway", "--config", tb.config)
}

// dial connects as somebody at the table.
func (tb *table) dial() *link.Client {
	tb.t.Helper()
	var c *link.Client
	parts.Eventually(tb.t, "the control process answers", func() bool {
		var err error
		c, err = link.Dial(tb.t.Context(), filepath.Join(tb.dir, "control.sock"))
		return err == nil
	})
	return c
}

// await follows the state until it satisfies.
func (tb *table) await(what string, ok func(*control.Snapshot) bool) *control.Snapshot {
	tb.t.Helper()
	c := tb.dial()
	defer c.Close() //nolint:errcheck // nothing is left to say to it
	ctx, cancel := context.WithTimeout(tb.t.Context(), parts.Patience)
	defer cancel()
	require.NoError(tb.t, c.Subscribe(link.Subscription{Snapshots: link.MaxSnapshots}))
	for {
		u, err := c.Next(ctx)
		require.NoError(tb.t, err, "never: %s", what)
		if u.Snapshot != nil && ok(u.Snapshot) {
			return u.Snapshot
		}
	}
}

func (tb *table) now() *control.Snapshot {
	return tb.await("a state", func(*control.Snapshot) bool { return true })
}

// order gives a command at the table, decided on the state s.
func (tb *table) order(r link.Request, s *control.Snapshot) link.Response {
	tb.t.Helper()
	c := tb.dial()
	defer c.Close() //nolint:errcheck // nothing is left to say to it
	r.Rev = &s.Rev
	answer, err := c.Request(tb.t.Context(), r)
	require.NoError(tb.t, err)
	return answer
}

// ready brings the table to where a start is all that is missing, whatever it
// does now, and gives the state.
func (tb *table) ready() *control.Snapshot {
	tb.t.Helper()
	selected := false
	for deadline := time.Now().Add(parts.Patience); time.Now().Before(deadline); {
		s := tb.now()
		switch {
		case s.Mode == control.Armed && s.Missing == 0:
			return s
		case s.Mode == control.Armed:
			tb.press("patient", 300*time.Millisecond)
		case s.Mode == control.Treating || s.Mode == control.Paused:
			tb.order(link.Request{Command: control.CommandStop}, s)
		case s.Missing&control.MissingCell != 0: // it has just begun
		case s.Trips != 0:
			tb.order(link.Request{Command: control.CommandAcknowledge}, s)
		case s.Mode == control.Idle && !selected:
			selected = tb.order(link.Request{Command: control.CommandSelect, Programme: "demo"}, s).Status == link.StatusOK
		case s.Mode == control.Idle && s.Missing == 0:
			tb.order(link.Request{Command: control.CommandArm}, s)
		}
	}
	require.Fail(tb.t, "the table never got ready", "%+v", tb.now())
	return nil
}

// disarm changes the mode, and with it the rev.
func (tb *table) disarm() {
	tb.t.Helper()
	tb.order(link.Request{Command: control.CommandStop}, tb.now())
	tb.await("idle", func(s *control.Snapshot) bool { return s.Mode == control.Idle })
}

// press is a hand on a switch of the simulated table.
func (tb *table) press(what string, d time.Duration) {
	tb.t.Helper()
	conn, err := net.Dial("unix", filepath.Join(tb.dir, "simulator.sock"))
	require.NoError(tb.t, err)
	defer conn.Close() //nolint:errcheck // nothing is left to say to it
	_, err = fmt.Fprintf(conn, "%s %s\n", what, d)
	require.NoError(tb.t, err)
	answer, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(tb.t, err)
	require.Equal(tb.t, "ok\n", answer)
}

// restart ends a process in order and gives way to the next one.
func restart(t *testing.T, p *parts.Process, again func()) {
	t.Helper()
	p.End()
	assert.NoError(t, p.Wait(t))
	again()
}
