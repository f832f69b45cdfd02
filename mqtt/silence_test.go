package mqtt

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A broker whose access rules forbid everything: it lets the table in, grants its
// subscriptions, acknowledges what it publishes, and drops it.
func TestSilentBrokerIsSaidOnce(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "acl")
	require.NoError(t, os.WriteFile(rules, []byte("user nobody\ntopic readwrite #\n"), 0o600))
	b := startMosquitto(t, "allow_anonymous true\nacl_file "+rules+"\nlog_type all\n")
	g := run(t, newTable(), tcp(b.addr()), func(p *pace) { p.refresh = 300 * time.Millisecond })
	const want = "the broker drops what this table publishes, or brings nothing"
	eventually(t, "said", func() bool { return g.logs.count(want) == 1 })
	assert.Contains(t, g.logs.String(), "allow this user to write and read traction/t1/# at the broker")
	denied := func() int { return strings.Count(b.Said.String(), "'traction/t1/availability'") }
	before := denied()
	eventually(t, "it goes on trying", func() bool { return denied() >= before+4 })
	assert.Equal(t, 1, g.logs.count(want), "once")
	assert.Equal(t, 1, g.logs.count("mqtt: connected"), "the connection stays; things may change")
}

// One echo is enough: the way there and back is open.
func TestEchoEndsTheComplaint(t *testing.T) {
	out := new(logs)
	g, err := New(tcp1(), Parts{Dial: newTable().dial, Log: slog.New(slog.NewTextHandler(out, nil))})
	require.NoError(t, err)
	c := &connection{contradicted: make(chan struct{}, 1)}
	s := newSession(g, c)
	s.listen()
	assert.Zero(t, out.count("drops"), "nothing was published yet")
	s.availability, s.availabilityFlying = Online, Online
	s.listen()
	assert.Zero(t, out.count("drops"), "it is under way")
	s.availabilityFlying = ""
	for range 3 {
		s.listen()
	}
	assert.Equal(t, 1, out.count("drops"))
	g.receive(c, arrived{g.topics.Availability, false, []byte(Online)})
	s.listen()
	assert.False(t, g.silence.settle(), "it is over")
	for range 3 {
		s.listen()
	}
	assert.Equal(t, 1, out.count("drops"))

	s.conn, s.unheard = &connection{}, []string{g.topics.Availability}
	s.listen()
	assert.Equal(t, 1, out.count("drops"), "who is told that it hears nothing does not wait for it")
}
