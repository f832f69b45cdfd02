//go:build linux

package footprint

import (
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

var (
	starts   = flag.Int("starts", 2, "how often TestStarts starts each process")
	recorded = flag.String("record", "", "record of which TestStarts gives a copy to the gateway, for example of years; empty = a new one")
)

// TestStarts measures from the start of a process until it is of use: of control
// until it tells the service manager that it is ready, which is after its first tick
// with both sockets open; of the gateway, with control running, until a subscriber of
// the broker sees "online".
func TestStarts(t *testing.T) {
	parts.Heavy(t, "takes some seconds of real time")
	address := mosquitto(t).Address
	bin, dir := program(t), t.TempDir()
	ready := manager(t)
	var toReady, toOnline []time.Duration
	var table *process
	for range *starts {
		if table != nil {
			table.End()
		}
		table = startAsService(t, bin, "control", "--simulate", "--table", "plain", "--run-dir", dir)
		toReady = append(toReady, when(t, ready, "READY=1").Sub(table.began))
	}
	if *recorded != "" {
		raw, err := os.ReadFile(*recorded)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "record.sqlite"), raw, 0o600))
	}
	online := availability(t, address)
	for range *starts {
		gateway := start(t, bin, "gateway", "--run-dir", dir, "--table-id", "plain", "--broker", "tcp://"+address)
		toOnline = append(toOnline, when(t, online, "online").Sub(gateway.began))
		gateway.End()
		when(t, online, "offline")
	}
	t.Logf("%d starts\ncontrol until ready   %v\ngateway until online  %v", *starts, spread(toReady), spread(toOnline))
	assert.Len(t, toOnline, *starts)
}

// heard is a word with the moment at which it came.
type heard struct {
	word string
	at   time.Time
}

// when waits for a word.
func when(t *testing.T, from <-chan heard, word string) time.Time {
	t.Helper()
	deadline := time.After(parts.Patience)
	for {
		select {
		case h := <-from:
			if strings.TrimSpace(h.word) == word {
				return h.at
			}
		case <-deadline:
			t.Fatalf("%s was not heard", word)
		}
	}
}

// manager stands for systemd: it hears what processes that begin from now on say of
// themselves (sd_notify(3)).
func manager(t *testing.T) <-chan heard {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	require.NoError(t, os.Setenv("NOTIFY_SOCKET", path))
	words := make(chan heard, 1000) // a word each half a second
	go func() {
		for buf := make([]byte, 4096); ; {
			n, err := l.Read(buf)
			if err != nil {
				return // closed
			}
			words <- heard{string(buf[:n]), time.Now()}
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		_ = os.Unsetenv("NOTIFY_SOCKET")
	})
	return words
}

// availability follows what the gateway's topic says.
func availability(t *testing.T, address string) <-chan heard {
	t.Helper()
	words := make(chan heard, 1000) // a word for each start and end
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + address).SetClientID("footprint").SetConnectTimeout(parts.Patience))
	require.NoError(t, paho.WaitTokenTimeout(c.Connect(), parts.Patience))
	t.Cleanup(func() { c.Disconnect(0) })
	require.NoError(t, paho.WaitTokenTimeout(c.Subscribe("traction/plain/availability", 1, func(_ paho.Client, m paho.Message) {
		words <- heard{string(m.Payload()), time.Now()}
	}), parts.Patience))
	return words
}

// spread tells the middle and the worst of some times.
func spread(all []time.Duration) string {
	s := slices.Sorted(slices.Values(all))
	ms := func(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
	return fmt.Sprintf("half within %v, worst %v", ms(s[len(s)/2]), ms(s[len(s)-1]))
}

func TestSpread(t *testing.T) {
	assert.Equal(t, "half within 2ms, worst 30ms", spread([]time.Duration{30 * time.Millisecond, time.Millisecond, 2 * time.Millisecond}))
}
