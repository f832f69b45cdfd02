package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
	"traction/test/parts"
)

// tableID is the simulated table's level in the topics: that of the documents.
const tableID = "winch"

// programme is one that reaches its hold soon and stays there longer than any test takes.
const programme = `title = "Clients"
source = "a test"
harness = "lumbar"
hold = "80 N"
hold_time = "10 min"
rest = "40 N"
rest_time = "5 s"
ramp_up = "40 N/s"
ramp_down = "40 N/s"
duration = "20 min"
pause_rests = false
`

// table is a simulated table's two processes.
type table struct {
	dir     string
	control *process
	gateway *process
}

// startTable runs the two processes; the network may do everything.
func startTable(t *testing.T, broker string) *table {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "clients.toml"), []byte(programme), 0o600))
	tb := &table{dir: dir}
	tb.control = launch(t, "", parts.Appliance(t), "control", "--simulate", "--run-dir", dir, "--table", tableFile(t), "--programmes", dir)
	tb.gateway = startGateway(t, dir, broker)
	return tb
}

// tableFile is the plainest of the shipped tables under the documents' name.
func tableFile(t *testing.T) string {
	t.Helper()
	plain, err := os.ReadFile("../../hw/simtable/tables/plain.toml")
	require.NoError(t, err)
	named := strings.Replace(string(plain), `name = "plain"`, `name = "`+tableID+`"`, 1)
	require.NotEqual(t, string(plain), named)
	path := filepath.Join(t.TempDir(), "table.toml")
	require.NoError(t, os.WriteFile(path, []byte(named), 0o600))
	return path
}

func startGateway(t *testing.T, dir, broker string) *process {
	t.Helper()
	return launch(t, "", parts.Appliance(t), "gateway", "--run-dir", dir, "--broker", broker, "--table-id", tableID)
}

// dial waits for the control process to answer at the operator's socket.
func (tb *table) dial(t *testing.T) (c *link.Client) {
	t.Helper()
	parts.Eventually(t, "the control process answers", func() (ok bool) {
		var err error
		c, err = link.Dial(bounded(t), filepath.Join(tb.dir, "control.sock"))
		return err == nil
	})
	return c
}

// until follows the table until its state is as wanted.
func (tb *table) until(t *testing.T, what string, ok func(*control.Snapshot) bool) *control.Snapshot {
	t.Helper()
	c := tb.dial(t)
	defer c.Close() //nolint:errcheck // a test
	return follow(t, c, what, ok)
}

func follow(t *testing.T, c *link.Client, what string, ok func(*control.Snapshot) bool) *control.Snapshot {
	t.Helper()
	ctx := bounded(t)
	require.NoError(t, c.Subscribe(link.Subscription{Snapshots: link.MaxSnapshots}))
	for {
		u, err := c.Next(ctx)
		require.NoError(t, err, "waiting for: %s", what)
		if u.Snapshot != nil && ok(u.Snapshot) {
			return u.Snapshot
		}
	}
}

// mode waits for a mode of the table.
func (tb *table) mode(t *testing.T, want control.Mode) *control.Snapshot {
	t.Helper()
	return tb.until(t, want.String(), func(s *control.Snapshot) bool { return s.Mode == want })
}

// order gives a command at the table once it is ready for it.
func (tb *table) order(t *testing.T, r link.Request, ready func(*control.Snapshot) bool) {
	t.Helper()
	c := tb.dial(t)
	defer c.Close() //nolint:errcheck // a test
	deadline := time.Now().Add(parts.Patience)
	for {
		s := follow(t, c, r.Command.String(), ready)
		r.Rev = &s.Rev
		answer, err := c.Request(bounded(t), r)
		require.NoError(t, err)
		if answer.Code == control.StaleRev && time.Now().Before(deadline) {
			continue // the state has just changed
		}
		require.Equal(t, link.StatusOK, answer.Status, "%v: %s", r.Command, answer.Message)
		return
	}
}

// ready brings the table to where a start is all that is missing.
func (tb *table) ready(t *testing.T) {
	t.Helper()
	tb.order(t, link.Request{Command: control.CommandAcknowledge}, func(s *control.Snapshot) bool { return s.Missing&control.MissingCell == 0 })
	most := 150 * physic.Newton // so that more than 140 N is refused
	tb.order(t, link.Request{Command: control.CommandSelect, Programme: "clients", MaxForce: &most}, func(s *control.Snapshot) bool { return s.Trips == 0 })
	tb.order(t, link.Request{Command: control.CommandArm}, func(s *control.Snapshot) bool { return s.Missing == 0 })
	tb.mode(t, control.Armed)
	tb.press(t)
	tb.until(t, "ready to start", func(s *control.Snapshot) bool { return s.Missing == 0 })
}

// press lets the simulated patient press the switch and let it go.
func (tb *table) press(t *testing.T) {
	t.Helper()
	launch(t, "", parts.Appliance(t), "press", "patient", "--for", "300ms", "--run-dir", tb.dir).Succeed(t)
}

// treat brings the table to the hold of a treatment.
func (tb *table) treat(t *testing.T) {
	t.Helper()
	tb.ready(t)
	tb.order(t, link.Request{Command: control.CommandStart}, func(s *control.Snapshot) bool { return s.Missing == 0 })
	s := tb.until(t, "hold", func(s *control.Snapshot) bool { return s.Phase == control.Hold || s.Trips != 0 })
	require.Empty(t, s.Trips.IDs())
}

// pause and resume at the table's own socket.
func (tb *table) pause(t *testing.T) {
	t.Helper()
	tb.order(t, link.Request{Command: control.CommandPause}, func(s *control.Snapshot) bool { return s.Mode == control.Treating })
}

func (tb *table) resume(t *testing.T) {
	t.Helper()
	tb.order(t, link.Request{Command: control.CommandResume}, func(s *control.Snapshot) bool { return s.Mode == control.Paused })
}
