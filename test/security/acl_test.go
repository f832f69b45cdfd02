package security

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/test/parts"
)

// people and programs of the example.
var users = []string{"table-1", "table-2", "anna", "bert", "homeassistant", "recorder"}

// candidates are topics that somebody could want to write.
func candidates() (out []string) {
	for _, table := range []string{"table-1", "table-2", "table-3", "anna"} {
		for _, leaf := range []string{"availability", "state", "telemetry", "event", "session", "report", "diagnostics", "response", "response/anna",
			"request", "request/anna", "request/bert", "request/homeassistant", "request/table-1", "request/anna/x", "Request"} {
			out = append(out, "traction/"+table+"/"+leaf)
		}
	}
	return append(out, "traction", "homeassistant/status", "homeassistant/device/traction_table-1/config",
		"homeassistant/device/traction_table-2/config", "homeassistant/sensor/x/config", "$SYS/broker/log", "/traction/table-1/request")
}

// may is the table of docs/mosquitto/README.md.
func may(user, topic string, write bool) bool {
	own := strings.HasPrefix(topic, "traction/"+user+"/")
	switch {
	case strings.HasPrefix(topic, "$"):
		return false
	case user == "homeassistant" && strings.HasPrefix(topic, "homeassistant/"), own:
		return true
	case topic == "homeassistant/status":
		return !write && strings.HasPrefix(user, "table-")
	case topic == "homeassistant/device/traction_"+user+"/config":
		return write
	case write && user == "homeassistant":
		return strings.HasPrefix(topic, "traction/") && strings.HasSuffix(topic, "/request") && strings.Count(topic, "/") == 2
	case write:
		return user == "anna" && (topic == "traction/table-1/request/anna" || topic == "traction/table-2/request/anna") ||
			user == "bert" && topic == "traction/table-2/request/bert"
	case user == "anna":
		return strings.HasPrefix(topic, "traction/table-1/") || strings.HasPrefix(topic, "traction/table-2/")
	case user == "bert":
		return strings.HasPrefix(topic, "traction/table-2/")
	case user == "homeassistant", user == "recorder":
		return topic == "traction" || strings.HasPrefix(topic, "traction/")
	}
	return false
}

// TestAccessRules: everybody tries to write and read every topic; what arrives is
// what the document says.
func TestAccessRules(t *testing.T) {
	b := newBroker(t)
	clients := map[string]*client{}
	for _, user := range users {
		clients[user] = b.as(t, user)
	}
	for _, writer := range users {
		for _, topic := range candidates() {
			clients[writer].publish(topic, false, writer)
		}
	}
	// Messages of one writer arrive in their order, so the last ones close the list.
	for _, writer := range users {
		for _, reader := range users {
			end := map[string]string{"table-1": "traction/table-1/end", "table-2": "traction/table-2/end", "anna": "traction/table-2/request/anna",
				"bert": "traction/table-2/request/bert", "homeassistant": "traction/table-1/request"}[writer]
			if end == "" || !may(reader, end, false) {
				continue
			}
			clients[writer].publish(end, false, "end of "+writer)
			parts.Eventually(t, reader+" hears the end of "+writer, func() bool { return clients[reader].newest(end) == "end of "+writer })
		}
	}
	var arrived, forbidden int
	for _, writer := range users {
		for _, topic := range candidates() {
			for _, reader := range users {
				want := may(writer, topic, true) && may(reader, topic, false)
				got := slices.ContainsFunc(clients[reader].on(topic), func(r received) bool { return r.payload == writer })
				assert.Equal(t, want, got, "%s writes %s, %s reads", writer, topic, reader)
				if got {
					arrived++
				}
			}
			if !may(writer, topic, true) {
				forbidden++
				parts.Eventually(t, "the broker's log tells that "+writer+" wrote "+topic, func() bool { return b.denied(writer, topic) == 1 })
			}
		}
	}
	t.Logf("%d users, %d topics: %d messages arrived, %d were forbidden", len(users), len(candidates()), arrived, forbidden)
}

// TestNobodyGetsInWithout: no certificate of the authority, no user, a wrong
// password, a name with a wildcard.
func TestNobodyGetsInWithout(t *testing.T) {
	b := newBroker(t)
	connect := func(o *paho.ClientOptions) error {
		c := paho.NewClient(o)
		defer c.Disconnect(0)
		return paho.WaitTokenTimeout(c.Connect(), parts.Patience)
	}
	require.NoError(t, connect(b.options(t, "anna")))
	require.NoError(t, connect(b.options(t, "recorder")))

	nobody := paho.NewClientOptions().AddBroker("tcp://" + b.plain).SetClientID("nobody").SetConnectTimeout(parts.Patience).SetProtocolVersion(4)
	assert.Error(t, connect(nobody), "nobody")
	assert.Error(t, connect(nobody.SetUsername("recorder").SetPassword("wrong")), "a wrong password")
	assert.Error(t, connect(nobody.SetUsername("anna").SetPassword("")), "a user who has a certificate")

	bare := b.options(t, "anna")
	bare.TLSConfig.Certificates = nil
	assert.Error(t, connect(bare), "no certificate")
	assert.Error(t, connect(bare.SetUsername("recorder").SetPassword(passwords["recorder"])), "a password is not enough from afar")

	// The authority would have to sign such a name; the broker still gives it nothing.
	shell(t, b.certs, strings.Replace(documented(t, "../../docs/mosquitto/README.md", "for name in"), "for name in table-1 table-2 anna bert; do", "for name in + '#'; do", 1))
	reader := b.as(t, "recorder")
	for _, name := range []string{"+", "#"} {
		wild := paho.NewClient(b.options(t, name))
		if paho.WaitTokenTimeout(wild.Connect(), parts.Patience) != nil {
			continue
		}
		require.NoError(t, paho.WaitTokenTimeout(wild.Publish("traction/table-1/request", 1, false, "wild"), parts.Patience))
		wild.Disconnect(100)
	}
	b.as(t, "homeassistant").publish("traction/table-1/request", false, "end")
	parts.Eventually(t, "the end", func() bool { return reader.newest("traction/table-1/request") == "end" })
	assert.Len(t, reader.on("traction/table-1/request"), 1)
}

// TestRevokedCertificate: the documented commands take a certificate back.
func TestRevokedCertificate(t *testing.T) {
	const readme = "../../docs/mosquitto/README.md"
	certs := t.TempDir()
	shell(t, certs, documented(t, readme, "umask 077", "CN=broker", "for name in", "crlnumber", "-revoke"))
	b := newBrokerIn(t, certs)
	err := func(user string) error {
		c := paho.NewClient(b.options(t, user))
		defer c.Disconnect(0)
		return paho.WaitTokenTimeout(c.Connect(), parts.Patience)
	}
	assert.Error(t, err("bert"))
	assert.NoError(t, err("anna"))
	parts.Eventually(t, "the broker tells", func() bool { return strings.Contains(b.Said.String(), "certificate verify failed") })
}

// TestMosquittoHasNothingToSay: no key of the example is old or misunderstood.
func TestMosquittoHasNothingToSay(t *testing.T) {
	b := newBroker(t)
	parts.Eventually(t, "it runs", func() bool { return strings.Contains(b.Said.String(), "running") })
	// What follows is about whoever looked whether it serves.
	said, _, _ := strings.Cut(b.Said.String(), "running")
	for line := range strings.Lines(said) {
		if strings.Contains(line, "Warning") || strings.Contains(line, "Note") || strings.Contains(line, "Error") {
			assert.Contains(t, line, "should not be run as root", "a packaged Mosquitto is not")
		}
	}
}

// TestTablesAreApart: two tables work side by side; a start in the name of others
// reaches neither, although it would move the table.
func TestTablesAreApart(t *testing.T) {
	b := newBroker(t)
	tables := map[string]*table{}
	for _, id := range []string{"table-1", "table-2"} {
		tables[id] = newTable(t, b, id, nil)
		tables[id].startControl()
		tables[id].startGateway()
	}
	watcher, bert := b.as(t, "recorder"), b.as(t, "bert")
	for id := range tables {
		parts.Eventually(t, id+" is there", func() bool { return watcher.newest("traction/"+id+"/availability") == "online" })
	}
	// A client id that is taken throws nobody off: it is the user's own.
	thief := b.as(t, "anna", func(o *paho.ClientOptions) { o.SetClientID("table-1") })
	s := tables["table-1"].ready()
	start := fmt.Sprintf(`{"id":"foreign","rev":%d,"command":"start"}`, s.Rev)
	for _, topic := range []string{"traction/table-1/request", "traction/table-1/request/bert", "traction/table-1/request/anna", "traction/table-1/request/table-2"} {
		bert.publish(topic, false, start)
		parts.Eventually(t, "the broker's log tells of "+topic, func() bool { return b.denied("bert", topic) == 1 })
	}
	thief.publish("traction/table-2/request/anna", false, `{"id":"other","rev":1,"command":"start"}`)
	parts.Eventually(t, "an answer of the other table", func() bool { return thief.newest("traction/table-2/response/anna") != "" })
	assert.Equal(t, "stale_rev", decode[response](t, thief.newest("traction/table-2/response/anna")).Code)
	after := tables["table-1"].now()
	assert.Equal(t, control.Armed, after.Mode)
	assert.Equal(t, s.Rev, after.Rev)
	for _, e := range watcher.events() {
		assert.NotEqual(t, "remote", e.Details.Origin, "%+v", e)
	}
	assert.Equal(t, "online", watcher.newest("traction/table-1/availability"))
	assert.NotContains(t, tables["table-1"].said.String(), "not connected")
}
