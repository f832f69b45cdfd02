//go:build !linux

package link

import (
	"net"
	"os"
)

// listenMode narrows the socket after it was opened. Outside Linux only the
// simulator runs, where that moment does not matter.
func listenMode(path string, mode os.FileMode) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, mode); err != nil {
		_ = l.Close() // the first error is what matters
		return nil, err
	}
	return l, nil
}

// peer cannot be asked for without Linux's socket option.
func peer(net.Conn) int { return 0 }
