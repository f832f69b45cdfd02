//go:build linux

package network

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// asTable makes this test binary a control process on a simulated table, in that folder.
const asTable = "TRACTION_TEST_TABLE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asTable); dir != "" {
		if err := serveTable(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(parts.Main(m))
}

// start runs the appliance until the test ends.
func start(t *testing.T, args ...string) *parts.Process {
	t.Helper()
	return parts.Start(t, exec.Command(parts.Appliance(t), args...))
}

// status reads a number of /proc/PID/status, such as VmRSS in KiB or Threads.
func status(t *testing.T, p *parts.Process, field string) int {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Cmd.Process.Pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			require.NoError(t, err)
			return n
		}
	}
	t.Fatalf("/proc has no %s", field)
	return 0
}

// descriptors counts the open files of a process.
func descriptors(t *testing.T, p *parts.Process) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Cmd.Process.Pid))
	require.NoError(t, err)
	return len(all)
}

// newMosquitto starts one with these further lines of configuration.
func newMosquitto(t *testing.T, lines string) *parts.Mosquitto {
	t.Helper()
	return parts.StartMosquitto(t, "log_type error\nlog_type warning\nallow_anonymous true\n"+lines)
}

// client is any other client of the broker.
func client(t *testing.T, addr, id string) paho.Client {
	t.Helper()
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + addr).SetClientID(id).SetAutoReconnect(false).SetConnectTimeout(parts.Patience))
	require.NoError(t, paho.WaitTokenTimeout(c.Connect(), parts.Patience))
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

// subscribe calls got for each message, in their order.
func subscribe(t *testing.T, c paho.Client, filter string, got func(paho.Message)) {
	t.Helper()
	require.NoError(t, paho.WaitTokenTimeout(c.Subscribe(filter, 1, func(_ paho.Client, m paho.Message) { got(m) }), parts.Patience))
}

func publish(t *testing.T, c paho.Client, topic string, retained bool, payload any) {
	t.Helper()
	require.NoError(t, paho.WaitTokenTimeout(c.Publish(topic, 1, retained, payload), parts.Patience))
}

// quantiles are of a sorted copy.
type quantiles struct{ half, p99, worst time.Duration }

func quantilesOf(all []time.Duration) quantiles {
	s := slices.Sorted(slices.Values(all))
	at := func(share float64) time.Duration { return s[min(len(s)-1, int(share*float64(len(s))))] }
	return quantiles{at(0.5), at(0.99), s[len(s)-1]}
}

func (q quantiles) String() string {
	return fmt.Sprintf("half %v, p99 %v, worst %v", q.half.Round(time.Microsecond), q.p99.Round(time.Microsecond), q.worst.Round(time.Microsecond))
}

func TestQuantiles(t *testing.T) {
	var all []time.Duration
	for i := range 200 {
		all = append(all, time.Duration(200-i)*time.Millisecond)
	}
	assert.Equal(t, quantiles{101 * time.Millisecond, 199 * time.Millisecond, 200 * time.Millisecond}, quantilesOf(all))
}
