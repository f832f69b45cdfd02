package mqtt

import "golang.org/x/sys/unix"

func acknowledge(fd uintptr) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) // else it is only slower
}
