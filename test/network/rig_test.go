//go:build linux

package network

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// generous is a time that only a broken program needs; no test waits for it to pass.
const generous = 90 * time.Second

// asTable makes this test binary a control process on a simulated table, in that folder.
const asTable = "TRACTION_TEST_TABLE"

// build is the program under test, made once.
var build struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(asTable); dir != "" {
		if err := serveTable(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if build.dir != "" {
		_ = os.RemoveAll(build.dir)
	}
	os.Exit(code)
}

// program is the appliance's binary.
func program(t *testing.T) string {
	t.Helper()
	build.once.Do(func() {
		if build.dir, build.err = os.MkdirTemp("", "traction-network-"); build.err != nil {
			return
		}
		var said []byte
		if said, build.err = exec.Command("go", "build", "-buildvcs=false", "-o", build.dir, "traction/cmd/appliance").CombinedOutput(); build.err != nil {
			build.err = fmt.Errorf("%w: %s", build.err, said)
		}
	})
	require.NoError(t, build.err)
	return filepath.Join(build.dir, "appliance")
}

// eventually waits for a condition; it passes as soon as that holds.
func eventually(t *testing.T, most time.Duration, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, most, 5*time.Millisecond, what)
}

// process is one of our own; it ends with the test.
type process struct {
	*exec.Cmd
	said lockedBuffer
	gone chan struct{} // closed once it has ended
}

// lockedBuffer collects what a process says.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs a program until the test ends; change, unless nil, sets it up.
func start(t *testing.T, change func(*exec.Cmd), name string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(name, args...), gone: make(chan struct{})}
	p.Stderr = &p.said
	if change != nil {
		change(p.Cmd)
	}
	if p.Stdout == nil {
		p.Stdout = &p.said
	}
	require.NoError(t, p.Start())
	go func() {
		_ = p.Wait() // how it ended is seen by what it says
		close(p.gone)
	}()
	t.Cleanup(func() {
		p.end(syscall.SIGTERM)
		if t.Failed() {
			said := p.said.String()
			t.Logf("%s %v said at last:\n%s", filepath.Base(name), args, said[max(0, len(said)-8000):])
		}
	})
	return p
}

// end sends a signal and waits; who does not obey is killed.
func (p *process) end(s syscall.Signal) {
	_ = p.Process.Signal(s)
	select {
	case <-p.gone:
	case <-time.After(generous):
		_ = p.Process.Kill()
		<-p.gone
	}
}

func (p *process) alive() bool {
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// status reads a number of /proc/PID/status, such as VmRSS in KiB or Threads.
func (p *process) status(t *testing.T, field string) int {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
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
func (p *process) descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Process.Pid))
	require.NoError(t, err)
	return len(all)
}

// mosquitto is a real broker on a free port of loopback.
type mosquitto struct {
	t                   *testing.T
	addr, program, conf string
	*process
}

// newMosquitto starts one with these further lines of configuration.
func newMosquitto(t *testing.T, lines string) *mosquitto {
	t.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto" // Debian keeps it out of users' PATH
		_, err = os.Stat(program)
	}
	if err != nil {
		if os.Getenv("TRACTION_REQUIRE_PARTS") == "1" {
			t.Fatal("mosquitto is missing and TRACTION_REQUIRE_PARTS=1: apt-get install mosquitto")
		}
		t.Skip("mosquitto is missing, so this is not measured: apt-get install mosquitto")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	m := &mosquitto{t: t, addr: free.Addr().String(), program: program, conf: filepath.Join(t.TempDir(), "mosquitto.conf")}
	require.NoError(t, free.Close())
	_, port, _ := net.SplitHostPort(m.addr)
	conf := "user root\npersistence false\nlog_dest stderr\nlog_type error\nlog_type warning\nallow_anonymous true\nlistener " + port + " 127.0.0.1\n" + lines
	require.NoError(t, os.WriteFile(m.conf, []byte(conf), 0o600))
	m.begin()
	return m
}

func (m *mosquitto) begin() {
	m.t.Helper()
	m.process = start(m.t, nil, m.program, "-c", m.conf)
	eventually(m.t, generous, "mosquitto listens", func() bool {
		c, err := net.Dial("tcp", m.addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// restart kills the broker with all that it holds and starts it anew.
func (m *mosquitto) restart() {
	m.t.Helper()
	m.end(syscall.SIGKILL)
	m.begin()
}

// client is any other client of the broker.
func client(t *testing.T, addr, id string) paho.Client {
	t.Helper()
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + addr).SetClientID(id).SetAutoReconnect(false).SetConnectTimeout(generous))
	require.NoError(t, paho.WaitTokenTimeout(c.Connect(), generous))
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

// subscribe calls got for each message, in their order.
func subscribe(t *testing.T, c paho.Client, filter string, got func(paho.Message)) {
	t.Helper()
	require.NoError(t, paho.WaitTokenTimeout(c.Subscribe(filter, 1, func(_ paho.Client, m paho.Message) { got(m) }), generous))
}

func publish(t *testing.T, c paho.Client, topic string, retained bool, payload any) {
	t.Helper()
	require.NoError(t, paho.WaitTokenTimeout(c.Publish(topic, 1, retained, payload), generous))
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
