package fleet

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"traction/control"
	"traction/test/parts"
)

// TestSizing measures what one table costs a broker, idle and in a treatment, for
// docs/fleet/README.md. It takes a minute: TRACTION_FLEET_MEASURE=1.
func TestSizing(t *testing.T) {
	if !measure {
		t.Skip("a measurement; TRACTION_FLEET_MEASURE=1 runs it")
	}
	m := parts.StartMosquitto(t, users(t, "user telegraf\ntopic read traction/#\npattern readwrite traction/%u/#\n", "telegraf", "room-a"))
	r := read(t, options(nil, "telegraf", "archive", true, m.URL()), "traction/#")
	s := newSite(t, "room-a", map[string]string{"broker": m.URL(), "username": "room-a", "password_file": passwordFile(t)})
	parts.Eventually(t, "heard", func() bool { return fresh(r, "room-a", time.Now().Add(-time.Second)) })

	const window = 62 * time.Second // two refreshes and a bit, so that they count with their true rate
	idle := rates(t, r, "idle", window)
	s.treat()
	began := time.Now()
	s.until("slack", func(x *control.Snapshot) bool { return x.Mode == control.Idle })
	treating := ratesSince(t, r, "treating, programme of 30 s", began, time.Since(began))
	assert.Greater(t, idle, 4.0, "five messages of telemetry a second")
	assert.Greater(t, treating, idle)
}

// rates measures for some time.
func rates(t *testing.T, r *reader, what string, window time.Duration) (messages float64) {
	t.Helper()
	began := time.Now()
	time.Sleep(window) // the measurement itself
	return ratesSince(t, r, what, began, window)
}

// ratesSince prints messages and bytes a second of each topic. The bytes are those
// of the MQTT packets that a table sends: fixed header with a length of two bytes,
// topic with its length, packet id at QoS 1, payload.
func ratesSince(t *testing.T, r *reader, what string, began time.Time, window time.Duration) (messages float64) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var bytes float64
	for _, topic := range slices.Sorted(maps.Keys(r.all)) {
		n, size := 0.0, 0.0
		for _, m := range r.all[topic] {
			if m.at.Before(began) {
				continue
			}
			n++
			size += float64(3 + 2 + len(topic) + len(m.payload))
			if !strings.HasSuffix(topic, "telemetry") && !strings.HasSuffix(topic, "diagnostics") {
				size += 2
			}
		}
		if n > 0 {
			t.Logf("%s: %-26s %6.2f messages/s %8.0f bytes/s, %5.0f bytes each", what, topic, n/window.Seconds(), size/window.Seconds(), size/n)
		}
		messages += n / window.Seconds()
		bytes += size / window.Seconds()
	}
	t.Logf("%s: %.1f messages/s, %.0f bytes/s in all", what, messages, bytes)
	return messages
}
