package mqtt

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"traction/mqtt/homeassistant"
)

// announcing holds the times of the discovery.
type announcing struct {
	// birth is how long after its own "online" Home Assistant is told: what comes at
	// once can be lost, and many tables shall not come at the same moment.
	birth jitter
	// spacing is the shortest time between two messages. Home Assistant works one off
	// entity by entity, and drops most of a second one that comes meanwhile.
	spacing time.Duration
	// again is when a changed message is repeated, for the same reason.
	again jitter
	// padWait is how long after its start the control process may not know of a
	// heat pad; a thermometer is read each second.
	padWait time.Duration
}

func defaultAnnouncing() announcing {
	return announcing{
		birth: jitter{2 * time.Second, 5 * time.Second}, spacing: 2 * time.Second,
		again: jitter{8 * time.Second, 12 * time.Second}, padWait: time.Minute,
	}
}

// jitter is a time at random between two.
type jitter struct{ least, most time.Duration }

func (j jitter) draw() time.Duration { return j.least + rand.N(j.most-j.least+1) }

// discovery is what the gateway knows for the discovery, whatever the connection.
type discovery struct {
	// withdrawn: unpublish was called.
	withdrawn atomic.Bool
	// padBoot is the boot in which a pad was seen. Only the connection's goroutine uses it.
	padBoot string
}

// announcement is what one connection has published of it.
type announcement struct {
	table   homeassistant.Table // that payload was made of
	payload []byte
	made    bool // payload is what there is to publish; empty removes
	told    bool // it was published
	flying  bool
	at      time.Time // of the last one
	// wake ends a wait: for the spacing, for Home Assistant, or to repeat.
	wake *time.Timer
	due  time.Time // when wake ends it; zero = no wait
	// birth gets a signal when Home Assistant has started.
	birth chan struct{}
}

// unpublish takes the table out of Home Assistant until the gateway starts again.
func (g *Gateway) unpublish() {
	g.discovery.withdrawn.Store(true)
	signal(g.changed)
}

// hear listens for Home Assistant's birth on the topic that it returns. A broker
// that forbids it does little harm: the discovery is retained.
func (s *session) hear() (topic string) {
	s.conn.client.AddRoute(homeassistant.StatusTopic, func(_ paho.Client, m paho.Message) {
		if !m.Retained() && string(m.Payload()) == homeassistant.StatusOnline {
			signal(s.discovery.birth)
		}
	})
	return homeassistant.StatusTopic
}

// publishDiscovery publishes what Home Assistant should know by now, and the
// state after it: entities whose range has changed take their value only then.
func (s *session) publishDiscovery() error {
	d := &s.discovery
	if d.flying || s.full() {
		return nil
	}
	changed, err := s.describe()
	if err != nil || !d.made {
		return err
	}
	d.told = d.told && !changed
	now, removed := time.Now(), len(d.payload) == 0
	switch {
	case d.told && (removed || d.due.IsZero() || now.Before(d.due)):
		return nil
	case !removed && !d.at.IsZero() && now.Sub(d.at) < s.g.pace.announcing.spacing:
		s.announceIn(s.g.pace.announcing.spacing - now.Sub(d.at))
		return nil
	}
	d.due = time.Time{}
	if !d.told && !removed {
		s.announceIn(s.g.pace.announcing.again.draw())
	}
	d.told, d.flying, d.at = true, true, now
	s.stated = false
	s.publish(s.g.config.HomeAssistant.Topic(s.g.config.TableID), true, d.payload, func() { d.flying = false })
	return nil
}

// announceIn lets the message be published again after some time, or before
// that where it is due sooner.
func (s *session) announceIn(wait time.Duration) {
	d, due := &s.discovery, time.Now().Add(wait)
	if d.due.IsZero() || due.Before(d.due) {
		d.due = due
		d.wake.Reset(wait)
	}
}

// describe makes the payload if what it depends on has changed, and tells whether
// the payload has.
func (s *session) describe() (changed bool, err error) {
	d, g := &s.discovery, s.g
	if g.config.HomeAssistant.Disabled || g.discovery.withdrawn.Load() {
		changed = !d.made || len(d.payload) > 0
		d.table, d.payload, d.made = homeassistant.Table{}, []byte{}, true
		return changed, nil
	}
	table, live := g.describe()
	if !live || s.availability == Offline || d.made && reflect.DeepEqual(table, d.table) {
		return false, nil
	}
	payload, err := g.config.HomeAssistant.Payload(&table)
	if err != nil {
		return false, err
	}
	changed = !d.made || !bytes.Equal(payload, d.payload)
	d.table, d.payload, d.made = table, payload, true
	return changed, nil
}

// describe collects what the discovery depends on, or false while nothing is known.
func (g *Gateway) describe() (homeassistant.Table, bool) {
	hello, s, live := g.view.now()
	if !live {
		return homeassistant.Table{}, false
	}
	t := &g.topics
	table := homeassistant.Table{
		ID: g.config.TableID, Version: hello.Boot.Version, GatewayVersion: g.version,
		Topics: homeassistant.Topics{Availability: t.Availability, State: t.State, Telemetry: t.Telemetry, Event: t.Event,
			Session: t.Session, Request: t.Request, Response: t.Response, Diagnostics: t.Diagnostics},
		Permission: hello.Remote, Signed: hello.Signed, Programmes: hello.Programmes,
		Programme: s.Programme, Settings: s.Settings, Limits: s.Limits, RemoteHold: s.RemoteHold, EventTypes: EventTypes(),
	}
	switch pad := &g.discovery.padBoot; {
	case s.Pad != 0 || *pad == hello.Boot.ID: // a thermometer that fails later is still one
		*pad, table.Pad = hello.Boot.ID, homeassistant.Present
	case s.At >= g.pace.announcing.padWait:
		table.Pad = homeassistant.Absent
	}
	return table, true
}
