package fleet

import (
	"context"
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
	"traction/record"
	"traction/test/parts"
)

func TestMain(m *testing.M) { os.Exit(parts.Main(m)) }

// site is a simulated table with both of its real processes.
type site struct {
	t       *testing.T
	id, dir string
	boot    string
	client  *link.Client
}

// programme of a site's treatments: the shortest there is, so that one ends in a test.
const programme = `title = "Short"
source = "a test"
harness = "lumbar"
hold = "150 N"
hold_time = "4 s"
rest = "60 N"
rest_time = "2 s"
ramp_up = "40 N/s"
ramp_down = "40 N/s"
duration = "30 s"
pause_rests = false
`

// newSite starts a table's control process, and its gateway with the shipped
// settings but for these values of [mqtt].
func newSite(t *testing.T, id string, settings map[string]string) *site {
	t.Helper()
	s := &site{t: t, id: id, dir: t.TempDir()}
	write := func(path, text string) string {
		path = filepath.Join(s.dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	write("programmes/short.toml", programme)
	// The simulated table's name is its topic level.
	plain, err := os.ReadFile("../../hw/simtable/tables/plain.toml")
	require.NoError(t, err)
	own := strings.Replace(string(plain), `name = "plain"`, `name = "`+id+`"`, 1)
	require.Contains(t, own, id)
	s.start("control", "--simulate", "--run-dir", s.dir, "--table", write("table.toml", own), "--programmes", filepath.Join(s.dir, "programmes"))
	shipped, err := os.ReadFile("../../systemd/traction.toml")
	require.NoError(t, err)
	text := strings.NewReplacer("/run/traction/gateway/control.sock", filepath.Join(s.dir, "gateway.sock"), "/run/traction", s.dir,
		"/var/lib/traction-gateway", s.dir, "/var/lib/traction", s.dir).Replace(string(shipped))
	settings["id"] = id
	text = set(t, text, settings)
	s.client = s.dial()
	s.boot = s.client.Hello().ID
	t.Cleanup(func() { _ = s.client.Close() })
	s.start("gateway", "--config", write("traction.toml", text))
	return s
}

// set replaces the values of keys that stand once in a file of settings.
func set(t *testing.T, text string, values map[string]string) string {
	t.Helper()
	lines := strings.Split(text, "\n")
	for key, value := range values {
		found := 0
		for i, line := range lines {
			if strings.HasPrefix(line, key+" = ") {
				lines[i] = key + ` = "` + value + `"`
				found++
			}
		}
		require.Equal(t, 1, found, "the key %s in the shipped settings", key)
	}
	return strings.Join(lines, "\n")
}

// start runs one of the processes until the test ends.
func (s *site) start(args ...string) *parts.Process {
	s.t.Helper()
	return parts.Start(s.t, exec.Command(parts.Appliance(s.t), args...))
}

func (s *site) dial() *link.Client {
	s.t.Helper()
	var client *link.Client
	parts.Eventually(s.t, "the control process of "+s.id, func() (ok bool) {
		var err error
		client, err = link.Dial(context.Background(), filepath.Join(s.dir, "control.sock"))
		return err == nil
	})
	return client
}

// until follows the snapshots until one satisfies. Its connection is a new one: the
// control process drops a client that has not read for long.
func (s *site) until(what string, ok func(*control.Snapshot) bool) *control.Snapshot {
	s.t.Helper()
	_ = s.client.Close()
	s.client = s.dial()
	ctx, cancel := context.WithTimeout(context.Background(), parts.Patience)
	defer cancel()
	require.NoError(s.t, s.client.Subscribe(link.Subscription{Snapshots: link.MaxSnapshots}))
	for {
		u, err := s.client.Next(ctx)
		require.NoError(s.t, err, "%s: %s", s.id, what)
		if u.Snapshot != nil && ok(u.Snapshot) {
			return u.Snapshot
		}
	}
}

// order gives a command at the table once the state is as it has to be for it, and
// again when that has changed meanwhile, as it does in a table's first moments.
func (s *site) order(r link.Request, ready func(*control.Snapshot) bool) {
	s.t.Helper()
	for deadline := time.Now().Add(parts.Patience); ; {
		r.Rev = &s.until(r.Command.String(), ready).Rev
		answer, err := s.client.Request(context.Background(), r)
		require.NoError(s.t, err)
		if answer.Code == control.StaleRev && time.Now().Before(deadline) {
			continue // the next snapshots have the new one
		}
		require.Equal(s.t, link.StatusOK, answer.Status, "%v: %s", r.Command, answer.Message)
		return
	}
}

// arm makes the table ready, with the patient switch proved: only start is missing.
func (s *site) arm() *control.Snapshot {
	s.t.Helper()
	s.order(link.Request{Command: control.CommandAcknowledge}, func(x *control.Snapshot) bool { return x.Missing&control.MissingCell == 0 })
	s.order(link.Request{Command: control.CommandSelect, Programme: "short"}, func(x *control.Snapshot) bool { return x.Trips == 0 })
	s.order(link.Request{Command: control.CommandArm}, func(x *control.Snapshot) bool { return x.Missing == 0 })
	s.until("armed", func(x *control.Snapshot) bool { return x.Mode == control.Armed })
	s.start("press", "patient", "--for", "300ms", "--run-dir", s.dir).Succeed(s.t)
	return s.until("ready", func(x *control.Snapshot) bool { return x.Mode == control.Armed && x.Missing == 0 })
}

// treat begins a treatment and returns in its first hold.
func (s *site) treat() {
	s.t.Helper()
	s.arm()
	s.order(link.Request{Command: control.CommandStart}, func(x *control.Snapshot) bool { return x.Missing == 0 })
	s.until("hold", func(x *control.Snapshot) bool { return x.Phase == control.Hold })
}

// delivered checks that a reader has everything that is in the record, and that
// the broker has acknowledged all of it.
func (s *site) delivered(r *reader) {
	s.t.Helper()
	store, err := record.Open(filepath.Join(s.dir, "record.sqlite"), record.Options{ReadOnly: true})
	require.NoError(s.t, err)
	defer store.Close() //nolint:errcheck // read only
	parts.Eventually(s.t, "the backlog of "+s.id+" is empty", func() bool {
		events, err := store.UnsentEvents(1)
		if err != nil || len(events) > 0 {
			return false
		}
		reports, err := store.UnsentReports(1)
		return err == nil && len(reports) == 0
	})
	_, next, report, err := store.Next(s.boot)
	require.NoError(s.t, err)
	require.Greater(s.t, next, uint64(5))
	var events, reports []uint64
	parts.Await(parts.Patience, func() bool { // what is missing then is told below
		events = missingOf(r.numbers(s.id, "event", s.boot), int(next)-1)
		reports = missingOf(r.numbers(s.id, "session", s.boot), int(report)-1)
		return len(events)+len(reports) == 0
	})
	assert.Empty(s.t, events, "events of %s, of %d", s.id, next-1)
	assert.Empty(s.t, reports, "reports of %s, of %d", s.id, report-1)
}
