//go:build linux

package network

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control/link"
	"traction/mqtt"
	"traction/test/parts"
)

var stops = flag.Int("stops", 4, "treatments that TestStop starts and stops")

// measured is from how many stops on the promise is asserted: of fewer, and so in
// every ordinary run, one moment in which the machine stands still decides.
const measured = 200

// floodRate is how many garbage requests a second there are.
const floodRate = 1000

// TestStop measures how long after a stop was published the last step towards
// force is made, in a flood of garbage, and compares it with the bare way through
// the same broker and back, in the same run. Once with Mosquitto as Debian ships
// it, which holds small packets back until earlier ones are acknowledged, up to
// 40 ms, and once without that.
// It shows R-STOP-ALWAYS.
func TestStop(t *testing.T) {
	parts.Heavy(t, "takes some seconds of real time")
	t.Run("as shipped", func(t *testing.T) { measureStops(t, "") })
	t.Run("without delay", func(t *testing.T) { measureStops(t, "set_tcp_nodelay true\n") })
}

func measureStops(t *testing.T, lines string) {
	broker, dir := newMosquitto(t, lines), t.TempDir()
	tb := startTable(t, dir)
	answers := make(chan answer, 1024)
	operator := client(t, broker.Address, "operator")
	told := make(chan paho.Message, 2**stops+64) // judged when nothing is measured any more
	subscribe(t, operator, "traction/plain/response/op", func(m paho.Message) {
		told <- m
		answers <- answerOf(m)
	})
	online := make(chan struct{}, 16)
	subscribe(t, operator, "traction/plain/availability", func(m paho.Message) {
		told <- m
		if string(m.Payload()) == mqtt.Online {
			online <- struct{}{}
		}
	})
	gateway := start(t, "gateway", "--run-dir", dir, "--broker", "tcp://"+broker.Address, "--table-id", "plain")
	within(t, "online", online)
	ask := echo(t, broker)
	sent := flood(t, broker)

	m := stopMeasure{t: t, table: tb, user: operator, answers: answers, echo: ask}
	for len(m.ends) < *stops {
		require.Less(t, m.tripped, 10+*stops, "this machine stands still too often")
		m.once()
	}
	assert.True(t, gateway.Alive())
	assert.Positive(t, sent())
	e, q := quantilesOf(m.echoes), quantilesOf(m.ends)
	t.Logf("%d stops (and %d not counted, because this machine stood still), %d garbage requests sent", *stops, m.tripped, sent())
	t.Logf("bare echo:            %v", e)
	t.Logf("stop to last step:    %v", q)
	t.Logf("stop to its response: %v", quantilesOf(m.responses))
	t.Logf("p99 of the motion's end is %.2f times the echo's p99 (promised: at most 3, and 100 ms)", float64(q.p99)/float64(e.p99))
	if *stops >= measured {
		assert.LessOrEqual(t, q.p99, 3*e.p99, "more than three times the bare way there and back")
		assert.LessOrEqual(t, q.p99, 100*time.Millisecond)
	}
	for len(told) > 0 {
		m := <-told
		require.NoError(t, judge(m.Topic(), m.Payload()))
	}
}

// stopMeasure collects the times of many stops.
type stopMeasure struct {
	t                       *testing.T
	table                   *hands
	user                    paho.Client
	answers                 chan answer
	echo                    func() time.Duration
	asked, tripped          int
	echoes, ends, responses []time.Duration
}

// once starts a treatment and stops it.
func (m *stopMeasure) once() {
	t := m.t
	t.Helper()
	m.table.say(t, "go")
	if said := m.table.hear(t); said != "moving" {
		require.Equal(t, "tripped", said)
		m.tripped++
		return
	}
	before := m.echo()
	time.Sleep(rand.N(50 * time.Millisecond)) // any moment of the pull, of a tick and of the flood
	m.asked++
	id := fmt.Sprintf("stop-%d", m.asked)
	began := monotonic()
	m.user.Publish("traction/plain/request/op", 1, false, fmt.Sprintf(`{"id":%q,"command":"stop"}`, id))
	r := within(t, "the answer", m.answers)
	response := monotonic() - began
	require.Equal(t, id, r.ID)
	require.Equal(t, string(link.StatusOK), r.Status, r.Message)
	said := m.table.hear(t)
	if said == "tripped" {
		m.tripped++
		return
	}
	what, ns, _ := strings.Cut(said, " ")
	require.Equal(t, "stopped", what)
	last, err := strconv.ParseInt(ns, 10, 64)
	require.NoError(t, err)
	m.responses = append(m.responses, response)
	m.ends = append(m.ends, max(0, time.Duration(last)-began))
	m.echoes = append(m.echoes, before, m.echo())
}

// answer is what the tests read of a response.
type answer struct {
	ID, Status, Message string
}

// answerOf reads a response; what is none has an empty id.
func answerOf(m paho.Message) (a answer) {
	_ = json.Unmarshal(m.Payload(), &a) // then it is not the one that is waited for
	return a
}

// hands is the table's process with its input and output.
type hands struct {
	*parts.Process
	in    io.Writer
	lines chan string
}

func startTable(t *testing.T, dir string) *hands {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	h := &hands{lines: make(chan string, 16)}
	r, w, err := os.Pipe()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), asTable+"="+dir)
	cmd.Stdout = w
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	h.in = stdin
	h.Process = parts.Start(t, cmd)
	t.Cleanup(func() { _, _ = stdin.Close(), r.Close() }) // before it is ended
	require.NoError(t, w.Close())
	go func() {
		defer close(h.lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			h.lines <- s.Text()
		}
	}()
	require.Equal(t, "ready", h.hear(t))
	return h
}

func (h *hands) say(t *testing.T, line string) {
	t.Helper()
	_, err := fmt.Fprintln(h.in, line)
	require.NoError(t, err)
}

func (h *hands) hear(t *testing.T) string {
	t.Helper()
	return within(t, "the table's word", h.lines)
}

// within takes from a channel in time.
func within[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(parts.Patience):
		t.Fatal("not in time: ", what)
	}
	return v
}

// echo prepares two clients, of which one repeats what the other says, and
// returns how to measure the way there and back.
func echo(t *testing.T, broker *parts.Mosquitto) (ask func() time.Duration) {
	t.Helper()
	wall, caller := client(t, broker.Address, "wall"), client(t, broker.Address, "caller")
	subscribe(t, wall, "echo/ask", func(m paho.Message) { wall.Publish("echo/answer", 1, false, m.Payload()) })
	back := make(chan string, 16)
	subscribe(t, caller, "echo/answer", func(m paho.Message) { back <- string(m.Payload()) })
	n := 0
	return func() time.Duration {
		n++
		text := fmt.Sprintf(`{"id":"echo-%d","command":"stop"}`, n)
		began := monotonic()
		caller.Publish("echo/ask", 1, false, text)
		require.Equal(t, text, within(t, "the echo", back))
		return monotonic() - began
	}
}

// flood publishes garbage to the table's requests until the test ends.
func flood(t *testing.T, broker *parts.Mosquitto) (sent func() int) {
	t.Helper()
	c := client(t, broker.Address, "flood")
	ctx, cancel := context.WithCancel(context.Background())
	done, counted := make(chan struct{}), make(chan int)
	const at = 10 // at once
	go func() {
		defer close(done)
		tick := time.NewTicker(at * time.Second / floodRate)
		defer tick.Stop()
		for n := 0; ; {
			select {
			case <-ctx.Done():
				return
			case counted <- n:
			case <-tick.C:
				for range at {
					c.Publish("traction/plain/request", 0, false, garbage(n))
					n++
				}
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return func() int { return <-counted }
}

// garbage is nonsense, halves, and requests that are well made and decided on
// nothing. None of it is a stop or a pause, which anybody may say.
func garbage(n int) string {
	switch n % 5 {
	case 0:
		return "\x00\xff{{{"
	case 1:
		return fmt.Sprintf(`{"id":"a%d","rev":%d,"command":"set","hold_n":400}`, n, n)
	case 2:
		return fmt.Sprintf(`{"id":"b%d","rev":%d,"command":"start"`, n, n)
	case 3:
		return fmt.Sprintf(`{"id":"c%d","rev":%d,"command":"select","programme":"../../etc/passwd"}`, n, n)
	default:
		return strings.Repeat("x", 3000)
	}
}
