package mqtt

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/network/proxy"
)

// ledger is what a gateway has published through a proxy, and what of it the
// broker has acknowledged. Only that tells what is lost: a broker that is killed
// loses what its subscribers have not got yet.
type ledger struct {
	mu    sync.Mutex
	all   []proxy.Publish
	acked []proxy.Publish
}

func (l *ledger) see(m proxy.Publish) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.Acknowledged {
		l.acked = append(l.acked, m)
	} else {
		l.all = append(l.all, m)
	}
}

// published returns a copy of what was published so far, on one of the topics.
func (l *ledger) published(topics ...string) []proxy.Publish { return l.pick(&l.all, topics) }

// acknowledged does the same for what the broker has.
func (l *ledger) acknowledged(topics ...string) []proxy.Publish { return l.pick(&l.acked, topics) }

func (l *ledger) pick(from *[]proxy.Publish, topics []string) (out []proxy.Publish) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range *from {
		if slices.Contains(topics, m.Topic) {
			out = append(out, m)
		}
	}
	return out
}

// seqs are the numbers of the control process's events among these messages.
func seqs(t *testing.T, messages []proxy.Publish) (out []uint64) {
	t.Helper()
	for _, m := range messages {
		if e := decode[Event](t, string(m.Payload)); e.Source == FromControl {
			out = append(out, e.Seq)
		}
	}
	return out
}

// has tells whether the broker has acknowledged the events 1 to n and a report of
// each of so many treatments.
func (l *ledger) has(t *testing.T, n uint64, treatments int) bool {
	events, reports := map[uint64]bool{}, map[uint32]bool{}
	for _, s := range seqs(t, l.acknowledged("traction/t1/event")) {
		events[s] = true
	}
	for _, m := range l.acknowledged("traction/t1/session") {
		reports[decode[Session](t, string(m.Payload)).Treatment] = true
	}
	return uint64(len(events)) == n && (n == 0 || events[1] && events[n]) && len(reports) == treatments
}

// inOrder checks each connection of the ledger: availability first, once that is
// online state before anything of the backlog, and the events in rising order, none of them left out
// that an earlier connection has not brought to the broker.
func (l *ledger) inOrder(t *testing.T) {
	t.Helper()
	had := l.firstAcknowledged(t)
	l.mu.Lock()
	defer l.mu.Unlock()
	next, greeted, online, stated := map[int]uint64{}, map[int]bool{}, map[int]bool{}, map[int]bool{}
	for _, m := range l.all {
		switch m.Topic {
		case "traction/t1/availability":
			greeted[m.Connection] = true
			online[m.Connection] = online[m.Connection] || string(m.Payload) == Online
		case "traction/t1/state":
			stated[m.Connection] = true
			require.True(t, greeted[m.Connection], "availability comes first")
		case "traction/t1/event", "traction/t1/session":
			require.True(t, greeted[m.Connection], "availability comes first")
			require.True(t, stated[m.Connection] || !online[m.Connection], "state comes before the backlog")
		}
		if m.Topic != "traction/t1/event" {
			continue
		}
		for _, seq := range seqs(t, []proxy.Publish{m}) {
			require.GreaterOrEqual(t, seq, next[m.Connection], "connection %d", m.Connection)
			for missing := max(1, next[m.Connection]); missing < seq; missing++ {
				at, was := had[missing]
				require.True(t, was && at < m.Connection, "connection %d has left out %d", m.Connection, missing)
			}
			next[m.Connection] = seq + 1
		}
	}
}

// firstAcknowledged tells for each event on which connection the broker first
// said that it has it.
func (l *ledger) firstAcknowledged(t *testing.T) map[uint64]int {
	t.Helper()
	had := map[uint64]int{}
	for _, m := range l.acknowledged("traction/t1/event") {
		for _, seq := range seqs(t, []proxy.Publish{m}) {
			if _, known := had[seq]; !known {
				had[seq] = m.Connection
			}
		}
	}
	return had
}

// outage is a real broker behind a way that can be broken.
type outage struct {
	*ledger
	broker *mosquitto
	way    *proxy.Proxy
}

func newOutage(t *testing.T) *outage {
	t.Helper()
	o := &outage{ledger: new(ledger), broker: startMosquitto(t, "allow_anonymous true\n")}
	var err error
	o.way, err = proxy.Listen(o.broker.addr(), o.see)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, o.way.Close()) })
	return o
}

// retained is the newest retained payload of a topic at the broker, or "" while
// there is none.
func (o *outage) retained(t *testing.T, topic string) string {
	t.Helper()
	return observe(t, o.broker).retainedOn(topic)
}

// retainedOn asks for availability last, so that what is retained on the topic
// has come by then: a broker sends in the order of the subscription's topics.
func (o *observer) retainedOn(topic string) string {
	o.t.Helper()
	eventually(o.t, "what is retained", func() bool { return o.last("availability") != "" && o.last(topic) != "" })
	return o.last(topic)
}
