package mqtt

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
)

func tcp(addr string) Config { return Config{Broker: "tcp://" + addr} }

func TestGreeting(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		tb := newTable()
		tb.happen(control.EventBoot, control.EventMode, control.EventSwitchProven)
		tb.finish()
		o := observe(t, b)
		run(t, tb, tcp(b.addr()))
		o.available(Online)
		eventually(t, "the backlog", func() bool { return len(o.eventSeqs()) == 3 && o.last("session") != "" })
		assert.Equal(t, []uint64{1, 2, 3}, o.eventSeqs())
		// "offline" may come before, while the control process is dialled.
		online, state := o.first("availability", Online), o.first("state", "")
		assert.Less(t, online, state, "online before state")
		assert.Equal(t, "availability", o.order()[0])
		s := decode[State](t, o.last("state"))
		assert.Equal(t, uint64(1000), s.Rev)
		assert.Equal(t, "b001", s.BootID)
		assert.Equal(t, "demo", decode[Session](t, o.last("session")).Programme)

		late := observe(t, b)
		eventually(t, "retained", func() bool {
			return late.last("state") != "" && late.last("availability") == Online && late.last("session") != ""
		})
		assert.True(t, late.on("state")[0].retained)
		assert.True(t, late.on("session")[0].retained)
		assert.Empty(t, late.on("event"), "events are not retained")
	})
}

func TestTelemetryIsLiveOnly(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		tb := newTable()
		tb.change(func(s *control.Snapshot) { s.Force = 123456 * physic.MilliNewton })
		o := observe(t, b)
		run(t, tb, tcp(b.addr()))
		eventually(t, "telemetry", func() bool { return len(o.on("telemetry")) > 3 })
		m := decode[Telemetry](t, o.last("telemetry"))
		assert.InDelta(t, 123.456, m.ForceN, 1e-9)
		for _, s := range o.on("telemetry") {
			assert.False(t, s.retained)
		}
		late := observe(t, b)
		eventually(t, "state", func() bool { return late.last("state") != "" })
		for _, s := range late.on("telemetry") {
			assert.False(t, s.retained, "nothing of it is kept by the broker")
		}
	})
}

func TestStateFollowsChanges(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		tb := newTable()
		o := observe(t, b)
		run(t, tb, tcp(b.addr()))
		eventually(t, "first", func() bool { return o.last("state") != "" })
		tb.change(func(s *control.Snapshot) {
			s.Rev, s.Mode = 1001, control.Tripped
			s.Trips = s.Trips.With(control.ILCellLost)
		})
		eventually(t, "change", func() bool { return decode[State](t, o.last("state")).Rev == 1001 })
		s := decode[State](t, o.last("state"))
		require.Len(t, s.Trips, 1)
		assert.Equal(t, control.ILCellLost, s.Trips[0].ID)
		assert.Contains(t, s.Trips[0].Text, "load cell")
	})
}

func TestStateIsRefreshed(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	o := observe(t, b)
	run(t, newTable(), tcp(b.addr()), func(p *pace) { p.refresh = 10 * time.Millisecond })
	eventually(t, "state again and again", func() bool { return len(o.on("state")) > 4 })
}

func TestStateIsNotRepeatedInVain(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	o := observe(t, b)
	run(t, newTable(), tcp(b.addr()))
	eventually(t, "many snapshots", func() bool { return len(o.on("telemetry")) > 10 })
	assert.Len(t, o.on("state"), 1)
}

func TestNewLinkAsksForWhatIsMissing(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	tb := newTable()
	tb.happen(control.EventBoot, control.EventMode)
	tb.finish()
	o := observe(t, b)
	run(t, tb, tcp(b.addr()))
	eventually(t, "all was told", func() bool { return len(o.eventSeqs()) == 2 && o.last("session") != "" })
	tb.vanish()
	o.available(Offline)
	tb.appear()
	o.available(Online)
	tb.mu.Lock()
	defer tb.mu.Unlock()
	require.Len(t, tb.asks, 2)
	assert.Equal(t, []uint64{1, 3}, []uint64{*tb.asks[0].EventsFrom, *tb.asks[1].EventsFrom})
	assert.Equal(t, []uint32{1, 2}, []uint32{*tb.asks[0].ReportsFrom, *tb.asks[1].ReportsFrom})
	assert.Nil(t, tb.asks[0].EntriesFrom, "samples are not for MQTT")
}

func TestBrokerRestart(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		tb := newTable()
		tb.happen(control.EventBoot)
		g := newGate(t, b)
		o := observe(t, b)
		gw := run(t, tb, tcp(g.addr()))
		o.available(Online)
		eventually(t, "the first event", func() bool { return len(o.eventSeqs()) == 1 })
		eventually(t, "its acknowledgement", func() bool { n, _ := gw.backlog.(*Memory).Waiting(); return n == 0 })

		b.stop(t)
		g.shut() // so that this test's observer is there first
		for i := range 40 {
			tb.happen(control.EventPhase)
			tb.change(func(s *control.Snapshot) { s.Rev = 2000 + uint64(i) })
		}
		tb.finish()
		tb.finish()
		b.start(t)
		o = observe(t, b)
		require.Empty(t, o.last("state"), "the new broker knows nothing")
		g.reopen()
		o.available(Online)
		eventually(t, "the backlog", func() bool { return len(o.eventSeqs()) == 40 && len(o.on("session")) == 2 })
		for i, seq := range o.eventSeqs() {
			require.Equal(t, uint64(i+2), seq, "in order, and nothing that was acknowledged before")
		}
		states := o.on("state")
		assert.Len(t, states, 1)
		assert.Equal(t, uint64(2039), decode[State](t, states[0].payload).Rev, "only the newest")
		order := o.order()
		assert.Equal(t, []string{"availability", "state"}, order[:2])
	})
}

func TestNothingIsPublishedWhileOffline(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		tb := newTable()
		g := newGate(t, b)
		o := observe(t, b)
		gw := run(t, tb, tcp(g.addr()))
		o.available(Online)
		eventually(t, "state", func() bool { return o.last("state") != "" })
		g.shut()
		o.available(Offline)
		o.forget()
		for i := range 200 {
			tb.change(func(s *control.Snapshot) { s.Rev = 3000 + uint64(i); s.Mode = control.Mode(i % 2) })
		}
		eventually(t, "the gateway has seen the last", func() bool {
			_, s, live := gw.view.now()
			return live && s.Rev == 3199
		})
		require.Empty(t, o.order())
		g.reopen()
		o.available(Online)
		eventually(t, "state", func() bool { return o.last("state") != "" })
		states := o.on("state")
		assert.Len(t, states, 1)
		assert.Equal(t, uint64(3199), decode[State](t, states[0].payload).Rev)
	})
}
