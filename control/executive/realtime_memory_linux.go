package executive

import (
	"fmt"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// ticking names the packages, with those below them, whose code the real-time
// thread may run, an interlock's release and an output's error included. The
// program has four times as much code that it never runs: the network, the record,
// the plots.
var ticking = []string{
	"traction/control", "traction/hw", "periph.io/x/conn", "periph.io/x/host",
	"runtime", "internal/runtime", "internal/bytealg", "internal/abi", "internal/cpu",
	"sync", "internal/sync", "time", "math", "errors", "fmt", "strconv", "internal/strconv", "unicode/utf8",
	"syscall", "internal/syscall", "golang.org/x/sys/unix", "os", "internal/poll",
}

// lockMemory keeps the process's pages in memory. Code and constants that a tick
// may use are fetched now, used before or not: the first release must not wait for
// a card. Others that only the start has used are let go, so that they are not
// locked; they come back when they are used, and the real-time thread does not use
// them.
func lockMemory() error {
	debug.FreeOSMemory() // what the start has left behind
	file, err := program()
	if err != nil {
		return err
	}
	needed := file.of(ticking)
	for _, m := range file {
		if !m.changed {
			// Only saves memory, so it does not matter when a kernel refuses.
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED)
		}
	}
	// ONFAULT: lock what is used, not the address space that Go reserves.
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return err
	}
	for _, s := range needed {
		if _, _, errno := unix.Syscall(unix.SYS_MLOCK, s.from, s.to-s.from, 0); errno != 0 {
			return fmt.Errorf("program at %#x: %w", s.from, errno)
		}
	}
	return nil
}
