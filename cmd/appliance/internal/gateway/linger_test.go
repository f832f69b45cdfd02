package gateway

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

const (
	never = time.Hour
	short = 300 * time.Millisecond
)

// lasted is how long a context outlives one that has ended.
func lasted(t *testing.T, l lingering, socket string) time.Duration {
	t.Helper()
	asked, ask := context.WithCancel(t.Context())
	longer := l.from(asked, socket)
	assert.NoError(t, longer.Err(), "nobody has asked it to end")
	began := time.Now()
	ask()
	eventually(t, "the end", func() bool { return longer.Err() != nil })
	return time.Since(began)
}

// silent is a control process that stands still: it takes connections, and says nothing.
func silent(t *testing.T) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	return socket
}

// Whatever the control process does, the gateway ends.
func TestLingerIsBounded(t *testing.T) {
	in := func(m control.Mode) string { return serve(t, &process{mode: m}) }
	for _, c := range []struct {
		name   string
		socket string
		times  lingering
		least  time.Duration
	}{
		{"there is no control process", filepath.Join(t.TempDir(), "none"), lingering{never, never, never}, 0},
		{"it stands still", silent(t), lingering{never, short, never}, short},
		{"nobody is treated", in(control.Idle), lingering{never, never, never}, 0},
		{"it goes on treating", in(control.Treating), lingering{never, short, never}, short},
		{"it is paused for ever", in(control.Paused), lingering{never, short, never}, short},
		{"it releases for ever", in(control.Releasing), lingering{4 * time.Second, 3 * time.Second, time.Millisecond}, 4 * time.Second},
		{"it recovers for ever", in(control.Recovering), lingering{4 * time.Second, 3 * time.Second, time.Millisecond}, 4 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			assert.GreaterOrEqual(t, lasted(t, c.times, c.socket), c.least)
		})
	}
}

// A release is followed to its end, and then some time for the record.
func TestLingerFollowsARelease(t *testing.T) {
	for _, released := range []control.Mode{control.Idle, control.Tripped} {
		p := &process{mode: control.Releasing}
		socket := serve(t, p)
		asked, ask := context.WithCancel(t.Context())
		longer := lingering{never, never, short}.from(asked, socket)
		ask()
		select {
		case <-longer.Done():
			t.Fatal("it has not followed the release")
		case <-time.After(short):
		}
		p.mu.Lock()
		p.mode = released
		p.mu.Unlock()
		ended := time.Now()
		eventually(t, "the end", func() bool { return longer.Err() != nil })
		assert.GreaterOrEqual(t, time.Since(ended), short)
	}
}
