package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
	"traction/mqtt/broker"
)

// brief is a programme whose phases last some seconds each.
var brief = levels{hold: 150 * physic.Newton, rest: 60 * physic.Newton, rampUp: 30 * control.NewtonPerSecond, rampDown: 30 * control.NewtonPerSecond, holdTime: 3 * time.Second}

func briefProgramme(t *testing.T) (dir string) {
	dir = t.TempDir()
	text := `title = "Brief"
source = "a test"
harness = "lumbar"
hold = "150 N"
hold_time = "3 s"
rest = "60 N"
rest_time = "3 s"
ramp_up = "30 N/s"
ramp_down = "30 N/s"
duration = "5 min"
pause_rests = false
`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "brief.toml"), []byte(text), 0o600))
	return dir
}

// site is a table with its gateway and a broker, all of them real processes but
// the broker.
type site struct {
	dir, broker string
	control     *exec.Cmd
	gateway     *exec.Cmd
	journal     *journal
}

func newSite(t *testing.T) *site {
	b, err := broker.Start(context.Background(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	s := &site{dir: t.TempDir(), broker: b.Addr()}
	// No charge pump: it would take a machine that stands still for a moment for a dead one.
	s.control = start(t, "control", "--simulate", "--run-dir", s.dir, "--table", "plain", "--programmes", briefProgramme(t))
	s.journal = journalOf(t, s.dir)
	s.startGateway(t)
	return s
}

func (s *site) startGateway(t *testing.T) {
	s.gateway = start(t, "gateway", "--run-dir", s.dir, "--broker", "tcp://"+s.broker, "--table-id", "plain")
	t.Cleanup(func() { _ = s.gateway.Process.Signal(syscall.SIGCONT) }) // should the test have failed while it stood still
}

// attack does something to the gateway while the table is in one phase.
type attack struct {
	name string
	do   func(t *testing.T, s *site)
	// throughout runs beside the whole treatment, if there is anything to run.
	throughout func(ctx context.Context, t *testing.T, s *site)
}

var attacks = []attack{
	{name: "killed", do: func(t *testing.T, s *site) {
		require.NoError(t, s.gateway.Process.Kill())
		_ = s.gateway.Wait() // killed
		s.startGateway(t)
	}},
	{name: "stopped", do: func(t *testing.T, s *site) {
		require.NoError(t, s.gateway.Process.Signal(syscall.SIGSTOP))
		time.Sleep(2 * time.Second) // of standing still
		require.NoError(t, s.gateway.Process.Signal(syscall.SIGCONT))
	}},
	{name: "flooded", do: func(*testing.T, *site) {}, throughout: flood},
	{name: "killed in a flood", do: func(t *testing.T, s *site) {
		require.NoError(t, s.gateway.Process.Kill())
		_ = s.gateway.Wait() // killed
		s.startGateway(t)
	}, throughout: flood},
}

// stages are the moments of an attack, in the order of a treatment, and the order
// that leads to each, if it does not come by itself.
var stages = []struct {
	name   string
	before control.CommandKind
	mode   control.Mode
	phase  control.Phase
}{
	{"slack", control.NoCommand, control.Treating, control.Slack},
	{"pull", control.NoCommand, control.Treating, control.Pull},
	{"hold", control.NoCommand, control.Treating, control.Hold},
	{"ease", control.NoCommand, control.Treating, control.Ease},
	{"rest", control.NoCommand, control.Treating, control.Rest},
	{"paused", control.CommandPause, control.Paused, control.NoPhase}, // in whichever phase the order arrives
	{"releasing", control.CommandStop, control.Releasing, control.NoPhase},
}

// TestGatewayAttacked kills the gateway, makes it stand still and floods it, in
// each phase of a treatment: every decision of the control process is the
// programme's, and the record has every entry of its journal in the end.
// It shows R-GATEWAY-APART.
func TestGatewayAttacked(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute of real time")
	}
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			// A machine that stands still for longer than the table may be left alone
			// ends a treatment, and rightly so. That says nothing of the gateway.
			for range 3 {
				if !attacked(t, &a).Has(control.ILTickMissed) {
					return
				}
				t.Log("this machine stood still; once more")
			}
			t.Fatal("this machine stands still too often")
		})
	}
}

// attacked runs one treatment under attack and gives its trips.
func attacked(t *testing.T, a *attack) control.InterlockSet {
	s := newSite(t)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	toStart(t, s.dir, "brief")
	if a.throughout != nil {
		wg.Go(func() { a.throughout(ctx, t, s) })
	}
	for _, at := range stages {
		if at.before != control.NoCommand {
			order(t, dial(t, s.dir), link.Request{Command: at.before}, func(n *control.Snapshot) bool { return n.Phase == control.Pull })
		}
		s.journal.wait(t, at.name, func(j *journal) bool {
			return j.Mode == at.mode && (at.phase == control.NoPhase || j.Phase == at.phase) || len(j.reports) > 0
		})
		if len(s.journal.reports) > 0 && at.mode != control.Releasing {
			break // a trip
		}
		a.do(t, s)
	}
	s.journal.wait(t, "the end", func(j *journal) bool { return len(j.reports) > 0 && j.Mode != control.Releasing })
	cancel()
	wg.Wait()
	report := s.journal.reports[0]
	if report.Trips.Has(control.ILTickMissed) {
		return report.Trips
	}
	assert.Equal(t, control.EndStopped, report.End)
	assert.Empty(t, report.Trips.IDs())
	until := s.journal.newest()
	store := recorded(t, s.dir, s.journal.boot, until)
	defer func() { assert.NoError(t, store.Close()) }()
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	s.undisturbed(t)
	s.journal.follows(t, brief)
	s.journal.stored(t, store, 1)
	return 0
}

// undisturbed: nothing tripped or was lost, nobody remote was obeyed, and all that
// was warned of is this machine, and a release that has just begun.
func (s *site) undisturbed(t *testing.T) {
	for _, e := range s.journal.events {
		assert.NotContains(t, []control.EventKind{control.EventTrip, control.EventOverrun, control.EventReleaseLate}, e.Kind, "%+v", e)
		assert.False(t, e.Kind == control.EventCommand && e.Origin == control.Remote, "%+v", e)
		if e.Kind == control.EventWarning {
			assert.Contains(t, []control.InterlockID{control.ILTickLate, control.ILCellLate, control.ILSlackUnconfirmed}, e.Interlock, "%+v", e)
		}
	}
}

// A flood is some thousand lines and messages a second, from as many clients as
// leave the gateway its place.
const (
	flooders   = 6
	floodEvery = 2 * time.Millisecond
	floodLines = 4 // at once, from each
)

// garbage is what they say: nonsense, halves, requests that are well made and
// decided on an old state, and what the network must never do. None asks for a
// stop or a pause, which anybody may.
func garbage(n uint64) string {
	rev := n % 1000
	switch n % 8 {
	case 0:
		return "\x00\xff{{{"
	case 1:
		return fmt.Sprintf(`{"request":{"id":"a%d","rev":%d,"command":"set","hold_n":400}}`, n, rev)
	case 2:
		return fmt.Sprintf(`{"request":{"id":"b%d","rev":%d,"command":"arm"}}`, n, rev)
	case 3:
		return `{"subscribe":{"entries_from":0,"events_from":0,"reports_from":0,"snapshots_hz":20}}`
	case 4:
		return fmt.Sprintf(`{"request":{"id":"c%d","rev":%d,"command":"select","programme":"../../etc/passwd"}}`, n, rev)
	case 5:
		return `{"request":{"id":"d","command":"start"`
	case 6:
		return strings.Repeat("x", 9000)
	default:
		return fmt.Sprintf(`{"request":{"id":"e%d","rev":%d,"command":"heat","heat_c":60}}`, n, rev)
	}
}

// flood says garbage to the gateway's socket and to the table's request topic.
func flood(ctx context.Context, t *testing.T, s *site) {
	var said, published atomic.Uint64
	var wg sync.WaitGroup
	for i := range flooders {
		wg.Go(func() {
			for ctx.Err() == nil {
				floodSocket(ctx, filepath.Join(s.dir, gatewaySocket), uint64(i), &said)
				time.Sleep(floodEvery)
			}
		})
	}
	wg.Go(func() { floodTopic(ctx, t, s.broker, &published) })
	wg.Wait()
	t.Logf("%d lines to the socket, %d requests through the broker", said.Load(), published.Load())
	assert.Positive(t, said.Load())
	assert.Positive(t, published.Load())
}

// floodSocket speaks until the control process hangs up.
func floodSocket(ctx context.Context, path string, from uint64, said *atomic.Uint64) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // a test
	for n := from; ctx.Err() == nil; n += floodLines {
		var lines strings.Builder
		for i := range uint64(floodLines) {
			if from%2 == 0 {
				lines.WriteString(garbage(n+i) + "\n")
			} else {
				lines.WriteString("{\"ping\":{}}\n") // nobody hangs up on this
			}
		}
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := conn.Write([]byte(lines.String())); err != nil {
			return
		}
		said.Add(floodLines)
		time.Sleep(floodEvery)
	}
}

// floodTopic publishes until ctx ends.
func floodTopic(ctx context.Context, t *testing.T, broker string, published *atomic.Uint64) {
	o := paho.NewClientOptions().AddBroker("tcp://" + broker).SetClientID("flood").SetAutoReconnect(true)
	c := paho.NewClient(o)
	if !assert.True(t, c.Connect().WaitTimeout(patience)) {
		return
	}
	defer c.Disconnect(100)
	for n := uint64(0); ctx.Err() == nil; n += floodLines {
		for i := range uint64(floodLines) {
			text := strings.TrimSuffix(strings.TrimPrefix(garbage(n+i), `{"request":`), "}")
			c.Publish("traction/plain/request", 0, n%40 == 0, text).WaitTimeout(time.Second)
			published.Add(1)
		}
		time.Sleep(floodEvery)
	}
}
