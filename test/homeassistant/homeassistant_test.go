package homeassistant

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scene is everybody who takes part.
type scene struct {
	broker   *broker
	observer *observer
	table    *table
	home     *home
}

// TestHomeAssistant is one story with a real Home Assistant; each part goes on
// where the one before ended.
func TestHomeAssistant(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes of real time, with a Home Assistant, a broker and the appliance")
	}
	hass(t)
	b := startBroker(t)
	s := &scene{broker: b, observer: observe(t, b), table: newTable(t, b.url())}
	s.table.startControl(t, "full")
	s.table.startGateway(t)
	s.home = startHome(t, "")
	s.home.connect(t, b)

	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"every entity arrives", s.arrive},
	} {
		require.True(t, t.Run(part.name, part.run), "the parts after it need this one")
	}
}

// arrive: what is offered is what a person gets, with the values of the table.
func (s *scene) arrive(t *testing.T) {
	s.home.settled(t, at("full"))
	s.checkDiscovery(t)
	s.checkRegistry(t)
	s.alike(t, "at first sight")
	assert.Empty(t, s.home.complaints())
}
