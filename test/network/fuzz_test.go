//go:build linux

package network

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
	"traction/test/parts"
)

var (
	fuzzFor  = flag.Duration("fuzz-for", 5*time.Second, "how long TestFuzz publishes nonsense")
	fuzzSeed = flag.Uint64("fuzz-seed", 0, "seed of TestFuzz, 0 = a new one")
)

// seeds are requests that make sense, to be spoilt.
var seeds = []string{
	`{"id":"7f","rev":1000,"command":"set","hold_n":120.5}`,
	`{"id":"7f","rev":1000,"command":"select","programme":"lumbar-60-20","body_weight_kg":72.5,"harness":"lumbar"}`,
	`{"id":"7f","rev":1000,"command":"start"}`,
	`{"id":"7f","rev":1000,"command":"arm"}`,
	`{"id":"7f","rev":1000,"command":"heat","heat_c":40}`,
	`{"id":"7f","command":"report","session":"0123456789abcdef-1"}`,
	`{"id":"7f","command":"unpublish"}`,
	`{"id":"7f","rev":1000,"command":"hold"}`,
	`{"signed":"{\"id\":\"7f\",\"rev\":1000,\"command\":\"start\"}","hmac":"00"}`,
	`online`, `offline`, `null`, `[]`, `"`, `{`, "\xff\xfe\x00",
}

// fuzzer makes nonsense.
type fuzzer struct{ *rand.Rand }

func (f fuzzer) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(f.Uint32())
	}
	return b
}

// payload is one message: mostly a request that was spoilt in some places, now
// and then nothing but noise, and seldom far too much of it.
func (f fuzzer) payload() []byte {
	switch n := f.IntN(1000); {
	case n < 5:
		return f.bytes(f.IntN(300 << 10))
	case n < 100:
		return f.bytes(f.IntN(6000))
	case n < 130:
		return nil
	}
	b := []byte(seeds[f.IntN(len(seeds))])
	for range f.IntN(6) {
		if len(b) == 0 {
			break
		}
		at := f.IntN(len(b))
		switch f.IntN(5) {
		case 0:
			b[at] = byte(f.Uint32())
		case 1:
			b = append(b[:at], b[at+1:]...)
		case 2:
			b = append(b[:at], append(f.bytes(f.IntN(20)), b[at:]...)...)
		case 3:
			b = append(b, b[at:]...)
		case 4:
			b = b[:at]
		}
	}
	return b
}

// topic is where it goes.
func (f fuzzer) topic() string {
	switch f.IntN(10) {
	case 0, 1, 2, 3:
		return "traction/plain/request"
	case 4, 5:
		return fmt.Sprintf("traction/plain/request/c%d", f.IntN(200))
	case 6:
		return "traction/plain/request/" + string([]rune{rune(0x20 + f.IntN(0x300)), 'x'})
	case 7:
		return "homeassistant/status"
	case 8:
		return "traction/plain/availability"
	default:
		return "traction/plain/state"
	}
}

// allowed are topics that a broker takes: no wildcards, no control characters.
func allowed(topic string) bool {
	for _, r := range topic {
		if r == '#' || r == '+' || r < ' ' || r >= 0x7f && r < 0xa0 {
			return false
		}
	}
	return true
}

// TestFuzz publishes nonsense to everything that a gateway reads, and to what it
// publishes, while somebody stops the table once a second: each stop is answered
// and obeyed, and the gateway grows by nothing.
func TestFuzz(t *testing.T) {
	parts.Heavy(t, "takes some seconds of real time")
	t.Parallel()
	seed := *fuzzSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("again with: go test ./test/network -v -run TestFuzz -fuzz-seed %d -fuzz-for %v", seed, *fuzzFor)
	s := newSite(t)
	s.begin()
	s.treat(s.operator())
	parts.Eventually(t, "state", func() bool { return len(s.on(&s.acked, "state")) > 0 })
	user := client(t, s.broker.Address, "user")
	answers := make(chan answer, 1024)
	subscribe(t, user, "traction/plain/response/user", func(m paho.Message) { answers <- answerOf(m) })

	ctx, cancel := context.WithCancel(t.Context())
	published := make(chan int, 1)
	noise := client(t, s.broker.Address, "noise")
	go func() { published <- (fuzzer{rand.New(rand.NewPCG(seed, 1))}).run(ctx, noise) }()
	warm := min(10*time.Second, *fuzzFor/4) // until pools, limits and remembered answers are full
	began := time.Now()
	var before footprint
	var took []time.Duration
	stop := func() {
		asked := time.Now()
		id := fmt.Sprintf("s%d", len(took))
		publish(t, user, "traction/plain/request/user", false, fmt.Sprintf(`{"id":%q,"command":"stop"}`, id))
		for a := within(t, "the answer to a stop", answers); a.ID != id; a = within(t, "the answer to a stop", answers) {
			t.Log("an answer to nothing that was asked: ", a) // somebody guessed a topic; no harm
		}
		took = append(took, time.Since(asked))
	}
	for time.Since(began) < *fuzzFor {
		stop()
		require.True(t, s.gateway.Alive() && s.control.Alive())
		if before == (footprint{}) && time.Since(began) > warm {
			before = footprintOf(t, s.gateway)
		}
		time.Sleep(time.Second / 2) // between two stops of an anxious person
	}
	cancel()
	n := <-published
	stop()
	t.Logf("%d messages in %v; %d stops answered: %v; %d connections", n, time.Since(began).Round(time.Second), len(took), quantilesOf(took), len(s.way.Counts().Connects))
	footprintOf(t, s.gateway).flat(t, before)
	assert.Len(t, s.way.Counts().Connects, 1, "nothing of it cost the connection")
	assert.LessOrEqual(t, s.way.Counts().InFlight, 16)
	snapshot := until(t, s.operator(), "a snapshot", func(*control.Snapshot) bool { return true })
	assert.Equal(t, control.Idle, snapshot.Mode, "nothing of it has started anything")
	_, err := s.operator().Request(t.Context(), link.Request{Command: control.CommandStop})
	require.NoError(t, err, "the control process answers")
}

// run publishes until ctx ends and tells how much.
func (f fuzzer) run(ctx context.Context, c paho.Client) (n int) {
	for ; ctx.Err() == nil; n++ {
		topic := f.topic()
		if !allowed(topic) {
			continue
		}
		token := c.Publish(topic, byte(f.IntN(2)), f.IntN(20) == 0, f.payload())
		if n%20 == 0 { // no faster than the broker takes it
			token.WaitTimeout(parts.Patience)
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	return n
}
