package mqtt

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
	"traction/mqtt/homeassistant"
)

const discoveryTopic = "homeassistant/device/traction_t1/config"

// once publishes each discovery message once, as soon as it is due.
func once(p *pace) {
	p.announcing = announcing{birth: jitter{time.Millisecond, 2 * time.Millisecond}, spacing: time.Millisecond,
		again: jitter{time.Hour, time.Hour}, padWait: time.Minute}
}

func TestDiscoveryComesBeforeTheState(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		a := assist(t, b)
		tb := newTable()
		tb.remote = control.FullRemote
		tb.happen(control.EventBoot)
		run(t, tb, tcp(b.addr()), once)
		eventually(t, "the backlog", func() bool { return len(a.on("traction/t1/event")) == 1 })
		var order []string
		for _, topic := range a.order() {
			for _, mine := range []string{"traction/t1/availability", discoveryTopic, "traction/t1/state", "traction/t1/event"} {
				if topic == mine && (len(order) == 0 || order[len(order)-1] != topic) {
					order = append(order, topic)
				}
			}
		}
		assert.Equal(t, []string{"traction/t1/availability", discoveryTopic, "traction/t1/state", "traction/t1/event"}, order)
		message := a.messages(1)
		assert.False(t, message.retained, "a live one")
		c := a.components(message)
		assert.Equal(t, "traction/t1/request", c["stop"]["command_topic"])
		assert.Equal(t, "traction/t1/diagnostics", c["lateness"]["state_topic"])
		assert.Len(t, c["event"]["event_types"], len(EventTypes()))
		assert.Contains(t, message.payload, `"sw_version":"test"`)

		late := assist(t, b)
		assert.True(t, late.messages(1).retained)
		assert.Equal(t, message.payload, late.messages(1).payload)
	})
}

// What limits the numbers, and what remote users may do, is told anew when it
// changes; the state comes after it, for the values that were out of range before.
func TestDiscoveryFollowsTheTable(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	a := assist(t, b)
	tb := newTable()
	tb.remote = control.Adjust
	run(t, tb, tcp(b.addr()), once)
	first := a.messages(1)
	assert.Equal(t, 500.0, a.components(first)["hold_force"]["max"])

	tb.change(func(s *control.Snapshot) {
		s.Rev++
		s.Limits.Force = control.Bound[physic.Force]{Value: 200 * physic.Newton, Reason: control.ReasonPatient}
	})
	second := a.messages(2)
	assert.Equal(t, 190.0, a.components(second)["hold_force"]["max"])
	eventually(t, "the state after it", func() bool {
		order := a.order()
		return order[len(order)-1] == "traction/t1/state" || after(order, discoveryTopic, "traction/t1/state")
	})

	tb.change(func(s *control.Snapshot) { s.Rev++; s.Mode = control.Armed; s.Force = 3 * physic.Newton })
	states := len(a.on("traction/t1/state"))
	eventually(t, "a state of its own", func() bool {
		return len(a.on("traction/t1/state")) > states || strings.Contains(last(a.on("traction/t1/state")), `"armed"`)
	})
	assert.Len(t, a.on(discoveryTopic), 2, "nothing to tell")

	tb.vanish()
	tb.mu.Lock()
	tb.remote = control.StopOnly
	tb.mu.Unlock()
	tb.appear()
	third := a.components(a.messages(3))
	assert.Equal(t, map[string]any{"platform": "number"}, third["hold_force"], "taken away")
	assert.Contains(t, third["stop"], "command_template")
}

// after tells whether the last b came after the last a.
func after(order []string, a, b string) bool {
	at := map[string]int{}
	for i, topic := range order {
		at[topic] = i
	}
	return at[b] > at[a]
}

func last(all []seen) string {
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1].payload
}

// Messages keep their distance, and the newest comes in the end.
func TestChangesKeepTheirDistance(t *testing.T) {
	for _, spacing := range []time.Duration{time.Hour, 30 * time.Millisecond} {
		b := &embedded{at: "127.0.0.1:0"}
		b.start(t)
		a := assist(t, b)
		tb := newTable()
		tb.remote = control.Adjust
		run(t, tb, tcp(b.addr()), once, func(p *pace) { p.announcing.spacing = spacing })
		a.messages(1)
		for i := range 20 {
			tb.change(func(s *control.Snapshot) {
				s.Rev++
				s.Limits.Force = control.Bound[physic.Force]{Value: physic.Force(300+i) * physic.Newton, Reason: control.ReasonPatient}
			})
		}
		eventually(t, "the state", func() bool { return strings.Contains(last(a.on("traction/t1/state")), `"rev":1020`) })
		if spacing == time.Hour {
			assert.Len(t, a.on(discoveryTopic), 1)
		} else {
			eventually(t, "the newest", func() bool {
				all := a.on(discoveryTopic)
				return a.components(all[len(all)-1])["hold_force"]["max"] == 306.0
			})
		}
		b.stop(t)
	}
}

func TestDiscoveryIsRepeated(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	a := assist(t, b)
	run(t, newTable(), tcp(b.addr()), once, func(p *pace) { p.announcing.again = jitter{5 * time.Millisecond, 10 * time.Millisecond} })
	assert.Equal(t, a.messages(1).payload, a.messages(2).payload)
	eventually(t, "much telemetry", func() bool { return len(a.on("traction/t1/telemetry")) > 10 })
	assert.Len(t, a.on(discoveryTopic), 2, "once is enough")
	assert.GreaterOrEqual(t, len(a.on("traction/t1/state")), 2, "with the state")
}

func TestHomeAssistantStarts(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		a := assist(t, b)
		a.publish(homeassistant.StatusTopic, true, "online") // somebody had it retained
		run(t, newTable(), tcp(b.addr()), once)
		a.messages(1)
		a.publish(homeassistant.StatusTopic, false, "offline")
		eventually(t, "much telemetry", func() bool { return len(a.on("traction/t1/telemetry")) > 10 })
		assert.Len(t, a.on(discoveryTopic), 1, "neither was a birth")
		a.publish(homeassistant.StatusTopic, false, "online")
		assert.Equal(t, a.messages(1).payload, a.messages(2).payload)
		a.publish(homeassistant.StatusTopic, false, "online")
		a.messages(3)
	})
}

func TestJitter(t *testing.T) {
	for _, j := range []jitter{defaultAnnouncing().birth, defaultAnnouncing().again, {time.Hour, time.Hour}} {
		different := map[time.Duration]bool{}
		for range 100 {
			d := j.draw()
			different[d] = true
			assert.True(t, d >= j.least && d <= j.most, d)
		}
		assert.True(t, j.least == j.most || len(different) > 50, "at random")
	}
	assert.Equal(t, jitter{2 * time.Second, 5 * time.Second}, defaultAnnouncing().birth)
}

// Switched off, the table is taken away once a connection, also before anything
// is known of the control process.
func TestDisabledDiscoveryIsRemoved(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		a := assist(t, b)
		a.publish(discoveryTopic, true, `{"from":"before"}`)
		a.messages(1)
		c := tcp(b.addr())
		c.HomeAssistant.Disabled = true
		tb := newTable()
		tb.vanish()
		run(t, tb, c, once)
		assert.Empty(t, a.messages(2).payload)
		tb.appear()
		eventually(t, "much telemetry", func() bool { return len(a.on("traction/t1/telemetry")) > 10 })
		a.publish(homeassistant.StatusTopic, false, "online")
		eventually(t, "much more telemetry", func() bool { return len(a.on("traction/t1/telemetry")) > 30 })
		assert.Len(t, a.on(discoveryTopic), 2)
		late := assist(t, b)
		eventually(t, "what is retained", func() bool { return len(late.on("traction/t1/state")) > 0 })
		assert.Empty(t, late.on(discoveryTopic))
	})
}

func TestUnpublishLastsUntilTheGatewayRestarts(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	a := assist(t, b)
	gt := newGate(t, b)
	tb := newTable()
	tb.remote = control.Adjust
	g := run(t, tb, tcp(gt.addr()), once)
	a.messages(1)
	a.publish("traction/t1/request", false, `{"id":"u","command":"unpublish"}`)
	assert.Empty(t, a.messages(2).payload)
	tb.change(func(s *control.Snapshot) {
		s.Rev++
		s.Limits.Force = control.Bound[physic.Force]{Value: 200 * physic.Newton, Reason: control.ReasonPatient}
	})
	a.publish(homeassistant.StatusTopic, false, "online")
	told := len(a.on("traction/t1/telemetry"))
	eventually(t, "much telemetry", func() bool { return len(a.on("traction/t1/telemetry")) > told+10 })
	assert.Len(t, a.on(discoveryTopic), 2, "it stays away, and is not taken away again")
	gt.shut()
	eventually(t, "the gateway knows", func() bool { return g.logs.count("not connected") == 1 })
	gt.reopen()
	assert.Empty(t, a.messages(3).payload, "a new connection removes it again")
	g.stop()
	run(t, tb, tcp(b.addr()), once)
	assert.Contains(t, a.messages(4).payload, `"components"`)
}

// A pad that was seen stays one when its thermometer fails; what is not seen is
// not taken away before it could have been.
func TestPadIsRemembered(t *testing.T) {
	g, err := New(tcp1(), Parts{Dial: newTable().dial})
	require.NoError(t, err)
	for _, row := range []struct {
		boot string
		at   time.Duration
		pad  physic.Temperature
		want homeassistant.Presence
	}{
		{"b1", time.Second, 0, homeassistant.Unknown},
		{"b1", 59 * time.Second, 0, homeassistant.Unknown},
		{"b1", 60 * time.Second, 0, homeassistant.Absent},
		{"b1", 61 * time.Second, celsiusOf(30), homeassistant.Present},
		{"b1", time.Hour, 0, homeassistant.Present},
		{"b2", time.Second, 0, homeassistant.Unknown},
		{"b2", 2 * time.Second, celsiusOf(30), homeassistant.Present},
	} {
		hello := helloOf(row.boot)
		g.view.hello = &hello
		g.view.see(&control.Snapshot{At: row.at, Pad: row.pad})
		table, live := g.describe()
		require.True(t, live)
		assert.Equal(t, row.want, table.Pad, "%+v", row)
	}
	g.view.snapshot = nil
	_, live := g.describe()
	assert.False(t, live, "nothing is told while values are out of date")
}

// Whatever lies on Home Assistant's topic must not keep a stop from the table.
func TestFarTooLargeBirthDoesNotKeepTheGatewayAway(t *testing.T) {
	b := startMosquitto(t, "allow_anonymous true\n")
	o := observe(t, b)
	a := assist(t, b)
	a.publish(homeassistant.StatusTopic, true, strings.Repeat("x", 2*maxInbound))
	g := run(t, newTable(), tcp(b.addr()), once)
	o.available(Online)
	o.publish("request", false, `{"id":"works","command":"stop"}`)
	o.response("works", 1)
	assert.Equal(t, uint64(1), g.connects.Load(), "the connection lasts")
}

func helloOf(boot string) link.Hello {
	return link.Hello{Boot: link.Boot{ID: boot, Table: "t1"}, Schema: link.Schema}
}
