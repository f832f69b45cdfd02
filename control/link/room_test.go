package link

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

// room is a server in virtual time.
type room struct {
	t      *testing.T
	exec   *executive
	door   *pipes
	log    *bytes.Buffer
	server *Server
}

// inRoom runs a storyline against a server for one origin.
func inRoom(t *testing.T, origin control.Origin, story func(t *testing.T, r *room)) {
	synctest.Test(t, func(t *testing.T) {
		r := &room{t: t, exec: newExecutive(), door: newPipes(), log: new(bytes.Buffer)}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		s := NewServer(r.exec, shelf{}, Options{Log: slog.New(slog.NewTextHandler(r.log, nil)), Remote: control.Adjust, Key: testKey})
		r.server = s
		go func() { done <- s.Serve(ctx, r.door, origin) }()
		defer func() { cancel(); assert.NoError(t, <-done) }()
		story(t, r)
	})
}

// client connects a Client.
func (r *room) client() *Client {
	c, err := newClient(r.t.Context(), r.door.dial())
	require.NoError(r.t, err)
	return c
}

// visitor is a client that sends and reads raw lines.
type visitor struct {
	net.Conn
	t     *testing.T
	lines *bufio.Reader
}

// visitor connects and reads the greeting.
func (r *room) visitor() *visitor {
	conn := r.door.dial()
	v := &visitor{Conn: conn, t: r.t, lines: bufio.NewReader(conn)}
	assert.Contains(r.t, v.read(), `{"hello":{"boot":"c0ffee"`)
	return v
}

func (v *visitor) send(lines ...string) {
	for _, l := range lines {
		_, err := v.Write([]byte(l + "\n"))
		require.NoError(v.t, err)
	}
}

func (v *visitor) read() string {
	l, err := v.lines.ReadString('\n')
	require.NoError(v.t, err)
	return strings.TrimSuffix(l, "\n")
}

// hungUp reads until the connection is closed and returns what came.
func (v *visitor) hungUp() string {
	all, err := io.ReadAll(v.lines)
	if err != nil {
		require.ErrorIs(v.t, err, io.ErrClosedPipe)
	}
	return string(all)
}
