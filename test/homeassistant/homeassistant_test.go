package homeassistant

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// scene is everybody who takes part.
type scene struct {
	broker   *parts.Mosquitto
	observer *observer
	table    *table
	home     *home
}

// TestHomeAssistant is one story with a real Home Assistant; each part goes on
// where the one before ended.
func TestHomeAssistant(t *testing.T) {
	parts.Heavy(t, "takes minutes of real time, with a Home Assistant, a broker and the appliance")
	hass(t)
	b := parts.StartMosquitto(t, "allow_anonymous true\n") // a restart forgets all that is retained, which is the hardest case
	s := &scene{broker: b, observer: observe(t, b), table: newTable(t, b.URL())}
	s.table.startControl(t, "full")
	s.table.startGateway(t, "homeassistant", "suggested_area", `"Practice"`, "homeassistant", "configuration_url", `"http://127.0.0.1:8080"`)
	s.home = startHome(t)
	s.home.connect(t, b)

	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"every entity arrives", s.arrive},
		{"dashboard and automations", s.offers},
		{"a programme is chosen and changed", s.prepare},
		{"a treatment from start to stop", s.treat},
		{"a refused request changes nothing", s.refuse},
		{"restart of Home Assistant", s.restartHome},
		{"the reminder", s.remind},
		{"reports of an outage", s.catchUp},
		{"entities with new names", s.rename},
		{"restart of the broker", s.restartBroker},
		{"other levels of permission", s.permit},
		{"another unit of force", s.convert},
		{"removal", s.remove},
	} {
		require.True(t, t.Run(part.name, func(t *testing.T) {
			part.run(t)
			assert.Empty(t, s.home.complaints(), "in Home Assistant's log")
			assert.Empty(t, s.observer.faults(), "against the contract")
		}), "the parts after it need this one")
	}
}

// births counts how often Home Assistant has said that it is there.
func (o *observer) births() (n int) {
	for _, m := range o.seen(birthTopic) {
		if m.payload == "online" {
			n++
		}
	}
	return n
}

// born waits until Home Assistant says so once more than before. It does some
// seconds after it has connected; a broker that ends sooner makes it complain.
func (s *scene) born(t *testing.T, before int) {
	t.Helper()
	parts.Eventually(t, "Home Assistant says that it is there", func() bool { return s.observer.births() > before })
}

// arrive: what is offered is what a person gets, with the values of the table.
func (s *scene) arrive(t *testing.T) {
	s.home.settled(t, keysAt("full"))
	s.offered(t)
	s.checkRegistry(t, "full", true)
	d := s.home.devices(t)[0]
	assert.Equal(t, "Traction table", d.Name)
	assert.Equal(t, []string{tableID, "practice", "http://127.0.0.1:8080"}, []string{deref(d.SerialNumber), deref(d.AreaID), deref(d.ConfigurationURL)})
	assert.NotEmpty(t, deref(d.SoftwareVersion))
	s.alike(t, "at first sight")
	s.born(t, 0)
}

// restartHome: all states are there again afterwards, and those of the entities
// too that a person has enabled. The last treatment, which the broker tells again,
// is not logged again.
func (s *scene) restartHome(t *testing.T) {
	logged := s.automation(t, "traction_table_session").Attributes["last_triggered"]
	enabled := 0
	for _, r := range s.home.registry(t) {
		if r.DisabledBy != nil {
			s.home.ask(t, "config/entity_registry/update", map[string]any{"entity_id": r.ID, "disabled_by": nil}, nil)
			enabled++
		}
	}
	assert.Positive(t, enabled)
	before := s.observer.births()
	s.home.stop(t)
	assert.Empty(t, s.home.complaints())
	s.home.start(t)
	s.born(t, before)
	s.home.settled(t, keysAt("full"))
	s.alike(t, "after a restart of Home Assistant")
	assert.Equal(t, logged, s.automation(t, "traction_table_session").Attributes["last_triggered"])
}

// restartBroker: a broker that has forgotten everything is told again.
func (s *scene) restartBroker(t *testing.T) {
	s.broker.End()
	parts.Eventually(t, "Home Assistant notices that the broker is gone", func() bool {
		return s.show(t, "force") == unavailable
	})
	logged := s.automation(t, "traction_table_session").Attributes["last_triggered"]
	before := s.observer.births()
	s.broker.Start(t)
	s.born(t, before)
	parts.Eventually(t, "the table is back", func() bool { return s.show(t, "connected") == "on" && s.show(t, "force") != unavailable })
	s.home.settled(t, keysAt("full"))
	s.alike(t, "after a restart of the broker")
	assert.Equal(t, logged, s.automation(t, "traction_table_session").Attributes["last_triggered"], "the last treatment is not logged again")
	kept := s.observer.retained(t, s.broker, "#")
	for _, topic := range []string{s.observer.discovery(t).topic, availabilityTopic, stateTopic, sessionTopic} {
		assert.NotEmpty(t, kept[topic], topic)
	}
	assert.NotContains(t, kept, requestTopic)
}

// permit: each level has its own entities.
func (s *scene) permit(t *testing.T) {
	for _, level := range []string{"adjust", "stop", "monitor", "full"} {
		s.table.control.End()
		s.table.startControl(t, level)
		s.observer.until(t, "the level is told", func(s *tableState) bool { return s.Permission == level })
		s.home.settled(t, keysAt(level))
		s.offered(t)
		s.checkRegistry(t, level, false)
		s.alike(t, "at level "+level)
		s.shows(t, "permission", level)
		assert.Len(t, s.observer.retained(t, s.broker, "homeassistant/#"), 1, "the discovery is kept at level %s", level)
	}
}

// remove: on request, or by a setting, nothing is left.
func (s *scene) remove(t *testing.T) {
	gone := func(t *testing.T) {
		s.home.settled(t, nil)
		parts.Eventually(t, "no device", func() bool { return len(s.home.devices(t)) == 0 })
		assert.Empty(t, s.observer.retained(t, s.broker, "homeassistant/#"))
	}
	s.observer.publish(t, requestTopic, `{"id":"away","command":"unpublish"}`)
	assert.Equal(t, "ok", s.observer.answer(t, "away", 0).Code)
	gone(t)

	s.table.gateway.End()
	s.table.startGateway(t)
	s.home.settled(t, keysAt("full"))
	s.alike(t, "back after a removal")

	s.table.gateway.End()
	s.table.startGateway(t, "homeassistant", "enabled", "false")
	gone(t)
}
