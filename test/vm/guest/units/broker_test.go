//go:build linux

package units

import (
	"strconv"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestOnline comes first: it tells how long that took.
func TestOnline(t *testing.T) {
	l := newListener(t)
	l.until(t, "availability", func(payload string) bool { return payload == "online" })
	t.Logf("from the kernel's start to availability: online %s, in instructions of 1 ns", sinceBoot(t).Round(10*time.Millisecond))
	for _, unit := range []string{controlUnit, gatewayUnit} {
		began, err := strconv.Atoi(property(t, unit, "ExecMainStartTimestampMonotonic"))
		require.NoError(t, err)
		ready, err := strconv.Atoi(property(t, unit, "ActiveEnterTimestampMonotonic"))
		require.NoError(t, err)
		t.Logf("%s: started at %.2f s, ready %.2f s later", unit, float64(began)/1e6, float64(ready-began)/1e6)
	}
}

// listener keeps the last payload of each of the table's topics.
type listener struct {
	mu   sync.Mutex
	last map[string]string // by topic without traction/table-1/
	came chan struct{}     // something has, since it was looked at
}

// newListener connects to the guest's broker, as soon as that is there.
func newListener(t *testing.T) *listener {
	t.Helper()
	l := &listener{last: map[string]string{}, came: make(chan struct{}, 1)}
	const root = "traction/table-1/"
	client := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://127.0.0.1:1883").SetClientID("checks").
		SetConnectRetry(true).SetConnectRetryInterval(lookEvery).SetOnConnectHandler(func(c paho.Client) {
		c.Subscribe(root+"#", 1, func(_ paho.Client, m paho.Message) {
			l.mu.Lock()
			l.last[m.Topic()[len(root):]] = string(m.Payload())
			l.mu.Unlock()
			select {
			case l.came <- struct{}{}:
			default:
			}
		})
	}))
	token := client.Connect()
	require.True(t, token.WaitTimeout(patience))
	require.NoError(t, token.Error())
	t.Cleanup(func() { client.Disconnect(0) })
	return l
}

// until waits until a topic's last payload satisfies.
func (l *listener) until(t *testing.T, topic string, ok func(payload string) bool) {
	t.Helper()
	for deadline := time.After(patience); ; {
		l.mu.Lock()
		payload, there := l.last[topic]
		l.mu.Unlock()
		if there && ok(payload) {
			return
		}
		select {
		case <-l.came:
		case <-deadline:
			t.Fatalf("%s is %q", topic, payload)
		}
	}
}

// sinceBoot is the kernel's age.
func sinceBoot(t *testing.T) time.Duration {
	t.Helper()
	var now unix.Timespec
	require.NoError(t, unix.ClockGettime(unix.CLOCK_BOOTTIME, &now))
	return time.Duration(now.Nano())
}
