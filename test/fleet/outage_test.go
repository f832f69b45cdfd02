package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/mqtt"
	"traction/test/parts"
)

// back is the promise: so long after a node died every table is with another one.
const back = 30 * time.Second

// measure lets TestNodeKilled kill each node in turn and hold the promise of time,
// which a machine that is busy otherwise may break: TRACTION_FLEET_MEASURE=1.
var measure = os.Getenv("TRACTION_FLEET_MEASURE") != ""

// TestNodeKilled: one node of three dies while things happen at all tables. No
// event and no report is lost, a treatment goes on, every table is back in time and
// hears a stop, and what is retained is right at once, also on the node that comes
// back.
func TestNodeKilled(t *testing.T) {
	parts.Heavy(t, "takes a minute of real time")
	t.Parallel()
	const tables = 9
	var all []*table
	ids := []string{"site-1", "site-2"} // two with both of their real processes
	for i := range tables {
		all = append(all, newTable(fmt.Sprintf("sim-%d", i+1)))
		ids = append(ids, all[i].id)
	}
	c := newCluster(t, ids)
	const here = 1
	archive := read(t, options(c.authority, "telegraf", "archive", false, c.nodes[here].url()), "traction/#")
	moved := read(t, options(c.authority, "telegraf", "mover", false, c.nodes[0].url(), c.nodes[here].url()), "traction/+/event")

	operator := read(t, options(c.authority, "anna", "anna", true, c.nodes[here].url()), "traction/+/response/anna")

	ctx, quiet := context.WithCancel(t.Context())
	defer quiet()
	var living sync.WaitGroup
	for i, tb := range all {
		tb.gateway(t, mqtt.Config{Broker: c.urls(i % len(c.nodes)), CAFile: c.authority.ca})
		living.Go(func() { tb.live(ctx) })
	}
	var sites []*site
	for i, id := range ids[:2] {
		sites = append(sites, newSite(t, id, map[string]string{"broker": c.urls(2 * i), "username": id, "password_file": passwordFile(t), "ca_file": c.authority.ca}))
	}
	for _, s := range sites {
		s.treat()
	}
	for _, tb := range all {
		parts.Eventually(t, tb.id+" is heard", func() bool { return len(archive.numbers(tb.id, "event", "boot-"+tb.id)) > 30 })
	}

	worst := killed(t, c, 0, archive, operator, ids)
	if measure {
		worst = max(worst, killed(t, c, 2, archive, operator, ids), killed(t, c, 0, archive, operator, ids))
		assert.LessOrEqual(t, worst, back)
	}
	t.Logf("all %d tables are back %.1f s after a node died", len(ids), worst.Seconds())

	for _, s := range sites {
		s.until("the end", func(x *control.Snapshot) bool { return x.Mode == control.Idle || x.Mode == control.Tripped })
	}
	quiet()
	living.Wait()
	for _, s := range sites {
		s.delivered(archive)
	}
	for _, tb := range all {
		complete(t, archive, tb)
		complete(t, moved, tb)
		for _, n := range c.nodes {
			retained(t, c, n, tb)
		}
	}
}

// killed kills a node, waits until every table is heard and hears again, and
// starts the node anew. It returns how long the last table took.
func killed(t *testing.T, c *cluster, dead int, archive, operator *reader, tables []string) (worst time.Duration) {
	t.Helper()
	at := time.Now()
	c.nodes[dead].Kill()
	for i, id := range tables {
		// Nobody waits for the answer to a request that got lost; a person presses again.
		tries := 0
		answered := len(operator.on("traction/" + id + "/response/anna"))
		parts.Eventually(t, id+" is back and hears", func() bool {
			tries++
			ask := fmt.Sprintf(`{"id":"%d-%d-%d","command":"report"}`, dead, i, tries)
			if operator.client.Publish("traction/"+id+"/request/anna", 1, false, ask).WaitTimeout(time.Second) {
				time.Sleep(100 * time.Millisecond)
			}
			return fresh(archive, id, at.Add(time.Second)) && len(operator.on("traction/"+id+"/response/anna")) > answered
		})
		worst = max(worst, time.Since(at))
		t.Logf("%s: %.1f s or less after %s was killed", id, time.Since(at).Seconds(), c.nodes[dead].name)
	}
	c.nodes[dead].start(t)
	c.ready(t, c.nodes[dead])
	return worst
}

// fresh tells whether a table's telemetry came after a moment.
func fresh(r *reader, id string, after time.Time) bool {
	s, heard := r.last("traction/" + id + "/telemetry")
	return heard && s.at.After(after)
}

// complete waits until a reader has all of a table's events, and of the reports
// if it reads those.
func complete(t *testing.T, r *reader, tb *table) {
	t.Helper()
	events, reports, _ := tb.told()
	lost := func(topic string, n int) []uint64 {
		return missingOf(r.numbers(tb.id, topic, "boot-"+tb.id), n)
	}
	parts.Await(parts.Patience, func() bool { return len(lost("event", events)) == 0 })
	require.Empty(t, lost("event", events), "events of %s, of %d", tb.id, events)
	if len(r.on("traction/"+tb.id+"/session")) > 0 {
		parts.Eventually(t, fmt.Sprintf("all %d reports of %s", reports, tb.id), func() bool { return len(lost("session", reports)) == 0 })
	}
}

// retained checks what somebody who comes now is told of a table.
func retained(t *testing.T, c *cluster, n *node, tb *table) {
	t.Helper()
	_, reports, rev := tb.told()
	r := read(t, options(c.authority, "anna", "late-"+n.name+tb.id, true, n.url()), "traction/"+tb.id+"/#")
	defer r.client.Disconnect(0)
	want := fmt.Sprintf("%s, rev %d, report %d", mqtt.Online, rev, reports)
	told := func() string {
		available, _ := r.last("traction/" + tb.id + "/availability")
		var state struct{ Rev uint64 }
		var session struct{ Treatment int }
		for topic, into := range map[string]any{"state": &state, "session": &session} {
			s, _ := r.last("traction/" + tb.id + "/" + topic)
			_ = json.Unmarshal([]byte(s.payload), into) // what cannot be read stays 0
		}
		return fmt.Sprintf("%s, rev %d, report %d", available.payload, state.Rev, session.Treatment)
	}
	parts.Await(parts.Patience, func() bool { return told() == want })
	assert.Equal(t, want, told(), "retained of %s at %s", tb.id, n.name)
}
