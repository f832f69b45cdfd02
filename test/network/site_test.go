//go:build linux

package network

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
	"traction/mqtt"
	"traction/mqtt/contract"
	"traction/test/network/proxy"
	"traction/test/parts"
)

// site is a simulated table with both of the appliance's processes, and a broker
// behind a way that can be broken.
type site struct {
	t       *testing.T
	dir     string
	broker  *parts.Mosquitto
	way     *proxy.Proxy
	control *parts.Process
	gateway *parts.Process
	ledger
}

// newSite prepares one; nothing but the broker runs yet.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), broker: newMosquitto(t, "")}
	var err error
	s.way, err = proxy.Listen(s.broker.Address, s.see)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.way.Close()) })
	return s
}

// begin starts both processes.
func (s *site) begin() {
	s.t.Helper()
	dir := s.t.TempDir()
	require.NoError(s.t, os.WriteFile(filepath.Join(dir, "test.toml"), []byte(restless), 0o600))
	s.control = start(s.t, "control", "--simulate", "--run-dir", s.dir, "--table", "plain", "--programmes", dir)
	s.gateway = start(s.t, "gateway", "--run-dir", s.dir, "--broker", "tcp://"+s.way.Addr(), "--table-id", "plain")
}

// restless is a programme in which something happens every second.
const restless = `title = "Test"
source = "a test"
harness = "lumbar"
hold = "120 N"
hold_time = "1 s"
rest = "60 N"
rest_time = "1 s"
ramp_up = "60 N/s"
ramp_down = "60 N/s"
duration = "60 min"
pause_rests = false
`

// operator is somebody at the table.
func (s *site) operator() *link.Client {
	s.t.Helper()
	var c *link.Client
	parts.Eventually(s.t, "the control process", func() (ok bool) {
		var err error
		c, err = link.Dial(s.t.Context(), filepath.Join(s.dir, "control.sock"))
		return err == nil
	})
	s.t.Cleanup(func() { _ = c.Close() })
	require.NoError(s.t, c.Subscribe(link.Subscription{Snapshots: link.MaxSnapshots}))
	return c
}

// until follows the snapshots until one satisfies.
func until(t *testing.T, c *link.Client, what string, ok func(*control.Snapshot) bool) *control.Snapshot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), parts.Patience)
	defer cancel()
	for {
		u, err := c.Next(ctx)
		require.NoError(t, err, what)
		if u.Snapshot != nil && ok(u.Snapshot) {
			return u.Snapshot
		}
	}
}

// order gives a command once the state is as it has to be.
func order(t *testing.T, c *link.Client, r link.Request, ready func(*control.Snapshot) bool) {
	t.Helper()
	for {
		s := until(t, c, r.Command.String(), ready)
		r.Rev = &s.Rev
		answer, err := c.Request(t.Context(), r)
		require.NoError(t, err)
		if answer.Code == control.StaleRev { // the next snapshots have the new one
			continue
		}
		require.Equal(t, link.StatusOK, answer.Status, "%v: %s", r.Command, answer.Message)
		return
	}
}

// treat starts a treatment, as people at the table do.
func (s *site) treat(c *link.Client) {
	s.t.Helper()
	order(s.t, c, link.Request{Command: control.CommandAcknowledge}, func(n *control.Snapshot) bool { return n.Missing&control.MissingCell == 0 })
	order(s.t, c, link.Request{Command: control.CommandSelect, Programme: "test"}, func(n *control.Snapshot) bool { return n.Trips == 0 && n.Mode == control.Idle })
	order(s.t, c, link.Request{Command: control.CommandArm}, func(n *control.Snapshot) bool { return n.Missing == 0 })
	until(s.t, c, "armed", func(n *control.Snapshot) bool { return n.Mode == control.Armed })
	conn, err := net.Dial("unix", filepath.Join(s.dir, "simulator.sock"))
	require.NoError(s.t, err)
	_, err = fmt.Fprintln(conn, "patient 300ms")
	require.NoError(s.t, err)
	said, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(s.t, err)
	require.Equal(s.t, "ok", strings.TrimSpace(said))
	require.NoError(s.t, conn.Close())
	order(s.t, c, link.Request{Command: control.CommandStart}, func(n *control.Snapshot) bool { return n.Mode == control.Armed && n.Missing == 0 })
}

// ledger is what the gateway has published through the proxy, and what of it the
// broker has acknowledged.
type ledger struct {
	mu         sync.Mutex
	all, acked []proxy.Publish
	judged     bool // every message is held against the contract
	wrong      []error
}

// validate holds what is published from now on against the contract, until the test ends.
func (s *site) validate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judged = true
	s.t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		assert.Empty(s.t, s.wrong[:min(3, len(s.wrong))], "against the contract") // of the same fault there may be hundreds
	})
}

// judge is nil for what the contract says nothing of: Home Assistant's discovery.
func judge(topic string, payload []byte) error {
	if !strings.HasPrefix(topic, "traction/") {
		return nil
	}
	return contract.Validate(topic, payload)
}

func (l *ledger) see(m proxy.Publish) {
	if !m.Acknowledged {
		l.mu.Lock()
		if l.judged {
			if err := judge(m.Topic, m.Payload); err != nil {
				l.wrong = append(l.wrong, err)
			}
		}
		l.mu.Unlock()
	}
	if strings.HasSuffix(m.Topic, "/telemetry") {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.Acknowledged {
		l.acked = append(l.acked, m)
	} else {
		l.all = append(l.all, m)
	}
}

// on picks from one of the ledger's lists.
func (l *ledger) on(list *[]proxy.Publish, topic string) (out []proxy.Publish) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range *list {
		if m.Topic == "traction/plain/"+topic {
			out = append(out, m)
		}
	}
	return out
}

// event is what the tests read of one.
type event struct {
	BootID string `json:"boot_id"`
	Seq    uint64
	Source mqtt.Source
}

// eventsOf reads the control process's events of one boot.
func eventsOf(t *testing.T, messages []proxy.Publish, boot string) (seqs []uint64) {
	t.Helper()
	for _, m := range messages {
		var e event
		require.NoError(t, json.Unmarshal(m.Payload, &e))
		if e.BootID == boot && e.Source == mqtt.FromControl {
			seqs = append(seqs, e.Seq)
		}
	}
	return seqs
}

// distinct sorts and leaves out what is there twice.
func distinct(seqs []uint64) []uint64 {
	slices.Sort(seqs)
	return slices.Compact(seqs)
}

// footprint is what a process uses.
type footprint struct{ rssKiB, threads, descriptors int }

func footprintOf(t *testing.T, p *parts.Process) footprint {
	t.Helper()
	return footprint{status(t, p, "VmRSS"), status(t, p, "Threads"), descriptors(t, p)}
}

// rssMore is what a process may have grown by in a measurement without leaking:
// the collector gives memory back minutes late.
const rssMore = 32 << 10 // KiB

func (f footprint) flat(t *testing.T, before footprint) {
	t.Helper()
	t.Logf("gateway before: %d KiB, %d threads, %d descriptors; after: %d KiB, %d threads, %d descriptors",
		before.rssKiB, before.threads, before.descriptors, f.rssKiB, f.threads, f.descriptors)
	assert.Less(t, f.rssKiB, before.rssKiB+rssMore)
	assert.LessOrEqual(t, f.threads, before.threads+8)
	assert.LessOrEqual(t, f.descriptors, before.descriptors+8)
}

// quiet is how long a broker is watched to see that nothing more comes.
const quiet = 200 * time.Millisecond
