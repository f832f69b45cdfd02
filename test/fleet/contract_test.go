package fleet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/mqtt"
	"traction/test/parts"
)

// TestContractOnCluster holds the cluster to what the contract takes from a broker,
// and its shipped users to what they may.
func TestContractOnCluster(t *testing.T) {
	parts.Heavy(t, "starts three servers")
	t.Parallel()
	a, b := newTable("room-a"), newTable("room-b")
	c := newCluster(t, []string{a.id, b.id})
	anna := read(t, options(c.authority, "anna", "anna", true, c.nodes[1].url()), "traction/#")
	ask := func(table, id, command string, rev uint64, retained bool) {
		t.Helper()
		request := fmt.Sprintf(`{"id":%q,"rev":%d,"command":%q}`, id, rev, command)
		require.True(t, anna.publish("traction/"+table+"/request/anna", retained, request))
	}
	answer := func(table, id string) response {
		t.Helper()
		return anna.response("traction/"+table+"/response/anna", id)
	}

	// Both of these wait for a gateway that is not there yet.
	_, _, rev := a.told()
	ask(a.id, "kept", "start", rev, true)
	ask(a.id, "queued", "start", rev, false)
	a.gateway(t, mqtt.Config{Broker: c.urls(0), CAFile: c.authority.ca})
	b.gateway(t, mqtt.Config{Broker: c.urls(2), CAFile: c.authority.ca})
	assert.Equal(t, mqtt.CodeRetained, answer(a.id, "kept").Code)
	parts.Eventually(t, "the retained request is reported", func() bool {
		s, _ := anna.last("traction/" + a.id + "/event")
		return strings.Contains(s.payload, "retained-request")
	})
	ask(a.id, "now", "start", rev, false)
	assert.Equal(t, "ok", answer(a.id, "now").Status, "the tricks before could have worked")
	ask(a.id, "now", "start", rev, false)
	parts.Eventually(t, "the same id twice is answered twice", func() bool {
		n := 0
		for _, s := range anna.on("traction/" + a.id + "/response/anna") {
			if strings.Contains(s.payload, `"id":"now"`) {
				n++
			}
		}
		return n == 2
	})
	assert.Equal(t, 1, a.obeyed(control.CommandStart), "kept and queued never, now once")
	for _, n := range c.nodes {
		late := read(t, options(c.authority, "anna", "late-"+n.name, true, n.url()), "traction/"+a.id+"/#")
		parts.Eventually(t, "state at "+n.name, func() bool { _, ok := late.last("traction/" + a.id + "/state"); return ok })
		if s, ok := late.last("traction/" + a.id + "/request/anna"); ok {
			assert.Empty(t, s.payload, "the retained request is cleared at %s", n.name)
		}
		late.client.Disconnect(0)
	}

	t.Run("users", func(t *testing.T) { usersAreApart(t, c, anna, b) })
}

// usersAreApart: what a user may not do reaches nobody.
func usersAreApart(t *testing.T, c *cluster, anna *reader, b *table) {
	_, _, rev := b.told()
	start := fmt.Sprintf(`{"id":"forbidden","rev":%d,"command":"start"}`, rev)
	for _, trick := range []struct{ user, topic, payload string }{
		{"room-a", "traction/room-b/request/anna", start},
		{"room-a", "traction/room-b/request", start},
		{"room-a", "traction/room-b/state", `{"rev":1}`},
		{"anna", "traction/room-b/request", start},
		{"anna", "traction/room-b/request/bob", start},
		{"anna", "traction/room-b/state", `{"rev":1}`},
		{"telegraf", "traction/room-b/request/telegraf", start},
		{"telegraf", "traction/room-b/request", start},
	} {
		client, err := c.connect(c.nodes[0], trick.user, "trick", true)
		require.NoError(t, err)
		token := client.Publish(trick.topic, 1, false, trick.payload)
		assert.True(t, token.WaitTimeout(10*time.Second), "%+v is neither acknowledged nor cut off", trick)
		client.Disconnect(0)
	}
	// What comes after it has overtaken nothing.
	require.True(t, anna.publish("traction/room-b/request/anna", false, `{"id":"last","command":"stop"}`))
	assert.Equal(t, "ok", anna.response("traction/room-b/response/anna", "last").Status)
	assert.Zero(t, b.obeyed(control.CommandStart))
	assert.Len(t, b.requests(), 1, "nothing but the stop")
	for _, s := range anna.on("traction/room-b/state") {
		assert.NotEqual(t, `{"rev":1}`, s.payload)
	}
	// A table reads its own requests and no others.
	client, err := c.connect(c.nodes[0], "room-a", "trick", true)
	require.NoError(t, err)
	defer client.Disconnect(0)
	for filter, want := range map[string]byte{
		"traction/room-a/request/+": 0, "traction/room-b/request/+": 0x80, "traction/+/request/+": 0x80, "traction/room-b/state": 0x80, "#": 0x80,
	} {
		assert.Equal(t, want, granted(t, client, filter), filter)
	}
	_, err = c.connect(c.nodes[0], "nobody", "trick", true)
	assert.Error(t, err)
}
