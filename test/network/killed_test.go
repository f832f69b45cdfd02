//go:build linux

package network

import (
	"encoding/json"
	"flag"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
	"traction/mqtt"
	"traction/test/parts"
)

var kills = flag.Int("kills", 1, "how often TestBrokerKilled kills the broker")

// TestBrokerKilled kills the broker again and again in one treatment, with all
// that it holds, at the gateway's own pace.
func TestBrokerKilled(t *testing.T) {
	parts.Heavy(t, "takes half a minute of real time")
	t.Parallel()
	s := newSite(t)
	s.validate()
	s.begin()
	op := s.operator()
	boot := op.Hello().ID
	s.treat(op)
	connected := func(since int) {
		parts.Eventually(t, "state on a new connection", func() bool {
			got := s.on(&s.acked, "state")
			return len(got) > 0 && got[len(got)-1].Connection > since
		})
	}
	connected(0)
	before := footprintOf(t, s.gateway)
	began := time.Now()
	for range *kills {
		last := len(s.way.Counts().Connects)
		s.broker.Restart(t)
		connected(last)
		require.True(t, s.gateway.Alive())
	}
	t.Logf("%d kills in %v, %d connections", *kills, time.Since(began).Round(time.Second), len(s.way.Counts().Connects))
	footprintOf(t, s.gateway).flat(t, before)

	n := until(t, s.operator(), "a snapshot", func(*control.Snapshot) bool { return true })
	assert.Equal(t, control.Treating, n.Mode, "it took no notice")
	_, err := s.operator().Request(t.Context(), link.Request{Command: control.CommandStop})
	require.NoError(t, err)
	idle := until(t, s.operator(), "idle", func(n *control.Snapshot) bool { return n.Mode == control.Idle })
	want := happened(t, s)
	parts.Eventually(t, "the broker has every event", func() bool {
		return len(distinct(eventsOf(t, s.on(&s.acked, "event"), boot))) >= want
	})
	assert.Len(t, distinct(eventsOf(t, s.on(&s.all, "event"), boot)), want, "and no others")
	parts.Eventually(t, "and every report", func() bool { return len(s.reports()) == 1 })
	t.Logf("%d events, published %d times, at most %d in flight", want, len(eventsOf(t, s.on(&s.all, "event"), boot)), s.way.Counts().InFlight)
	assert.LessOrEqual(t, s.way.Counts().InFlight, 16)
	retained(t, s, idle.Rev)
}

// reports are the names of the sessions that the broker has.
func (s *site) reports() map[string]bool {
	names := map[string]bool{}
	for _, m := range s.on(&s.acked, "session") {
		var r struct{ Session string }
		if json.Unmarshal(m.Payload, &r) == nil {
			names[r.Session] = true
		}
	}
	return names
}

// happened asks the control process how many events there were.
func happened(t *testing.T, s *site) int {
	t.Helper()
	c := s.operator()
	first := uint64(1)
	require.NoError(t, c.Subscribe(link.Subscription{EventsFrom: &first, Snapshots: link.MinSnapshots}))
	last := uint64(0)
	for snapshots := 0; snapshots < 2; { // one a second: a second without an event
		u, err := c.Next(t.Context())
		require.NoError(t, err)
		for _, e := range u.Events {
			last = max(last, e.Seq)
			snapshots = 0
		}
		if u.Snapshot != nil {
			snapshots++
		}
	}
	return int(last)
}

// retained checks what somebody finds who comes to the broker now.
func retained(t *testing.T, s *site, rev uint64) {
	t.Helper()
	found := make(chan paho.Message, 1024)
	subscribe(t, client(t, s.broker.Address, "late"), "traction/plain/#", func(m paho.Message) {
		if m.Retained() {
			found <- m
		}
	})
	var state struct{ Rev uint64 }
	var session struct {
		Treatment int
		End       string
	}
	availability := ""
	parts.Eventually(t, "what stays", func() bool {
		for len(found) > 0 {
			m := <-found
			require.NoError(t, judge(m.Topic(), m.Payload()))
			switch m.Topic() {
			case "traction/plain/state":
				require.NoError(t, json.Unmarshal(m.Payload(), &state))
			case "traction/plain/session":
				require.NoError(t, json.Unmarshal(m.Payload(), &session))
			case "traction/plain/availability":
				availability = string(m.Payload())
			}
		}
		return availability != "" && state.Rev != 0 && session.Treatment != 0
	})
	assert.Equal(t, mqtt.Online, availability)
	assert.Equal(t, rev, state.Rev, "the newest state")
	assert.Equal(t, 1, session.Treatment, "the last session")
	assert.Equal(t, "stopped", session.End)
}
