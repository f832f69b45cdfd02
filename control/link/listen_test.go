package link

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
)

func TestListenSetsPermissions(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o660, 0o666} {
		path := filepath.Join(t.TempDir(), "s")
		l, err := Listen(path, mode)
		require.NoError(t, err)
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm())
		require.NoError(t, l.Close())
		_, err = os.Stat(path)
		assert.ErrorIs(t, err, fs.ErrNotExist, "closing removes it")
	}
}

func TestListenRefusesTheLiving(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path, 0o600)
	require.NoError(t, err)
	defer l.Close()
	_, err = Listen(path, 0o600)
	require.ErrorIs(t, err, ErrTaken)
	if runtime.GOOS == "linux" {
		assert.ErrorContains(t, err, fmt.Sprintf("is taken by a running appliance (pid %d)", os.Getpid()))
	}
	_, err = net.Dial("unix", path)
	assert.NoError(t, err, "the living one is left alone")
}

func TestListenReplacesTheDead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.Listen("unix", path)
	require.NoError(t, err)
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, dead.Close())
	_, err = os.Stat(path)
	require.NoError(t, err)
	l, err := Listen(path, 0o600)
	require.NoError(t, err)
	assert.NoError(t, l.Close())
}

func TestListenTouchesNothingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	require.NoError(t, os.WriteFile(path, []byte("dear"), 0o600))
	_, err := Listen(path, 0o600)
	assert.ErrorContains(t, err, "is not a socket")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "dear", string(content))
	_, err = Listen(filepath.Join(path, "below"), 0o600)
	assert.Error(t, err)
}

func TestDialNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	_, err := Dial(t.Context(), path)
	require.ErrorIs(t, err, ErrNotRunning)
	assert.EqualError(t, err, "link: dial "+path+": no appliance control is running there")

	dead, err := net.Listen("unix", path)
	require.NoError(t, err)
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, dead.Close())
	_, err = Dial(t.Context(), path)
	assert.ErrorIs(t, err, ErrNotRunning)
}

func TestDialForbidden(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may use every socket; run as an ordinary user to see this")
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path, 0)
	require.NoError(t, err)
	defer l.Close()
	_, err = Dial(t.Context(), path)
	assert.ErrorIs(t, err, fs.ErrPermission)
}

// The whole way over a real socket, with both origins.
func TestRealSockets(t *testing.T) {
	exec := newExecutive()
	fill(exec, 1, 500)
	server := NewServer(exec, shelf{}, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	for _, origin := range []control.Origin{control.Table, control.Remote} {
		path := filepath.Join(t.TempDir(), origin.String())
		l, err := Listen(path, 0o600)
		require.NoError(t, err)
		go func() { served <- server.Serve(ctx, l, origin) }()

		c, err := Dial(ctx, path)
		require.NoError(t, err)
		assert.Equal(t, origin, c.Hello().Origin)
		require.NoError(t, c.Subscribe(Subscription{EntriesFrom: new(uint64(1)), Snapshots: 10 * physic.Hertz}))
		for seq, shown := uint64(0), false; seq < 500 || !shown; {
			u, err := c.Next(ctx)
			require.NoError(t, err)
			shown = shown || u.Snapshot != nil
			for _, e := range u.Entries {
				require.Equal(t, seq+1, e.Seq)
				seq = e.Seq
			}
		}
		got, err := c.Request(ctx, Request{Command: control.CommandStop})
		require.NoError(t, err)
		assert.Equal(t, StatusOK, got.Status)
		defer func() {
			_, err := c.Next(context.Background())
			for err == nil { // snapshots on their way
				_, err = c.Next(context.Background())
			}
			assert.ErrorIs(t, err, ErrClosed)
			assert.NoError(t, c.Close())
		}()
	}
	cancel()
	for range 2 {
		select {
		case err := <-served:
			assert.NoError(t, err)
		case <-time.After(30 * time.Second):
			t.Fatal("Serve does not end")
		}
	}
	stops, _ := exec.got()
	assert.Equal(t, []control.Origin{control.Table, control.Remote}, stops)
}
