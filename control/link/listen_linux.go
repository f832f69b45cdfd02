package link

import (
	"net"
	"os"
	"sync"
	"syscall"
)

// umask belongs to the whole process.
var umask sync.Mutex

// listenMode makes the socket with its final permissions from the start: opened
// first and narrowed later it would be everybody's for a moment. Files that
// others create in that moment come out narrower, never wider.
func listenMode(path string, mode os.FileMode) (net.Listener, error) {
	umask.Lock()
	defer umask.Unlock()
	old := syscall.Umask(int(^mode & 0o777))
	defer syscall.Umask(old)
	return net.Listen("unix", path)
}

// peer is the process that listens at the other end, 0 if that cannot be told.
func peer(conn net.Conn) int {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0
	}
	pid := 0
	err = raw.Control(func(fd uintptr) {
		if who, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			pid = int(who.Pid)
		}
	})
	if err != nil {
		return 0
	}
	return pid
}
