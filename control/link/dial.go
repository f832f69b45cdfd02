package link

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"syscall"
	"time"
)

// ErrNotRunning: nobody answers on the socket.
var ErrNotRunning = errors.New("no appliance control is running there")

// helloWait is how long connecting and the first line may take; the control
// process answers within milliseconds.
const helloWait = 5 * time.Second

// Dial connects to the socket at path and reads the greeting. The error is
// ErrNotRunning when nobody answers, and fs.ErrPermission when this user may not
// use the socket.
func Dial(ctx context.Context, path string) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, helloWait)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("link: dial %s: %w", path, ErrNotRunning)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("link: dial %s: this user may not use the socket, its group may: %w", path, fs.ErrPermission)
	case err != nil:
		return nil, fmt.Errorf("link: dial %s: %w", path, err)
	}
	c, err := newClient(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("link: dial %s: %w", path, err)
	}
	return c, nil
}

// newClient reads the greeting from conn and takes conn over.
func newClient(ctx context.Context, conn net.Conn) (*Client, error) {
	c := &Client{conn: conn, updates: make(chan Update, updateQueue), closing: make(chan struct{}),
		waiting: make(map[string][]chan Response)}
	lines := bufio.NewReaderSize(conn, maxServerLine)
	undo := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	err := c.greet(lines)
	if !undo() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = conn.Close() // the greeting's failure is what matters
		return nil, err
	}
	c.wg.Go(func() { c.read(lines) })
	c.wg.Go(c.ping)
	return c, nil
}

// greet reads hello and refuses a server of another version.
func (c *Client) greet(lines *bufio.Reader) error {
	raw, err := lines.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("no greeting: %w", err)
	}
	l, err := parseServerLine(raw)
	switch {
	case err != nil:
		return fmt.Errorf("greeting: %w", err)
	case l.fault != "":
		return errors.New(l.fault)
	case l.hello == nil:
		return errors.New("greeting: is not a hello")
	case l.hello.Schema != Schema || !slices.Equal(l.hello.EntryColumns, entryFields.names()):
		return fmt.Errorf("the control process speaks version %d of the messages (program %q), this program %d: restart both after an update",
			l.hello.Schema, l.hello.Version, Schema)
	}
	c.hello = *l.hello
	return nil
}
