package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
	"traction/record"
	"traction/test/parts"
)

// asProgram makes this test binary behave as the appliance itself, so that real
// processes can be started, killed and started again without building anything.
const asProgram = "TRACTION_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// start runs the appliance as a process of its own until the test ends.
func start(t *testing.T, args ...string) *parts.Process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return parts.Start(t, cmd)
}

// dial waits for the control process to answer.
func dial(t *testing.T, dir string) *link.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), parts.Patience)
	defer cancel()
	var c *link.Client
	parts.Eventually(t, "the control process answers", func() bool {
		var err error
		c, err = link.Dial(ctx, filepath.Join(dir, operatorSocket))
		return err == nil
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// until follows the snapshots until one satisfies.
func until(t *testing.T, c *link.Client, what string, ok func(*control.Snapshot) bool) *control.Snapshot {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), parts.Patience)
	defer cancel()
	require.NoError(t, c.Subscribe(link.Subscription{Snapshots: link.MaxSnapshots}))
	for {
		u, err := c.Next(ctx)
		require.NoError(t, err, what)
		if u.Snapshot != nil && ok(u.Snapshot) {
			return u.Snapshot
		}
	}
}

// order gives a command once the state is as it has to be for it, and again when that
// has changed meanwhile, as it does in a table's first moments.
func order(t *testing.T, c *link.Client, r link.Request, ready func(*control.Snapshot) bool) {
	t.Helper()
	for deadline := time.Now().Add(parts.Patience); ; {
		r.Rev = &until(t, c, r.Command.String(), ready).Rev
		answer, err := c.Request(context.Background(), r)
		require.NoError(t, err)
		if answer.Code == control.StaleRev && time.Now().Before(deadline) {
			continue // the next snapshots have the new one
		}
		require.Equal(t, link.StatusOK, answer.Status, "%v: %s", r.Command, answer.Message)
		return
	}
}

// toStart starts a treatment on a simulated table.
func toStart(t *testing.T, dir, programme string) *link.Client {
	t.Helper()
	c := dial(t, dir)
	order(t, c, link.Request{Command: control.CommandAcknowledge}, func(s *control.Snapshot) bool { return s.Missing&control.MissingCell == 0 })
	order(t, c, link.Request{Command: control.CommandSelect, Programme: programme}, func(s *control.Snapshot) bool { return s.Trips == 0 })
	order(t, c, link.Request{Command: control.CommandArm}, func(s *control.Snapshot) bool { return s.Missing == 0 })
	until(t, c, "armed", func(s *control.Snapshot) bool { return s.Mode == control.Armed })
	require.NoError(t, press(context.Background(), dir, "patient", 300*time.Millisecond))
	order(t, c, link.Request{Command: control.CommandStart}, func(s *control.Snapshot) bool { return s.Missing == 0 })
	return c
}

// begin brings a treatment on a simulated table to its first hold.
func begin(t *testing.T, dir, programme string) *link.Client {
	t.Helper()
	c := toStart(t, dir, programme)
	s := until(t, c, "hold", func(s *control.Snapshot) bool { return s.Phase == control.Hold || s.Trips != 0 })
	require.Empty(t, s.Trips.IDs())
	return c
}

// short is a folder with a programme that takes half a minute.
func short(t *testing.T) string {
	dir := t.TempDir()
	text := `title = "Short"
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
	require.NoError(t, os.WriteFile(filepath.Join(dir, "short.toml"), []byte(text), 0o600))
	return dir
}

// TestGatewayKilledInTreatment: the treatment goes on, and afterwards nothing is
// missing in the record.
// It shows R-GATEWAY-APART.
func TestGatewayKilledInTreatment(t *testing.T) {
	parts.Heavy(t, "takes a minute of real time")
	dir := t.TempDir()
	start(t, "control", "--simulate", "--table", "plain", "--run-dir", dir, "--programmes", short(t))
	first := start(t, "gateway", "--run-dir", dir)
	c := begin(t, dir, "short")
	boot := c.Hello().ID
	require.True(t, first.Alive())
	first.Kill()

	until(t, c, "a second cycle without a gateway", func(s *control.Snapshot) bool {
		require.Equal(t, control.Treating, s.Mode)
		return s.Cycle >= 2 && s.Phase == control.Hold
	})
	start(t, "gateway", "--run-dir", dir)
	until(t, c, "the end", func(s *control.Snapshot) bool { return s.Mode == control.Idle })

	store := waitForReport(t, filepath.Join(dir, "record.sqlite"), boot)
	missing, err := store.Missing(boot)
	require.NoError(t, err)
	assert.Empty(t, missing)
	session, err := store.Session(boot, 1)
	require.NoError(t, err)
	assert.Equal(t, control.EndCompleted, session.Report.End)
	var last uint64
	rows := 0
	for e, err := range store.Entries(boot, 1) {
		require.NoError(t, err)
		if last != 0 {
			require.Equal(t, last+1, e.Seq, "a sample is missing")
		}
		last = e.Seq
		rows++
	}
	assert.Greater(t, rows, 30*75)
}

// waitForReport opens the record beside the gateway once the report is in it.
func waitForReport(t *testing.T, path, boot string) *record.Store {
	t.Helper()
	var store *record.Store
	parts.Eventually(t, "a report in the record", func() bool {
		var err error
		if store, err = record.Open(path, record.Options{ReadOnly: true}); err != nil {
			return false
		}
		s, err := store.Session(boot, 1)
		if err == nil && s.Report != nil {
			return true
		}
		require.NoError(t, store.Close())
		return false
	})
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// TestControlEndsByReleasing: a signal in the middle of a treatment ends it with
// a slack rope, and only then the process.
func TestControlEndsByReleasing(t *testing.T) {
	parts.Heavy(t, "takes half a minute of real time")
	dir := t.TempDir()
	cmd := start(t, "control", "--simulate", "--table", "plain", "--run-dir", dir, "--programmes", short(t))
	c := begin(t, dir, "short")
	cmd.Signal(t, syscall.SIGTERM)
	s := until(t, c, "release", func(s *control.Snapshot) bool { return s.Mode == control.Idle })
	assert.Less(t, float64(s.Force)*1e-9, 20.0)
	require.NoError(t, cmd.Wait(t))
}

// TestShutdownIsRecorded: both processes are asked to end in the middle of a
// treatment, as when a computer is shut down, and the record has its release and report.
func TestShutdownIsRecorded(t *testing.T) {
	parts.Heavy(t, "takes half a minute of real time")
	dir := t.TempDir()
	table := start(t, "control", "--simulate", "--table", "plain", "--run-dir", dir, "--programmes", short(t))
	gateway := start(t, "gateway", "--run-dir", dir)
	c := begin(t, dir, "short")
	boot := c.Hello().ID
	gateway.Signal(t, syscall.SIGTERM)
	table.Signal(t, syscall.SIGTERM)
	slack := until(t, c, "release", func(s *control.Snapshot) bool { return s.Mode == control.Idle })
	require.NoError(t, table.Wait(t))
	require.NoError(t, gateway.Wait(t))

	store, err := record.Open(filepath.Join(dir, "record.sqlite"), record.Options{ReadOnly: true})
	require.NoError(t, err)
	defer store.Close() //nolint:errcheck // read only
	missing, err := store.Missing(boot)
	require.NoError(t, err)
	assert.Empty(t, missing)
	session, err := store.Session(boot, 1)
	require.NoError(t, err)
	require.NotNil(t, session.Report, "the release is in the record")
	last := time.Duration(0)
	for e, err := range store.Entries(boot, 1) {
		require.NoError(t, err)
		last = e.At
	}
	assert.GreaterOrEqual(t, last, session.Report.Ended-20*time.Millisecond, "samples come every 12.5 ms")
	assert.GreaterOrEqual(t, slack.At, session.Report.Ended)
}

// TestDamageIsFoundInTime: the gateway works at once, and looks through its record
// meanwhile, although nobody reads what is damaged there.
func TestDamageIsFoundInTime(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "record.sqlite")
	store, err := record.Open(path, record.Options{})
	require.NoError(t, err)
	for n := range uint64(500) {
		require.NoError(t, store.AppendOwn(record.Boot{ID: "gone", Table: "winch"}, n+1, time.Unix(0, 0), "control-lost", "The control process is gone."))
	}
	require.NoError(t, store.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	clear(data[len(data)/2/4096*4096:][:4096])
	require.NoError(t, os.WriteFile(path, data, 0o600))
	start(t, "gateway", "--run-dir", dir)
	parts.Eventually(t, "it is set aside", func() bool {
		aside, err := filepath.Glob(path + ".corrupt-*")
		require.NoError(t, err)
		return len(aside) == 1
	})
}

func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	heavy := write("heavy.toml", "title = \"x\"\nsource = \"x\"\nharness = \"lumbar\"\nhold = \"2000 N\"\nhold_time = \"60\"\n")
	faults := write("faults.toml", "[[fault]]\nkind = \"gremlin\"\nat_s = 1\n")
	shipped, err := os.ReadFile("../../systemd/traction.toml")
	require.NoError(t, err)
	// settings is the shipped file with its paths moved into a folder of this test.
	settings := func(name, calibration string) string {
		text := strings.NewReplacer("/run/traction", dir, "/var/lib/traction/calibration.toml", calibration, "/var/lib/traction-gateway", dir).Replace(string(shipped))
		return write(name, text)
	}
	torn := write("calibration.toml", "zero_counts = 12\ncounts_per_new")
	taken := filepath.Join(t.TempDir(), operatorSocket)
	l, err := link.Listen(taken, 0o600)
	require.NoError(t, err)
	defer l.Close() //nolint:errcheck // a test
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := link.NewServer(source{}, nil, link.Options{})
	go func() { _ = server.Serve(ctx, l, control.Table) }()

	for _, c := range []struct {
		name string
		args []string
		says []string
	}{
		{"unknown programme", []string{"simulate", "--programme", "nonsense"}, []string{"nonsense", "lumbar-60-20"}},
		{"unknown patient", []string{"simulate", "--programme", "static", "--patient", "nobody"}, []string{"nobody", "median"}},
		{"unknown table", []string{"simulate", "--programme", "static", "--table", "kitchen"}, []string{"kitchen", "winch"}},
		{"several at once", []string{"simulate", "--programme", "nonsense", "--patient", "nobody"}, []string{"nonsense", "nobody"}},
		{"force above the ceiling, time without a unit", []string{"simulate", "--programme", heavy}, []string{"hold", "2000 N", "hold_time", "60"}},
		{"unknown fault", []string{"simulate", "--programme", "static", "--faults", faults}, []string{"gremlin", "cell-silent"}},
		{"wrong unit", []string{"simulate", "--programme", "static", "--body-weight", "75"}, []string{"--body-weight", "75", "kg"}},
		{"unknown picture", []string{"simulate", "--programme", "static", "--plot", "x.gif"}, []string{"x.gif", ".png"}},
		{"no settings", []string{"control", "--config", filepath.Join(dir, "none.toml")}, []string{"none.toml"}},
		{"corrupt calibration", []string{"control", "--config", settings("torn.toml", torn)}, []string{torn, "calibrate again"}},
		{"settings with a mistake in each section", []string{"control", "--config", write("wrong.toml", "[table]\nid = \"a b\"\nforce = \"2000 N\"\n[cell]\nrate = \"10\"\nshape = 3\n")},
			[]string{"wrong.toml", "table.id", "a b", "table.force", "2000 N", "cell.rate", "cell.shape"}},
		{"socket taken", []string{"control", "--simulate", "--run-dir", filepath.Dir(taken)}, []string{"taken", taken}},
		{"nobody there", []string{"press", "patient", "--run-dir", dir}, []string{dir, "control --simulate"}},
		{"press for ever", []string{"press", "patient", "--for", "3h"}, []string{"--for", "3h0m0s", "10m0s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := run(context.Background(), c.args)
			require.Error(t, err)
			for _, s := range c.says {
				assert.ErrorContains(t, err, s)
			}
		})
	}
}
