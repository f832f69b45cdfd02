//go:build linux

package footprint

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
	"traction/test/parts"
)

var window = flag.Duration("window", time.Second, "how long TestTreating looks at the processes")

// TestTreating looks at both processes and a broker in a treatment, with the record
// on disk, and afterwards presses the patient switch. The table is simulated, in the
// control process, so that its figures hold the simulation as well and no calls to
// the kernel for pins.
func TestTreating(t *testing.T) {
	parts.Heavy(t, "takes half a minute of real time")
	broker := mosquitto(t)
	bin, dir := program(t), t.TempDir()
	table := startAsService(t, bin, "control", "--simulate", "--stalls", "count", "--table", "plain", "--run-dir", dir)
	gateway := start(t, bin, "gateway", "--run-dir", dir, "--table-id", "plain", "--broker", broker.URL())
	person := operator(t, dir)
	treat(t, person, bin, dir)
	require.NoError(t, person.Close()) // nobody watches but the gateway

	all := []*parts.Process{table.Process, gateway.Process, broker.Process}
	var before [3]usage
	for i, p := range all {
		before[i] = usageOf(t, p.Cmd.Process.Pid)
	}
	began := time.Now()
	time.Sleep(*window) // the measurement itself
	took := time.Since(began)
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	row(w, "", "cpu %", "real-time thread %", "user %", "system %", "switches/s", "threads", "rss KiB", "anonymous", "file", "locked", "pss", "faults minor", "major")
	for i, p := range all {
		u, m := usageOf(t, p.Cmd.Process.Pid), memoryOf(t, p.Cmd.Process.Pid)
		b := &before[i]
		share := func(d time.Duration) string { return fmt.Sprintf("%.2f", 100*d.Seconds()/took.Seconds()) }
		row(w, []string{"control", "gateway", "mosquitto"}[i], share(u.cpu-b.cpu), share(u.realTime-b.realTime), share(u.user-b.user), share(u.system-b.system),
			fmt.Sprintf("%.0f", float64(u.switches-b.switches)/took.Seconds()), u.threads, m["Rss"], m["Anonymous"], m["Rss"]-m["Anonymous"], m["Locked"], m["Pss"],
			u.minor-b.minor, u.major-b.major)
		if i < 2 {
			assert.Greater(t, u.cpu, b.cpu)
			assert.Positive(t, m["Rss"])
		}
	}
	require.NoError(t, w.Flush())

	mode := until(t, operator(t, dir), "the state", func(*control.Snapshot) bool { return true }).Mode

	// A release runs code that no treatment needs.
	start(t, bin, "press", "patient", "--run-dir", dir).Succeed(t)
	until(t, operator(t, dir), "slack", func(s *control.Snapshot) bool { return s.Mode != control.Treating && s.Mode != control.Releasing })
	first, last := before[0], usageOf(t, table.Cmd.Process.Pid)
	t.Logf("%v, at their end %v:\n%spage faults of the real-time thread: %d minor and %d major before, %d and %d from then until the rope is slack",
		took.Round(time.Millisecond), mode, text.String(), first.realMinor, first.realMajor, last.realMinor-first.realMinor, last.realMajor-first.realMajor)
	if memoryOf(t, table.Cmd.Process.Pid)["Locked"] > 0 { // not everybody may
		assert.Equal(t, first.realMajor, last.realMajor, "a tick waited for a disk")
	}
}

func row(w *tabwriter.Writer, cells ...any) {
	for _, c := range cells {
		_, _ = fmt.Fprintf(w, "%v\t", c) // told by Flush
	}
	_, _ = fmt.Fprintln(w)
}

// operator is somebody at the table.
func operator(t *testing.T, dir string) (c *link.Client) {
	t.Helper()
	parts.Eventually(t, "the control process", func() bool {
		var err error
		c, err = link.Dial(t.Context(), filepath.Join(dir, "control.sock"))
		return err == nil
	})
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.Subscribe(link.Subscription{Snapshots: link.MaxSnapshots}))
	return c
}

// until follows the snapshots until one satisfies.
func until(t *testing.T, c *link.Client, what string, ok func(*control.Snapshot) bool) *control.Snapshot {
	t.Helper()
	for deadline := time.Now().Add(parts.Patience); ; {
		u, err := c.Next(t.Context())
		require.NoError(t, err, what)
		require.True(t, time.Now().Before(deadline), what)
		if u.Snapshot != nil && ok(u.Snapshot) {
			return u.Snapshot
		}
	}
}

// treat brings a treatment to its first hold, as people at the table do.
func treat(t *testing.T, c *link.Client, bin, dir string) {
	t.Helper()
	order := func(r link.Request, ready func(*control.Snapshot) bool) {
		for deadline := time.Now().Add(parts.Patience); ; {
			r.Rev = &until(t, c, r.Command.String(), ready).Rev
			answer, err := c.Request(t.Context(), r)
			require.NoError(t, err)
			if answer.Code == control.StaleRev && time.Now().Before(deadline) {
				continue // the next snapshots have the new one
			}
			require.Equal(t, link.StatusOK, answer.Status, "%v: %s", r.Command, answer.Message)
			return
		}
	}
	order(link.Request{Command: control.CommandAcknowledge}, func(s *control.Snapshot) bool { return s.Missing&control.MissingCell == 0 })
	order(link.Request{Command: control.CommandSelect, Programme: "lumbar-60-20"}, func(s *control.Snapshot) bool { return s.Trips == 0 })
	order(link.Request{Command: control.CommandArm}, func(s *control.Snapshot) bool { return s.Missing == 0 })
	until(t, c, "armed", func(s *control.Snapshot) bool { return s.Mode == control.Armed })
	start(t, bin, "press", "patient", "--run-dir", dir).Succeed(t)
	order(link.Request{Command: control.CommandStart}, func(s *control.Snapshot) bool { return s.SwitchProof })
	until(t, c, "hold", func(s *control.Snapshot) bool { return s.Phase == control.Hold })
	require.FileExists(t, filepath.Join(dir, "record.sqlite"))
}
