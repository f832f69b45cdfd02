package link

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// ErrTaken: another process answers on the socket already.
var ErrTaken = errors.New("is taken by a running appliance")

// aliveWait is how long a running appliance may take to be connected to.
const aliveWait = time.Second

// Listen opens the socket at path with the given permissions. A socket that a
// dead process left is replaced; one that is alive is ErrTaken; anything else
// at path is left alone and refused.
func Listen(path string, mode fs.FileMode) (net.Listener, error) {
	if err := clearDead(path); err != nil {
		return nil, fmt.Errorf("link: listen on %s: %w", path, err)
	}
	l, err := listenMode(path, mode.Perm())
	if err != nil {
		return nil, fmt.Errorf("link: listen on %s: %w", path, err)
	}
	return l, nil
}

// clearDead removes a socket that nobody answers on.
func clearDead(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("something that is not a socket is there; remove it by hand if it is not needed")
	}
	conn, err := net.DialTimeout("unix", path, aliveWait)
	switch {
	case err == nil:
		defer func() { _ = conn.Close() }() // only the question mattered
		if pid := peer(conn); pid != 0 {
			return fmt.Errorf("%w (pid %d)", ErrTaken, pid)
		}
		return ErrTaken
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, os.ErrDeadlineExceeded):
		return ErrTaken // somebody listens but is too busy to accept
	default:
		return err
	}
}
