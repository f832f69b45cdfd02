package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"

	"traction/test/parts"
)

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
	if !assert.True(t, c.Connect().WaitTimeout(parts.Patience)) {
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
